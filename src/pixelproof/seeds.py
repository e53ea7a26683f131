"""Random streams: one for each (seed, attack, search, threshold, sample, restart), and for nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import torch
from torch import Generator, Tensor


def stream(device: torch.device, *key: object) -> torch.Generator:
    """A generator on ``device`` seeded by a hash of ``key``."""
    digest = hashlib.blake2b("|".join(map(str, key)).encode(), digest_size=8).digest()
    return torch.Generator(device).manual_seed(int.from_bytes(digest, "big") >> 1)


class Streams:
    """One generator a sample, so that what a sample draws does not depend on which others are beside it."""

    def __init__(self, generators: Sequence[Generator], device: torch.device) -> None:
        self._generators, self._device = list(generators), device

    def of(self, rows: Tensor) -> Streams:
        """The streams of some samples, by their ``rows``; they go on where these left off."""
        return Streams([self._generators[k] for k in rows.tolist()], self._device)

    def normal(self, *shape: int) -> Tensor:
        """Standard normal numbers, samples×shape."""
        return self._each(lambda g: torch.randn(shape, generator=g))

    def uniform(self, *shape: int) -> Tensor:
        """Numbers in [0, 1), samples×shape."""
        return self._each(lambda g: torch.rand(shape, generator=g))

    def integers(self, below: int, *shape: int) -> Tensor:
        """Whole numbers from 0 to below ``below``, samples×shape."""
        return self._each(lambda g: torch.randint(below, shape, generator=g))

    def _each(self, draw: Callable[[Generator], Tensor]) -> Tensor:
        # Drawn on the CPU, so that they are the same on every device.
        return torch.stack([draw(generator) for generator in self._generators]).to(self._device)
