"""Event files: the real tensorboard package reads them, and finds what Keras would have written."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import os
import pickle
import sys
import types
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import matplotlib.image
import numpy as np
import pytest

import fastmlp
from fastmlp import callbacks
from fastmlp.callbacks.event_file import EventFile, histogram, masked_crc32c, png

with warnings.catch_warnings():  # of packages that tensorboard needs
    warnings.simplefilter("ignore")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c as their_crc
    from tensorboard.plugins.graph.keras_util import keras_model_to_graph_def
    from tensorboard.plugins.histogram.summary_v2 import histogram_pb
    from tensorboard.plugins.scalar.summary_v2 import scalar_pb
    from tensorboard.util.tensor_util import make_ndarray

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 3)).astype("float32")
Y = np.tanh(X[:, :2] - X[:, 1:])
WEIGHTS = [RNG.normal(size=shape).astype("float32") for shape in ((3, 4), (4,), (4, 2), (2,))]


def make(lib: Any) -> Any:
    model = lib.Sequential(
        [
            lib.Input((3,)),
            lib.layers.Dense(4, "tanh", name="first"),
            lib.layers.Dense(2, name="out"),
        ],
        name="small",
    )
    model.set_weights(WEIGHTS)
    model.compile(optimizer=lib.optimizers.SGD(0.1), loss="mse", metrics=["mae"])
    return model


def run(lib: Any, folder: Path, **arguments: Any) -> None:
    told = lib.callbacks.TensorBoard(folder, **arguments)
    model = make(lib)
    model.fit(
        X, Y, batch_size=4, epochs=3, verbose=0, shuffle=False, validation_split=0.2,
        callbacks=[told],
    )  # fmt: skip
    model.evaluate(X, Y, batch_size=4, verbose=0, callbacks=[told])


def read(folder: Path) -> dict[tuple[str, str], list[tuple[int, Any]]]:
    """What tensorboard finds: `(part, tag)` to steps and arrays."""
    found: dict[tuple[str, str], list[tuple[int, Any]]] = {}
    for part in sorted(os.listdir(folder)):
        files = EventAccumulator(str(folder / part), size_guidance={"tensors": 0})
        files.Reload()
        for tag in files.Tags()["tensors"]:
            entries = [(e.step, make_ndarray(e.tensor_proto)) for e in files.Tensors(tag)]
            found[part, tag] = entries
    return found


class Recorder(types.ModuleType):
    """Stands in for `tensorflow.summary`, and writes down what Keras wants to be written."""

    def __init__(self) -> None:
        super().__init__("tensorflow.summary")
        self.found: dict[tuple[str, str], list[tuple[int, Any]]] = {}
        self.part: str | None = None

    def create_file_writer(self, path: str) -> Any:
        @contextlib.contextmanager
        def as_default(step: int | None = None) -> Iterator[None]:
            before, self.part = self.part, os.path.basename(path)
            yield
            self.part = before

        return types.SimpleNamespace(as_default=as_default, close=lambda: None, flush=lambda: None)

    def record_if(self, condition: Any) -> Any:
        return contextlib.nullcontext()

    def _note(self, tag: str, value: Any, step: Any) -> None:
        if self.part is not None:
            self.found.setdefault((self.part, tag), []).append((int(step), np.array(value)))

    def scalar(self, tag: str, value: Any, step: Any) -> None:
        self._note(tag, float(value), step)

    def histogram(self, tag: str, value: Any, step: Any) -> None:
        self._note(tag, make_ndarray(histogram_pb(tag, value.numpy()).value[0].tensor), step)

    def image(self, tag: str, value: Any, step: Any) -> None:
        self._note(tag, value[0, :, :, 0], step)


@pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")  # Keras's own
@pytest.mark.parametrize(
    "arguments",
    [{}, {"update_freq": "batch", "histogram_freq": 2, "write_images": True}],
    ids=["plain", "all"],
)
def test_what_keras_would_write_is_there(arguments, tmp_path, monkeypatch):
    summary = Recorder()
    tensorflow = types.ModuleType("tensorflow")
    tensorflow.summary = summary  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tensorflow", tensorflow)
    monkeypatch.setitem(sys.modules, "tensorflow.summary", summary)
    run(keras, tmp_path / "keras", write_graph=False, **arguments)
    monkeypatch.undo()
    run(fastmlp, tmp_path / "ours", write_graph=False, **arguments)
    ours, theirs = read(tmp_path / "ours"), summary.found
    prefix = "small/"  # Keras has the model's name in paths of weights
    assert {(part, tag.removeprefix(prefix)) for part, tag in theirs} == set(ours)
    for (part, tag), expected in theirs.items():
        entries = ours[part, tag.removeprefix(prefix)]
        assert [step for step, _ in entries] == [step for step, _ in expected], tag
        for (_, value), (_, wanted) in zip(entries, expected, strict=True):
            if tag.endswith("image"):
                picture = matplotlib.image.imread(io.BytesIO(value[2]))
                assert value[:2].tolist() == [str(n).encode() for n in wanted.shape[::-1]]
                np.testing.assert_allclose(picture, np.clip(wanted, 0, 1), atol=1 / 255)
            elif tag.endswith("histogram"):
                np.testing.assert_allclose(value[:, :2], wanted[:, :2], atol=1e-5)
                assert value[:, 2].sum() == wanted[:, 2].sum()
            else:
                np.testing.assert_allclose(value, wanted, rtol=1e-4, err_msg=tag)


def test_every_so_many_batches_and_steps_per_second(tmp_path):
    run(fastmlp, tmp_path, update_freq=3, write_steps_per_second=True)
    found = read(tmp_path)
    assert [step for step, _ in found["train", "batch_loss"]] == [3, 6, 9, 12]
    for tag in ("batch_steps_per_second", "epoch_steps_per_second"):
        assert all(value > 0 for _, value in found["train", tag])


def test_the_learning_rate_of_each_epoch(tmp_path):
    model = make(fastmlp)
    rates = [0.5, 0.25, 0.125]
    told = [
        callbacks.LearningRateScheduler(lambda epoch: rates[epoch]),
        callbacks.TensorBoard(tmp_path),
    ]
    model.fit(X, Y, epochs=3, verbose=0, callbacks=told)
    found = read(tmp_path)["train", "epoch_learning_rate"]
    assert [(step, float(value)) for step, value in found] == list(enumerate(rates))


def test_the_graph_is_one_that_tensorboard_draws(tmp_path):
    make(fastmlp).fit(X, Y, verbose=0, callbacks=[callbacks.TensorBoard(tmp_path)])
    ((step, text),) = read(tmp_path)["train", "keras"]
    drawn = keras_model_to_graph_def(json.loads(text.item()))
    first, out = [node for node in drawn.node if node.name.split("/")[-1] in ("first", "out")]
    assert step == 0 and list(out.input) == [first.name]
    assert first.attr["keras_class"].s == b"Dense"


def test_without_batches_no_hook_slows_the_training():
    plain = callbacks.CallbackList([callbacks.TensorBoard("logs")])
    assert not plain.has_batch_hooks
    for update_freq in ("batch", 5):
        told = callbacks.TensorBoard("logs", update_freq=update_freq)
        for twin in (told, copy.deepcopy(told), pickle.loads(pickle.dumps(told))):
            assert callbacks.CallbackList([twin]).has_train_batch_hooks


def test_each_fit_has_files_of_its_own(tmp_path):
    told, model = callbacks.TensorBoard(tmp_path, write_graph=False), make(fastmlp)
    for _ in range(2):
        model.fit(X, Y, verbose=0, callbacks=[told])
    assert len(os.listdir(tmp_path / "train")) == 2


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        make(fastmlp).fit(X, Y, verbose=0, callbacks=[callbacks.TensorBoard(tmp_path / "file")])


@pytest.mark.parametrize(
    "arguments",
    [{"update_freq": "epochs"}, {"update_freq": 0}, {"histogram_freq": -1}, {"profile_batch": 2},
     {"embeddings_freq": 1}, {"embeddings_metadata": "x"}],
    ids=str,
)  # fmt: skip
def test_bad_arguments_are_refused(arguments):
    with pytest.raises(ValueError, match=f"TensorBoard.*{next(iter(arguments))}"):
        callbacks.TensorBoard(**arguments)


def test_a_folder_that_is_no_path_is_refused():
    with pytest.raises(TypeError, match=r"log_dir to be a path.*3"):
        callbacks.TensorBoard(3)


# The file itself.


def test_checksums_are_those_of_tensorboard():
    for size in (0, 1, 7, 100):
        data = RNG.bytes(size)
        assert masked_crc32c(data) == their_crc(data)


@pytest.mark.parametrize("value", [0.0, -1.5, 1e-40, 1e40, float("inf"), float("nan")])
@pytest.mark.parametrize("step", [0, 1, 127, 128, 2**40, -1])
def test_numbers_and_steps_of_all_sizes(value, step, tmp_path):
    file = EventFile(str(tmp_path / "run"))
    file.scalar("größe", value, step)
    file.flush()
    ((key, [(found_step, found)]),) = read(tmp_path).items()
    assert key == ("run", "größe") and found_step == step
    with np.errstate(over="ignore"):
        expected = make_ndarray(scalar_pb("x", value).value[0].tensor)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    "values",
    [RNG.normal(size=(7, 9)), np.full(5, 0.25), np.array([]), np.array([1.0, 2.0]), np.float32(3)],
    ids=["many", "equal", "none", "two", "one"],
)
def test_histograms_are_those_of_tensorboard(values):
    expected = make_ndarray(histogram_pb("x", values).value[0].tensor)
    np.testing.assert_array_equal(histogram(values), expected)


def test_a_histogram_leaves_out_what_is_not_finite():
    values = np.array([1.0, np.nan, 2.0, np.inf])
    np.testing.assert_array_equal(histogram(values), histogram(values[[0, 2]]))


def test_pictures_are_png_files():
    image = np.array([[0.0, 0.5, 1.0], [-1.0, 2.0, np.nan]])
    found = matplotlib.image.imread(io.BytesIO(png(image)))
    np.testing.assert_allclose(found, [[0, 127 / 255, 1], [0, 1, 0]], atol=1e-6)


def test_files_grow_and_are_never_cut_off_in_a_record(tmp_path):
    file = EventFile(str(tmp_path / "run"))
    for step in range(5):
        file.scalar("loss", step, step)
        file.flush()
        assert [s for s, _ in read(tmp_path)["run", "loss"]] == list(range(step + 1))


def test_files_of_one_second_are_read_in_the_order_in_which_they_were_opened(tmp_path, monkeypatch):
    monkeypatch.setattr("time.time", lambda: 1e9)
    paths = [EventFile(str(tmp_path)).path for _ in range(101)]
    assert paths == sorted(paths)
