"""What a plan minimises and measures: losses and metrics of its outputs, native or traced.

A native one is a row function that the core knows by its `kind`. A traced one is a Python function
of two symbolic tensors, target and prediction: it is called once, here, and what it builds from
them with `fastmlp.ops` becomes ops of the plan like those of any layer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import graph, ops, whole_batch
from fastmlp._core.losses import TARGETS
from fastmlp._record import Record
from fastmlp.graph import Tensor
from fastmlp.ops.ranks import call_as_given, of_one_rank, reshaped, squeeze_or_expand
from fastmlp.plan.ir import Buffer, Builder, Term

if TYPE_CHECKING:
    from fastmlp.plan.lower import Lowering
from fastmlp.regularizers import has_factors
from fastmlp.variables import Variable

# What is computed of the numbers of a sample together, not of each.
_ALONG_ROWS = {kind for kind, rule in TARGETS.items() if rule in ("same", "class", "any")}
_ALONG_ROWS.add("kl_divergence")

Traced = Callable[[Tensor, Tensor], Tensor]
Prepare = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
Whole = Callable[
    [Mapping[int, Tensor], Mapping[int, Tensor]], tuple[Tensor, list[tuple[Any, Tensor, Any]]]
]
"""The loss of all outputs, from their targets and sample weights by the outputs' numbers; and metrics
with the values that they are means of, and these values' weights."""


class LossSpec(Record):
    """A loss on one output.

    Attributes:
        output: Number of the output.
        kind: Name of a native row function; `params` are its scalars.
        mean: Whether the batch's loss is the mean over its rows or their sum.
        factor: The loss weight: of the gradient, and in the total; what is accumulated is without.
        target_shape: Of one sample's target.
        weighted: Whether samples have weights.
        name: In the logs, where there are several losses: `<name>_loss`.
        weight_shape: Of one sample's weights: the leading axes of its values.
        by_weights: Whether the sum is divided by that of the weights, not by a number of rows.
        function: Computes a value for each sample, `(batch, …)`, or one for the batch, `()`, which
            then is the loss; instead of `kind`, which only names it.
        prepare: Computes what the row function of `kind` takes from target and prediction; `None`:
            it takes these.
        counts: Computes from the target which of its values count; `None`, or if it returns that: all.
        whole: Computes the loss of all outputs at once; all specs have the same one, and say of
            their outputs only what targets and weights they have. `output=-1`: it takes none.
    """

    output: int
    kind: str
    params: tuple[float, ...] = ()
    mean: bool = True
    factor: float = 1.0
    target_shape: tuple[int, ...] = ()
    weighted: bool = False
    name: str = ""
    weight_shape: tuple[int, ...] = ()
    by_weights: bool = False
    function: Traced | None = None
    prepare: Prepare | None = None
    counts: Callable[[Tensor], Tensor | None] | None = None
    whole: Whole | None = None


class MetricSpec(Record):
    """A metric of one output.

    Attributes:
        name: Its log key.
        output: Number of the output.
        op: `metric_mean`, `metric_confusion` or, for a metric that is Python code,
            `python_metric`, of two accumulators, the result and the number of steps; unused with
            a function.
        kind: For `metric_mean`, name of a native row function; `params` are its scalars.
        thresholds: For `metric_confusion`.
        n_acc: Number of accumulators: 2 with a function, `(Σ w v, Σ w)`.
        target_shape: Of one sample's target.
        weighted: Whether samples have weights.
        metric: Object that turns accumulators into the result; of `metric_confusion` it also tells
            the `columns`.
        weight_shape: Of one sample's weights: the leading axes of its values.
        function: Computes what the mean is taken of, as that of a loss.
        masked: Whether only values count that the output's mask marks.
        prepare: As that of a loss.
        given_shape: Of one sample's target as it came, which functions and Python code get.
    """

    name: str
    output: int
    op: str
    kind: str
    params: tuple[float, ...]
    thresholds: tuple[float, ...]
    n_acc: int
    target_shape: tuple[int, ...]
    weighted: bool
    metric: Any = None
    weight_shape: tuple[int, ...] = ()
    function: Traced | None = None
    masked: bool = False
    prepare: Prepare | None = None
    given_shape: tuple[int, ...] | None = None


