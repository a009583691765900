"""Optimizers of the whole data set at once: the second order, where no Keras goes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Protocol

import numpy as np

from fastmlp._core import blas
from fastmlp.errors import bad_argument, check_int, check_number
from fastmlp.optimizers.base import Optimizer, registry

# Of the largest entry of diag(JᵀJ). Saturated units have hardly any: without it their weights run
# away, and 3 of 5 seeds of a sine end at a loss of 1e-4 to 5e-2 instead of 1e-5.
_FLOOR = 1e-3

_NO_STEP = "No step lowers the loss any more."


class Problem(Protocol):
    """A loss as a function of all trainable weights, one flat vector in float64."""

    def start(self) -> np.ndarray:
        """The weights as they are."""

    def least(self) -> np.ndarray | None:
        """The least value that each weight may have; `None`: any."""

    def loss(self, w: np.ndarray) -> tuple[float, np.ndarray]:
        """The loss of all data, and its gradient."""

    def jacobian(self, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Errors `y_pred - y_true` of all outputs `(m,)`, and their derivatives `(m, weights)`."""


class WholeDataOptimizer(Optimizer):
    """Base of optimizers for which an epoch of `fit` is an iteration on all data.

    `fit` ignores `batch_size`. Logs are those of the weights after the iteration. Batch hooks of
    callbacks are not called.

    Attributes:
        message: Why the last fit ended, unless `epochs` or a callback ended it.
    """

    config_names: ClassVar[tuple[str, ...]] = ("maxiter", "gtol")
    whole_data = True

    def __init__(self, maxiter: int | None, gtol: float, name: str | None) -> None:
        super().__init__(1.0, name=name)
        where = type(self).__name__
        self.maxiter = maxiter if maxiter is None else check_int(where, "maxiter", maxiter, 1)
        self.gtol = check_number(where, "gtol", gtol, 0)
        self.message = ""

    def minimize(self, problem: Problem, done: Callable[[np.ndarray], bool]) -> None:
        """Lowers the loss until nothing is gained.

        Args:
            problem: What to minimise.
            done: To be told of the weights after each iteration; says whether to stop.
        """
        raise NotImplementedError

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Refused: a batch is not the whole data."""
        raise RuntimeError(f"{type(self).__name__}: trains on all data at once. Hint: use fit")

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make an equal optimizer."""
        return {"name": self.name, **{name: getattr(self, name) for name in self.config_names}}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} maxiter={self.maxiter}>"


@registry.register
class LBFGS(WholeDataOptimizer):
    """Quasi-Newton steps on all weights together, by SciPy's L-BFGS-B.

    `w = w - step · H · g`

    The step is `-H·g`, where `H`, an estimate of the inverse Hessian, comes from the last `maxcor`
    changes of weights and gradients; a line search finds its length. For up to about 100,000
    weights, and losses without dropout. In models of float64 it goes on where float32 ends.
    Weights with the constraint `'non_neg'` are bounded by 0; other constraints are refused.

    Args:
        maxiter: Iterations of a `fit`; `None`: its `epochs`.
        gtol: Ends where no element of the gradient is larger, >= 0. Default: 1e-8.
        maxcor: Changes that are remembered, >= 1. Default: 20.
        name: Name.

    Raises:
        ValueError: If an argument is outside of its range.

    Example:

    >>> LBFGS(maxiter=500).get_config()["maxcor"]
    20

    Source: Byrd, Lu, Nocedal, Zhu, "A limited memory algorithm for bound constrained optimization",
    1995.
    """

    config_names = ("maxiter", "gtol", "maxcor")

    def __init__(
        self,
        maxiter: int | None = None,
        gtol: float = 1e-8,
        maxcor: int = 20,
        name: str | None = None,
    ) -> None:
        super().__init__(maxiter, gtol, name)
        self.maxcor = check_int("LBFGS", "maxcor", maxcor, 1)

    def minimize(self, problem: Problem, done: Callable[[np.ndarray], bool]) -> None:
        """Lowers the loss until nothing is gained.

        Raises:
            MemoryError: What it remembers does not fit; weights stay as they were.
        """
        from scipy.optimize import Bounds, minimize  # a slow import, and only this needs it

        def each(intermediate_result: Any) -> None:
            if done(intermediate_result.x):
                raise StopIteration

        options: Any = {
            "maxiter": 2**31 - 1, "maxfun": 2**31 - 1, "maxcor": self.maxcor, "gtol": self.gtol,
            "ftol": 0.0, "maxls": 40,
        }  # fmt: skip
        loss: Any = problem.loss
        start, least = problem.start(), problem.least()
        try:
            result = minimize(
                loss,
                start,
                jac=True,
                method="L-BFGS-B",
                bounds=None if least is None else Bounds(least, np.inf),
                callback=each,
                options=options,
            )
        except MemoryError as error:
            raise MemoryError(
                f"LBFGS: expected memory for {self.maxcor} changes of {start.size:,} weights and of "
                f"their gradients, {16 * self.maxcor * start.size:,} bytes. Hint: a smaller maxcor, "
                "or optimizer='adam'"
            ) from error
        failed = str(result.message).startswith("ABNORMAL")  # of its line search
        self.message = _NO_STEP if failed else str(result.message)


