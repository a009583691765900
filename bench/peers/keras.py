"""Keras 3 on the backend that `KERAS_BACKEND` names: a whole `fit`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from bench.cases import Array, Case
from bench.peers.base import Peer as Base


class Peer(Base):
    """One network in Keras; batches of one step, or several steps an execution."""

    def __init__(
        self,
        case: Case,
        x: Array,
        y: NDArray[np.generic],
        weights: list[Array],
        form: dict[str, Any],
    ) -> None:
        self.case, self.x, self.y = case, x, y
        keras.utils.set_random_seed(0)
        self.threads = form.get("threads")
        times = (case.sequence,) if case.sequence else ()
        model = keras.Sequential([keras.Input((*times, case.sizes[0]))])
        for units in case.sizes[1:-1]:
            if case.sequence:
                model.add(keras.layers.LSTM(units))
                continue
            model.add(keras.layers.Dense(units, activation=case.hidden))
            if case.dropout:
                model.add(keras.layers.Dropout(case.dropout))
        model.add(keras.layers.Dense(case.sizes[-1], activation=case.output))
        if case.optimizer == "sgd":
            optimizer = keras.optimizers.SGD(case.learning_rate)
        else:
            optimizer = keras.optimizers.Adam(case.learning_rate, epsilon=case.epsilon)
        model.compile(
            optimizer=optimizer,
            loss=case.loss,
            steps_per_execution=form.get("steps_per_execution", 1),
        )
        model.set_weights(weights)
        self.model = model

    @classmethod
    def forms(cls, case: Case, cores: int) -> list[dict[str, Any]]:
        """On PyTorch the number of threads, elsewhere `steps_per_execution`."""
        if keras.backend.backend() == "torch":
            return [{"threads": threads} for threads in sorted({1, cores})]
        return [{"steps_per_execution": steps} for steps in (1, 32) if steps <= case.steps]

    def activate(self) -> None:
        """Threads of PyTorch."""
        if self.threads is not None:
            import torch

            torch.set_num_threads(self.threads)

    def fit(self, epochs: int, shuffle: bool = True) -> list[float]:
        """`model.fit`."""
        history = self.model.fit(
            self.x,
            self.y,
            batch_size=self.case.batch_size,
            epochs=epochs,
            shuffle=shuffle,
            verbose=0,
        )
        return [float(loss) for loss in history.history["loss"]]

    def weights(self) -> list[Array]:
        """`model.get_weights`."""
        return [np.asarray(array) for array in self.model.get_weights()]

    def calls(self) -> dict[str, Callable[[Array], Any]]:
        """Its quickest way to predict."""
        return {"predict_on_batch": self.model.predict_on_batch}

    def steps(self) -> dict[str, Callable[[Array, Any], object]]:
        """Its two ways."""
        return {
            "train_on_batch": self.model.train_on_batch,
            "fit": lambda x, y: self.model.fit(x, y, batch_size=len(x), verbose=0),
        }
