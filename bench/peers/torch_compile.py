"""PyTorch with `torch.compile`: network and loss as one graph, the optimizer fused or compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from bench.cases import Array, Case
from bench.peers.torch import Peer as Eager


class Peer(Eager):
    """One network in PyTorch, compiled for its batch sizes."""

    def __init__(
        self,
        case: Case,
        x: Array,
        y: NDArray[np.generic],
        weights: list[Array],
        form: dict[str, Any],
    ) -> None:
        super().__init__(case, x, y, weights, form)
        torch._dynamo.config.recompile_limit = 64  # each form and batch size is one
        self._loss = torch.compile(super()._loss, dynamic=False)  # type: ignore[method-assign]

    @classmethod
    def forms(cls, case: Case, cores: int) -> list[dict[str, Any]]:
        """One thread and all of them."""
        return [{"threads": threads, "optimizer": "fused"} for threads in sorted({1, cores})]

    def _callable(self, network: nn.Module) -> Callable[[torch.Tensor], torch.Tensor]:
        compiled: Callable[[torch.Tensor], torch.Tensor] = torch.compile(network, dynamic=False)
        return compiled
