"""The lists of ops: what a node lowers to, and what differentiates an op of the forward pass."""

from __future__ import annotations

from fastmlp.ops.core import StopGradient
from fastmlp.ops.elementwise import Full, Map
from fastmlp.ops.embedding import Embed
from fastmlp.ops.layers import (
    Activation,
    ActivityPenalty,
    Affine,
    CopyRows,
    Dense,
    Dropout,
    Pass,
    Penalty,
    RandomNormal,
    RepeatSamples,
    Reshape,
    Softmax,
    SumSamples,
    Track,
)
from fastmlp.ops.moves import Concatenate, Put, Take
from fastmlp.ops.order import Argsort, TakeAlong
from fastmlp.ops.products import BatchMatmul
from fastmlp.ops.python import Python
from fastmlp.ops.recurrent import Recurrent
from fastmlp.ops.reduce import Cumsum, Reduce
from fastmlp.ops.spec import OpSpec
from fastmlp.ops.states import AssignWeights, ReadState, WriteStates

# By the names of nodes.
OPS: dict[str, type[OpSpec]] = {
    "dense": Dense,
    "activation": Activation,
    "softmax": Softmax,
    "log_softmax": Softmax,
    "sparsemax": Softmax,
    "dropout": Dropout,
    "identity": Pass,
    "phase": Pass,
    "random_normal": RandomNormal,
    "track": Track,
    "affine": Affine,
    "reshape": Reshape,
    "activity_penalty": ActivityPenalty,
    "penalty": Penalty,
    "sum_samples": SumSamples,
    "repeat_samples": RepeatSamples,
    "whole": CopyRows,
    "each": CopyRows,
    "map": Map,
    "full": Full,
    "reduce": Reduce,
    "cumsum": Cumsum,
    "take": Take,
    "concatenate": Concatenate,
    "matmul": BatchMatmul,
    "argsort": Argsort,
    "take_along": TakeAlong,
    "stop_gradient": StopGradient,
    "python": Python,
    "recurrent": Recurrent,
    "assign_weights": AssignWeights,
    "read_state": ReadState,
    "write_states": WriteStates,
    "embed": Embed,
}

# By the names of plan ops.
GRADIENTS: dict[str, type[OpSpec]] = {
    "dense_fwd": Dense,
    "act_fwd": Activation,
    "embed": Embed,
    "softmax_fwd": Softmax,
    "log_softmax_fwd": Softmax,
    "sparsemax_fwd": Softmax,
    "dropout_fwd": Dropout,
    "dropout_noise_fwd": Dropout,
    "affine": Affine,
    "reshape": Reshape,
    "activity_penalty": ActivityPenalty,
    "sum_samples": SumSamples,
    "repeat_samples": RepeatSamples,
    "copy_rows": CopyRows,
    "map": Map,
    "reduce": Reduce,
    "cumsum": Cumsum,
    "take": Take,
    "put": Put,
    "bmm": BatchMatmul,
    "take_along": TakeAlong,
    "python_fwd": Python,
    "rnn_fwd": Recurrent,
}
