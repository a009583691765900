"""Every loss, its options and shapes: value and gradient are those of Keras."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fastmlp
from tests.parity import both

Case = tuple[Callable[[Any], Any], str | None, Callable[[], both.Data]]

# name: (loss, activation of the outputs, data)
CASES: dict[str, Case] = {
    "mse": (lambda lib: "mse", None, both.regression),
    "mae": (lambda lib: "mae", None, both.regression),
    "mape": (lambda lib: "mape", None, both.regression),
    "msle": (lambda lib: "msle", "softplus", both.positive),
    "msle of negative outputs": (lambda lib: "msle", None, both.positive),
    "huber": (lambda lib: "huber", None, both.regression),
    "huber delta": (lambda lib: lib.losses.Huber(delta=0.3), None, both.regression),
    "log_cosh": (lambda lib: "log_cosh", None, both.regression),
    "binary": (lambda lib: "binary_crossentropy", "sigmoid", both.binary),
    "binary of one output": (lambda lib: "binary_crossentropy", "sigmoid", both.one_label),
    "binary of clipped outputs": (lambda lib: "binary_crossentropy", "hard_sigmoid", both.binary),
    "binary smoothed": (
        lambda lib: lib.losses.BinaryCrossentropy(label_smoothing=0.2), "sigmoid", both.binary
    ),
    "binary logits": (
        lambda lib: lib.losses.BinaryCrossentropy(from_logits=True), None, both.binary
    ),
    "binary logits smoothed": (
        lambda lib: lib.losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.2),
        None,
        both.binary,
    ),
    "categorical": (lambda lib: "categorical_crossentropy", "softmax", both.one_hot),
    "categorical of a distribution": (
        lambda lib: "categorical_crossentropy", "softmax", both.distribution
    ),
    "categorical of outputs that do not add up to 1": (
        lambda lib: "categorical_crossentropy", "softplus", both.one_hot
    ),
    "categorical smoothed": (
        lambda lib: lib.losses.CategoricalCrossentropy(label_smoothing=0.2),
        "softmax",
        both.one_hot,
    ),
    "categorical logits": (
        lambda lib: lib.losses.CategoricalCrossentropy(from_logits=True), None, both.one_hot
    ),
    "categorical logits smoothed": (
        lambda lib: lib.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.2),
        None,
        both.one_hot,
    ),
    "sparse": (lambda lib: "sparse_categorical_crossentropy", "softmax", both.classes),
    "sparse of outputs that do not add up to 1": (
        lambda lib: "sparse_categorical_crossentropy", "softplus", both.classes
    ),
    "sparse logits": (
        lambda lib: lib.losses.SparseCategoricalCrossentropy(from_logits=True), None, both.classes
    ),
    "kl_divergence": (lambda lib: "kl_divergence", "softmax", both.distribution),
    "poisson": (lambda lib: "poisson", "exponential", both.positive),
    "hinge of 0 and 1": (lambda lib: "hinge", "tanh", both.binary),
    "squared_hinge": (lambda lib: "squared_hinge", "tanh", both.binary),
    "cosine_similarity": (lambda lib: "cosine_similarity", None, both.regression),
    "categorical_hinge": (lambda lib: "categorical_hinge", None, both.one_hot),
    "focal binary": (
        lambda lib: lib.losses.BinaryFocalCrossentropy(apply_class_balancing=True, gamma=1.5),
        "sigmoid",
        both.binary,
    ),
    "focal categorical": (lambda lib: "categorical_focal_crossentropy", "softmax", both.one_hot),
    "generalized": (
        lambda lib: lib.losses.CategoricalGeneralizedCrossEntropy(q=0.3), "softmax", both.classes
    ),
    "sum of mse": (
        lambda lib: lib.losses.MeanSquaredError(reduction="sum"), None, both.regression
    ),
}  # fmt: skip


def _units(data: both.Data) -> int:
    return 1 if data.y.ndim == 1 and data.y.dtype.kind == "f" else 3


def test_every_loss_is_among_the_cases():
    tested = {type(fastmlp.losses.get(make(fastmlp))).__name__ for make, *_ in CASES.values()}
    losses = [getattr(fastmlp.losses, name) for name in dir(fastmlp.losses)]
    exist = {c.__name__ for c in losses if isinstance(c, type) and issubclass(c, fastmlp.Loss)}
    assert tested == exist - {"Loss"}


@pytest.mark.parametrize("name", CASES)
def test_loss_trains_as_in_keras(name):
    loss, output, make = CASES[name]
    data = make()
    # mape is 100 times as large as mae: larger steps would jump to and fro and multiply roundings.
    rate = 0.0005 if name == "mape" else 0.05

    def arguments(lib):
        return {"optimizer": lib.optimizers.SGD(rate), "loss": loss(lib)}

    # A sum depends on the batches of the evaluation, too.
    both.assert_same_training(
        both.network(output, _units(data)), arguments, data, validation=name.startswith("sum")
    )


def test_hinge_of_labels_minus_one_and_one_trains_as_in_keras():
    data = both.samples(lambda z, rng: np.sign(z).astype("float32"))
    both.assert_same_training(
        both.network("tanh"), lambda lib: {"optimizer": "sgd", "loss": "hinge"}, data
    )


@pytest.mark.parametrize(
    ("loss", "output"),
    [("mse", None), ("sparse_categorical_crossentropy", "softmax"),
     ("categorical_crossentropy", "softmax"), ("binary_crossentropy", "sigmoid")],
)  # fmt: skip
def test_loss_of_outputs_with_three_axes_trains_as_in_keras(loss, output):
    """Every sample holds 4 rows, each with a target of its own; weights are per sample."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(both.SAMPLES + both.HELD_OUT, 4, 6)).astype("float32")
    labels = (x @ rng.normal(size=(6, 3))).argmax(axis=-1)
    y = labels if loss.startswith("sparse") else np.eye(3, dtype="float32")[labels]
    n = both.SAMPLES
    data = both.Data(x[:n], y[:n], x[n:], y[n:])
    both.assert_same_training(
        both.network(output),
        lambda lib: {"optimizer": lib.optimizers.SGD(0.1), "loss": loss, "metrics": ["accuracy"]},
        data,
    )


def test_labels_with_a_second_axis_of_size_one_train_as_in_keras():
    data = both.classes()
    data.y, data.y_val = data.y[:, None], data.y_val[:, None]

    def arguments(lib):
        return {
            "optimizer": "sgd",
            "loss": "sparse_categorical_crossentropy",
            "metrics": ["accuracy"],
        }

    both.assert_same_training(both.network("softmax"), arguments, data)


def test_loss_weight_multiplies_the_loss_as_in_keras():
    def arguments(lib):
        return {"optimizer": "sgd", "loss": "mse", "loss_weights": [0.3], "metrics": ["mse"]}

    both.assert_same_training(both.network(), arguments, both.regression())
