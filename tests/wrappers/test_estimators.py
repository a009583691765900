"""Models within scikit-learn: cross-validation, pipelines, searches; and the estimators of old tutorials."""

from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pytest

import fastmlp
from fastmlp import Input, Sequential, layers
from fastmlp.wrappers import SKLearnClassifier, SKLearnRegressor, SKLearnTransformer
from fastmlp.wrappers.scikit_learn import KerasClassifier, KerasRegressor

pytest.importorskip("sklearn")
from scipy.sparse import csr_array
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 3))
LABELS = np.array(["low", "mid", "top"])[np.digitize(X[:, 0], [-0.4, 0.4])]
FIT = {"epochs": 30, "batch_size": 8, "verbose": 0}


def network(X, y, units=8, loss="categorical_crossentropy", activation="softmax"):
    model = Sequential([Input((X.shape[1],)), layers.Dense(units, "relu")])
    model.add(layers.Dense(y.shape[1], activation))
    model.compile(fastmlp.optimizers.Adam(0.02), loss)
    return model


def classifier(**kwargs):
    return SKLearnClassifier(network, fit_kwargs=FIT, **kwargs)


def test_cross_validation_of_labels():
    fastmlp.utils.set_random_seed(1)
    assert is_classifier(classifier())
    scores = cross_val_score(classifier(), X, LABELS, cv=3)
    assert scores.mean() > 0.8
    shares = cross_val_predict(classifier(), X, LABELS, cv=3, method="predict_proba")
    assert shares.shape == (90, 3)


def test_a_pipeline_and_a_search():
    pipeline = make_pipeline(StandardScaler(), classifier())
    assert set(pipeline.fit(X, LABELS).predict(X)) <= set(LABELS)
    grid = {"model_kwargs": [{"units": 2}, {"units": 8}]}
    search = GridSearchCV(classifier(), grid, cv=2).fit(X, LABELS)
    assert search.best_params_["model_kwargs"]["units"] in (2, 8)
    assert search.best_estimator_.history_.epoch == list(range(30))


def test_a_compiled_model_is_copied_or_goes_on():
    model = network(X, np.empty((0, 1)), loss="mse", activation=None)
    before = model.get_weights()
    y = X @ [1.0, -2.0, 0.5]
    estimator = SKLearnRegressor(model, fit_kwargs=FIT)
    assert is_regressor(estimator)
    assert estimator.fit(X, y).score(X, y) > 0.9
    assert estimator.predict(X).shape == (90,)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    warm = SKLearnRegressor(model, warm_start=True, fit_kwargs=FIT).fit(X, y, epochs=1)
    assert warm.model_ is model and warm.history_.epoch == [0]
    assert SKLearnRegressor(model, fit_kwargs=FIT).fit(X, y[:, None]).predict(X).shape == (90, 1)


def test_a_transformer_gives_outputs():
    model = network(X, np.empty((0, 2)), loss="mse", activation=None)
    found = SKLearnTransformer(model, fit_kwargs=FIT).fit_transform(X, X[:, :2])
    assert found.shape == (90, 2)


def test_parameters_clones_and_errors():
    estimator = classifier(model_kwargs={"units": 2})
    assert clone(estimator).get_params() == estimator.get_params()
    assert estimator.set_params(warm_start=True).warm_start
    with pytest.raises(ValueError, match="SKLearnClassifier: unknown argument 'modle'"):
        estimator.set_params(modle=1)
    with pytest.raises(NotFittedError, match=r"expected fit\(\) to be called before"):
        classifier().predict(X)
    with pytest.raises(RuntimeError, match="expected a compiled model"):
        SKLearnRegressor(Sequential([layers.Dense(1)])).fit(X, X[:, 0])
    with pytest.raises(ValueError, match="one label for each sample"):
        classifier().fit(X, np.eye(3)[RNG.integers(3, size=90)])
    with pytest.raises(ValueError, match="at least two classes"):
        classifier().fit(X, np.zeros(90))
    fitted = pickle.loads(pickle.dumps(classifier().fit(X, LABELS, epochs=1)))
    assert fitted.predict(X[:2]).shape == (2,)


def test_data_are_checked_as_scikit_learn_asks():
    fitted = classifier().fit(X, LABELS, epochs=1)
    holes = np.where(X > 2, np.nan, X)
    with pytest.raises(ValueError, match="contains NaN"):
        classifier().fit(holes, LABELS)
    with pytest.raises(ValueError, match="contains NaN"):
        fitted.predict(holes)
    with pytest.raises(ValueError, match="Reshape your data"):
        classifier().fit(X[:, 0], LABELS)
    with pytest.raises(ValueError, match="X has 2 features, but SKLearnClassifier is expecting 3"):
        fitted.predict(X[:, :2])
    with pytest.raises(ValueError, match="requires y"):
        classifier().fit(X, None)
    wanted = fitted.predict_proba(X)
    np.testing.assert_allclose(fitted.predict_proba(csr_array(X)), wanted, rtol=1e-6)
    np.testing.assert_array_equal(fitted.predict_proba(X.astype(object)), wanted)
    assert get_tags(fitted).input_tags.sparse


