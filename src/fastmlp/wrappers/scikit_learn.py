"""`KerasClassifier` and `KerasRegressor`, as tutorials for Keras 1 and 2 have them."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any, Self

import numpy as np

from fastmlp import losses
from fastmlp._spelling import ARGUMENTS
from fastmlp.errors import unknown_keywords, warn_old_spelling
from fastmlp.models import Model
from fastmlp.wrappers.base import Parameters

# Arguments of `fit`, in today's and in old spellings, and those that `predict` takes with it.
_FIT = (*list(inspect.signature(Model.fit).parameters)[3:], *ARGUMENTS["fit"])
_PREDICT = ("batch_size", "steps", "verbose")


class _Old(Parameters):
    """Base: a function that makes a compiled model, its arguments and those of `fit`.

    Args:
        build_fn: Returns a compiled model.
        **sk_params: Arguments of it, of `fit` and of `predict`.

    Attributes:
        model: The model of the last `fit`.
        history: Dict from name to the list of values, one per epoch.
        epoch: Numbers of the epochs, from 0.

    Raises:
        ValueError: None of them has an argument of that name.
    """

    def __init__(self, build_fn: Any = None, **sk_params: Any) -> None:
        name = type(self).__name__
        warn_old_spelling(name, f"fastmlp.wrappers.{name.replace('Keras', 'SKLearn')}")
        self._set(build_fn, sk_params)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The arguments that it was made with, by name."""
        return {"build_fn": self.build_fn, **self.sk_params}

    def set_params(self, **params: Any) -> Self:
        """Sets arguments; returns the estimator."""
        build_fn = params.pop("build_fn", self.build_fn)
        self._set(build_fn, {**self.sk_params, **params})
        return self

    def _set(self, build_fn: Any, sk_params: dict[str, Any]) -> None:
        known = [*inspect.signature(build_fn).parameters, *_FIT, *_PREDICT]
        unknown = {name: value for name, value in sk_params.items() if name not in known}
        if unknown:
            raise unknown_keywords(type(self).__name__, unknown, known)
        self.build_fn, self.sk_params = build_fn, sk_params

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model")

    def _given(self, names: Iterable[str], more: dict[str, Any]) -> dict[str, Any]:
        """Those of its arguments that have one of the names, and `more`, which come first."""
        return {**{k: v for k, v in self.sk_params.items() if k in names}, **more}

    def _build(self) -> None:
        self.model = self.build_fn(**self._given(inspect.signature(self.build_fn).parameters, {}))

    def _fit(self, x: Any, y: Any, kwargs: dict[str, Any]) -> Self:
        told = self.model.fit(x, y, **self._given(_FIT, kwargs))
        self.history, self.epoch = told.history, told.epoch  # where old `fit` had them
        return self

    def _predict(self, x: Any, kwargs: dict[str, Any]) -> Any:
        self._check_fitted()
        return self.model.predict(x, **{"verbose": 0, **self._given(_PREDICT, kwargs)})


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
        raw = self._predict(x, kwargs)
        places = raw.argmax(axis=-1) if raw.shape[-1] > 1 else (raw[:, 0] > 0.5).astype(int)
        return np.asarray(self.classes_[places])

    def predict_proba(self, x: Any, **kwargs: Any) -> np.ndarray:
        """Probabilities of the classes `(n, classes)`."""
        raw = self._predict(x, kwargs)
        return raw if raw.shape[-1] > 1 else np.hstack([1 - raw, raw])

    def score(self, x: Any, y: Any, sample_weight: Any = None, **kwargs: Any) -> float:
        """The share of samples whose label is predicted."""
        y = np.asarray(y)
        labels = y.argmax(axis=1) if y.ndim == 2 and y.shape[1] > 1 else y.reshape(-1)
        return float(np.average(self.predict(x, **kwargs) == labels, weights=sample_weight))


class KerasRegressor(_Old):
    """A regressor of scikit-learn; today `fastmlp.wrappers.SKLearnRegressor`."""

    _estimator_type = "regressor"

    def fit(self, x: Any, y: Any, **kwargs: Any) -> Self:
        """Makes the model and trains it."""
        self._build()
        return self._fit(x, y, kwargs)

    def predict(self, x: Any, **kwargs: Any) -> np.ndarray:
        """The outputs; numbers, if there is one output."""
        return np.asarray(self._predict(x, kwargs)).squeeze(axis=-1)

    def score(self, x: Any, y: Any, **kwargs: Any) -> float:
        """The negative loss: more is better."""
        self._check_fitted()
        loss = self.model.evaluate(x, y, **{"verbose": 0, **self._given(_PREDICT, kwargs)})
        return -float(loss[0] if isinstance(loss, list) else loss)
