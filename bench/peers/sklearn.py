"""scikit-learn's MLP: float32, no penalty, no early stopping, the same optimizer."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor
from threadpoolctl import threadpool_limits

from bench.cases import Array, Case
from bench.peers.base import Peer as Base
from bench.peers.base import Unsupported

HIDDEN = {"relu": "relu", "sigmoid": "logistic", "tanh": "tanh"}


class Peer(Base):
    """One network in scikit-learn.

    Its squared error is half of Keras's, so SGD gets twice the learning rate.
    """

    compares_loss = False

    def __init__(
        self,
        case: Case,
        x: Array,
        y: NDArray[np.generic],
        weights: list[Array],
        form: dict[str, Any],
    ) -> None:
        if case.sequence:
            raise Unsupported("no recurrent layers in scikit-learn")
        if case.dropout:
            raise Unsupported("no dropout in scikit-learn")
        self.x = x
        squared = case.loss == "mean_squared_error"
        self.y = y[:, 0] if y.ndim == 2 else y
        doubled = squared and case.optimizer == "sgd"
        kind = MLPRegressor if squared else MLPClassifier
        self.network = kind(
            hidden_layer_sizes=case.sizes[1:-1],
            activation=HIDDEN[case.hidden],
            solver=case.optimizer,
            alpha=0.0,
            batch_size=case.batch_size,
            learning_rate_init=case.learning_rate * (2 if doubled else 1),
            momentum=0.0,
            nesterovs_momentum=False,
            epsilon=case.epsilon,
            tol=0.0,
            n_iter_no_change=10**9,
            max_iter=1,
            warm_start=True,
            shuffle=False,
        )
        if not squared and len(np.unique(self.y)) != max(2, case.sizes[-1]):
            raise Unsupported("a class is missing from the data")
        self.threads = form.get("threads")
        warnings.simplefilter("ignore", ConvergenceWarning)
        self.network.fit(self.x, self.y)  # makes the weights that are replaced here
        for layer in range(len(case.sizes) - 1):
            self.network.coefs_[layer][:] = weights[2 * layer]
            self.network.intercepts_[layer][:] = weights[2 * layer + 1]

    @classmethod
    def forms(cls, case: Case, cores: int) -> list[dict[str, Any]]:
        """BLAS with one thread and with all."""
        return [{"threads": threads} for threads in sorted({1, cores})]

    def activate(self) -> None:
        """BLAS's threads."""
        threadpool_limits(self.threads)

    def fit(self, epochs: int, shuffle: bool = True) -> list[float]:
        """A warm start of `fit`."""
        self.network.set_params(max_iter=epochs, shuffle=shuffle)
        self.network.t_ = self.network.n_iter_ = 0
        self.network.fit(self.x, self.y)
        return [float(loss) for loss in self.network.loss_curve_[-epochs:]]

    def weights(self) -> list[Array]:
        """`coefs_` and `intercepts_`."""
        pairs = zip(self.network.coefs_, self.network.intercepts_, strict=True)
        return [array for pair in pairs for array in pair]

    def calls(self) -> dict[str, Callable[[Array], Any]]:
        """`predict_proba` or `predict`."""
        if isinstance(self.network, MLPRegressor):
            return {"predict": self.network.predict}
        first = 1 if self.network.n_outputs_ == 1 else 0  # of two classes only the second's
        return {"predict_proba": lambda x: self.network.predict_proba(x)[:, first:]}

    def steps(self) -> dict[str, Callable[[Array, Any], object]]:
        """`partial_fit`, with an optimizer that has done no steps yet."""
        vars(self.network).pop("_optimizer", None)
        return {
            "partial_fit": lambda x, y: self.network.partial_fit(x, y[:, 0] if y.ndim == 2 else y)
        }
