"""`fit` with an optimizer of the whole data: an epoch is an iteration."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import ops
from fastmlp.callbacks import CallbackList, History
from fastmlp.constraints import NonNeg
from fastmlp.eager import start_run
from fastmlp.errors import bad_argument
from fastmlp.optimizers.whole_data import LBFGS, LevenbergMarquardt, WholeDataOptimizer
from fastmlp.plan.lower import LossSpec
from fastmlp.runtime import Executable, compile_plan
from fastmlp.training.batches import yields_batches
from fastmlp.training.data import split_rows, what_is_not_finite
from fastmlp.training.logs import LogReader
from fastmlp.training.own_loss import adds_losses
from fastmlp.training.progress import Progress, make_progress
from fastmlp.training.rows import Rows
from fastmlp.variables import Variable

if TYPE_CHECKING:
    from fastmlp.training.trainer import Trainer


_ROWS = 256  # samples of a step that computes derivatives: their products stay in the cache


class WholeData:
    """The loss of all data as a function of all trainable weights.

    Args:
        model: Compiled.
        executable: Computes loss and gradients; bound to the data, all of which are one batch.
        data: The same data.
        n: Samples to train with, the first ones.
    """

    def __init__(self, model: Trainer, executable: Executable, data: Rows, n: int) -> None:
        self.model, self.executable, self.data, self.n = model, executable, data, n
        self.seed = model._seeds.next()  # of dropout, the same for each evaluation
        self.variables = [v for v in model.weights if v.trainable]
        self.reader = LogReader(executable)
        self.row = np.empty(0)
        self._at: np.ndarray | None = None  # weights of the last evaluation
        self._errors: _Errors | None = None

    def start(self) -> np.ndarray:
        """The weights as they are."""
        return np.concatenate([v.value.reshape(-1).astype(np.float64) for v in self.variables])

    def least(self) -> np.ndarray | None:
        """The least value that each weight may have; `None`: any."""
        if all(v.constraint is None for v in self.variables):
            return None
        bounded = [np.full(v.size, v.constraint is not None) for v in self.variables]
        return np.where(np.concatenate(bounded), 0.0, -np.inf)

    def set_weights(self, w: np.ndarray) -> None:
        """Writes a flat vector into the weights."""
        first = 0
        for variable in self.variables:
            part = w[first : first + variable.size]
            variable.value[...] = part.reshape(variable.shape)
            first += variable.size

    def loss(self, w: np.ndarray) -> tuple[float, np.ndarray]:
        """The loss of all data, and its gradient."""
        self.set_weights(w)
        for totals in self.executable.slots.values():
            totals[0][...] = 0
        run = start_run(
            self.executable.program,
            self.n,
            self.n,
            seed=self.seed,
            threads=self.executable.threads(),
        )
        run.go()
        self.row, self._at = run.take_log()[0], w.copy()
        found = [self.executable.slots[v][0].reshape(-1) for v in self.variables]
        return float(self.reader.logs(self.row)["loss"]), np.concatenate(found).astype(np.float64)

    def why_not_finite(self) -> str:
        """What of data and weights is NaN or infinite, as far as that is known."""
        objective, dtype = self.model._objective(), self.model.dtype
        for source in self.data.feeds(objective.used, objective.weighing):
            if (what := what_is_not_finite(source, dtype)) is not None:
                return f": {what}"
        for variable in self.model.weights:
            wrong = variable.value[~np.isfinite(variable.value)]
            if wrong.size:
                return f": weight '{variable.path}' holds {float(wrong[0])!r}"
        return ""

    def logs(self, w: np.ndarray) -> dict[str, float]:
        """Loss and metrics at some weights, which the model then has."""
        if self._at is None or not np.array_equal(w, self._at):
            self.loss(w)
        self.set_weights(w)
        return self.reader.logs(self.row)

    def compile_jacobian(self) -> None:
        """Makes ready for `jacobian`.

        Raises:
            ValueError: The layers do not treat each sample by itself.
        """
        self._errors = _Errors(self)

    def jacobian(self, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Errors of all outputs, and their derivatives by the weights."""
        self.set_weights(w)
        if self._errors is None:
            self.compile_jacobian()
        assert self._errors is not None
        return self._errors()


