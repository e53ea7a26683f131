"""The same network with scores as they come in practice: rounded, noisy, or as probabilities."""

from typing import Any

import torch
from torch import Tensor, nn


class Probabilities(nn.Module):
    """Softmax of the network's scores, rounded to ``digits`` decimals where that is given."""

    def __init__(self, network: nn.Module, digits: int | None = None) -> None:
        super().__init__()
        self.network, self.digits = network, digits

    def forward(self, x: Tensor) -> Any:
        shares = self.network(x).softmax(1)
        return shares if self.digits is None else shares.mul(10**self.digits).round().div(10**self.digits)


class Rounded(nn.Module):
    """The network's scores with ``digits`` decimals."""

    def __init__(self, network: nn.Module, digits: int) -> None:
        super().__init__()
        self.network, self.digits = network, digits

    def forward(self, x: Tensor) -> Any:
        return self.network(x).mul(10**self.digits).round().div(10**self.digits)


class Noisy(nn.Module):
    """The network's scores with fresh normal noise of deviation ``sigma`` in every answer."""

    def __init__(self, network: nn.Module, sigma: float, seed: int) -> None:
        super().__init__()
        self.network, self.sigma = network, sigma
        self._generator = torch.Generator().manual_seed(seed)

    def forward(self, x: Tensor) -> Any:
        scores = self.network(x)
        return scores + self.sigma * torch.randn(scores.shape, generator=self._generator).to(scores)


def variant(name: str, network: nn.Module, seed: int) -> nn.Module:
    """``network`` seen through ``name``."""
    made: dict[str, nn.Module] = {
        "probabilities": Probabilities(network),
        "probabilities of three digits": Probabilities(network, 3),
        "logits of three digits": Rounded(network, 3),
        "noise 0.1": Noisy(network, 0.1, seed),
        "noise 0.5": Noisy(network, 0.5, seed),
    }
    return made[name].eval()


VARIANTS = ("probabilities", "probabilities of three digits", "logits of three digits", "noise 0.1", "noise 0.5")
