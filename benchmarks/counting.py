"""A network that counts what it is asked and how long it takes."""

import time
from typing import Any

from torch import Tensor, nn


class Counted(nn.Module):
    """``network``, and how many images went through it in how many seconds."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.queries, self.seconds = 0, 0.0
        self.shared: Any = None  # three numbers that another process can read

    def forward(self, x: Tensor) -> Any:
        begun = time.perf_counter()
        scores = self.network(x)
        self.seconds += time.perf_counter() - begun
        self.queries += len(x)
        if self.shared is not None:
            self.shared[:] = (self.queries, self.seconds, time.process_time())
        return scores


class FromBytes(nn.Module):
    """``network`` for images whose values run from 0 to 255."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Any:
        return self.network(x / 255)