class _Errors:
    """The errors of all outputs and their derivatives: outputs of plans whose loss is an output."""

    def __init__(self, problem: WholeData) -> None:
        model, self.n, variables = problem.model, problem.n, problem.variables
        sized = problem.data.sized
        objective = model._objective()
        feeds = problem.data.feeds(objective.used, objective.weighing)
        target = problem.data.targets[0]
        assert target is not None
        shape = objective.target_shape(0, target.row_shape, sized.outputs[0].shape)
        self.y = target.block(0, self.n, model.dtype).astype(np.float64).reshape(self.n, -1)
        entries = sized.boundary.feeds
        self.batch = min(self.n, _ROWS)
        outputs = compile_plan(entries, sized.outputs, model.dtype, self.batch, fetch=True)
        self.outputs = Executable(outputs)
        self.outputs.bind_all(feeds[: len(outputs.feeds)])
        self.rows = []
        for number in range(self.y.shape[1]):
            spec = LossSpec(
                0, "output", mean=False, function=_output(number), target_shape=shape, name="output"
            )
            plan = compile_plan(
                entries, sized.outputs, model.dtype, self.batch, True, [spec], rows_of=variables
            )
            executable = Executable(plan)
            executable.bind_all(feeds[: len(plan.feeds)])
            self.rows.append(executable)

    def __call__(self) -> tuple[np.ndarray, np.ndarray]:
        found = self._run(self.outputs).reshape(self.n, -1)
        errors = (found.astype(np.float64) - self.y).reshape(-1)
        if len(self.rows) == 1:
            return errors, self._run(self.rows[0]).astype(np.float64, copy=False)
        jacobian = np.empty((*self.y.shape, self.rows[0].plan.fetches[-1].width))
        for number, executable in enumerate(self.rows):
            jacobian[:, number] = self._run(executable)
        return errors, jacobian.reshape(len(errors), -1)

    def _run(self, executable: Executable) -> np.ndarray:
        """The last output of a plan, of all samples."""
        plan = executable.plan
        index = len(plan.fetches) - 1
        found = np.empty((self.n, *plan.fetches[index].shape), plan.dtype)
        executable.bind_output(index, found)
        threads = executable.threads()
        run = start_run(executable.program, self.n, self.batch, seed=0, threads=threads)
        while not run.go():
            pass
        return found


def _output(number: int) -> Any:
    return lambda y_true, y_pred: ops.reshape(y_pred, (-1, int(y_pred.shape[-1])))[:, number]


def check_whole(model: Trainer, data: Rows, n: int) -> None:
    """Refuses what the model's optimizer of the whole data cannot do.

    Raises:
        ValueError: A constraint; another loss than mse, weights of samples, penalties, or too many
            weights.
    """
    optimizer = model.optimizer
    variables: list[Variable] = [v for v in model.weights if v.trainable]
    constrained = [v for v in variables if v.constraint is not None]
    bounded = isinstance(optimizer, LBFGS)
    for v in constrained:
        if not bounded or type(v.constraint) is not NonNeg:
            expected = "no constraints but 'non_neg'" if bounded else "no constraints"
            others = "'lbfgs'" if type(v.constraint) is NonNeg else "'adam'"
            where, what = type(optimizer).__name__, f"constraint of '{v.path}'"
            raise bad_argument(where, expected, what, v.constraint, f"use optimizer={others}")
    if not isinstance(optimizer, LevenbergMarquardt):
        return
    where, hint = "LevenbergMarquardt", "use optimizer='lbfgs'"
    objective, shape = model._objective(), data.sized.outputs[0].shape
    target = data.targets[0]
    loss = None if target is None else objective.loss(0, target.row_shape, shape)
    if (
        model._has_own_loss
        or len(model.outputs) > 1
        or getattr(loss, "kind", "") != "mean_squared_error"
    ):
        raise bad_argument(where, "one output, with loss 'mse'", "loss", loss, hint)
    if any(weight is not None for weight in data.weights):
        raise bad_argument(where, "samples of equal weight", "sample_weight", "given", hint)
    penalised = [v.path for v in variables if v.regularizer is not None]
    if penalised:
        raise bad_argument(where, "no regularizers", "weights", penalised, hint)
    if adds_losses(model):
        raise bad_argument(where, "layers that add no losses", "model", model.name, hint)
    width = int(np.prod([int(d or 0) for d in shape[1:]]))
    optimizer.check_size(n * width, sum(v.size for v in variables))


