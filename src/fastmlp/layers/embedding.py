"""Embedding: whole numbers become vectors."""

from __future__ import annotations

from typing import Any

from fastmlp import constraints, graph, initializers, ops, regularizers
from fastmlp._spelling import accepts_old
from fastmlp.errors import check_int
from fastmlp.graph import Tensor
from fastmlp.layers.base import Layer


class Embedding(Layer):
    """Rows of a table: `y = embeddings[x]`, a vector for each whole number.

    An index below 0 or from `input_dim` on is an error, which comes before the step with it changes a
    weight.

    Args:
        input_dim: Number of rows: the largest index plus one.
        output_dim: Size of the vectors.
        embeddings_initializer: First values of the table.
        embeddings_regularizer: Penalty on the table, added to the loss.
        embeddings_constraint: Projection of the table after each update.
        mask_zero: Whether 0 stands for a step that does not count: the output has a mask then, which
            layers behind it obey.
        weights: A table to start from, `(input_dim, output_dim)`.
        **kwargs: `name`, `dtype`, `trainable`, `activity_regularizer`, `input_shape`.

    Input shape:
        `(batch, …)` of whole numbers, in data of any type.

    Output shape:
        `(batch, …, output_dim)`

    Raises:
        ValueError: An argument is not as described.

    Example: sequences of words as numbers, filled up with 0.

    >>> import numpy as np
    >>> from fastmlp import Input, Sequential, layers
    >>> model = Sequential([
    ...     Input((4,), dtype="int32"),
    ...     layers.Embedding(10, 3, mask_zero=True),
    ...     layers.LSTM(5),
    ...     layers.Dense(1, activation="sigmoid"),
    ... ])
    >>> model(np.array([[7, 2, 0, 0], [1, 9, 9, 3]])).shape
    (2, 1)
    >>> layers.Embedding(2, 2, weights=[[0.0, 1.0], [2.0, 3.0]])(np.array([[1, 0]]))
    array([[[2., 3.],
            [0., 1.]]], dtype=float32)

    Source: Bengio, Ducharme, Vincent, Jauvin, "A neural probabilistic language model", 2003.
    """

    takes_a_vector = True

    @accepts_old
    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        weights: Any = None,
        **kwargs: Any,
    ) -> None:
        length = kwargs.pop("input_length", None)
        if length is not None:
            kwargs.setdefault("input_shape", (length,))
        super().__init__(**kwargs)
        where = f"{type(self).__name__} '{self.name}'"
        self.input_dim = check_int(where, "input_dim", input_dim, 1)
        self.output_dim = check_int(where, "output_dim", output_dim, 1)
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.embeddings_constraint = constraints.get(embeddings_constraint)
        self.mask_zero = self.supports_masking = bool(mask_zero)
        if weights is not None:
            one = isinstance(weights, list) and len(weights) == 1
            self._first_weights = weights if one else [weights]
            self.build()

    def build(self, input_shape: Any = None) -> None:
        self._embeddings = self.add_weight(
            (self.input_dim, self.output_dim),
            self.embeddings_initializer,
            regularizer=self.embeddings_regularizer,
            constraint=self.embeddings_constraint,
            name="embeddings",
        )

    @property
    def embeddings(self) -> Any:
        """The table `(input_dim, output_dim)`: a live view of the weight; within `call`, the weight."""
        if not self.built:
            raise AttributeError(f"{type(self).__name__} '{self.name}': has no embeddings yet")
        return graph.shown(self._embeddings)

    def call(self, inputs: Tensor) -> Any:
        return ops.take(self._embeddings, inputs, axis=0)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        return ops.not_equal(inputs, 0) if self.mask_zero else None

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "input_dim": self.input_dim,
            "output_dim": self.output_dim,
            "embeddings_initializer": initializers.serialize(self.embeddings_initializer),
            "embeddings_regularizer": regularizers.serialize(self.embeddings_regularizer),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "embeddings_constraint": constraints.serialize(self.embeddings_constraint),
            "mask_zero": self.mask_zero,
        }
