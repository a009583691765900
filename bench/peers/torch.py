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


class Last(nn.Module):  # type: ignore[misc]
    """An LSTM's output after the last step of time.

    One of its two biases is frozen at zero: trained, both would move as one of twice the learning rate.
    """

    def __init__(self, k: int, n: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(k, n, batch_first=True)
        nn.init.zeros_(self.lstm.bias_hh_l0)
        self.lstm.bias_hh_l0.requires_grad_(False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, steps, k) → (batch, n)."""
        last: torch.Tensor = self.lstm(x)[0][:, -1]
        return last

    def parts(self) -> list[torch.Tensor]:
        """Kernel of inputs, of states, and bias; its gates have Keras's order."""
        return [self.lstm.weight_ih_l0.T, self.lstm.weight_hh_l0.T, self.lstm.bias_ih_l0]


def parts(module: nn.Module) -> list[torch.Tensor]:
    """What Keras calls its weights: views."""
    if isinstance(module, Last):
        return module.parts()
    return [module.weight.T, module.bias] if isinstance(module, nn.Linear) else []


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
            if case.sequence and not modules:
                modules.append(Last(k, n))
                continue
            modules.append(nn.Linear(k, n))
            if layer < len(case.sizes) - 2:
                modules.append(HIDDEN[case.hidden]())
                if case.dropout:
                    modules.append(nn.Dropout(case.dropout))
        self.network = nn.Sequential(*modules)
        self.parts = [tensor for module in modules for tensor in parts(module)]
        with torch.no_grad():
            for tensor, array in zip(self.parts, weights, strict=True):
                tensor.copy_(torch.from_numpy(array))
        self.loss = LOSSES[case.loss]()
        parameters = [p for p in self.network.parameters() if p.requires_grad]
        rate = case.learning_rate
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
        return [tensor.detach().numpy().copy() for tensor in self.parts]

    def calls(self) -> dict[str, Callable[[Array], Any]]:
        """The module in `inference_mode`; the last activation included."""
        last = {"linear": nn.Identity(), "sigmoid": nn.Sigmoid(), "softmax": nn.Softmax(dim=1)}
        network = self._callable(nn.Sequential(self.network, last[self.case.output]).eval())

        def call(x: Array) -> Array:
            with torch.inference_mode():
                result: Array = network(torch.from_numpy(x)).numpy()
            return result

        return {"inference_mode": call}

    def steps(self) -> dict[str, Callable[[Array, Any], object]]:
        """The body of the loop, and the loss as a number."""

        def step(x: Array, y: Any) -> float:
            self.network.train()
            self.optimizer.zero_grad(set_to_none=True)
            loss = self._loss(torch.from_numpy(x), torch.from_numpy(y))
            loss.backward()
            self.optimizer.step()
            return float(loss.item())

        return {"step": step}

    def _callable(self, network: nn.Module) -> Callable[[torch.Tensor], torch.Tensor]:
        call: Callable[[torch.Tensor], torch.Tensor] = network
        return call
