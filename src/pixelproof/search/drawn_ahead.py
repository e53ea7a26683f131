"""Random numbers drawn from each lane's own generator many rounds ahead, so that a round costs no call a lane."""

from collections.abc import Sequence

import torch
from torch import Tensor

AHEAD = 64  # rounds


def refill(
    rounds: Tensor, generators: Sequence[torch.Generator], uniform: Tensor, normal: Tensor | None = None
) -> None:
    """Draw the next `AHEAD` rounds of every lane that has used up its own.

    rounds (lanes,) int64: rounds done. uniform (lanes, AHEAD, k) float32, in [0, 1), and normal (lanes, AHEAD, m)
    float32, standard, are overwritten in place.
    """
    for lane in (rounds % AHEAD == 0).nonzero().flatten().tolist():
        uniform[lane].uniform_(generator=generators[lane])
        if normal is not None:
            normal[lane].normal_(generator=generators[lane])


def current(rounds: Tensor, numbers: Tensor) -> Tensor:
    """The numbers of this round, (lanes, k): entry rounds mod `AHEAD` of each lane of (lanes, AHEAD, k)."""
    return numbers[torch.arange(len(rounds), device=rounds.device), rounds % AHEAD]


def ordinals(rounds: Tensor, population: int) -> Tensor:
    """How many candidates a lane had before each of this round's, (lanes, population) int64."""
    return rounds[:, None] * population + torch.arange(population, device=rounds.device)


def whole(uniform: Tensor, count: Tensor | int) -> Tensor:
    """Uniform whole numbers in [0, count), int64, of uniform numbers in [0, 1); count broadcasts."""
    return (uniform * count).long().clamp_(max=count - 1)  # a product may round up to count itself
