"""fastmlp: a whole `fit`, as a user writes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fastmlp
from bench.cases import Array, Case
from bench.peers.base import Peer as Base
from fastmlp import Input, Sequential, layers, optimizers


def build(case: Case) -> Sequential:
    """The network, compiled."""
    times = (case.sequence,) if case.sequence else ()
    model = Sequential([Input((*times, case.sizes[0]))])
    for units in case.sizes[1:-1]:
        if case.sequence:
            model.add(layers.LSTM(units))
            continue
        model.add(layers.Dense(units, activation=case.hidden))
        if case.dropout:
            model.add(layers.Dropout(case.dropout))
    model.add(layers.Dense(case.sizes[-1], activation=case.output))
    if case.optimizer == "sgd":
        optimizer: optimizers.Optimizer = optimizers.SGD(case.learning_rate)
    else:
        optimizer = optimizers.Adam(case.learning_rate, epsilon=case.epsilon)
    model.compile(optimizer=optimizer, loss=case.loss)
    return model


class Peer(Base):
    """One network in fastmlp."""

    def __init__(
        self,
        case: Case,
        x: Array,
        y: NDArray[np.generic],
        weights: list[Array],
        form: dict[str, Any],
    ) -> None:
        self.case, self.x, self.y = case, x, y
        self.threads = form.get("threads")
        self.model = build(case)
        self.model.set_weights(weights)

    def activate(self) -> None:
        """Threads, if the form asks for a number."""
        if self.threads is not None:
            fastmlp.config.set_num_threads(self.threads)

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
        return list(self.model.get_weights())

    def calls(self) -> dict[str, Callable[[Array], Any]]:
        """Keras's three ways."""
        calls: dict[str, Callable[[Array], Any]] = {
            "predict": lambda x: self.model.predict(x, verbose=0)
        }
        if hasattr(self.model, "predict_on_batch"):
            calls |= {"predict_on_batch": self.model.predict_on_batch, "model(x)": self.model}
        return calls

    def steps(self) -> dict[str, Callable[[Array, Any], object]]:
        """Keras's two ways, and a loop of one's own."""
        model, optimizer = self.model, self.model.optimizer
        assert optimizer is not None

        def own(x: Array, y: Any) -> None:
            _, gradients = fastmlp.gradients(model, x, y)
            optimizer.apply(gradients, model.trainable_weights)

        return {
            "train_on_batch": model.train_on_batch,
            "fit": lambda x, y: model.fit(x, y, batch_size=len(x), verbose=0),
            "gradients, apply": own,
        }