@registry.register("levenberg_marquardt")
class LevenbergMarquardt(WholeDataOptimizer):
    """Gauss-Newton steps with damping, for the mean squared error of a small network.

    ```
    (JᵀJ + damping · D) · d = -Jᵀ·r                 r = y_pred - y_true, J = ∂r/∂w
    D = max(diag(JᵀJ), its largest entry / 1000)
    w = w + d, damping = damping / 10               where that lowers the loss
    damping = damping · 10, and again               elsewhere
    ```

    Args:
        maxiter: Iterations of a `fit`; `None`: its `epochs`.
        gtol: Ends where no element of the loss's gradient is larger, >= 0. Default: 1e-10.
        damping: First damping, > 0. Default: 0.01.
        max_bytes: Largest Jacobian, in bytes; a fit that needs more is refused. Default: 2e9.
        name: Name.

    Raises:
        ValueError: If an argument is outside of its range.

    Example:

    >>> LevenbergMarquardt().damping
    0.01

    Source: Marquardt, "An algorithm for least-squares estimation of nonlinear parameters", 1963.
    """

    config_names = ("maxiter", "gtol", "damping", "max_bytes")

    def __init__(
        self,
        maxiter: int | None = None,
        gtol: float = 1e-10,
        damping: float = 0.01,
        max_bytes: int = 2_000_000_000,
        name: str | None = None,
    ) -> None:
        super().__init__(maxiter, gtol, name)
        self.damping = check_number("LevenbergMarquardt", "damping", damping, 0, above=True)
        self.max_bytes = check_int("LevenbergMarquardt", "max_bytes", max_bytes, 1)

    def check_size(self, errors: int, weights: int) -> None:
        """Refuses a Jacobian that is too large.

        Raises:
            ValueError: It is.
        """
        size = 8 * weights * (errors + 2 * weights)
        if size > self.max_bytes:
            hint = "use optimizer='lbfgs', fewer samples or weights, or a larger max_bytes"
            expected = (
                f"at most {self.max_bytes:,} bytes for {errors:,} errors x {weights:,} weights"
            )
            raise bad_argument("LevenbergMarquardt", expected, "bytes", size, hint)

    def minimize(self, problem: Problem, done: Callable[[np.ndarray], bool]) -> None:
        """Lowers the loss until nothing is gained."""
        w, damping = problem.start(), self.damping
        best = problem.loss(w)[0]
        while True:
            r, jacobian = problem.jacobian(w)
            gradient, normal = _normal_equations(r, jacobian)
            if 2 * np.abs(gradient).max() <= self.gtol * len(r):
                self.message = "The gradient is as small as gtol."
                return
            diagonal = np.maximum(np.diag(normal), _FLOOR * np.diag(normal).max())
            loss = np.inf
            while not loss < best:
                if damping > 1e16:
                    self.message = _NO_STEP
                    problem.loss(w)
                    return
                step = _solved(normal, damping * diagonal, -gradient)
                loss = np.inf if step is None else problem.loss(w + step)[0]
                damping = damping / 10 if loss < best else damping * 10
            assert step is not None
            w, best, damping = w + step, loss, max(damping, 1e-15)
            if done(w):
                return


# SciPy's BLAS on one thread: bits do not depend on the number of threads, and on a busy machine BLAS's
# own threads wait for each other (measured: 260 ms for a product that takes 25 ms).


def _normal_equations(r: np.ndarray, jacobian: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Jᵀ·r, and the upper triangle of JᵀJ."""
    from scipy.linalg.blas import dgemv, dsyrk  # a slow import, and only this needs it

    with blas.single_threaded():
        return dgemv(1.0, jacobian.T, r), dsyrk(1.0, jacobian.T)


def _solved(normal: np.ndarray, diagonal: np.ndarray, right: np.ndarray) -> np.ndarray | None:
    """The solution of (normal + diagonal) · x = right; `None` if that is not positive definite."""
    from scipy.linalg.lapack import dposv

    damped = normal.copy(order="F")
    damped[np.diag_indices_from(damped)] += diagonal
    with blas.single_threaded():
        _, x, failed = dposv(damped, right, overwrite_a=True)
    return None if failed else x.reshape(-1)
