"""Curves, weights and the model, for TensorBoard."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp._spelling import accepts_old
from fastmlp.callbacks.callback import Callback, Logs
from fastmlp.errors import bad_argument, check_int, warn_user

if TYPE_CHECKING:
    from fastmlp.callbacks.event_file import EventFile


class TensorBoard(Callback):
    """Writes event files, which `tensorboard --logdir logs` shows; TensorFlow is not needed.

    They lie in `log_dir/train` and `log_dir/validation`. Losses, metrics and the learning rate are
    named `epoch_…`, and those of batches `batch_…`.

    Args:
        log_dir: Folder, of this training alone.
        histogram_freq: After every so many epochs the distribution of each weight is written; 0:
            never.
        write_graph: Whether to write the layers and how they are connected.
        write_images: Whether to write weights as pictures, along with their distributions.
        write_steps_per_second: Whether to write how fast the training is.
        update_freq: `'epoch'`; or `'batch'`, or a number of batches after which to write their
            losses and metrics, too. Being told of each batch slows small models down.
        profile_batch: Must be 0: native code has no trace to show.
        embeddings_freq: Must be 0.
        embeddings_metadata: Must be `None`.

    Raises:
        ValueError: An argument is not as described.

    Example:

    >>> TensorBoard("logs", histogram_freq=1).histogram_freq
    1
    """

    @accepts_old
    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: int | str = "epoch",
        profile_batch: Any = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: Any = None,
    ) -> None:
        if profile_batch:
            raise bad_argument(
                "TensorBoard", "0", "profile_batch", profile_batch,
                "model.plan_summary() tells what a step is made of",
            )  # fmt: skip
        if embeddings_freq or embeddings_metadata is not None:
            name = "embeddings_freq" if embeddings_freq else "embeddings_metadata"
            given = embeddings_freq or embeddings_metadata
            raise bad_argument("TensorBoard", "no embeddings to project", name, given)
        if isinstance(update_freq, str) and update_freq not in ("epoch", "batch"):
            expected = "'epoch', 'batch' or a number of batches"
            raise bad_argument("TensorBoard", expected, "update_freq", update_freq)
        if not isinstance(update_freq, str):
            update_freq = check_int("TensorBoard", "update_freq", update_freq, 1)
        if not isinstance(log_dir, (str, os.PathLike)):
            raise TypeError(
                f"TensorBoard: expected log_dir to be a path. Received: {log_dir!r:.80}"
            )
        self.log_dir = os.fspath(log_dir)
        self.histogram_freq = check_int("TensorBoard", "histogram_freq", histogram_freq, 0)
        self.write_graph = write_graph
        self.write_images = write_images
        self.write_steps_per_second = write_steps_per_second
        self.update_freq = 1 if update_freq == "batch" else update_freq
        self._files: dict[str, EventFile] = {}
        self._batch = 0  # of training, counted over the epochs
        self._batch_start = self._epoch_start = 0.0
        self._steps_before = 0
        self._hook_batches()

    def _hook_batches(self) -> None:
        if self.update_freq != "epoch":
            self.on_train_batch_begin = self._begin_batch  # type: ignore[method-assign]
            self.on_train_batch_end = self._end_batch  # type: ignore[method-assign]

    def __getstate__(self) -> dict[str, Any]:
        hooks = ("on_train_batch_begin", "on_train_batch_end")
        return {k: v for k, v in self.__dict__.items() if k not in hooks}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._hook_batches()

    def _file(self, name: str) -> EventFile:
        from fastmlp.callbacks.event_file import EventFile  # brings sockets

        if name not in self._files:
            self._files[name] = EventFile(os.path.join(self.log_dir, name))
        return self._files[name]

    def _flush(self) -> None:
        for file in self._files.values():
            file.flush()

    def set_model(self, model: Any) -> None:
        self.model = model
        self._files = {}
        if self.write_graph and model.built:
            import json

            try:
                config = {"class_name": type(model).__name__, "config": model.get_config()}
                text = json.dumps(config, default=str)
            except Exception as error:  # whatever a config of the user's own raises
                warn_user(f"Model failed to serialize as JSON. Ignoring... {error}")
                return
            self._file("train").text("keras", text, "graph_keras_model", b"1", 0)

    # Training.

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._batch = 0

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._flush()

    def _begin_batch(self, batch: int, logs: Logs | None = None) -> None:
        self._batch += 1
        self._batch_start = time.perf_counter()

    def _end_batch(self, batch: int, logs: Logs | None = None) -> None:
        assert isinstance(self.update_freq, int)
        if self._batch % self.update_freq:
            return
        values = {f"batch_{name}": value for name, value in (logs or {}).items()}
        if self.write_steps_per_second:
            took = time.perf_counter() - self._batch_start
            values = {"batch_steps_per_second": 1 / max(took, 1e-9), **values}
        self._scalars("train", values, self._batch)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._steps_before = self.model.optimizer.iterations
        self._epoch_start = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        values = dict(logs or {})
        held_out = {
            n.removeprefix("val_"): values.pop(n) for n in [*values] if n.startswith("val_")
        }
        if hasattr(self.model.optimizer, "learning_rate"):  # several optimizers have several
            values["learning_rate"] = float(self.model.optimizer.learning_rate)
        if self.write_steps_per_second:
            steps = self.model.optimizer.iterations - self._steps_before
            values["steps_per_second"] = steps / (time.perf_counter() - self._epoch_start)
        for name, found in (("train", values), ("validation", held_out)):
            self._scalars(name, {f"epoch_{key}": value for key, value in found.items()}, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._write_weights(epoch)
        self._flush()

    def on_test_end(self, logs: Logs | None = None) -> None:
        if self.model.optimizer is not None:
            values = {
                f"evaluation_{name}_vs_iterations": value for name, value in (logs or {}).items()
            }
            self._scalars("validation", values, self.model.optimizer.iterations)
            self._flush()

    def _scalars(self, name: str, values: dict[str, float], step: int) -> None:
        for tag, value in values.items():
            self._file(name).scalar(tag, value, step)

    def _write_weights(self, epoch: int) -> None:
        file = self._file("train")
        for weight in self.model.weights:
            file.histogram(f"{weight.path}/histogram", weight.value, epoch)
            if self.write_images:
                image = np.squeeze(weight.value)
                if image.ndim == 1:
                    file.image(f"{weight.path}/image", image[:, None], epoch)
                elif image.ndim == 2:
                    wide = image.shape[0] <= image.shape[1]
                    file.image(f"{weight.path}/image", image if wide else image.T, epoch)
