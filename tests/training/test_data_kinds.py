"""Data of every kind trains to the bits of the same numbers in a C-ordered float32 array."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

import fastmlp
from fastmlp import Input, Sequential, layers

N, WIDTH = 45, 6


def _whole() -> np.ndarray:
    """Small whole numbers: every type holds them."""
    return np.random.default_rng(0).integers(0, 2, (N, WIDTH)).astype("float32") + np.eye(N, WIDTH)


def _read_only(x: np.ndarray) -> np.ndarray:
    x = x.copy()
    x.flags.writeable = False
    return x


def _wide(x: np.ndarray) -> np.ndarray:
    """The samples as every second row and every third column of a larger array, backwards."""
    large = np.full((2 * len(x), 3 * x.shape[1]), 99, x.dtype)
    large[::-2, ::3] = x
    return large[::-2, ::3]


def _unaligned(x: np.ndarray) -> np.ndarray:
    raw = np.zeros(x.nbytes + 1, "uint8")
    view = raw[1:].view(x.dtype).reshape(x.shape)
    view[...] = x
    return view


def _field(x: np.ndarray) -> np.ndarray:
    records = np.zeros(len(x), [("id", "u1"), ("x", x.dtype, x.shape[1:])])
    records["x"] = x
    return records["x"]


class Wrapped:
    """Something with `__array__`."""

    def __init__(self, x: np.ndarray) -> None:
        self.x = x

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.array(self.x, dtype=dtype)


KINDS = {
    **{
        dtype: (lambda x, dtype=dtype: x.astype(dtype))
        for dtype in ("float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32",
                      "uint64", "float16", "longdouble", ">f4", ">f8", ">i2")
    },
    "F-ordered": np.asfortranarray,
    "F-ordered float64": lambda x: np.asfortranarray(x, "float64"),
    "F-ordered uint8": lambda x: np.asfortranarray(x, "uint8"),
    "read-only": _read_only,
    "strided backwards": _wide,
    "strided int16": lambda x: _wide(x.astype("int16")),
    "columns of a transposed array": lambda x: x.T.copy().T,
    "unaligned": _unaligned,
    "unaligned float64": lambda x: _unaligned(x.astype("float64")),
    "field of records": lambda x: _field(x.astype("float64")),
    "nested lists": lambda x: x.tolist(),
    "lists of ints": lambda x: x.astype(int).tolist(),
    "list of arrays": list,
    "tuple of tuples": lambda x: tuple(tuple(row) for row in x.tolist()),
    "object with __array__": Wrapped,
    "frame": lambda x: pd.DataFrame(x),
    "frame of float64": lambda x: pd.DataFrame(x.astype("float64"), index=range(N)[::-1]),
    "frame of mixed types": lambda x: pd.DataFrame(
        {f"c{j}": x[:, j].astype(t) for j, t in enumerate(["f4", "f8", "i8", "u1", "i2", "f4"])}
    ),
    "slice of a frame": lambda x: pd.DataFrame(np.repeat(x, 2, axis=0)).iloc[::2],
    "subclass of ndarray": np.asmatrix,
}  # fmt: skip


def fit_bits(x: Any, y: Any, **fit: Any) -> tuple[list[bytes], dict[str, list[float]]]:
    fastmlp.utils.set_random_seed(5)
    model = Sequential([Input((WIDTH,)), layers.Dense(4, activation="tanh"), layers.Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    history = model.fit(x, y, batch_size=8, epochs=3, verbose=0, **fit).history
    evaluated = model.evaluate(x, y, verbose=0)
    predicted = model.predict(x, verbose=0)
    return [*(w.tobytes() for w in model.get_weights()), predicted.tobytes()], {
        **history, "evaluated": evaluated
    }  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_samples_of_this_kind_train_to_the_same_bits(kind):
    x = _whole()
    y = x[:, 0] - x[:, 1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)  # np.matrix itself
        given = KINDS[kind](x)
    assert fit_bits(given, y, validation_split=0.2) == fit_bits(x, y, validation_split=0.2)


def test_real_numbers_of_float64_are_rounded_as_numpy_rounds_them():
    x = np.random.default_rng(0).normal(size=(N, WIDTH)) * 10.0 ** np.arange(-3, 3)
    y = x.sum(axis=1)
    rounded = x.astype("float32"), y.astype("float32")
    assert fit_bits(x, y) == fit_bits(*rounded)
    assert fit_bits(np.asfortranarray(x), list(y)) == fit_bits(*rounded)


@pytest.mark.parametrize("dtype", ["int64", "uint64", "int32", "uint32"])
def test_large_whole_numbers_are_rounded_as_numpy_rounds_them(dtype):
    info = np.iinfo(dtype)
    x = np.array([[info.max, info.min, 2**24 + 1, 2**24 + 3, 2**31 - 65, 7]], dtype)
    model = Sequential([Input((WIDTH,)), layers.Flatten()])
    assert (model.predict(x, verbose=0) == x.astype("float32")).all()


@pytest.mark.parametrize(
    "kind",
    {
        "column": lambda y: y[:, None],
        "bool": lambda y: y.astype(bool),
        "uint8": lambda y: y.astype("uint8"),
        "float64": lambda y: y.astype("float64"),
        "list": lambda y: y.tolist(),
        "series": pd.Series,
        "series of bool": lambda y: pd.Series(y.astype(bool), index=range(N)[::-1]),
        "frame of one column": lambda y: pd.DataFrame({"label": y}),
        "strided": lambda y: np.repeat(y, 3)[::3],
        "backwards": lambda y: y[::-1].copy()[::-1],
        "column of an F-ordered array": lambda y: np.asfortranarray(np.stack([y, y + 1], 1))[:, 0],
    }.items(),
    ids=lambda item: item[0],
)
def test_targets_of_this_kind_train_to_the_same_bits(kind):
    x = _whole()
    y = (x[:, 0] > x[:, 1]).astype("float32")
    assert fit_bits(x, kind[1](y)) == fit_bits(x, y)


@pytest.mark.parametrize("make", [np.asarray, pd.Series, lambda w: w[:, None], np.ndarray.tolist])
def test_sample_weights_of_this_kind_train_to_the_same_bits(make):
    x = _whole()
    y = x[:, 0]
    weights = np.linspace(0, 2, N)
    expected = fit_bits(x, y, sample_weight=weights.astype("float32"))
    assert fit_bits(x, y, sample_weight=make(weights)) == expected


def test_images_of_any_order_train_to_the_same_bits():
    images = np.random.default_rng(0).integers(0, 256, (40, 5, 4, 3)).astype("uint8")
    y = images.sum(axis=(1, 2, 3)) / 1000

    def bits(x):
        fastmlp.utils.set_random_seed(5)
        model = Sequential([Input((5, 4, 3)), layers.Rescaling(1 / 255), layers.Flatten(),
                            layers.Dense(1)])  # fmt: skip
        model.compile("sgd", "mse")
        model.fit(x, y, batch_size=8, epochs=2, verbose=0)
        return [w.tobytes() for w in model.get_weights()]

    expected = bits(images.astype("float32"))
    assert bits(images) == expected
    assert bits(np.asfortranarray(images)) == expected
    assert bits(images.transpose(0, 2, 1, 3).copy().transpose(0, 2, 1, 3)) == expected
    assert bits(images[:, ::-1].copy()[:, ::-1]) == expected


def test_one_feature_may_come_without_its_axis():
    x = np.linspace(-1, 1, 50)
    model = Sequential([Input((1,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    losses = model.fit(x, 2 * x, epochs=50, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert model.predict(x, verbose=0).shape == (50, 1)
    assert (model.predict(x, verbose=0) == model.predict(x[:, None], verbose=0)).all()


def test_the_data_are_not_changed():
    x, y = _whole().astype("float64"), _whole()[:, 0]
    before = x.copy(), y.copy()
    fit_bits(x, y)
    assert (x == before[0]).all() and (y == before[1]).all()


def test_data_may_change_between_fits():
    """No copy is kept: what the array holds when fit is called is what trains."""
    x = np.ones((10, 1), "float32")
    model = Sequential([Input((1,)), layers.Dense(1, use_bias=False, kernel_initializer="ones")])
    model.compile(fastmlp.optimizers.SGD(0.0), "mse")
    assert model.fit(x, x, verbose=0).history["loss"] == [0.0]
    y = x.copy()
    x *= 3
    assert model.fit(x, y, verbose=0).history["loss"] == [4.0]


# Numbers that are not finite.


def _model() -> Sequential:
    fastmlp.utils.set_random_seed(5)
    model = Sequential([Input((WIDTH,)), layers.Dense(4, activation="tanh"), layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("epochs", [1, 5])
def test_data_that_are_not_finite_train_and_warn_once_naming_the_column(value, epochs):
    x, y = _whole(), np.zeros(N)
    x[7, 3] = x[9, 5] = value
    with pytest.warns(UserWarning, match=r"x.*column 3") as caught:
        losses = _model().fit(x, y, batch_size=8, epochs=epochs, verbose=0).history["loss"]
    assert len(caught) == 1
    assert len(losses) == epochs
    if np.isnan(value):
        assert np.isnan(losses).all()


def test_warning_names_the_label_of_a_frames_column():
    x = pd.DataFrame(_whole(), columns=["age", "height", "weight", "a", "b", "c"])
    x.loc[3, "weight"] = np.nan
    with pytest.warns(UserWarning, match="'weight'") as caught:
        _model().fit(x, np.zeros(N), epochs=3, verbose=0)
    assert len(caught) == 1


def test_targets_and_validation_data_that_are_not_finite_warn_too():
    x, y = _whole(), np.zeros(N)
    bad = y.copy()
    bad[-1] = np.nan
    with pytest.warns(UserWarning, match="y"):
        _model().fit(x, bad, verbose=0)
    with pytest.warns(UserWarning, match="y"):
        history = _model().fit(x, y, validation_data=(x, bad), verbose=0).history
    assert np.isfinite(history["loss"]).all() and np.isnan(history["val_loss"]).all()


def test_numbers_too_large_for_float32_are_infinite_and_warn():
    x = _whole().astype("float64")
    x[2, 1] = 1e300
    with pytest.warns(UserWarning, match="column 1"):
        _model().fit(x, np.zeros(N), verbose=0)


def test_diverging_training_reports_nan_and_ends():
    x, y = _whole(), np.ones(N)
    model = Sequential([Input((WIDTH,)), layers.Dense(4), layers.Dense(1)])
    model.compile(fastmlp.optimizers.SGD(1e6), "mse")
    losses = model.fit(x, y, epochs=50, verbose=0).history["loss"]
    assert len(losses) == 50
    assert np.isnan(losses[-1])


# Memory.

_TRAIN_ON_A_FILE = """
import pathlib, resource, sys
import numpy as np
import fastmlp
from fastmlp import Sequential, Input, layers

