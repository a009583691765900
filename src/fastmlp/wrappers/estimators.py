"""Classifiers, regressors and transformers, named as in `keras.wrappers`."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastmlp.wrappers.base import Estimator


class SKLearnClassifier(Estimator):
    """A model of classes as a classifier of scikit-learn.

    Labels may be anything: the model is trained with one number for each of the classes, one-hot.

    Args: as those of `Estimator`.

    Attributes:
        model_: The trained model.
        history_: What its `fit` returned.
        classes_: The labels, sorted.

    Example:

    >>> import numpy as np
    >>> from fastmlp import Sequential, layers
    >>> def network(X, y):
    ...     model = Sequential([layers.Dense(y.shape[1], "softmax")])
    ...     model.compile("adam", "categorical_crossentropy")
    ...     return model
    >>> X = np.array([[0.0, 1.0], [1.0, 0.0]])
    >>> classifier = SKLearnClassifier(network, fit_kwargs={"epochs": 2, "verbose": 0})
    >>> classifier.fit(X, ["no", "yes"]).predict(X).shape
    (2,)
    """

    _estimator_type = "classifier"

    def predict(self, X: Any) -> np.ndarray:
        """The label of each sample."""
        raw = self._raw(X)
        places = raw.argmax(axis=-1) if raw.shape[-1] > 1 else (raw[:, 0] > 0.5).astype(int)
        return np.asarray(self.classes_[places])

    def predict_proba(self, X: Any) -> np.ndarray:
        """The outputs: probabilities of the classes `(n, classes)`."""
        raw = self._raw(X)
        return raw if raw.shape[-1] > 1 else np.hstack([1 - raw, raw])

    def decision_function(self, X: Any) -> Any:
        """The model's outputs; of two classes, `(n,)`, how much the second exceeds the first."""
        shares = self.predict_proba(X)
        return shares[:, 1] - shares[:, 0] if shares.shape[1] == 2 else shares

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The share of samples whose label is predicted."""
        return float(
            np.average(self.predict(X) == np.asarray(y).reshape(-1), weights=sample_weight)
        )

    def _targets(self, y: np.ndarray) -> np.ndarray:
        labels = y.reshape(-1) if y.ndim == 1 or y.shape[1:] == (1,) else None
        if labels is None:
            raise ValueError(
                f"{type(self).__name__}: expected one label for each sample. Received: y of shape {y.shape}. "
                "Hint: y.argmax(axis=1) makes labels of one-hot rows"
            )
        self.classes_ = np.unique(labels)
        if len(self.classes_) < 2:
            raise ValueError(
                f"{type(self).__name__}: expected at least two classes. Received: {self.classes_!r}"
            )
        return np.eye(len(self.classes_))[np.searchsorted(self.classes_, labels)]


class SKLearnRegressor(Estimator):
    """A model of numbers as a regressor of scikit-learn.

    Args: as those of `Estimator`.

    Attributes:
        model_: The trained model.
        history_: What its `fit` returned.
    """

    _estimator_type = "regressor"

    def predict(self, X: Any) -> Any:
        """The outputs, of the shape of the targets."""
        raw = self._raw(X)
        return raw[:, 0] if self._flat and raw.shape[1:] == (1,) else raw

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The share of the variance that is explained: R² = 1 - Σ (y - p)² / Σ (y - mean y)²."""
        from fastmlp.metrics import R2Score

        y, p = (np.asarray(v, float).reshape(len(v), -1) for v in (y, self.predict(X)))
        return float(R2Score()(y, p, sample_weight))

    def _targets(self, y: np.ndarray) -> np.ndarray:
        self._flat = y.ndim == 1
        return super()._targets(y)


class SKLearnTransformer(Estimator):
    """A model whose outputs are new features, as a transformer of scikit-learn.

    Args: as those of `Estimator`.

    Attributes:
        model_: The trained model.
        history_: What its `fit` returned.
    """

    _estimator_type = "transformer"

    def transform(self, X: Any) -> Any:
        """The model's outputs."""
        return self._raw(X)

    def fit_transform(self, X: Any, y: Any = None, **kwargs: Any) -> Any:
        """`fit`, then `transform`."""
        return self.fit(X, y, **kwargs).transform(X)
