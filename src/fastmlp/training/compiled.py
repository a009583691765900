"""What `compile` was told, and what it means for given data: losses and metrics as specs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any, cast

from fastmlp import graph, whole_batch
from fastmlp import losses as losses_
from fastmlp import metrics as metrics_
from fastmlp.graph import Shape
from fastmlp.losses import Loss
from fastmlp.losses.axes import axis_last
from fastmlp.losses.custom import CalledLoss, as_overridden
from fastmlp.losses.rows import align
from fastmlp.metrics import Mean
from fastmlp.optimizers import Optimizer
from fastmlp.plan.ir import Plan
from fastmlp.plan.lower import LossSpec, MetricSpec
from fastmlp.plan.objectives import Whole
from fastmlp.plan.update import UpdateSpec
from fastmlp.training import forms
from fastmlp.training.checks import samples
from fastmlp.training.structure import Slots, walk
from fastmlp.variables import Variable

if TYPE_CHECKING:
    from fastmlp.optimizers.wrapping import Wrapping

RowShape = tuple[int, ...]

_BY_SHAPE = ("crossentropy", "ce")
# Whole steps of an optimizer, and what comes before one.
_STEPS = ("apply", "apply_gradients", "stateless_apply", "scale_loss")


class Compiled:
    """Losses and metrics as the user gave them.

    Args:
        loss: In any form of `forms.losses_by_output`; `None`: what layers add is all.
        loss_weights: In any form of `forms.loss_weights_by_output`.
        metrics: In any form of `forms.metrics_by_output`; they ignore sample weights.
        weighted_metrics: The same; they use them.
        slots: The outputs; `None` while the model is not built.

    Raises:
        ValueError: An unknown name, or a form that does not fit the outputs.
    """

    def __init__(
        self,
        loss: Any,
        loss_weights: Any,
        metrics: Any,
        weighted_metrics: Any,
        slots: Slots | None = None,
    ) -> None:
        self.loss = loss
        self.loss_weights = loss_weights
        self.metrics = metrics
        self.weighted_metrics = weighted_metrics
        self.resolved: list[tuple[str, Any]] = []  # of plans, with their log keys
        self.keyed: list[tuple[str, int, Any, bool]] = []  # of steps of the user's own
        self.means = {"loss": Mean("loss")}
        known = [_known_loss(one) for _, one in walk(loss)]
        self.has_loss = any(one is not None for one in known)
        found = [*metrics_.check_names(metrics), *metrics_.check_names(weighted_metrics)]
        per_batch = ("sum", "mean_with_sample_weight")
        self.by_batch = any(_by_batch(metric) for metric in found) or any(
            getattr(one, "reduction", None) in per_batch or getattr(one, "by_batch", False)
            for one in known
        )
        if slots is not None:
            self.objective(slots)

    means: dict[str, Mean]
    """Those of the loss, and of the losses of several outputs, over the last pass."""

    @property
    def objects(self) -> list[tuple[str, Any]]:
        """The means of losses, then the metrics as the last pass understood them; by log keys."""
        found = [(key, metric) for key, _, metric, _ in self.keyed] or self.resolved
        return [*self.means.items(), *found]

    def mean(self, name: str) -> Mean:
        """That of the loss of this name."""
        return self.means.setdefault(name, Mean(name))

    by_batch: bool
    """Whether a loss or metric depends on how data are cut into batches."""

    def objective(self, slots: Slots, own: bool = False, measures: bool = True) -> Objective:
        """What is minimised and measured, output by output; arguments as for `Objective`."""
        return Objective(self, slots, own, measures)


class Objective:
    """Losses and metrics of the outputs of a model.

    Args:
        compiled: What the user gave.
        slots: The outputs.
        own: Whether the model has a `compute_loss` of its own, which takes all targets.
        measures: Whether there are metrics.

    Attributes:
        losses: Of each output; `None` for an output without, a name where it depends on shapes.
        used: Numbers of the outputs that have a loss or a metric, and therefore a target.
        with_loss: Those that have a loss.
        weighing: Those that have something which uses sample weights.
        sequences: Name of the last layer that returns sequences, for hints.
        mixes: Whether a loss or metric takes the batch for an axis like others: plans are for one number
            of samples then.
    """

    def __init__(
        self, compiled: Compiled, slots: Slots, own: bool = False, measures: bool = True
    ) -> None:
        self._compiled, self._measures = compiled, measures
        self.own = own
        self.sequences: str | None = None
        self.mixes = False
        self._slots = slots
        given = forms.losses_by_output(compiled.loss, slots)
        self.losses = [_known_loss(one) for one in given]
        self._names = forms.loss_names(compiled.loss, slots)
        self._weights = forms.loss_weights_by_output(compiled.loss_weights, given, slots)
        self._metrics = [
            (
                weighted,
                forms.metrics_by_output(
                    argument, getattr(compiled, argument) if measures else None, slots
                ),
            )
            for weighted, argument in ((False, "metrics"), (True, "weighted_metrics"))
        ]
        self.used = [
            i
            for i, loss in enumerate(self.losses)
            if own or loss is not None or any(by_output[i] for _, by_output in self._metrics)
        ]
        self.with_loss = [i for i in self.used if self.losses[i] is not None]
        if isinstance(compiled.loss, Mapping) and isinstance(slots.structure, Mapping):
            keys, paths = list(compiled.loss), slots.paths()  # listed in this order, as in Keras
            self.with_loss.sort(key=lambda i: keys.index(paths[i][0]) if paths[i][0] in keys else 0)
        weighted = self._metrics[1][1]
        self.weighing = [i for i in self.used if own or self.losses[i] is not None or weighted[i]]

    def loss(self, output: int, row_shape: RowShape, shape: Shape) -> Any:
        """The loss of an output for targets of this shape, or `None`."""
        loss = self.losses[output]
        if not isinstance(loss, str):
            return loss
        return losses_.resolve(loss, (None, *row_shape), _with_columns(shape))

    def weight(self, output: int) -> float:
        """The weight of an output's loss."""
        return self._weights[output]

    def plan_of(self, samples: int, compiles: Callable[[], Plan]) -> Plan:
        """A plan for any number of samples; if losses or metrics refuse that, for so many alone.

        Raises:
            ValueError, TypeError: They refuse both.
        """

        def of_so_many() -> Plan:
            with graph.batch_of(samples):
                plan = compiles()
            self.mixes = True
            return plan

        return of_so_many() if self.mixes else whole_batch.either(compiles, of_so_many)

    def names(self, shapes: Sequence[Shape]) -> list[str]:
        """Log keys as `evaluate` lists them.

        Args:
            shapes: Of the outputs; targets are taken to be like them, which changes no name.
        """
        several = self.with_loss if len(self.with_loss) > 1 and not self.own else ()
        rows = [tuple(int(d or 0) for d in shape[1:]) for shape in shapes]
        metrics = [key for key, *_ in self.keyed_metrics(rows, shapes)]
        return ["loss", *(f"{self._names[i]}_loss" for i in several), *metrics]

    def target_shape(self, output: int, row_shape: RowShape, shape: Shape) -> RowShape:
        """Shape that one sample's target is seen in.

        Args:
            output: Number of the output.
            row_shape: Of one sample's target as it came.
            shape: Of the output, the batch included.

        Raises:
            ValueError: The data does not fit the output and the loss.
        """
        loss = self.loss(output, row_shape, shape)
        out = tuple(int(d or 0) for d in shape[1:])
        if not out and row_shape == (1,):
            return ()
        as_it_came = out if (row_shape, out) == ((), (1,)) else row_shape
        if loss is None and self.own and not any(by[output] for _, by in self._metrics):
            return as_it_came
        if loss is not None and not loss.kind and not loss.targets:
            return as_it_came  # a loss of the user's own takes what it gets
        if loss is not None and loss.sparse:
            out = axis_last(loss.name, out, loss.axis)
        classes = row_shape in (out[:-1], (*out[:-1], 1)) and out[-1:] not in ((), (1,))
        if loss.sparse if loss is not None else classes:
            if row_shape in (out[:-1], (*out[:-1], 1), (*out[:-1], 1, 1)):
                return (*out[:-1], 1)
            expected, hint = out[:-1], "sparse losses take one whole number for each sample"
            if loss is not None and row_shape == out:
                hint = f"targets of one number for each class go with '{loss.name[7:]}'"
        else:
            if out in (row_shape, (*row_shape, 1)) or row_shape == (*out, 1):
                return as_it_came
            expected, hint = out, ""
            name = None if loss is None else loss.name
            if name == "categorical_crossentropy" and math.prod(row_shape) == 1:
                hint = "whole-number labels go with 'sparse_categorical_crossentropy'"
        if len(out) > 1 and len(row_shape) < len(out):
            hint = "add Flatten() before the first Dense"
            if self.sequences is not None:
                hint = (
                    f"return_sequences=False of {self.sequences!r} gives one output for each sample"
                )
        what = "the metrics" if loss is None else f"loss '{loss.name}'"
        raise ValueError(
            f"{self._target(output)}: expected shape {samples(expected)} for {what} and outputs "
            f"of shape {samples(out)}. Received: shape={samples(row_shape)}"
            + (f". Hint: {hint}" if hint else "")
        )

    def _target(self, output: int) -> str:
        return "y" if self._slots.n == 1 else f"y of output {self._slots.names[output]!r}"

    def specs(
        self,
        row_shapes: Sequence[RowShape | None],
        shapes: Sequence[Shape],
        weights: Sequence[RowShape | None],
        whole: Whole | None = None,
    ) -> tuple[list[LossSpec], list[MetricSpec]]:
        """The plan's losses and metrics.

        Args:
            row_shapes: Of each output's targets; those without are not looked at.
            shapes: Of each output.
            weights: Of one sample's weights, for each output; `None`: it has none.
            whole: The model's own `compute_loss`, which may do without targets.
        """
        weighted = [shape is not None for shape in weights]
        rows = {i: row for i, row in enumerate(row_shapes) if row is not None and i in self.used}
        targets = {i: self.target_shape(i, row, shapes[i]) for i, row in rows.items()}
        losses = []
        if whole is not None:
            losses = [
                LossSpec(
                    i, "compute_loss", target_shape=targets[i], weighted=weighted[i],
                    weight_shape=weights[i] or (), whole=whole,
                )
                for i in targets
            ] or [LossSpec(-1, "compute_loss", whole=whole)]  # fmt: skip
        for i in self.with_loss if whole is None else ():
            loss = self.loss(i, rows[i], shapes[i])
            if weighted[i] and isinstance(loss, CalledLoss):
                raise ValueError(
                    f"Loss '{loss.name}': expected no sample weights, since its class has a __call__ of "
                    "its own, which fit calls without. Hint: define call(y_true, y_pred), which returns "
                    "a value for each sample"
                )
            mean = loss.reduction != "sum"
            if loss.reduction in (None, "none"):
                raise ValueError(
                    f"Loss '{loss.name}': fit expects reduction 'sum_over_batch_size', 'mean', "
                    f"'mean_with_sample_weight' or 'sum'. Received: reduction={loss.reduction!r}"
                )
            if loss.kind.startswith("categorical_crossentropy") and loss.axis == -1:
                align(loss.kind, (None, *rows[i]), shapes[i])  # warns of one class
            losses.append(
                LossSpec(
                    i,
                    loss.kind or loss.name,
                    tuple(loss.params),
                    mean,
                    self._weights[i],
                    targets[i],
                    weighted[i],
                    self._names[i],
                    weights[i] or (),
                    by_weights=loss.reduction == "mean_with_sample_weight" and weighted[i],
                    function=None if loss.kind else loss.call,
                    prepare=loss.prepare,
                    counts=loss.counts,
                )
            )
        found = [
            MetricSpec(
                key,
                i,
                "python_metric" if metric.is_code else metric.op,
                "" if metric.is_code else metric.kind,
                metric.params,
                metric.thresholds,
                metric.n_acc,
                targets[i],
                weighted[i] and uses_weights,
                metric,
                weights[i] or (),
                function=metric.function,
                masked=metric.masked,
                prepare=metric.prepare,
                given_shape=rows[i],
            )
            for key, i, metric, uses_weights in self.keyed_metrics(
                [rows.get(i, ()) for i in range(self._slots.n)], shapes
            )
        ]
        if self._measures:
            self._compiled.resolved = [(spec.name, spec.metric) for spec in found]
        return losses, found

    def keyed_metrics(
        self, row_shapes: Sequence[RowShape], shapes: Sequence[Shape]
    ) -> list[tuple[str, int, Any, bool]]:
        """`(log key, output, metric, weighted)` of all metrics, in the order of `compile`."""
        found: list[tuple[str, int, Any, bool]] = []
        for weighted, by_output in self._metrics:
            for i in self.used:
                taken = [key for key, *_ in found]
                prefix = f"{self._slots.names[i]}_" if self._slots.n > 1 else ""
                y_shape, shape = (None, *row_shapes[i]), _with_columns(shapes[i])
                pairs = metrics_.resolve_all(by_output[i], y_shape, shape, weighted, taken, prefix)
                found += [(key, i, metric, weighted) for key, metric in pairs]
        if self._slots.n > 1:  # as in Keras: names that begin with the output's are sorted
            found.sort(key=itemgetter(0))
        return found


