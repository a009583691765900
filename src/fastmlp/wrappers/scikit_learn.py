"""`KerasClassifier` and `KerasRegressor`, as tutorials for Keras 1 and 2 have them."""

from __future__ import annotations

import inspect
from typing import Any, Self

import numpy as np

from fastmlp import losses
from fastmlp.errors import warn_old_spelling
from fastmlp.wrappers.base import Parameters

_FIT = (
    "batch_size",
    "callbacks",
    "class_weight",
    "epochs",
    "nb_epoch",
    "shuffle",
    "validation_split",
)


class _Old(Parameters):
    """Base: a function that makes a compiled model, its arguments and those of `fit`.

    Args:
        build_fn: Returns a compiled model.
        **sk_params: Arguments of it, of `fit` and of `predict`.
    """

    def __init__(self, build_fn: Any = None, **sk_params: Any) -> None:
        name = type(self).__name__
        warn_old_spelling(name, f"fastmlp.wrappers.{name.replace('Keras', 'SKLearn')}")
        self.build_fn = build_fn
        self.sk_params = sk_params

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The arguments that it was made with, by name."""
        return {"build_fn": self.build_fn, **self.sk_params}

    def set_params(self, **params: Any) -> Self:
        """Sets arguments; returns the estimator."""
        self.build_fn = params.pop("build_fn", self.build_fn)
        self.sk_params.update(params)
        return self

    def _build(self) -> None:
        takes = inspect.signature(self.build_fn).parameters
        self.model = self.build_fn(**{k: v for k, v in self.sk_params.items() if k in takes})

    def _fit(self, x: Any, y: Any, kwargs: dict[str, Any]) -> Self:
        given = {k: v for k, v in self.sk_params.items() if k in (*_FIT, "verbose")}
        self.history = self.model.fit(x, y, **{**given, **kwargs})
        return self

    def _predict(self, x: Any) -> Any:
        return self.model.predict(x, verbose=0)


class KerasClassifier(_Old):
    """A classifier of scikit-learn; today `fastmlp.wrappers.SKLearnClassifier`."""

    _estimator_type = "classifier"

    def fit(self, x: Any, y: Any, **kwargs: Any) -> Self:
        """Makes the model and trains it; y are labels, or one-hot rows."""
        y = np.asarray(y)
        self._build()
        if y.ndim == 2 and y.shape[1] > 1:
            self.classes_ = np.arange(y.shape[1])
            return self._fit(x, y, kwargs)
        self.classes_, places = np.unique(y.reshape(-1), return_inverse=True)
        one_hot = losses.get(self.model.loss).name == "categorical_crossentropy"
        return self._fit(x, np.eye(len(self.classes_))[places] if one_hot else places, kwargs)

    def predict(self, x: Any, **kwargs: Any) -> np.ndarray:
        """The label of each sample."""
        raw = self._predict(x)
        places = raw.argmax(axis=-1) if raw.shape[-1] > 1 else (raw[:, 0] > 0.5).astype(int)
        return np.asarray(self.classes_[places])

    def predict_proba(self, x: Any, **kwargs: Any) -> np.ndarray:
        """Probabilities of the classes `(n, classes)`."""
        raw = self._predict(x)
        return raw if raw.shape[-1] > 1 else np.hstack([1 - raw, raw])

    def score(self, x: Any, y: Any, **kwargs: Any) -> float:
        """The share of samples whose label is predicted."""
        y = np.asarray(y)
        labels = y.argmax(axis=1) if y.ndim == 2 and y.shape[1] > 1 else y.reshape(-1)
        return float(np.mean(self.predict(x) == labels))


class KerasRegressor(_Old):
    """A regressor of scikit-learn; today `fastmlp.wrappers.SKLearnRegressor`."""

    _estimator_type = "regressor"

    def fit(self, x: Any, y: Any, **kwargs: Any) -> Self:
        """Makes the model and trains it."""
        self._build()
        return self._fit(x, y, kwargs)

    def predict(self, x: Any, **kwargs: Any) -> np.ndarray:
        """The outputs; numbers, if there is one output."""
        return np.asarray(self._predict(x)).squeeze(axis=-1)

    def score(self, x: Any, y: Any, **kwargs: Any) -> float:
        """The negative loss: more is better."""
        loss = self.model.evaluate(x, y, verbose=0)
        return -float(loss[0] if isinstance(loss, list) else loss)
