"""Pass 1: a graph becomes the forward half of a plan, with its losses and metrics."""

from __future__ import annotations

from collections.abc import Sequence

from fastmlp import graph, ops
from fastmlp.graph import Node, Tensor
from fastmlp.plan.ir import Buffer, Builder, Op, Plan
from fastmlp.plan.objectives import LossSpec, MetricSpec, add_objectives, add_regularizers
from fastmlp.variables import Variable

__all__ = ["LossSpec", "Lowering", "MetricSpec", "lower"]


# What gives each sample something of one value for the batch.
_OF_ALL = ("repeat_samples", "copy_rows", "map", "state_read")


def _without_samples(op: Op) -> bool:
    """Whether it writes rows of samples and reads, instead of such, what ops made for the batch."""
    reads = [x for x in op.ins if x is not None]
    of_batch = any(x.root().kind == "batch" for x in reads)
    return of_batch and any(y.per_sample for y in op.outs) and not any(x.per_sample for x in reads)


class Lowering:
    """Turns tensors into buffers, each once.

    Args:
        b: Adds to the plan.
        training: Whether layers behave as in training.
    """

    def __init__(self, b: Builder, training: bool) -> None:
        self.b = b
        self.training = training
        self.values: dict[Tensor, Buffer] = {}

    def feed(self, shape: Sequence[int], name: str, tensor: Tensor | None = None) -> Buffer:
        """A buffer of the user's data, `shape` without the batch."""
        b = self.b
        b.label = name
        buffer = b.value(shape, name)
        b.emit("gather", [buffer], [], feed=len(b.plan.feeds))
        b.plan.feeds.append(buffer)
        if tensor is not None:
            self.values[tensor] = buffer
        return buffer

    def __call__(self, tensors: Sequence[Tensor]) -> list[Buffer]:
        """The tensors' buffers; what they need is lowered first.

        Raises:
            ValueError: They need an input that is not fed.
        """
        for node in graph.order(tensors, self.values, self.training):
            self.values[node.output] = self._node(node)
        return [self.values[t] for t in tensors]

    def _node(self, node: Node) -> Buffer:
        b = self.b
        b.label = node.layer or node.op
        if node.op == "input":
            raise ValueError(f"Input '{node.output.name}' is needed by an output but is not given.")
        if node.op == "open":
            of = node.output.call
            raise ValueError(
                f"'{b.label if of is None else of.layer.name}': expected to treat each sample by itself "
                "here. Hint: it takes the batch for an axis like others, which fit, evaluate, predict "
                "and calls know the size of"
            )
        if node.op == "weight":
            weight = b.weight(node.weights[0])
            assert weight is not None
            return weight
        if node.op == "constant":
            return b.constant(node.attrs["value"])
        first = len(b.plan.rows)
        ins = [self.values[t] for t in node.reads(self.training)]
        training = self.training if node.training is None else node.training
        y = ops.OPS[node.op].fwd(b, node, ins, training)
        of_batch = bool(ins) and not any(x.per_sample for x in ins)
        for op in b.plan.rows[first:]:
            if of_batch and op.name not in _OF_ALL and _without_samples(op):
                raise ValueError(
                    f"'{b.label}': expected a row for each sample of the batch. Received: shape="
                    f"{node.inputs[0].shape}. Hint: what takes the batch for an axis and leaves another "
                    "number of rows goes on with functions of fastmlp.ops"
                )
            if op.name in ops.GRADIENTS and any(b.differentiable(x) for x in op.ins):
                for out in op.outs:
                    b.mark_differentiable(out)
        return y


def lower(
    inputs: Sequence[Tensor],
    outputs: Sequence[Tensor],
    dtype: str,
    capacity: int,
    training: bool = False,
    losses: Sequence[LossSpec] = (),
    metrics: Sequence[MetricSpec] = (),
    fetch: bool = False,
    variables: Sequence[Variable] = (),
) -> tuple[Plan, Builder]:
    """Writes the forward pass.

    Feeds are, in order: every input; for every output with a loss or metric its target; then its
    sample weights, where something uses them. What only fetches outputs has no penalties.

    Raises:
        ValueError: An output needs an input that is not among `inputs`.
    """
    plan = Plan(dtype, capacity, exact=graph.known_batch() is not None)
    b = Builder(plan)
    values = Lowering(b, training)
    for tensor in inputs:
        values.feed([int(d or 0) for d in tensor.shape[1:]], tensor.name, tensor)
    results = values(outputs)
    add_objectives(values, outputs, losses, metrics)
    if losses or not fetch:
        add_regularizers(values, variables)
    else:
        plan.terms = [term for term in plan.terms if term.kind != "penalty"]
    if fetch:
        for index, y in enumerate(results):
            b.label = "output"
            plan.fetches.append(y)
            b.emit("store", [], [y], index=index)
    plan.flops = sum(
        2 * op.attrs["rep"] * op.attrs["k"] * op.attrs["n"]
        for op in plan.rows
        if op.name == "dense_fwd"
    ) + sum(op.attrs["flops"] for op in plan.rows if op.name == "rnn_fwd")
    plan.flops += sum(op.attrs["cost"] for op in plan.rows if op.name == "embed")
    plan.tables = sum(op.ins[1].width for op in plan.rows if op.name == "embed" and op.ins[1])
    return plan, b