path, dtype = sys.argv[1:]
width = 400
n = 400_000_000 // (width * np.dtype(dtype).itemsize)
x = np.memmap(path, dtype, "w+", shape=(n, width))   # zeros: the file takes no room on the disk
x[::1000] = 1
y = np.zeros(n, "uint8")
y[::1000] = 1
x.flush()
x = np.memmap(path, dtype, "r", shape=(n, width))
model = Sequential([Input((width,)), layers.Dense(4, activation="relu"), layers.Dense(1)])
model.compile("sgd", "mse")
model.fit(x[:4000], y[:4000], batch_size=1000, verbose=0)  # whatever is loaded late is loaded now

# From here on 60 MB more of private memory are an error; a float32 copy takes 200 MB at least.
status = pathlib.Path("/proc/self/status").read_text()
used = int(status.split("VmData:")[1].split()[0]) * 1024
resource.setrlimit(resource.RLIMIT_DATA, (used + 60_000_000, resource.RLIM_INFINITY))
try:
    x.astype("float32")
except MemoryError:
    pass
else:
    raise SystemExit("the limit has no effect")
loss = model.fit(x, y, batch_size=1000, epochs=1, validation_split=0.1, verbose=0).history["loss"]
print(np.isfinite(loss).all(), np.isfinite(model.evaluate(x, y, verbose=0)),
      model.predict(x, verbose=0).shape == (n, 1))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are told apart on Linux only")
@pytest.mark.parametrize("dtype", ["float64", "uint8"])
def test_file_larger_than_the_memory_left_is_trained_on(tmp_path, dtype):
    script = textwrap.dedent(_TRAIN_ON_A_FILE)
    command = [sys.executable, "-W", "error", "-c", script, str(tmp_path / "x"), dtype]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert (done.stdout, done.stderr) == ("True True True\n", "")
