"""onnxruntime: inference only; the network as an ONNX graph of Gemm and activations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, checker, helper, numpy_helper

from bench.cases import Array, Case
from bench.peers.base import Peer as Base
from bench.peers.base import Unsupported

NODES = {"relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh", "softmax": "Softmax"}


def graph(case: Case, weights: list[Array]) -> bytes:
    """The network as a serialised ONNX model."""
    nodes, arrays, last = [], [], "x"
    count = len(case.sizes) - 1
    for layer in range(count):
        for name, array in (("w", weights[2 * layer]), ("b", weights[2 * layer + 1])):
            arrays.append(numpy_helper.from_array(array, f"{name}{layer}"))
        nodes.append(helper.make_node("Gemm", [last, f"w{layer}", f"b{layer}"], [f"z{layer}"]))
        last = f"z{layer}"
        kind = case.hidden if layer < count - 1 else case.output
        if kind != "linear":
            nodes.append(helper.make_node(NODES[kind], [last], [f"h{layer}"]))
            last = f"h{layer}"
    inputs = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, case.sizes[0]])
    outputs = helper.make_tensor_value_info(last, TensorProto.FLOAT, [None, case.sizes[-1]])
    model = helper.make_model(
        helper.make_graph(nodes, "mlp", [inputs], [outputs], arrays),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=9,
    )
    checker.check_model(model)
    return bytes(model.SerializeToString())


class Peer(Base):
    """One network in onnxruntime."""

    trains = False

    def __init__(
        self,
        case: Case,
        x: Array,
        y: NDArray[np.generic],
        weights: list[Array],
        form: dict[str, Any],
    ) -> None:
        if case.sequence:
            raise Unsupported("onnxruntime only predicts")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = form.get("threads", 0)
        self.session = onnxruntime.InferenceSession(
            graph(case, weights), options, providers=["CPUExecutionProvider"]
        )

    @classmethod
    def forms(cls, case: Case, cores: int) -> list[dict[str, Any]]:
        """One thread and all of them."""
        return [{"threads": threads} for threads in sorted({1, cores})]

    def fit(self, epochs: int, shuffle: bool = True) -> list[float]:
        """Not there."""
        raise Unsupported("onnxruntime only predicts")

    def weights(self) -> list[Array]:
        """Not there."""
        raise Unsupported("onnxruntime only predicts")

    def calls(self) -> dict[str, Callable[[Array], Any]]:
        """`session.run`."""
        return {"run": lambda x: self.session.run(None, {"x": x})[0]}
