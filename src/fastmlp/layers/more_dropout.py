"""Dropout's kin: whole features at a time, and one that keeps mean and variance."""

from __future__ import annotations

from typing import Any

from fastmlp import ops
from fastmlp._spelling import accepts_old
from fastmlp.graph import Tensor
from fastmlp.layers.dropout import Dropout
from fastmlp.layers.phase import may_be_told

# Of selu: its limit towards minus infinity is -scale · alpha.
_LOWEST = -1.0507009873554805 * 1.6732632423543772


class SpatialDropout1D(Dropout):
    """Dropout of whole features: one decision for all steps `(batch, steps, features)` of a sample.

    `y[b, t, f] = x[b, t, f] · d[b, f] / (1 - rate)`, where d is 0 with the probability `rate`, else
    1.

    Args:
        rate: Share to drop, from 0 to 1.
        seed: As for `Dropout`.
        name: Name.
        dtype: `'float32'` or `'float64'`.
        **kwargs: `input_shape`.

    Example:

    >>> import numpy as np
    >>> y = SpatialDropout1D(0.5)(np.ones((4, 3, 8)), training=True)
    >>> bool((y == y[:, :1]).all())
    True

    Source: Tompson et al., "Efficient object localization using convolutional networks", 2015.
    """

    @accepts_old
    def __init__(
        self,
        rate: float,
        seed: int | None = None,
        name: str | None = None,
        dtype: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(rate, seed=seed, name=name, dtype=dtype, **kwargs)

    @may_be_told
    def call(self, x: Tensor) -> Tensor:
        if x.ndim != 3:
            raise ValueError(
                f"SpatialDropout1D '{self.name}': expected inputs (batch, steps, features). "
                f"Received: shape={x.shape}"
            )
        self.noise_shape = (None, 1, int(x.shape[2] or 0))
        return super().call(x)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["noise_shape"]
        return config


class AlphaDropout(Dropout):
    """Dropout after `selu`: dropped elements get its lowest value; mean and variance stay.

    ```
    y = a · (x where kept, else -1.7581) + b
    a = 1 / √((1 - rate) (1 + rate · 1.7581²))    b = a · rate · 1.7581
    ```
    Outside training it changes nothing.

    Args:
        rate: Share to drop, from 0 to 1.
        noise_shape: As for `Dropout`.
        seed: As for `Dropout`.
        **kwargs: `name`, `dtype`, `input_shape`.

    Example:

    >>> import numpy as np
    >>> y = AlphaDropout(0.5)(np.random.default_rng(0).normal(size=(500, 200)), training=True)
    >>> bool(abs(y.mean()) < 0.02 and abs(y.std() - 1) < 0.02)
    True

    Source: Klambauer et al., "Self-normalizing neural networks", 2017.
    """

    takes_a_vector = True

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        if not training or self.rate == 0:
            return x
        # Kept elements are 1 / (1 - rate) here, dropped ones 0.
        kept = super().call(ops.ones_like(x), training=True) * (1.0 - self.rate)
        a = ((1 - self.rate) * (1 + self.rate * _LOWEST**2)) ** -0.5 if self.rate < 1 else 0.0
        y: Tensor = a * (x * kept + _LOWEST * (1.0 - kept)) - a * _LOWEST * self.rate
        return y