def fit_whole(
    model: Trainer,
    x: Any,
    y: Any,
    epochs: int,
    verbose: int | str,
    callbacks: Any,
    validation_split: float | None,
    validation_data: Any,
    sample_weight: Any,
    class_weight: Any,
    initial_epoch: int,
) -> History:
    """`fit` with an optimizer of the whole data: an iteration an epoch, until nothing is gained."""
    optimizer = model.optimizer
    assert isinstance(optimizer, WholeDataOptimizer)
    if yields_batches(x):
        where, hint = type(optimizer).__name__, "it trains on all data at once"
        raise bad_argument(where, "arrays", "x", type(x).__name__, hint)
    if optimizer.maxiter is not None:
        epochs = initial_epoch + optimizer.maxiter
    if model._overrides("train") or model._overrides("test"):
        where, kind = type(optimizer).__name__, type(model).__name__
        hint = "an iteration looks at all samples many times: no step or compute_metrics is called"
        raise bad_argument(where, "a model without steps of its own", "model", kind, hint)
    listed = CallbackList(callbacks, add_history=True)
    with model._lock, ExitStack() as stack:
        with model._built_for(x) as rows:
            data = model._labelled(rows, y, sample_weight, class_weight)
            n = data.n if validation_data is not None else split_rows(data.n, validation_split)
            check_whole(model, data, n)
            train = stack.enter_context(model._executable("gradients", data, n))
            after, first, m = None, 0, 0
            if validation_data is not None:
                held_out = _held_out(model, validation_data)
                m = held_out.n
            elif n < data.n:
                held_out = data if class_weight is None else data.unweighted()
                first, m = n, data.n - n
            if m:
                after = stack.enter_context(model._executable("test", held_out, m, first))
            problem = WholeData(model, train, data, n)
            if isinstance(optimizer, LevenbergMarquardt):
                problem.compile_jacobian()
            progress = make_progress(verbose, epochs, 1, initial_epoch)
        model.stop_training = False
        listed.set_model(model)
        listed.set_params({"verbose": verbose, "epochs": epochs, "steps": 1})
        optimizer.message = ""
        _Iterations(problem, after, m, listed, progress).run(initial_epoch, epochs)
    assert listed.history is not None
    return listed.history


def _held_out(model: Trainer, validation_data: Any) -> Rows:
    if not isinstance(validation_data, (tuple, list)) or len(validation_data) not in (2, 3):
        expected = "(x, y) or (x, y, sample_weight)"
        raise bad_argument("fit", expected, "validation_data", type(validation_data))
    x, *labels = validation_data
    return model._labelled(model._rows(x), *labels)


class _Iterations:
    """Tells callbacks and the progress bar of each iteration."""

    def __init__(
        self,
        problem: WholeData,
        after: Executable | None,
        n_after: int,
        callbacks: CallbackList,
        progress: Progress | None,
    ) -> None:
        self.problem, self.after, self.n_after = problem, after, n_after
        self.callbacks, self.progress = callbacks, progress
        self.logs: dict[str, float] = {}

    def run(self, first_epoch: int, epochs: int) -> None:
        """Minimises; the weights are those of the last iteration, even if a callback raises."""
        model, optimizer = self.problem.model, self.problem.model.optimizer
        assert isinstance(optimizer, WholeDataOptimizer)
        self.epoch, self.epochs = first_epoch, epochs
        self.best = self.problem.start()
        self.callbacks.on_train_begin()
        try:
            if first_epoch < epochs and not model.stop_training:
                loss = self.problem.loss(self.best)[0]
                if np.isfinite(loss):
                    optimizer.minimize(self.problem, self._done)
                else:
                    why = self.problem.why_not_finite()
                    optimizer.message = f"The loss is {loss!r} at the start{why}."
                if model.stop_training:
                    optimizer.message = "A callback stopped the training."
                elif self.epoch >= epochs:
                    optimizer.message = "All iterations are done."
                if self.epoch == first_epoch:  # nothing was gained: the history tells what is
                    self._done(self.best)
        finally:
            self.problem.set_weights(self.best)
            if self.progress is not None:
                self.progress.end()
        self.callbacks.on_train_end(self.logs)

    def _done(self, w: np.ndarray) -> bool:
        model, progress, epoch = self.problem.model, self.progress, self.epoch
        assert model.optimizer is not None
        self.callbacks.on_epoch_begin(epoch)
        if progress is not None:
            progress.begin_epoch(epoch)
        self.best = w.copy()
        logs = self.problem.logs(w)
        if self.after is not None:
            threads = self.after.threads()
            run = start_run(self.after.program, self.n_after, self.n_after, seed=0, threads=threads)
            self.callbacks.on_test_begin()
            run.go()
            found = LogReader(self.after, "val_").logs(run.take_log()[0])
            self.callbacks.on_test_end({k.removeprefix("val_"): v for k, v in found.items()})
            logs |= found
        model.optimizer.steps += 1
        self.logs = dict(self.callbacks.on_epoch_end(epoch, logs))
        if progress is not None:
            progress.end_epoch(epoch, self.logs)
        self.best = self.problem.start()  # a callback may have changed them
        self.epoch += 1
        return self.epoch >= self.epochs or model.stop_training
