"""A model of two inputs and two outputs, from graph nodes and layers alone."""

from __future__ import annotations

from typing import Any

import fastmlp
from fastmlp import graph, layers
from fastmlp.graph import Tensor
from fastmlp.training.sized import Sized
from fastmlp.training.structure import walk
from fastmlp.training.trainer import Trainer


class Net(Trainer):
    """Two inputs `a`, `b`; two outputs `p` (1 unit, of a) and `q` (2 units, of both)."""

    name = "net"
    dtype = "float32"

    def __init__(self, form: str = "list") -> None:
        super().__init__()
        fastmlp.utils.set_random_seed(3)
        a = graph.input_tensor((None, 3), "float32", "a")
        b = graph.input_tensor((None, 2), "float32", "b")
        self.layers = [
            layers.Dense(2, "tanh", name="h"),
            layers.Dense(1, name="p"),
            layers.Dense(2, name="q"),
        ]
        h, p, q = self.layers
        outs = {"p": p(a), "q": q(fastmlp.ops.add(h(a), b))}
        self._input_structure: Any = {"a": a, "b": b} if form == "dict" else [a, b]
        self._output_structure: Any = outs if form == "dict" else list(outs.values())
        if form == "nested":
            self._output_structure = [outs["p"], {"deep": outs["q"]}]
        self._sized = Sized(self.inputs, self.outputs)

    @property
    def inputs(self) -> list[Tensor]:
        return [t for _, t in walk(self._input_structure)]

    @property
    def outputs(self) -> list[Tensor]:
        return [t for _, t in walk(self._output_structure)]

    @property
    def weights(self):
        return [v for layer in self.layers for v in layer.weights]

    def _ensure_built(self, row_shape):
        return []

    def _unbuild(self, layers):
        pass
