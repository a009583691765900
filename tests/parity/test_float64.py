"""Networks in float64 train as in Keras to double precision.

In a process of its own: what JAX has compiled for float32 before would be used again.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

CASES = ["softmax", "centered", "nesterov", "penalties"]


def test_float64_models_train_as_in_keras_to_double_precision(root: Path):
    path = os.pathsep.join([str(root), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", "from tests.parity import test_float64 as t; t.compare_all()"],
        env={**os.environ, "JAX_ENABLE_X64": "1", "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr


def compare_all() -> None:
    """Trains with both libraries in float64.

    Rounding is 1e-16 here: a tolerance of 1e-11 leaves room for a hundred thousand of them. Keras
    keeps the learning rate in float32, which holds a power of two as it is, and takes means over
    an axis in float32, so that only losses that are sums over it have its double precision.
    """
    import keras

    import fastmlp

    for lib in (keras, fastmlp):
        lib.config.set_floatx("float64")
    for case in CASES:
        print(case, file=sys.stderr)
        _compare(case)


def _compare(case: str) -> None:
    from tests.parity import both

    hidden, output, loss = {
        "softmax": ("gelu", "softmax", "categorical_crossentropy"),
        "centered": ("selu", "softplus", "kl_divergence"),
        "nesterov": ("softsign", None, "categorical_hinge"),
        "penalties": ("mish", "softmax", "sparse_categorical_crossentropy"),
    }[case]

    def layers(lib: Any) -> list[Any]:
        if case == "penalties":
            return [
                lib.layers.Dense(5, hidden, kernel_regularizer="l2", activity_regularizer="l1"),
                lib.layers.Dense(3, output, bias_regularizer="l1", kernel_constraint="max_norm"),
            ]
        return [lib.layers.Dense(5, hidden), lib.layers.Dense(3, output)]

    def arguments(lib: Any) -> dict[str, Any]:
        optimizers = lib.optimizers
        optimizer = {
            "softmax": optimizers.Adam(2**-7),
            "centered": optimizers.RMSprop(2**-8, centered=True, momentum=0.5),
            "nesterov": optimizers.SGD(2**-4, momentum=0.9, nesterov=True, clipnorm=0.25),
            "penalties": optimizers.Nadam(2**-7, global_clipnorm=0.25),
        }[case]
        return {"optimizer": optimizer, "loss": loss}

    data = {"penalties": both.classes, "centered": both.distribution}.get(case, both.one_hot)()
    data = both.Data(*(a.astype("float64") for a in (data.x, data.y, data.x_val, data.y_val)))
    trained = both.assert_same_training(layers, arguments, data, tolerance=1e-11)
    assert trained.outputs.dtype == np.float64
