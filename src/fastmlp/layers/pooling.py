"""What is left of a sequence: its mean, or its largest values."""

from __future__ import annotations

from typing import Any

from fastmlp import ops
from fastmlp.errors import bad_argument
from fastmlp.graph import Tensor
from fastmlp.layers.base import Layer


class GlobalPooling1D(Layer):
    """Base of layers that make one vector of a sequence `(batch, steps, features)`."""

    def __init__(
        self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        where = f"{type(self).__name__} '{self.name}'"
        if data_format not in (None, "channels_last", "channels_first"):
            expected = "'channels_last', 'channels_first' or None"
            raise bad_argument(where, expected, "data_format", data_format)
        self.data_format = data_format or "channels_last"
        self.keepdims = bool(keepdims)

    def _axis(self, x: Tensor) -> int:
        """The axis of the steps."""
        if x.ndim != 3:
            raise ValueError(
                f"{type(self).__name__} '{self.name}': expected inputs (batch, steps, features). "
                f"Received: shape={x.shape}"
            )
        return 1 if self.data_format == "channels_last" else 2

    def get_config(self) -> dict[str, Any]:
        own = {"data_format": self.data_format, "keepdims": self.keepdims}
        return {**super().get_config(), **own}


class GlobalAveragePooling1D(GlobalPooling1D):
    """The mean over the steps of a sequence: `(batch, steps, features)` becomes `(batch, features)`.

    `y[b, f] = Σ_t m[b, t] · x[b, t, f] / Σ_t m[b, t]`, where the mask m is 1 if there is none.

    With a mask `(batch, steps)`, as an `Embedding` or `Masking` before it makes one, the mean is over
    the steps that count; over none it is 0.

    Args:
        data_format: `'channels_last'` (or `None`): features last; `'channels_first'`: steps last.
        keepdims: Whether to keep an axis of size 1 in place of the steps.
        **kwargs: `name`, `dtype`, `input_shape`.

    Input shape:
        `(batch, steps, features)`

    Output shape:
        `(batch, features)`; with `keepdims` `(batch, 1, features)`

    Raises:
        ValueError: An argument is not as described, or the input is no sequence.

    Example:

    >>> import numpy as np
    >>> GlobalAveragePooling1D()(np.array([[[1.0, 2.0], [3.0, 4.0]]]))
    array([[2., 3.]], dtype=float32)

    Source: Lin, Chen, Yan, "Network in network", 2014.
    """

    def call(self, x: Tensor, mask: Tensor | None = None) -> Any:
        axis = self._axis(x)
        if mask is None:
            return ops.mean(x, axis, keepdims=self.keepdims)
        counts = ops.expand_dims(mask, 3 - axis)
        total = ops.sum(ops.where(counts, x, 0.0), axis, keepdims=self.keepdims)
        n = ops.sum(counts, axis, keepdims=self.keepdims)
        return ops.divide(total, ops.maximum(n, 1.0))

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        return None


class GlobalMaxPooling1D(GlobalPooling1D):
    """The largest value over the steps of a sequence. Takes what `GlobalAveragePooling1D` takes.

    `y[b, f] = max_t x[b, t, f]`

    Example:

    >>> import numpy as np
    >>> GlobalMaxPooling1D()(np.array([[[1.0, 5.0], [3.0, 4.0]]]))
    array([[3., 5.]], dtype=float32)

    Source: Collobert et al., "Natural language processing (almost) from scratch", 2011.
    """

    def call(self, x: Tensor) -> Any:
        return ops.max(x, self._axis(x), keepdims=self.keepdims)


GlobalAvgPool1D = GlobalAveragePooling1D
GlobalMaxPool1D = GlobalMaxPooling1D
