"""Models as files and as copies."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from fastmlp import graph, saving
from fastmlp._core.turns import Turns
from fastmlp._spelling import accepts_old
from fastmlp.errors import warn_user
from fastmlp.registry import overridden
from fastmlp.training.cursor import Cursor
from fastmlp.variables import move_to_arena


class Persistent:
    """Part of `Model`: saving, loading, pickling and copying."""

    @accepts_old
    def save(
        self,
        filepath: str | os.PathLike[str],
        overwrite: bool = True,
        zipped: bool | None = None,
        include_optimizer: bool = True,
    ) -> None:
        """Saves the model: architecture, weights, compile settings and state of the training.

        A model that `fastmlp.models.load_model` makes of the file goes on to the bits that this one
        would go on to. The file is a safetensors file. It replaces an older one as a whole: whatever
        happens while it is written, one of the two is there.

        A path that ends in `.keras` gives a file of Keras's, which Keras 3 loads, too, and trains on; seeds
        and the place in the training are not in it. So does one that ends in `.h5`, in the format of Keras 2,
        with Keras's warning that it is legacy. Both take `pip install "fastmlp[keras-files]"`.

        A model that is not built is saved, with a warning, without weights.

        Args:
            filepath: Path that ends in `.fastmlp`, `.safetensors`, `.keras` or `.h5`.
            overwrite: Whether to replace a file that is there; `False`: ask on the terminal.
            zipped: `True` or `None`: it is one file, not a folder.
            include_optimizer: Whether a `.h5` file gets the compile settings and the state of the
                optimizer; the other files always do, as in Keras.

        Raises:
            ValueError: `zipped` is false; or another ending, or a model that is not made of configs, or has weights and does
                not know its input.
            OSError: The file cannot be written.

        Example:

        >>> import os, tempfile
        >>> import numpy as np
        >>> from fastmlp import Input, Sequential, layers
        >>> from fastmlp.models import load_model
        >>> model = Sequential([Input((2,)), layers.Dense(1)])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "model.fastmlp")
        ...     model.save(path)
        ...     again = load_model(path)
        >>> x = np.ones((3, 2))
        >>> bool((model.predict(x, verbose=0) == again.predict(x, verbose=0)).all())
        True
        """
        saving.save_model(self, filepath, overwrite, zipped, include_optimizer)

    @accepts_old
    def save_weights(
        self,
        filepath: str | os.PathLike[str],
        overwrite: bool = True,
        max_shard_size: float | None = None,
    ) -> None:
        """Saves the weights and the state of the training, without the architecture.

        Args:
            filepath: Path that ends in `.fastmlp` or `.safetensors`; in `.weights.h5` for a file of
                Keras's, with the weights and the state of the optimizer; in `.h5`, with a
                FutureWarning, for the weights alone as Keras 2 wrote them.
            overwrite: Whether to replace a file that is there; `False`: ask on the terminal.
            max_shard_size: Accepted; there is one file.

        Raises:
            ValueError: Another ending, or a model that is not built.
            OSError: The file cannot be written.

        Example:

        See `load_weights`.
        """
        saving.save_weights(self, filepath, overwrite)

    @accepts_old
    def load_weights(
        self,
        filepath: str | os.PathLike[str],
        skip_mismatch: bool = False,
        objects_to_skip: Iterable[Any] | None = None,
    ) -> None:
        """Loads weights from a file of `save_weights` or `save`, of fastmlp's or Keras's.

        Layer by layer in their order; those of Keras's files by the attributes that hold the layers.

        Of a compiled model, the state of the training is loaded too, if the optimizers agree and no
        layer is skipped.

        Args:
            filepath: Of the file.
            skip_mismatch: Whether to leave layers alone whose shapes differ from the file's.
            objects_to_skip: Layers to leave alone.

        Raises:
            ValueError: It is no such file, is damaged, or does not fit; nothing has changed then.
            OSError: It cannot be read.

        Example:

        >>> import os, tempfile
        >>> import numpy as np
        >>> from fastmlp import Input, Sequential, layers
        >>> def make():
        ...     return Sequential([Input((2,)), layers.Dense(1)])
        >>> model, other = make(), make()
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "weights.fastmlp")
        ...     model.save_weights(path)
        ...     other.load_weights(path)
        >>> all(np.array_equal(a, b) for a, b in zip(model.get_weights(), other.get_weights()))
        True
        """
        saving.load_weights(self, filepath, skip_mismatch, objects_to_skip)

    def _load_backup(self, filepath: str) -> Cursor:
        """Weights and state of a training to go on with, for `BackupAndRestore`."""
        from fastmlp.saving.model_file import load_backup

        return load_backup(self, filepath)

    def get_compile_config(self) -> dict[str, Any] | None:
        """The arguments of `compile` as JSON, or `None` for a model that is not compiled."""
        from fastmlp.saving.compile_config import compile_config

        return compile_config(self)

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compiles the model with what `get_compile_config` returned.

        One whose `compile` is of its own is left alone, with a warning: it may take other arguments.
        """
        from fastmlp.saving.compile_config import compile_from_config

        if overridden(self, "compile"):
            own = type(self).__name__
            warn_user(
                f"compile_from_config: {own} is not compiled, since its compile() is of its own. Hint: "
                f"define {own}.get_compile_config() and {own}.compile_from_config(config)"
            )
            return
        compile_from_config(self, config)

    def __getstate__(self) -> dict[str, Any]:
        """Everything but what belongs to this process or is made again when needed.

        The nodes of the graph come first, each after those it reads: pickling one never goes deeper
        than to the next.
        """
        outputs: Any = getattr(self, "outputs", None) or []
        state = {"_nodes": graph.order(outputs)} if outputs else {"_nodes": []}
        state |= {k: v for k, v in list(self.__dict__.items()) if k not in _OWN}
        fit = self.__dict__.get("_fit")
        return state if fit is None else {**state, "_cursor": fit.cursor()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        state.pop("_nodes")
        self.__dict__.update(state)
        self.__dict__.update(_executables={}, _functions={}, _lock=Turns(), _fit=None, _resume=None)
        self._forget_sizes()  # type: ignore[attr-defined]
        if state.get("history") is not None:
            state["history"].model = self
        self._arena_room = move_to_arena(self.weights)  # type: ignore[attr-defined]


# Of this process: plans, locks, a running fit, and memory that the copies' weights leave.
_OWN = {
    "_executables",
    "_functions",
    "_sized",
    "_by_sizes",
    "_kept_objectives",
    "_lock",
    "_fit",
    "_resume",
    "_arena_room",
}
