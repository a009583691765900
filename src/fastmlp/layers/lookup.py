"""From a layer to its config and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastmlp.activations import lookup as activations
from fastmlp.layers.activation import Activation
from fastmlp.layers.activations import ELU, LeakyReLU, PReLU, ReLU, Softmax
from fastmlp.layers.activity_regularization import ActivityRegularization
from fastmlp.layers.base import Layer
from fastmlp.layers.batch_normalization import BatchNormalization
from fastmlp.layers.bidirectional import Bidirectional
from fastmlp.layers.category_encoding import CategoryEncoding
from fastmlp.layers.concatenation import Concatenate
from fastmlp.layers.dense import Dense
from fastmlp.layers.discretization import Discretization
from fastmlp.layers.dot_product import Dot
from fastmlp.layers.dropout import Dropout
from fastmlp.layers.einsum_dense import EinsumDense
from fastmlp.layers.embedding import Embedding
from fastmlp.layers.flatten import Flatten
from fastmlp.layers.hashed_crossing import HashedCrossing
from fastmlp.layers.hashing import Hashing
from fastmlp.layers.identity import Identity
from fastmlp.layers.input import InputLayer
from fastmlp.layers.integer_lookup import IntegerLookup
from fastmlp.layers.lambda_layer import Lambda
from fastmlp.layers.layer_normalization import (
    GroupNormalization,
    LayerNormalization,
    RMSNormalization,
    UnitNormalization,
)
from fastmlp.layers.masking import Masking
from fastmlp.layers.merging import Add, Average, Maximum, Minimum, Multiply, Subtract
from fastmlp.layers.more_dropout import AlphaDropout, SpatialDropout1D
from fastmlp.layers.more_steps import UpSampling1D, ZeroPadding1D
from fastmlp.layers.noise import GaussianDropout, GaussianNoise
from fastmlp.layers.normalization import Normalization
from fastmlp.layers.permute import Permute
from fastmlp.layers.pooling import GlobalAveragePooling1D, GlobalMaxPooling1D
from fastmlp.layers.recurrent import GRU, LSTM, SimpleRNN
from fastmlp.layers.recurrent_cells import GRUCell, LSTMCell, SimpleRNNCell
from fastmlp.layers.repeat_vector import RepeatVector
from fastmlp.layers.rescaling import Rescaling
from fastmlp.layers.reshape import Reshape
from fastmlp.layers.reversible_embedding import ReversibleEmbedding
from fastmlp.layers.rnn import RNN
from fastmlp.layers.spectral_normalization import SpectralNormalization
from fastmlp.layers.stacked_rnn_cells import StackedRNNCells
from fastmlp.layers.string_lookup import StringLookup
from fastmlp.layers.time_distributed import TimeDistributed
from fastmlp.layers.wrapper import Wrapper
from fastmlp.registry import Registry

registry = Registry("layer", base=Layer, callables=False)
_LAYERS = (
    Activation, ActivityRegularization, Add, AlphaDropout, Average, BatchNormalization,
    Bidirectional, CategoryEncoding, Concatenate, Dense, Discretization, Dot, Dropout, ELU,
    EinsumDense, Embedding, Flatten, GRU, GRUCell, GaussianDropout, GaussianNoise,
    GlobalAveragePooling1D, GlobalMaxPooling1D, GroupNormalization, HashedCrossing, Hashing,
    Identity, InputLayer, IntegerLookup, LSTM, LSTMCell, Lambda, LayerNormalization, LeakyReLU,
    Masking, Maximum, Minimum, Multiply, Normalization, PReLU, Permute, RMSNormalization, RNN, ReLU,
    RepeatVector, Rescaling, Reshape, ReversibleEmbedding, SimpleRNN, SimpleRNNCell, Softmax,
    SpatialDropout1D, SpectralNormalization, StackedRNNCells, StringLookup, Subtract,
    TimeDistributed, UnitNormalization, UpSampling1D, Wrapper, ZeroPadding1D,
)  # fmt: skip
for _layer in _LAYERS:
    registry.register(_layer)
registry.register(GlobalAveragePooling1D, "GlobalAvgPool1D")
registry.register(GlobalMaxPooling1D, "GlobalMaxPool1D")
activations.registry.also = registry  # Dense(8, activation=LeakyReLU())


def serialize(layer: Layer) -> Any:
    """Returns the config of a layer: `{"class_name": …, "config": …}`."""
    return registry.serialize(layer)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Makes a layer from its config.

    Args:
        config: What `serialize` returned, or Keras's config of the same class.
        custom_objects: Further classes by name.

    Returns:
        A layer, without weights until it is built.

    Raises:
        ValueError: If the config is not understood.

    Example:

    >>> from fastmlp import layers
    >>> deserialize(serialize(layers.Dense(3, name="out")))
    <Dense name=out, built=False>
    """
    return registry.deserialize(config, custom_objects)
