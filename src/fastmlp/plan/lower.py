"""Pass 1: a graph becomes the forward half of a plan, with its losses and metrics."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fastmlp import graph, ops
from fastmlp.graph import Node, Tensor
from fastmlp.plan.ir import Buffer, Builder, Op, Plan, Term


@dataclass(frozen=True)
class LossSpec:
    """A loss on one output.

    Attributes:
        output: Number of the output.
        kind: Name of a native row function; `params` are its scalars.
        mean: Whether the batch's loss is the mean over its rows or their sum.
        factor: The loss weight: of the gradient, and in the total; what is accumulated is without.
        target_shape: Of one sample's target.
        weighted: Whether samples have weights.
        name: In the logs, where there are several losses: `<name>_loss`.
    """

    output: int
    kind: str
    params: tuple[float, ...] = ()
    mean: bool = True
    factor: float = 1.0
    target_shape: tuple[int, ...] = ()
    weighted: bool = False
    name: str = ""


@dataclass(frozen=True)
class MetricSpec:
    """A metric of one output; `op` is `metric_mean` or `metric_confusion`, `name` its log key."""

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


def lower(
    inputs: Sequence[Tensor],
    outputs: Sequence[Tensor],
    dtype: str,
    capacity: int,
    training: bool = False,
    losses: Sequence[LossSpec] = (),
    metrics: Sequence[MetricSpec] = (),
    fetch: bool = False,
) -> tuple[Plan, Builder]:
    """Writes the forward pass.

    Feeds are, in order: every input; for every output with a loss or metric its target; then its
    sample weights, where something uses them.

    Raises:
        ValueError: An output needs an input that is not among `inputs`.
    """
    plan = Plan(dtype, capacity)
    b = Builder(plan)
    values: dict[Tensor, Buffer] = {}
    for tensor in inputs:
        values[tensor] = _feed(b, [int(d or 0) for d in tensor.shape[1:]], tensor.name)
    targets, weights = _feed_targets(b, losses, metrics)
    for node in graph.order(outputs):
        if node.output in values:
            continue
        if node.op == "input":
            raise ValueError(f"Input '{node.output.name}' is needed by an output but is not given.")
        b.label = node.layer or node.op
        values[node.output] = _lower_node(b, node, [values[t] for t in node.inputs], training)
    results = [values[t] for t in outputs]
    for metric in metrics:
        weight = weights.get(metric.output) if metric.weighted else None
        _emit_metric(b, metric, targets[metric.output], results[metric.output], weight)
    for loss in losses:
        weight = weights.get(loss.output) if loss.weighted else None
        _emit_loss(b, loss, targets[loss.output], results[loss.output], weight)
    if fetch:
        for index, y in enumerate(results):
            b.label = "output"
            plan.fetches.append(y)
            b.emit("store", [], [y], index=index)
    plan.flops = sum(
        2 * op.attrs["rep"] * op.attrs["k"] * op.attrs["n"]
        for op in plan.rows
        if op.name == "dense_fwd"
    )
    return plan, b


def _lower_node(b: Builder, node: Node, ins: list[Buffer], training: bool) -> Buffer:
    if node.op == "weight":
        weight = b.weight(node.weights[0])
        assert weight is not None
        return weight
    if node.op == "constant":
        return b.constant(node.attrs["value"])
    first = len(b.plan.rows)
    y = ops.OPS[node.op].fwd(b, node, ins, training)
    for op in b.plan.rows[first:]:
        if op.name in ops.GRADIENTS and any(b.differentiable(x) for x in op.ins):
            for out in op.outs:
                b.mark_differentiable(out)
    return y


def _feed(b: Builder, shape: Sequence[int], name: str) -> Buffer:
    b.label = name
    buffer = b.value(shape, name)
    b.emit("gather", [buffer], [], feed=len(b.plan.feeds))
    b.plan.feeds.append(buffer)
    return buffer


def _feed_targets(
    b: Builder, losses: Sequence[LossSpec], metrics: Sequence[MetricSpec]
) -> tuple[dict[int, Buffer], dict[int, Buffer]]:
    targets: dict[int, Buffer] = {}
    weights: dict[int, Buffer] = {}
    specs: list[LossSpec | MetricSpec] = [*losses, *metrics]
    specs.sort(key=lambda spec: spec.output)
    for spec in specs:
        if spec.output not in targets:
            targets[spec.output] = _feed(b, spec.target_shape, f"target_{spec.output}")
    for spec in specs:
        if spec.weighted and spec.output not in weights:
            weights[spec.output] = _feed(b, (), f"sample_weight_{spec.output}")
    return targets, weights


def _row_sizes(y: Buffer, target: Buffer) -> dict[str, Any]:
    n = y.shape[-1]
    rep = y.width // n
    return {"rep": rep, "n": n, "tn": math.prod(target.shape) // rep}


def _emit_metric(
    b: Builder, spec: MetricSpec, target: Buffer, y: Buffer, weight: Buffer | None
) -> None:
    b.label = spec.kind or spec.op
    sizes = _row_sizes(y, target)
    ins: list[Buffer | None] = [target, y, weight]
    if spec.op == "metric_mean":
        op = b.emit(spec.op, [], ins, kind=spec.kind, params=spec.params, **sizes)
    else:
        op = b.emit(spec.op, [], ins, thresholds=spec.thresholds, **sizes)
    op.n_acc = spec.n_acc
    b.plan.terms.append(Term("metric", op, spec.output, spec.metric, spec.name))


def _emit_loss(b: Builder, spec: LossSpec, target: Buffer, y: Buffer, weight: Buffer | None) -> Op:
    b.label = spec.kind
    attrs = _row_sizes(y, target)
    attrs |= {"kind": spec.kind, "params": spec.params, "mean": spec.mean, "factor": spec.factor}
    op = b.emit("loss", [], [target, y, weight], **attrs)
    op.n_acc = 2
    b.plan.terms.append(Term("loss", op, spec.output, name=spec.name, factor=spec.factor))
    return op
