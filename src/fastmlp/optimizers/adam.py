"""Adam and its relatives: AdamW, Adamax, Nadam."""

from __future__ import annotations

from typing import Any, ClassVar, Unpack

from fastmlp.errors import bad_argument
from fastmlp.optimizers.base import CommonArguments, Optimizer, registry
from fastmlp.optimizers.schedules.base import LearningRate
from fastmlp.optimizers.state import NeedsSlot


class _Moments(Optimizer):
    """Keeps two moving averages, with factors `beta_1` and `beta_2`."""

    config_names: ClassVar[tuple[str, ...]] = ("beta_1", "beta_2", "epsilon")

    def __init__(
        self,
        learning_rate: LearningRate,
        beta_1: float,
        beta_2: float,
        epsilon: float | None,
        **common: Unpack[CommonArguments],
    ) -> None:
        super().__init__(learning_rate, **common)
        self.beta_1 = self._rate("beta_1", beta_1)
        self.beta_2 = self._rate("beta_2", beta_2)
        self.epsilon = self._epsilon(epsilon)


@registry.register
class Adam(_Moments):
    """Divides a moving mean of the gradient by a moving root mean square of it.

    ```
    m = m + (1 - beta_1) · (g - m)                                       t = 1, 2, …
    v = v + (1 - beta_2) · (g² - v)
    alpha = learning_rate · sqrt(1 - beta_2^t) / (1 - beta_1^t)
    w = w - alpha · m / (sqrt(v) + epsilon)
    h = max(h, v);  w = w - alpha · m / (sqrt(h) + epsilon)              amsgrad
    ```

    Args:
        learning_rate: Step size, >= 0. Default: 0.001.
        beta_1: Factor of the mean, 0 <= beta_1 < 1. Default: 0.9.
        beta_2: Factor of the mean square, 0 <= beta_2 < 1. Default: 0.999.
        epsilon: Small number added to the root, >= 0: "epsilon hat" of the paper. Default: 1e-7.
        amsgrad: Whether to divide by the largest mean square so far. Default: False.
        **common: See `Optimizer`.

    Raises:
        ValueError: If an argument is outside of its range, not supported or not known.

    Example:

    >>> Adam(0.01).hyper()
    (0.01, 0.9, 0.999, 1e-07)

    Source: Kingma, Ba, "Adam: a method for stochastic optimization", 2015, the formula before
    section 2.1; Reddi, Kale, Kumar, "On the convergence of Adam and beyond", 2018 (amsgrad).
    """

    config_names = ("beta_1", "beta_2", "epsilon", "amsgrad")
    amsgrad = NeedsSlot("velocity_hat")

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float | None = 1e-7,
        amsgrad: bool = False,
        **common: Unpack[CommonArguments],
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **common)
        self.amsgrad = bool(amsgrad)

    @property
    def slots(self) -> tuple[str, ...]:  # type: ignore[override]
        """Two moving averages, and the largest mean square so far with `amsgrad`."""
        largest = self._has_slot("velocity_hat", self.amsgrad)
        return ("momentum", "velocity", "velocity_hat") if largest else ("momentum", "velocity")

    @property
    def kind(self) -> str:  # type: ignore[override]
        """The native update."""
        return "amsgrad" if len(self.slots) == 3 else "adam"


@registry.register
class AdamW(Adam):
    """Adam with decoupled weight decay, on by default.

    ```
    w = w - learning_rate · weight_decay · w, then as Adam
    ```

    Args:
        learning_rate: Step size, >= 0. Default: 0.001.
        weight_decay: Decay, >= 0; not `None`. Default: 0.004.
        beta_1: Factor of the mean, 0 <= beta_1 < 1. Default: 0.9.
        beta_2: Factor of the mean square, 0 <= beta_2 < 1. Default: 0.999.
        epsilon: Small number added to the root, >= 0. Default: 1e-7.
        amsgrad: Whether to divide by the largest mean square so far. Default: False.
        **common: See `Optimizer`.

    Raises:
        ValueError: If an argument is outside of its range, not supported or not known.

    Example:

    >>> AdamW().weight_decay
    0.004

    Source: Loshchilov, Hutter, "Decoupled weight decay regularization", 2019.
    """

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float | None = 1e-7,
        amsgrad: bool = False,
        **common: Any,  # CommonArguments without weight_decay
    ) -> None:
        if weight_decay is None:
            raise bad_argument("AdamW", "weight_decay >= 0", "weight_decay", None, "use Adam")
        super().__init__(
            learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay=weight_decay, **common
        )


@registry.register
class Adamax(_Moments):
    """Adam with a moving maximum in place of the root mean square.

    ```
    m = m + (1 - beta_1) · (g - m)                                       t = 1, 2, …
    u = max(beta_2 · u, |g|)
    w = w - learning_rate / (1 - beta_1^t) · m / (u + epsilon)
    ```

    Args:
        learning_rate: Step size, >= 0. Default: 0.001.
        beta_1: Factor of the mean, 0 <= beta_1 < 1. Default: 0.9.
        beta_2: Factor of the maximum, 0 <= beta_2 < 1. Default: 0.999.
        epsilon: Small number added to the maximum, >= 0. Default: 1e-7.
        **common: See `Optimizer`.

    Raises:
        ValueError: If an argument is outside of its range, not supported or not known.

    Example:

    >>> Adamax().slots
    ('momentum', 'norm')

    Source: Kingma, Ba, "Adam: a method for stochastic optimization", 2015, section 7.1.
    """

    kind = "adamax"
    slots = ("momentum", "norm")

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float | None = 1e-7,
        **common: Unpack[CommonArguments],
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **common)


@registry.register
class Nadam(_Moments):
    """Adam with Nesterov's momentum.

    ```
    u_t = beta_1 · (1 - 0.96^t / 2),  p_t = u_1 · u_2 · … · u_t          t = 1, 2, …
    m = m + (1 - beta_1) · (g - m)
    v = v + (1 - beta_2) · (g² - v)
    m̂ = u_(t+1) · m / (1 - p_(t+1)) + (1 - u_t) · g / (1 - p_t)
    w = w - learning_rate · m̂ / (sqrt(v / (1 - beta_2^t)) + epsilon)
    ```

    Args:
        learning_rate: Step size, >= 0. Default: 0.001.
        beta_1: Factor of the mean, 0 <= beta_1 < 1. Default: 0.9.
        beta_2: Factor of the mean square, 0 <= beta_2 < 1. Default: 0.999.
        epsilon: Small number added to the root, >= 0. Default: 1e-7.
        **common: See `Optimizer`.

    Raises:
        ValueError: If an argument is outside of its range, not supported or not known.

    Example:

    >>> Nadam().kind
    'nadam'

    Source: Dozat, "Incorporating Nesterov momentum into Adam", 2016.
    """

    kind = "nadam"
    slots = ("momentum", "velocity")

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float | None = 1e-7,
        **common: Unpack[CommonArguments],
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **common)
