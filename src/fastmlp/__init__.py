"""fastmlp: multi-layer perceptrons on the CPU you have, with Keras 3's API and a native core."""

from fastmlp import (
    _spelling,
    activations,
    callbacks,
    config,
    constraints,
    datasets,
    initializers,
    layers,
    losses,
    metrics,
    models,
    ops,
    optimizers,
    preprocessing,
    regularizers,
    saving,
    utils,
)
from fastmlp._show_config import show_config
from fastmlp._version import __version__
from fastmlp.layers import Input
from fastmlp.models import Model, Sequential
from fastmlp.ops import custom_gradient
from fastmlp.training.gradients import check_gradients, gradients

__all__ = [
    "Input",
    "Model",
    "Sequential",
    "__version__",
    "activations",
    "callbacks",
    "check_gradients",
    "config",
    "constraints",
    "custom_gradient",
    "datasets",
    "gradients",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "ops",
    "optimizers",
    "preprocessing",
    "regularizers",
    "saving",
    "show_config",
    "utils",
]

_spelling.install()
