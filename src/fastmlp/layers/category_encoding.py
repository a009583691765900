"""CategoryEncoding."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastmlp._dtype_names import dtype_name
from fastmlp.errors import check_int
from fastmlp.layers.encoding import ArrayLayer, check_mode, encode, encoded_shape


class CategoryEncoding(ArrayLayer):
    """Whole numbers as vectors: `y[k]` tells whether, or how often, k is among them.

    ```
    one_hot    y[k] = 1 where x = k, else 0
    multi_hot  y[k] = 1 where x[i] = k for some i, else 0
    count      y[k] = Σ_i w[i] · (x[i] = k)
    ```

    Numbers outside of [0, num_tokens) are dropped.

    Args:
        num_tokens: Size of the vectors.
        output_mode: `'multi_hot'`: 1 for each number that a sample holds. `'count'`: how often it
            holds it. `'one_hot'`: a vector for each number, on a new axis, or on the last one if
            that has size 1.
        sparse: Only `False`.
        dtype: Of what it makes of arrays; that may be `'int32'` or `'int64'`, too.
        **kwargs: `name`, `input_shape`.

    Input shape:
        `(batch, numbers)`; in a call it may come with `count_weights` of the same shape, what each
        number counts in the mode `'count'`.

    Output shape:
        `(batch, num_tokens)`; `(batch, numbers, num_tokens)` of `'one_hot'` if there are several.

    Raises:
        ValueError: An argument is not as described.

    Example:

    >>> import numpy as np
    >>> CategoryEncoding(4)(np.array([[0, 1], [3, 3]]))
    array([[1., 1., 0., 0.],
           [0., 0., 0., 1.]], dtype=float32)
    >>> CategoryEncoding(4, output_mode="count")(np.array([[0, 1], [3, 3]]))
    array([[1., 1., 0., 0.],
           [0., 0., 0., 2.]], dtype=float32)

    Source: Keras 3's layer of that name.
    """

    def __init__(
        self,
        num_tokens: int | None = None,
        output_mode: str = "multi_hot",
        sparse: bool = False,
        dtype: str | None = None,
        **kwargs: Any,
    ) -> None:
        name = dtype_name(dtype)
        self._whole = name if name in ("int32", "int64") else None
        super().__init__(dtype=None if self._whole else name, **kwargs)
        where = f"CategoryEncoding '{self.name}'"
        self.output_mode = check_mode(where, output_mode, sparse, ("one_hot", "multi_hot", "count"))
        self.num_tokens = check_int(where, "num_tokens", num_tokens, 1)
        self.sparse = False

    def call(self, inputs: Any, count_weights: Any = None) -> Any:
        if count_weights is not None:
            where = f"CategoryEncoding '{self.name}'"
            if self.output_mode != "count":
                raise ValueError(
                    f"{where}: count_weights are for output_mode='count'. "
                    f"Received: output_mode={self.output_mode!r}"
                )
            if tuple(count_weights.shape) != tuple(inputs.shape):
                raise ValueError(
                    f"{where}: expected count_weights of shape {tuple(inputs.shape)}, that of the "
                    f"inputs. Received: shape={tuple(count_weights.shape)}"
                )
        y = encode(inputs, self.output_mode, self.num_tokens, self.dtype, count_weights)
        return y.astype(self._whole or self.dtype) if isinstance(y, np.ndarray) else y

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Shape of the outputs."""
        return encoded_shape(input_shape, self.output_mode, self.num_tokens)

    def get_config(self) -> dict[str, Any]:
        own = {"num_tokens": self.num_tokens, "output_mode": self.output_mode}
        return {**super().get_config(), **own, "dtype": self._whole or self.dtype}