def _with_columns(shape: Shape) -> Shape:
    """The shape of outputs as losses and metrics of ours see it: a number each is a row of one."""
    return shape if len(shape) > 1 else (*shape, 1)


def _by_batch(metric: Any) -> bool:
    return bool(metric.by_batch or (metric.is_code and metric.op != "python_metric"))


def _known_loss(loss: Any) -> Any:
    """The loss that a user means, or a name that shapes will tell the meaning of."""
    if loss is None or (isinstance(loss, str) and loss.lower() in _BY_SHAPE):
        return loss
    found = losses_.get(loss)
    return as_overridden(found) if isinstance(found, Loss) else found


def update_spec(optimizer: Optimizer, variables: Sequence[Variable]) -> UpdateSpec:
    """The optimizer as the plan sees it; one that is traced gets its variables first.

    Raises:
        TypeError: It overrides what no plan calls.
    """
    optimizer.refuse_overrides("fit", _STEPS)
    if optimizer.wraps:
        optimizer = cast("Wrapping", optimizer)
        trained = [v for v in variables if v.trainable]
        optimizer.ensure_built(trained)
        parts = tuple(
            (update_spec(part, own).with_values(part=number), tuple(own))
            for number, (part, own) in enumerate(optimizer.split(trained))
        )
        return UpdateSpec("", 0, parts=parts)
    own, traced = "", optimizer.is_traced
    if traced:
        optimizer.ensure_built(v for v in variables if v.trainable)
        own = optimizer.plan_config()
    decays = tuple((v, decay) for v in variables if (decay := optimizer.decay_of(v)))
    return UpdateSpec(
        "" if traced else optimizer.kind,
        len(optimizer.slots),
        decays,
        optimizer.clipvalue,
        optimizer.clipnorm,
        optimizer.global_clipnorm,
        optimizer.gradient_accumulation_steps or 1,
        (optimizer.ema_momentum, optimizer.ema_overwrite_frequency or 0)
        if optimizer.use_ema
        else None,
        optimizer.trace_step if traced else None,
        tuple(variables) if traced else (),
        own,
    )
