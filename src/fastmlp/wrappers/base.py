"""What scikit-learn asks of an estimator: parameters, tags, and `fit`.

No class of scikit-learn's is inherited, so that it is needed only by those who hand estimators to it.
"""

from __future__ import annotations

import inspect
from typing import Any, Self

import numpy as np

from fastmlp.errors import unknown_keywords
from fastmlp.models import Model, clone_model


class Parameters:
    """An object whose arguments scikit-learn reads and sets.

    Attributes:
        _estimator_type: What scikit-learn calls it.
    """

    _estimator_type = ""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The arguments that it was made with, by name."""
        names = list(inspect.signature(type(self).__init__).parameters)[1:]
        return {name: getattr(self, name) for name in names}

    def set_params(self, **params: Any) -> Self:
        """Sets arguments; returns the estimator.

        Raises:
            ValueError: There is no such argument.
        """
        known = self.get_params()
        unknown = {name: value for name, value in params.items() if name not in known}
        if unknown:
            raise unknown_keywords(type(self).__name__, unknown, list(known))
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def __sklearn_tags__(self) -> Any:
        """What kind of an estimator it is, for scikit-learn from 1.6 on."""
        from sklearn.utils import (
            ClassifierTags,
            InputTags,
            RegressorTags,
            Tags,
            TargetTags,
            TransformerTags,
        )

        kind = self._estimator_type
        return Tags(
            estimator_type=kind if kind in ("classifier", "regressor") else None,
            target_tags=TargetTags(required=True),
            transformer_tags=TransformerTags() if kind == "transformer" else None,
            classifier_tags=ClassifierTags(poor_score=True) if kind == "classifier" else None,
            regressor_tags=RegressorTags(poor_score=True) if kind == "regressor" else None,
            non_deterministic=True,
            input_tags=InputTags(sparse=True),
        )

    def __sklearn_is_fitted__(self) -> bool:
        raise NotImplementedError

    def _check_fitted(self) -> None:
        if self.__sklearn_is_fitted__():
            return
        try:
            from sklearn.exceptions import NotFittedError as Error
        except ImportError:
            Error = RuntimeError
        raise Error(
            f"{type(self).__name__}: expected fit() to be called before. Hint: fit(X, y) first"
        )

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in self.get_params().items())
        return f"{type(self).__name__}({given})"


class Estimator(Parameters):
    """A model as an estimator.

    Args:
        model: A compiled model, of which each `fit` trains a copy with new weights, or a function
            that returns one, called with `X=…, y=…` and `model_kwargs`.
        warm_start: Whether `fit` goes on with the model given, without a copy.
        model_kwargs: Further arguments of the function.
        fit_kwargs: Arguments of each `model.fit`, as `{"epochs": 10}`.

    Attributes:
        model_: The trained model.
        history_: What its `fit` returned.
        n_features_in_: Number of features.
    """

    model_: Any
    history_: Any

    def __init__(
        self,
        model: Any,
        warm_start: bool = False,
        model_kwargs: dict[str, Any] | None = None,
        fit_kwargs: dict[str, Any] | None = None,
    ) -> None:
        self.model = model
        self.warm_start = warm_start
        self.model_kwargs = model_kwargs
        self.fit_kwargs = fit_kwargs

    def fit(self, X: Any, y: Any, **kwargs: Any) -> Self:
        """Trains the model.

        Args:
            X: Samples `(n, features)`.
            y: Targets.
            **kwargs: Arguments of `model.fit`, before those of `fit_kwargs`.

        Returns:
            The estimator.

        Raises:
            RuntimeError: The model is not compiled.
            ValueError: scikit-learn, if installed, refuses the data: there is NaN among them, or X
                has a single axis.
        """
        X, y = _validated(self, X, y)
        targets = self._targets(np.asarray(y))
        model = self._model(X, targets)
        where = type(self).__name__
        if not isinstance(model, Model) or not model.compiled:
            raise RuntimeError(
                f"{where}: expected a compiled model. Received: {model!r}. Hint: call model.compile(...) "
                "before it is given or returned"
            )
        self.history_ = model.fit(X, targets, **{**(self.fit_kwargs or {}), **kwargs})
        self.n_features_in_ = X.shape[1] if len(X.shape) > 1 else 1
        self.model_ = model
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")

    def _model(self, X: Any, y: np.ndarray) -> Any:
        if not isinstance(self.model, Model):
            return self.model(X=X, y=y, **(self.model_kwargs or {}))
        if self.warm_start:
            return self.model
        model = clone_model(self.model)
        if self.model.compiled and not model.compiled:
            model.compile_from_config(self.model.get_compile_config())
        return model

    def _raw(self, X: Any) -> Any:
        self._check_fitted()
        (X,) = _validated(self, X)
        return self.model_.predict(X, verbose=0)

    def _targets(self, y: np.ndarray) -> np.ndarray:
        """The targets that the model is trained with."""
        return y.reshape(-1, 1) if y.ndim == 1 else y


def _validated(estimator: Estimator, *data: Any) -> tuple[Any, ...]:
    """X for `predict`, or X and y for `fit`, checked by scikit-learn if it is there (from 1.6 on)."""
    try:
        from sklearn.utils.validation import validate_data
    except ImportError:
        return tuple(part if hasattr(part, "shape") else np.asarray(part) for part in data)
    options = {"reset": True, "multi_output": True} if len(data) > 1 else {"reset": False}
    found = validate_data(estimator, *data, accept_sparse="csr", allow_nd=True, **options)
    return found if len(data) > 1 else (found,)