class _Objectives:
    """Targets and weights of the outputs, each fed once, and what is made of them."""

    def __init__(
        self,
        values: Lowering,
        outputs: Sequence[Tensor],
        specs: Sequence[LossSpec | MetricSpec],
    ) -> None:
        self.values, self.outputs = values, [whole_batch.seen(y) for y in outputs]
        self.b: Builder = values.b
        self.targets: dict[int, Tensor] = {}
        self.weights: dict[int, Tensor] = {}
        specs = sorted((s for s in specs if s.output >= 0), key=lambda spec: spec.output)
        for spec in specs:
            if spec.output not in self.targets:
                name = f"target_{spec.output}"
                target = graph.input_tensor((None, *spec.target_shape), self.b.plan.dtype, name)
                self.targets[spec.output] = target
                values.feed(spec.target_shape, name, target)
        for spec in specs:
            if spec.weighted and spec.output not in self.weights:
                name, shape = f"sample_weight_{spec.output}", (None, *spec.weight_shape)
                weight = graph.input_tensor(shape, self.b.plan.dtype, name)
                self.weights[spec.output] = weight
                values.feed(spec.weight_shape, name, weight)

    def add_metric(self, spec: MetricSpec) -> None:
        if spec.op == "python_metric":
            self._add_python_metric(spec)
            return
        name = spec.kind or spec.op
        mask = self.outputs[spec.output].mask if spec.masked else None
        if spec.function is not None:
            v, own_mask = self._trace(spec.function, spec, mask, f"metric '{spec.name}'")
            if v.per_sample:
                if not spec.weighted and mask is None:
                    own_mask = None  # as in Keras: values that do not count are 0 in the mean then
                weight, _ = self._weights(spec, v.shape, mask, own_mask)
                wrep = 1 if weight is None else weight.width
                op = self.b.emit("metric_values", [], [v, weight], rep=v.width, wrep=wrep)
            else:
                op = self.b.emit("metric_scalar", [], [v])
        else:
            target, y, shape = self._operands(spec, mask, f"metric '{spec.name}'")
            weight, _ = self._weights(spec, shape[:-1], mask)
            sizes = _row_sizes(shape, target, weight)
            if spec.op == "metric_mean":
                sizes |= {"kind": spec.kind, "params": spec.params}
            else:
                sizes |= {"thresholds": spec.thresholds, "columns": spec.metric.columns}
            self.b.label = name
            op = self.b.emit(spec.op, [], [target, y, weight], **sizes)
        op.n_acc = spec.n_acc
        metric = getattr(spec.metric, "in_plans", spec.metric)
        self.b.plan.terms.append(Term("metric", op, spec.output, metric, spec.name))

    def _add_python_metric(self, spec: MetricSpec) -> None:
        """A metric with `update_state`: traced, if that only adds to its variables, or Python code."""
        where, metric = f"metric '{spec.name}'", spec.metric
        tensors = [self._as_it_came(spec), self.outputs[spec.output]]
        weight = self.weights[spec.output] if spec.weighted else None
        mask = tensors[1].mask if spec.masked else None
        if mask is not None:
            weight = _all_of([_spread(m, mask.shape[1:]) for m in (mask, weight) if m is not None])
        native = getattr(metric, "op", "python_metric") != "python_metric"
        adds_up = getattr(metric, "state_is_variables", False)
        sums = metric.traced_sums(*tensors, weight) if adds_up else None
        state = metric.plan_state(adds=sums is not None) if adds_up or native else None
        if sums is not None:
            buffer = self.values([sums])[0]
            self.b.label = where
            op = self.b.emit("metric_sums", [], [buffer], n=buffer.width)
        else:
            ins: list[Buffer | None] = [*self.values(tensors)]
            ins.append(None if weight is None else self.values([weight])[0])
            self.b.label = where
            attrs = {"metric": metric, "title": spec.name, "state": state}
            op = self.b.emit("python_metric", [], ins, batch=True, **attrs)
        op.n_acc = spec.n_acc if state is None else state.n_acc
        term = Term("metric", op, spec.output, metric if state is None else state, spec.name)
        self.b.plan.terms.append(term)

    def add_loss(self, spec: LossSpec) -> None:
        mask = self.outputs[spec.output].mask
        if spec.function is not None:
            v, own_mask = self._trace(spec.function, spec, mask, f"loss '{spec.kind}'")
            masks = (mask, own_mask) if v.per_sample else ()
            weight, norm = self._weights(spec, v.shape, *masks)
            op = self.b.emit_values(v, weight, spec.mean, spec.factor, norm)
        else:
            target, y, shape = self._operands(spec, mask, f"loss '{spec.kind}'")
            counts = None if spec.counts is None else spec.counts(self.targets[spec.output])
            if counts is not None:
                counts = ops.reshape(counts, (-1, *shape[:-1]))
            weight, norm = self._weights(spec, shape[:-1], mask, counts)
            attrs = _row_sizes(shape, target, weight)
            attrs |= {"kind": spec.kind, "params": spec.params, "factor": spec.factor}
            attrs["mean"] = spec.mean and norm is None
            self.b.label = spec.kind
            norm = self.b.sum_samples(norm)
            op = self.b.emit("loss", [], [target, y, weight, norm], **attrs)
        op.n_acc = 2
        self.b.plan.terms.append(Term("loss", op, spec.output, name=spec.name, factor=spec.factor))

    def add_whole(self, whole: Whole) -> None:
        """The loss of all outputs at once, and the means that come with it."""
        result, means = whole(self.targets, self.weights)
        for metric, values, weight in means:
            if metric.name != "loss":  # which the loss itself is, in the logs
                self._add_mean(metric, values, weight)
        value = self.values([result])[0]
        self.b.label = "compute_loss"
        op = self.b.emit_values(value, None, True)
        self.b.plan.terms.append(Term("loss", op, 0))

    def _add_mean(self, metric: Any, values: Tensor, weight: Any) -> None:
        if any(term.name == metric.name for term in self.b.plan.terms if term.kind == "metric"):
            raise ValueError(
                f"compute_loss: expected metrics of different names, each updated once. Received: two "
                f"of name '{metric.name}'. Hint: Mean(name=...)"
            )
        where = f"metric '{metric.name}'"
        with graph.layer_scope(where):
            if not values.per_sample:
                values = ops.mean(values)
            elif weight is not None:
                weight = ops.convert_to_tensor(weight)
        ins = self.values([values] if weight is None else [values, weight])
        self.b.label = where
        if values.per_sample:
            w = None if weight is None else ins[1]
            wrep = 1 if w is None else w.width
            op = self.b.emit("metric_values", [], [ins[0], w], rep=ins[0].width, wrep=wrep)
        else:
            op = self.b.emit("metric_scalar", [], ins[:1])
        op.n_acc = 2
        self.b.plan.terms.append(
            Term("metric", op, 0, getattr(metric, "in_plans", metric), metric.name)
        )

    def _as_it_came(self, spec: LossSpec | MetricSpec) -> Tensor:
        """The target; for a function or Python code without the last axis that sparse losses give it."""
        target = self.targets[spec.output]
        classes = self.outputs[spec.output].shape[-1] != 1
        given = spec.given_shape if isinstance(spec, MetricSpec) and not spec.kind else None
        if given is None or not classes or target.shape[1:] != (*given, 1):
            return target
        came: Tensor = reshaped(target, (None, *given))
        return came

    def _pair(self, spec: LossSpec | MetricSpec, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """Target and prediction; of targets `(batch, steps)` for predictions `(batch, steps, 1)`.

        A mask or weights of steps need a value for each step: then the target gets the prediction's
        shape. Else whoever takes both, a function or `_operands`, sees a row of steps, as in Keras.
        """
        target, y = self._as_it_came(spec), self.outputs[spec.output]
        of_steps = mask is not None or (spec.weighted and spec.weight_shape != ())
        if of_steps and y.shape == (*target.shape, 1):
            target = reshaped(target, y.shape)
        return target, y

    def _operands(
        self, spec: LossSpec | MetricSpec, mask: Tensor | None, where: str
    ) -> tuple[Buffer, Buffer, tuple[int, ...]]:
        """Target and prediction as a native op takes them, and the shape of a sample's rows."""
        target, y = self._pair(spec, mask)
        rule = TARGETS[spec.kind] if spec.kind else "class"
        if y.ndim == 1:  # a number for each sample: a row of one
            if spec.kind in _ALONG_ROWS:
                raise ValueError(
                    f"{where}: expected outputs of shape (batch, n), as it is of the n numbers of a sample. "
                    "Received: shape=('batch',)"
                )
            target, y = reshaped(target, (None, 1)), reshaped(y, (None, 1))
        with graph.layer_scope(where):
            # Not where sizes alone tell: a loss that is fused reads what the activation wrote.
            if rule in ("same", "any") or (rule == "each" and spec.prepare is not None):
                target, y = of_one_rank(target, y)
            if spec.prepare is not None:
                target, y = spec.prepare(target, y)
        shape = squeeze_or_expand(target.shape, y.shape)[1] if rule == "each" else y.shape
        buffers = self.values([target, y])
        return buffers[0], buffers[1], tuple(int(d or 0) for d in shape[1:])

    def _trace(
        self, function: Traced, spec: LossSpec | MetricSpec, mask: Tensor | None, where: str
    ) -> tuple[Buffer, Tensor | None]:
        """What the function computes, and the mask that it gave it.

        Of what is neither a value for each sample nor one for the batch, it is the mean, as in Keras,
        or the sum if that is how the loss is reduced.
        """
        with graph.layer_scope(where):
            result = call_as_given(function, *self._pair(spec, mask))
            if isinstance(result, (bool, int, float, np.number, np.ndarray)):
                result = graph.constant_tensor(result, self.b.plan.dtype)
            result = whole_batch.each(result)
            if isinstance(result, Tensor) and not (result.per_sample or result.shape == ()):
                if spec.weighted:
                    raise ValueError(
                        f"{where}: expected a value for each sample, since there are weights of samples. "
                        f"Received: shape={result.shape}"
                    )
                sums = isinstance(spec, LossSpec) and not spec.mean
                result = ops.sum(result) if sums else ops.mean(result)
        if not isinstance(result, Tensor):
            raise TypeError(
                f"{where[0].upper()}{where[1:]}: expected its function to return a tensor or a number. "
                f"Received: a {type(result).__name__}. Hint: compute it from y_true and y_pred with "
                "fastmlp.ops"
            )
        buffer = self.values([result])[0]
        self.b.label = where
        return buffer, result.mask

    def _weights(
        self, spec: LossSpec | MetricSpec, shape: tuple[int, ...], *masks: Tensor | None
    ) -> tuple[Buffer | None, Buffer | None]:
        """The weights of values of this shape, and those by whose sum a loss is divided.

        Weights are of leading axes of the values: those of the user, times the masks. As in Keras, a
        mean over values that count ignores the weights: `Σ w v / Σ mask`.
        """
        given = self.weights[spec.output] if spec.weighted else None
        if given is not None and given.shape[1:] != shape[: given.ndim - 1]:
            raise ValueError(
                f"sample_weight: expected a weight for each sample, or for each of the leading "
                f"axes of values of shape {('batch', *shape)}. "
                f"Received: shape={('batch', *given.shape[1:])}"
            )
        mask = _all_of([_spread(m, shape) for m in masks if m is not None])
        weight = given
        if mask is not None:
            weight = mask if given is None else ops.multiply(mask, _spread(given, shape))
        by_weights = isinstance(spec, LossSpec) and spec.by_weights and given is not None
        masked_mean = isinstance(spec, LossSpec) and spec.mean and mask is not None
        norm = weight if by_weights else mask if masked_mean else None
        found = self.values([t for t in (weight, norm) if t is not None])
        return (found[0] if found else None), (found[1] if norm is not None else None)


def _all_of(masks: list[Tensor]) -> Tensor | None:
    return reduce(ops.multiply, masks) if masks else None


def _spread(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Weights or a mask of leading axes of values, one for each value.

    Raises:
        ValueError: They are none.
    """
    sizes = [int(d or 0) for d in x.shape[1:]]
    sizes += [1] * (len(shape) - len(sizes))
    if len(sizes) > len(shape) or any(a not in (1, b) for a, b in zip(sizes, shape, strict=True)):
        raise ValueError(
            f"The output's mask: expected one of leading axes of its values of shape "
            f"{('batch', *shape)}. Received: shape={x.shape}. Hint: a layer of your own that "
            "changes the axes needs compute_mask(inputs, mask), which may return None"
        )
    if x.ndim - 1 < len(shape):
        x = ops.reshape(x, (-1, *sizes))
    if tuple(sizes) != shape:
        x = ops.multiply(x, graph.constant_tensor(np.ones((1, *shape)), x.dtype))
    return x


def add_objectives(
    values: Lowering,
    outputs: Sequence[Tensor],
    losses: Sequence[LossSpec],
    metrics: Sequence[MetricSpec],
) -> None:
    """Adds metrics and losses to the plan, and feeds for what they need."""
    objectives = _Objectives(values, outputs, [*losses, *metrics])
    for metric in metrics:
        objectives.add_metric(metric)
    if losses and losses[0].whole is not None:
        objectives.add_whole(losses[0].whole)
        return
    for loss in losses:
        objectives.add_loss(loss)


def add_regularizers(values: Lowering, variables: Sequence[Variable]) -> None:
    """Adds the penalties of regularizers that are functions; those by factors follow in `update`.

    Raises:
        TypeError: One returns something else than a tensor of shape `()`.
    """
    for variable in variables:
        function = variable.regularizer
        if function is None or has_factors(function) or not variable.trainable:
            continue
        where = f"regularizer of '{variable.path}'"
        with graph.layer_scope(where):
            result = function(graph.weight_tensor(variable))
        if not isinstance(result, Tensor) or result.shape != ():
            came = repr(result) if isinstance(result, Tensor) else f"a {type(result).__name__}"
            raise TypeError(
                f"{where[0].upper()}{where[1:]}: expected it to return a tensor of shape (). "
                f"Received: {came}. Hint: compute it from the weight with fastmlp.ops, as "
                "ops.sum(ops.square(w))"
            )
        (penalty,) = values([result])
        values.b.label = where
        values.b.add_penalty(values.b.emit_values(penalty))


def _row_sizes(shape: tuple[int, ...], target: Buffer, weight: Buffer | None) -> dict[str, Any]:
    n, rep = shape[-1], math.prod(shape[:-1])
    wrep = 1 if weight is None else weight.width
    return {"rep": rep, "n": n, "tn": math.prod(target.shape) // rep, "wrep": wrep}
