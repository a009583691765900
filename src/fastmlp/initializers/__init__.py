"""Initializers: the first values of weights.

Accepted wherever a layer takes an initializer: a name (`"he_normal"`, `"HeNormal"`, and Keras's
short ones `"zero"`, `"one"`, `"normal"`, `"uniform"`), an instance, a class, a config, an array of
the weight's shape, or a function `f(shape, dtype=None)`.
"""

from __future__ import annotations

from fastmlp.initializers.base import Initializer, RandomInitializer
from fastmlp.initializers.constant import ArrayInitializer, Constant, Identity, Ones, Zeros
from fastmlp.initializers.lookup import deserialize, get, serialize
from fastmlp.initializers.random import Orthogonal, RandomNormal, RandomUniform, TruncatedNormal
from fastmlp.initializers.variance_scaling import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    VarianceScaling,
)

zeros, ones, constant, identity = Zeros, Ones, Constant, Identity
IdentityInitializer, OrthogonalInitializer = Identity, Orthogonal
random_normal, random_uniform, truncated_normal = RandomNormal, RandomUniform, TruncatedNormal
orthogonal, variance_scaling = Orthogonal, VarianceScaling
glorot_normal, glorot_uniform = GlorotNormal, GlorotUniform
he_normal, he_uniform = HeNormal, HeUniform
lecun_normal, lecun_uniform = LecunNormal, LecunUniform

__all__ = [
    "ArrayInitializer",
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "IdentityInitializer",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "OrthogonalInitializer",
    "RandomInitializer",
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "constant",
    "deserialize",
    "get",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "lecun_normal",
    "lecun_uniform",
    "ones",
    "orthogonal",
    "random_normal",
    "random_uniform",
    "serialize",
    "truncated_normal",
    "variance_scaling",
    "zeros",
]
