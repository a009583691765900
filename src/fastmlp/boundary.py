"""Where the user's data enter a plan: strings and identifiers become numbers first.

A plan computes with floats. Strings are none, and integers above 2^24 lose digits in float32, so
what is looked up or hashed is read here, as the user gave it, and the plan starts from the codes that
it becomes. An *encoder* is an object with `codes(*arrays)`, which returns an array of the shape of
its arguments; a node `encode` is its use on inputs, or on what other encoders made of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastmlp import graph
from fastmlp.graph import Node, Tensor
from fastmlp.ops import spec, states


def encode(encoder: Any, tensors: Sequence[Tensor], dtype: str) -> Tensor:
    """The codes of some tensors, as a tensor.

    Of inputs they are found outside of the plan, before it gets the data; of what the plan computes,
    by Python code within.

    Args:
        encoder: With `codes`, a `name`, and `invert`: whether codes may be any number.
        tensors: Of one shape.
        dtype: Of the codes in the plan.
    """
    tensors = [t if t.codes is None else t.codes for t in tensors]
    shape = tensors[0].shape
    if all(t.node.op in ("input", "encode") for t in tensors):
        found = Node("encode", tensors, shape, dtype, attrs={"encoder": encoder}).output
        found.name = encoder.name
        return found

    def codes(*arrays: np.ndarray) -> tuple[np.ndarray, None]:
        return encoder.codes(*arrays), None

    attrs = {
        "function": codes,
        "args": (None,) * len(tensors),
        "places": tuple(range(len(tensors))),
        "kwargs": {},
        "shapes": (spec.sample(tensors[0]),),
        "single": True,
        "per_sample": tensors[0].per_sample,
    }
    return Node("python", tensors, shape, dtype, attrs=attrs).output


class Boundary:
    """What the inputs of a graph become before a plan gets them.

    Args:
        inputs: Tensors that the user feeds.
        outputs: What is computed from them.

    Attributes:
        feeds: Tensors that the plan starts from.
        read: Inputs that encoders read.
        plain: Whether these are the inputs.
        states: States of samples that steps leave to the next ones.
        owners: Layers which, while they are not `trainable`, compute in training as otherwise.
        mixes: Whether, outside of training, a sample's outputs may depend on the others of its batch:
            code of the user's sees all of them, or each batch leaves weights to the next.
        needs_batch: Whether plans need a graph that is made for so many samples.
    """

    def __init__(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        self.inputs = list(inputs)
        nodes = graph.order(outputs, self.inputs)
        self._encoders = [node for node in nodes if node.op == "encode"]
        self.plain = not self._encoders
        self.states = states.of(nodes)
        self.owners = [node.attrs["owner"] for node in nodes if "owner" in node.attrs]
        self.mixes = any(
            node.op in ("python", "assign_weights", "open")
            or (not node.output.per_sample and any(t.per_sample for t in node.inputs))
            for node in graph.order(outputs, self.inputs, training=False)
        )
        self.needs_batch = any(node.op == "open" for node in nodes)
        self.read = {t for node in self._encoders for t in node.inputs}
        self.feeds = self.inputs if self.plain else self._found(nodes, outputs)

    def _found(self, nodes: list[Node], outputs: Sequence[Tensor]) -> list[Tensor]:
        computed = {t for node in nodes if node.op != "encode" for t in node.inputs}
        computed.update(outputs)
        found = [t for t in self.inputs if t in computed or t not in self.read]
        return found + [node.output for node in self._encoders if node.output in computed]

    def code_dtype(self, tensor: Tensor) -> str:
        """Type that holds the codes of a feed."""
        return "int64" if tensor.node.attrs["encoder"].invert else "int32"

    @property
    def rows(self) -> int | None:
        """Samples that every batch must have, because there are states of them; `None`: any."""
        return self.states[0].shape[0] if self.states else None

    def arrays(self, given: Sequence[Any]) -> list[Any]:
        """An array for each feed, from one for each input.

        Raises:
            TypeError: An encoder is given something else than it reads.
        """
        if self.plain:
            return list(given)
        values = dict(zip(self.inputs, given, strict=True))
        for node in self._encoders:
            encoder = node.attrs["encoder"]
            values[node.output] = encoder.codes(*(values[t] for t in node.inputs))
        return [values[t] for t in self.feeds]
