"""Layers: what models are made of."""

from fastmlp.layers.activation import Activation
from fastmlp.layers.base import Layer
from fastmlp.layers.dense import Dense
from fastmlp.layers.dropout import Dropout
from fastmlp.layers.flatten import Flatten
from fastmlp.layers.input import Input, InputLayer
from fastmlp.layers.lookup import deserialize, serialize
from fastmlp.layers.rescaling import Rescaling

__all__ = [
    "Activation",
    "Dense",
    "Dropout",
    "Flatten",
    "Input",
    "InputLayer",
    "Layer",
    "Rescaling",
    "deserialize",
    "serialize",
]
