"""Layers: what models are made of."""

from typing import TYPE_CHECKING

from fastmlp._late import import_late
from fastmlp.layers.base import Layer
from fastmlp.layers.input import Input, InputLayer
from fastmlp.layers.input_spec import InputSpec
from fastmlp.layers.lookup import deserialize, serialize

if TYPE_CHECKING:
    from fastmlp.layers.activation import Activation
    from fastmlp.layers.activations import ELU, LeakyReLU, PReLU, ReLU, Softmax
    from fastmlp.layers.activity_regularization import ActivityRegularization
    from fastmlp.layers.batch_normalization import BatchNormalization
    from fastmlp.layers.bidirectional import Bidirectional
    from fastmlp.layers.category_encoding import CategoryEncoding
    from fastmlp.layers.concatenation import Concatenate, concatenate
    from fastmlp.layers.dense import Dense
    from fastmlp.layers.discretization import Discretization
    from fastmlp.layers.dot_product import Dot, dot
    from fastmlp.layers.dropout import Dropout
    from fastmlp.layers.einsum_dense import EinsumDense
    from fastmlp.layers.embedding import Embedding
    from fastmlp.layers.flatten import Flatten
    from fastmlp.layers.hashed_crossing import HashedCrossing
    from fastmlp.layers.hashing import Hashing
    from fastmlp.layers.identity import Identity
    from fastmlp.layers.integer_lookup import IntegerLookup
    from fastmlp.layers.lambda_layer import Lambda
    from fastmlp.layers.layer_normalization import (
        GroupNormalization,
        LayerNormalization,
        RMSNormalization,
        UnitNormalization,
    )
    from fastmlp.layers.masking import Masking
    from fastmlp.layers.merging import (
        Add,
        Average,
        Maximum,
        Minimum,
        Multiply,
        Subtract,
        add,
        average,
        maximum,
        minimum,
        multiply,
        subtract,
    )
    from fastmlp.layers.more_dropout import AlphaDropout, SpatialDropout1D
    from fastmlp.layers.more_steps import UpSampling1D, ZeroPadding1D
    from fastmlp.layers.noise import GaussianDropout, GaussianNoise
    from fastmlp.layers.normalization import Normalization
    from fastmlp.layers.permute import Permute
    from fastmlp.layers.pooling import (
        GlobalAveragePooling1D,
        GlobalAvgPool1D,
        GlobalMaxPool1D,
        GlobalMaxPooling1D,
    )
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

__all__ = [
    "ELU",
    "GRU",
    "LSTM",
    "RNN",
    "Activation",
    "ActivityRegularization",
    "Add",
    "AlphaDropout",
    "Average",
    "BatchNormalization",
    "Bidirectional",
    "CategoryEncoding",
    "Concatenate",
    "Dense",
    "Discretization",
    "Dot",
    "Dropout",
    "EinsumDense",
    "Embedding",
    "Flatten",
    "GRUCell",
    "GaussianDropout",
    "GaussianNoise",
    "GlobalAveragePooling1D",
    "GlobalAvgPool1D",
    "GlobalMaxPool1D",
    "GlobalMaxPooling1D",
    "GroupNormalization",
    "HashedCrossing",
    "Hashing",
    "Identity",
    "Input",
    "InputLayer",
    "InputSpec",
    "IntegerLookup",
    "LSTMCell",
    "Lambda",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "Masking",
    "Maximum",
    "Minimum",
    "Multiply",
    "Normalization",
    "PReLU",
    "Permute",
    "RMSNormalization",
    "ReLU",
    "RepeatVector",
    "Rescaling",
    "Reshape",
    "ReversibleEmbedding",
    "SimpleRNN",
    "SimpleRNNCell",
    "Softmax",
    "SpatialDropout1D",
    "SpectralNormalization",
    "StackedRNNCells",
    "StringLookup",
    "Subtract",
    "TimeDistributed",
    "UnitNormalization",
    "UpSampling1D",
    "Wrapper",
    "ZeroPadding1D",
    "add",
    "average",
    "concatenate",
    "deserialize",
    "dot",
    "maximum",
    "minimum",
    "multiply",
    "serialize",
    "subtract",
]

import_late()
