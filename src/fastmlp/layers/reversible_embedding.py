"""An embedding that can be read backwards."""

from __future__ import annotations

from typing import Any

from fastmlp import ops
from fastmlp._spelling import accepts_old
from fastmlp.errors import check_number
from fastmlp.graph import Tensor
from fastmlp.layers.embedding import Embedding


class ReversibleEmbedding(Embedding):
    """Rows of a table; backwards, the products of vectors with all its rows.

    ```
    y = embeddings[x]
    y = x · embeddingsᵀ        with reverse=True: one value for each row, as logits
    ```

    Args:
        input_dim: Number of rows: the largest index plus one.
        output_dim: Size of the vectors.
        tie_weights: Whether the way back takes the same table; else it has a weight of its own.
        embeddings_initializer: First values of the table, or tables.
        embeddings_regularizer: Penalty on the table, added to the loss.
        embeddings_constraint: Projection of the table after each update.
        mask_zero: Whether 0 stands for a step that does not count.
        reverse_dtype: Accepted; the way back is computed in the layer's type.
        logit_soft_cap: Results of the way back become `cap · tanh(y / cap)`; `None`: they stay.
        **kwargs: `name`, `dtype`, `trainable`, `weights`.

    Input shape:
        `(batch, …)` of whole numbers; backwards `(batch, …, output_dim)`.

    Output shape:
        `(batch, …, output_dim)`; backwards `(batch, …, input_dim)`.

    Raises:
        ValueError: An argument is not as described.

    Example:

    >>> import numpy as np
    >>> layer = ReversibleEmbedding(3, 2, weights=[[1.0, 0.0], [0.0, 1.0], [2.0, 2.0]])
    >>> y = layer(np.array([[2, 0]]))
    >>> layer(y, reverse=True)
    array([[[2., 2., 8.],
            [1., 0., 2.]]], dtype=float32)

    Source: Press, Wolf, "Using the output embedding to improve language models", 2016.
    """

    @accepts_old
    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        tie_weights: bool = True,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        reverse_dtype: Any = None,
        logit_soft_cap: float | None = None,
        **kwargs: Any,
    ) -> None:
        self.tie_weights, self.reverse_dtype = bool(tie_weights), reverse_dtype
        super().__init__(
            input_dim,
            output_dim,
            embeddings_initializer,
            embeddings_regularizer,
            embeddings_constraint,
            mask_zero,
            **kwargs,
        )
        if logit_soft_cap is not None:
            where = f"ReversibleEmbedding '{self.name}'"
            check_number(where, "logit_soft_cap", logit_soft_cap, 0, above=True)
        self.logit_soft_cap = logit_soft_cap

    def build(self, input_shape: Any = None) -> None:
        super().build(input_shape)
        if not self.tie_weights:
            self.reverse_embeddings = self.add_weight(
                (self.output_dim, self.input_dim),
                self.embeddings_initializer,
                name="reverse_embeddings",
            )

    def call(self, inputs: Tensor, reverse: bool = False) -> Any:
        if not reverse:
            y = super().call(inputs)
            if self.mask_zero:
                y.mask = ops.not_equal(inputs, 0)
            return y
        table = ops.transpose(self._embeddings) if self.tie_weights else self.reverse_embeddings
        logits = ops.matmul(inputs, table)
        cap = self.logit_soft_cap
        return logits if cap is None else ops.tanh(logits / cap) * cap

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        return None  # `call` knows which way it goes, and sets the mask

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "tie_weights": self.tie_weights,
            "reverse_dtype": self.reverse_dtype,
            "logit_soft_cap": self.logit_soft_cap,
        }
