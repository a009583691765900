"""What every model inherits: compile, fit, evaluate, predict, and steps on single batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastmlp import optimizers
from fastmlp._core.turns import Turns
from fastmlp._spelling import missing
from fastmlp.callbacks import History
from fastmlp.runtime import Executable
from fastmlp.training.compiled import Compiled
from fastmlp.training.cursor import Cursor, FitSeeds
from fastmlp.training.fit import Fitting
from fastmlp.training.inference import Inference
from fastmlp.training.loop import FitLoop
from fastmlp.training.on_batch import OnBatch
from fastmlp.training.quick import QuickSteps
from fastmlp.training.sized import Sized

_STEPS = {
    "train_step",
    "test_step",
    "predict_step",
    "compute_loss",
    "compute_metrics",
    "get_metrics_result",
}


class Trainer(OnBatch, Fitting, Inference):
    """Base of models; a subclass gives `name`, `inputs`, `outputs`, `weights` and `_build`."""

    name: str
    dtype: str
    stop_training = False
    """Set by a callback, or by another thread: `fit` ends after the step at hand."""
    stop_evaluating = False
    """Set by a callback's hook on batches: `evaluate` ends with what was seen so far."""
    stop_predicting = False
    """Set by a callback's hook on batches: `predict` ends with the outputs so far."""

    def __init__(self) -> None:
        self.optimizer: optimizers.Optimizer | None = None
        self.history: History | None = None
        self.stop_training = False
        self._compiled: Compiled | None = None
        self._executables: dict[tuple[Any, ...], Executable] = {}
        self._sized = Sized()
        self.run_eagerly = False
        self.jit_compile: Any = "auto"
        self.steps_per_execution = 1
        self._lock = Turns()
        self._seeds = FitSeeds()
        self._quick = QuickSteps()
        self._fit: FitLoop | None = None  # the one that runs
        self._cursor: Cursor | None = None  # where the last one ended
        self._resume: Cursor | None = None  # where a callback's on_train_begin wants it to begin

    if not TYPE_CHECKING:  # so that type checkers see names that are not there

        def __setattr__(self, name: str, value: Any) -> None:
            if name in _STEPS:  # one's own, for this model alone: nothing that is kept serves it
                self._executables, self._functions = {}, {}
            super().__setattr__(name, value)

        def __getattr__(self, name: str) -> Any:
            return missing(self, name)
