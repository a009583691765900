"""Evaluating with the moving averages of the weights."""

from __future__ import annotations

import numpy as np

from fastmlp._spelling import accepts_old
from fastmlp.callbacks.callback import Callback, Logs
from fastmlp.variables import Variable


class SwapEMAWeights(Callback):
    """Puts the moving averages of the weights into the model while it is evaluated.

    The optimizer must keep them: `use_ema=True`. Training goes on from the weights themselves, which
    are kept aside meanwhile.

    Args:
        swap_on_epoch: Whether the averages stay in the model from the end of each epoch to the
            beginning of the next, for callbacks such as `ModelCheckpoint` that come after this one.

    Raises:
        ValueError: In training: the optimizer keeps no averages.

    Example:

    >>> SwapEMAWeights(swap_on_epoch=True).swap_on_epoch
    True
    """

    @accepts_old
    def __init__(self, swap_on_epoch: bool = False) -> None:
        self.swap_on_epoch = swap_on_epoch
        self._aside: list[tuple[Variable, np.ndarray]] | None = None

    def _put_averages(self) -> None:
        optimizer = self.model.optimizer
        keepers = [optimizer, *getattr(optimizer, "parts", ())]
        if not any(getattr(keeper, "use_ema", False) for keeper in keepers):
            raise ValueError(
                "SwapEMAWeights: expected an optimizer with use_ema=True. Received: "
                f"{optimizer!r:.60}. Hint: compile with {type(optimizer).__name__}(use_ema=True)"
            )
        if self._aside is None:
            known = [v for v in self.model.weights if v in optimizer.state]
            self._aside = [(variable, variable.numpy()) for variable in known]
            optimizer.finalize_variable_values(known)

    def _put_weights_back(self) -> None:
        for variable, value in self._aside or ():
            variable.assign(value)
        self._aside = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._aside = None

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        if self.swap_on_epoch:
            self._put_weights_back()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.swap_on_epoch:
            self._put_averages()

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._aside = None  # fit has ended with the averages in the model

    def on_test_begin(self, logs: Logs | None = None) -> None:
        self._put_averages()

    def on_test_end(self, logs: Logs | None = None) -> None:
        self._put_weights_back()

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        self._put_averages()

    def on_predict_end(self, logs: Logs | None = None) -> None:
        self._put_weights_back()
