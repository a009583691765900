"""PyTorch, eager: tensors in memory, a fused optimizer, the best number of threads."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from bench.cases import Array, Case
from bench.peers.base import Peer as Base
from bench.peers.base import orders

HIDDEN = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh}
LOSSES = {
    "mean_squared_error": nn.MSELoss,
    "binary_crossentropy": nn.BCEWithLogitsLoss,
    "sparse_categorical_crossentropy": nn.CrossEntropyLoss,
}


class Peer(Base):
    """One network in PyTorch; the loss takes logits, as its documentation asks."""

    def __init__(
        self,
        case: Case,
        x: Array,
        y: NDArray[np.generic],
        weights: list[Array],
        form: dict[str, Any],
    ) -> None:
        self.threads = form.get("threads", 1)
        torch.manual_seed(0)
        self.case, self.x, self.y = case, torch.from_numpy(x), torch.from_numpy(y)
        modules: list[nn.Module] = []
        for layer, (k, n) in enumerate(pairwise(case.sizes)):
            modules.append(nn.Linear(k, n))
            if layer < len(case.sizes) - 2:
                modules.append(HIDDEN[case.hidden]())
                if case.dropout:
                    modules.append(nn.Dropout(case.dropout))
        self.network = nn.Sequential(*modules)
        self.linear = [module for module in modules if isinstance(module, nn.Linear)]
        with torch.no_grad():
            for layer, kernel, bias in zip(self.linear, weights[::2], weights[1::2], strict=True):
                layer.weight.copy_(torch.from_numpy(kernel.T))
                layer.bias.copy_(torch.from_numpy(bias))
        self.loss = LOSSES[case.loss]()
        parameters, rate = self.network.parameters(), case.learning_rate
        fused = form.get("optimizer", "fused") == "fused"
        kind: dict[str, bool] = {"fused": True} if fused else {"foreach": True}
        if case.optimizer == "sgd":
            self.optimizer: torch.optim.Optimizer = torch.optim.SGD(parameters, rate, **kind)
        else:
            self.optimizer = torch.optim.Adam(parameters, rate, eps=case.epsilon, **kind)
        self.batches = orders(case.rows, case.batch_size)

    @classmethod
    def forms(cls, case: Case, cores: int) -> list[dict[str, Any]]:
        """One thread and all of them, fused and foreach optimizers."""
        return [
            {"threads": threads, "optimizer": kind}
            for threads in sorted({1, cores})
            for kind in ("fused", "foreach")
        ]

    def activate(self) -> None:
        """Threads of an operation."""
        torch.set_num_threads(self.threads)

    def _loss(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.loss(self.network(x), y)
        return result

    def fit(self, epochs: int, shuffle: bool = True) -> list[float]:
        """The loop of PyTorch's tutorials."""
        losses = []
        self.network.train()
        for _ in range(epochs):
            total = torch.zeros(())
            for rows in self.batches(shuffle):
                batch = torch.from_numpy(rows)
                self.optimizer.zero_grad(set_to_none=True)
                loss = self._loss(self.x[batch], self.y[batch])
                loss.backward()
                self.optimizer.step()
                total += loss.detach() * len(rows)
            losses.append(total.item() / self.case.rows)
        return losses

    def weights(self) -> list[Array]:
        """Kernels turned to (inputs, units)."""
        tensors = [t for layer in self.linear for t in (layer.weight.T, layer.bias)]
        return [tensor.detach().numpy().copy() for tensor in tensors]

    def calls(self) -> dict[str, Callable[[Array], Any]]:
        """The module in `inference_mode`; the last activation included."""
        last = {"linear": nn.Identity(), "sigmoid": nn.Sigmoid(), "softmax": nn.Softmax(dim=1)}
        network = self._callable(nn.Sequential(self.network, last[self.case.output]).eval())

        def call(x: Array) -> Array:
            with torch.inference_mode():
                result: Array = network(torch.from_numpy(x)).numpy()
            return result

        return {"inference_mode": call}

    def _callable(self, network: nn.Module) -> Callable[[torch.Tensor], torch.Tensor]:
        call: Callable[[torch.Tensor], torch.Tensor] = network
        return call