def test_sequences_keep_their_axes():
    steps = X.reshape(30, 3, 3)
    model = Sequential([Input((3, 3)), layers.Flatten(), layers.Dense(1)])
    model.compile("adam", "mse")
    regressor = SKLearnRegressor(model, fit_kwargs={"verbose": 0}).fit(steps, X[:30, 0])
    assert regressor.predict(steps).shape == (30,)


@pytest.mark.parametrize("units", [1, 2])
def test_the_area_under_the_curve_of_two_classes(units):
    def two(X, y):
        names = ("softmax", "categorical_crossentropy") if units == 2 else ("sigmoid", loss)
        model = Sequential([Input((3,)), layers.Dense(units, names[0])])
        model.compile(fastmlp.optimizers.Adam(0.1), names[1])
        return model

    def loss(y_true, y_pred):
        return fastmlp.losses.binary_crossentropy(y_true[:, 1:], y_pred)

    labels = np.where(X[:, 0] > 0, "yes", "no")
    estimator = SKLearnClassifier(two, fit_kwargs={"epochs": 20, "verbose": 0})
    assert cross_val_score(estimator, X, labels, cv=3, scoring="roc_auc").min() > 0.9
    found = estimator.fit(X, labels).decision_function(X)
    np.testing.assert_array_equal(np.where(found > 0, "yes", "no"), estimator.predict(X))


def baseline(units=8):
    model = Sequential([layers.Dense(units, input_dim=3, activation="relu")])
    model.add(layers.Dense(3, activation="softmax"))
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


@pytest.mark.filterwarnings("ignore:.*earlier Keras:FutureWarning")
def test_the_classifier_of_old_tutorials():
    places = np.searchsorted(["low", "mid", "top"], LABELS)
    estimator = KerasClassifier(build_fn=baseline, epochs=2, batch_size=8, verbose=0)
    folds = KFold(n_splits=2, shuffle=True, random_state=1)
    assert cross_val_score(estimator, X, np.eye(3)[places], cv=folds).shape == (2,)
    assert set(estimator.fit(X, LABELS).predict(X)) <= set(LABELS)
    search = GridSearchCV(estimator, {"units": [2, 4], "epochs": [1]}, cv=2).fit(X, LABELS)
    assert search.best_params_["epochs"] == 1


@pytest.mark.filterwarnings("ignore:.*earlier Keras:FutureWarning")
def test_arguments_of_old_estimators_reach_fit_or_are_refused():
    estimator = KerasClassifier(build_fn=baseline, epochs=3, verbose=0, units=2)
    with pytest.raises(ValueError, match=r"KerasClassifier: unknown .* 'epoch'.* mean 'epochs'"):
        KerasClassifier(build_fn=baseline, epoch=3)
    with pytest.raises(ValueError, match=r"unknown argument 'unit'\. Did you mean 'units'"):
        estimator.set_params(unit=3)
    with pytest.raises(NotFittedError):
        estimator.predict(X)
    places = np.searchsorted(["low", "mid", "top"], LABELS)
    estimator.set_params(initial_epoch=1, validation_data=(X, np.eye(3)[places]))
    history = estimator.fit(X, LABELS)  # plt.plot(history.epoch, history.history["loss"])
    assert history.epoch == [1, 2] and set(history.history) >= {"loss", "val_loss"}
    assert history is estimator
    right = estimator.predict(X, batch_size=7) == LABELS
    assert estimator.score(X, LABELS, sample_weight=right + 0.0) == 1


@pytest.mark.filterwarnings("ignore:.*earlier Keras:FutureWarning")
def test_an_old_regressor_at_the_end_of_a_pipeline():
    def line():
        model = Sequential([layers.Dense(1, input_dim=3)])
        model.compile(loss="mse", optimizer="adam")
        return model

    pipeline = make_pipeline(StandardScaler(), KerasRegressor(build_fn=line, verbose=0))
    assert np.isfinite(cross_val_score(pipeline, X, X[:, 0], cv=2)).all()


def test_old_estimators_need_no_import_of_their_module():
    code = "import fastmlp; print(fastmlp.wrappers.scikit_learn.KerasRegressor.__name__)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "KerasRegressor"


def test_the_regressor_of_old_tutorials():
    def line():
        model = Sequential([layers.Dense(1, input_dim=3)])
        model.compile(loss="mse", optimizer="adam")
        return model

    with pytest.warns(FutureWarning, match="SKLearnRegressor"):
        estimator = KerasRegressor(build_fn=line, epochs=1, verbose=0)
    estimator.fit(X, X[:, 0])
    assert estimator.predict(X).shape == (90,)
    assert estimator.score(X, X[:, 0]) == pytest.approx(
        -np.mean((estimator.predict(X) - X[:, 0]) ** 2)
    )
