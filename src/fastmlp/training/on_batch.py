"""One batch at a time, for loops of the user's own and for serving: as little as possible around it."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastmlp.function import Function
from fastmlp.training.data import as_source, warn_not_finite


class OnBatch:
    """What models do on one batch; `Trainer` inherits it."""

    name: str
    dtype: str
    _functions: dict[bool, Function]

    def predict_on_batch(self, x: Any) -> np.ndarray:
        """Outputs for one batch, computed as a whole.

        Args:
            x: Samples `(batch, …)`.

        Returns:
            A new array `(batch, …)` of the model's type.

        Raises:
            ValueError: Data and model do not fit.

        Example:

        >>> import numpy as np
        >>> from fastmlp import Input, Sequential, layers
        >>> model = Sequential([Input((2,)), layers.Dense(1, kernel_initializer="ones")])
        >>> model.predict_on_batch(np.array([[1.0, 2.0], [3.0, 4.0]]))
        array([[3.],
               [7.]], dtype=float32)
        """
        known = self._functions.get(False)
        y = None if known is None else known.on_array(x)
        if y is None:
            y = self(x)  # type: ignore[operator]
            known = self._functions[False]
        if known is not None and len(y) and known.not_finite():
            warn_not_finite(as_source(x, "x"), self.dtype)
        result: np.ndarray = y
        return result
