"""Models within scikit-learn: cross-validation, pipelines, searches; and the estimators of old tutorials."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import fastmlp
from fastmlp import Input, Sequential, layers
from fastmlp.wrappers import SKLearnClassifier, SKLearnRegressor, SKLearnTransformer
from fastmlp.wrappers.scikit_learn import KerasClassifier, KerasRegressor

pytest.importorskip("sklearn")
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

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
    with pytest.raises(RuntimeError, match="expected fit\\(\\) to be called before"):
        classifier().predict(X)
    with pytest.raises(RuntimeError, match="expected a compiled model"):
        SKLearnRegressor(Sequential([layers.Dense(1)])).fit(X, X[:, 0])
    with pytest.raises(ValueError, match="one label for each sample"):
        classifier().fit(X, np.eye(3)[RNG.integers(3, size=90)])
    with pytest.raises(ValueError, match="at least two classes"):
        classifier().fit(X, np.zeros(90))
    fitted = pickle.loads(pickle.dumps(classifier().fit(X, LABELS, epochs=1)))
    assert fitted.predict(X[:2]).shape == (2,)


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
