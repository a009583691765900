"""States: what a step leaves to the next one, a row for each sample of the batch; other weights that it changes.

A state is a weight `(batch, …)` that nobody trains. Steps read it where they need it, and write it when
all else is done, so that whatever ends a step early leaves the states of the step before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fastmlp import graph
from fastmlp.graph import Node, Tensor
from fastmlp.ops.spec import OpSpec, operands
from fastmlp.variables import Variable

if TYPE_CHECKING:
    from fastmlp.plan.ir import Buffer, Builder


class ReadState(OpSpec):
    """s = the rows of a state w"""

    @staticmethod
    def fwd(b: Builder, node: Node, ins: list[Buffer], training: bool) -> Buffer:
        w = b.weight(node.weights[0])
        assert w is not None
        check_rows(node.layer, w.shape[0], b.plan.capacity)
        s = b.value(w.shape[1:])
        b.emit("state_read", [s], [w])
        return s


class WriteStates(OpSpec):
    """y = x; in the end the rows of states w = those of their new values"""

    @staticmethod
    def fwd(b: Builder, node: Node, ins: list[Buffer], training: bool) -> Buffer:
        x, *new = ins
        for variable, value in zip(node.weights, new, strict=True):
            w = b.weight(variable)
            assert w is not None and variable is not None
            check_rows(node.layer, w.shape[0], b.plan.capacity)
            b.write_state(variable, w, value)
        y = b.result([x], x.shape)
        b.emit("reshape", [y], [x])
        y.alias = x
        return y


class AssignWeights(OpSpec):
    """y = x; in the end weights w = their new values, each one value for the batch"""

    @staticmethod
    def fwd(b: Builder, node: Node, ins: list[Buffer], training: bool) -> Buffer:
        x, *new = ins
        if b.is_first(node.attrs["key"]):
            for variable, value in zip(node.weights, new, strict=True):
                w = b.weight(variable)
                assert w is not None and variable is not None
                b.assign_weight(variable, w, value)
        y = b.result([x], x.shape)
        b.emit("reshape", [y], [x])
        y.alias = x
        return y


def read_state(state: Variable) -> Tensor:
    """What a state holds for each sample: `(batch, …)`."""
    return Node("read_state", (), (None, *state.shape[1:]), state.dtype, [state]).output


def write_states(x: Tensor, states: Sequence[Variable], values: Sequence[Tensor]) -> Tensor:
    """`x`; plans that compute it write values into states at the end of each step."""
    return Node("write_states", [x, *values], x.shape, x.dtype, states).output


def assign_weights(x: Tensor, values: Mapping[Variable, Any], key: object) -> Tensor:
    """`x`; plans that compute it give weights these values at the end of each step.

    Args:
        x: Any tensor.
        values: Of weights that are not trained.
        key: Of the call that assigns: of its outputs, each of which does, one counts.

    Raises:
        TypeError: A weight is trained, or a value is of another type.
    """
    tensors = []
    for variable, value in values.items():
        if variable.trainable or variable.dtype != x.dtype:
            raise TypeError(
                f"Layer {graph.current_layer()!r}: expected to assign, in call, to a weight made with "
                f"trainable=False and dtype={x.dtype!r}. Received: '{variable.path}' with "
                f"trainable={variable.trainable}, dtype={variable.dtype!r}"
            )
        tensors.append(operands("assign", graph.memory_tensor(variable), value)[1])
    attrs = {"key": key}
    return Node("assign_weights", [x, *tensors], x.shape, x.dtype, list(values), attrs).output


def of(nodes: Iterable[Node]) -> list[Variable]:
    """The states that nodes read or write, each once."""
    names = ("read_state", "write_states")
    found = (v for node in nodes if node.op in names for v in node.weights if v is not None)
    return list(dict.fromkeys(found))


def check_rows(where: str, rows: int, batch: int, samples: int | None = None) -> None:
    """Checks that every batch has as many samples as there are states.

    Args:
        where: Layer or method, for the error.
        rows: Samples that there are states of.
        batch: Samples of a batch.
        samples: Of all batches; `None`: of one.

    Raises:
        ValueError: A batch has more or fewer.
    """
    if batch == rows and (samples is None or samples % rows == 0):
        return
    given = f"{batch}" if samples is None else f"{samples} samples, batch_size={batch}"
    hint = "give the Input another batch_size"
    if samples is not None:
        hint = f"batch_size={rows}, and a multiple of {rows} samples; or {hint}"
    raise ValueError(
        f"{where}: expected batches of {rows} samples, since a stateful layer keeps their states. "
        f"Received: {given}. Hint: {hint}"
    )
