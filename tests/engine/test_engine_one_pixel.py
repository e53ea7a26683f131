"""One pixel from end to end where the map is wrong: what is planted is found; giving up is an option; sweeps resume."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from pixelproof.data import ImageSet
from watched import Attack, Watched

SIDE = 8
ONE = {"attacks": ["few-pixel"], "levels": [1]}
Network = Callable[[Tensor], Tensor]


def hill(planted: Callable[[Tensor], Tensor]) -> Network:
    """Two classes whose margin falls a little, from 9, with brightness near one corner; at what is planted it is −1.

    ``planted`` tells of images N×H×W×3, 0–255, which have it. The trend never comes near zero.
    """
    place = torch.arange(SIDE).float()
    weight = torch.exp(-((place[:, None] - 1) ** 2 + (place - 1) ** 2) / 8)

    def scores(images: Tensor) -> Tensor:
        pixels = (images.permute(0, 2, 3, 1) * 255).round()
        trend = 9 - 0.5 * ((pixels.sum(3) / 765 - 0.5) * weight).sum((1, 2))
        margin = torch.where(planted(pixels), -1.0, trend)
        return torch.stack([margin, torch.zeros_like(margin)], 1)

    return scores


def greys(count: int = 1) -> ImageSet:
    """Images without colour or contrast, so that nothing of what is planted is there before."""
    levels = np.linspace(100, 150, count).astype(np.uint8)
    images = np.broadcast_to(levels[:, None, None, None], (count, SIDE, SIDE, 3)).copy()
    return ImageSet(images, np.zeros(count, np.int64), ("a", "b"))


def corner(pixels: Tensor) -> Tensor:
    """One cell of 512, in the dark end of the trend: pure green at (6, 5)."""
    return (pixels[:, 6, 5] == torch.tensor([0.0, 255.0, 0.0])).all(1)


def inner(pixels: Tensor) -> Tensor:
    """Near one colour inside the cube, at the position where corners come nearest."""
    return (pixels[:, 1, 1] - torch.tensor([150.0, 200.0, 110.0])).norm(dim=1) < 45


def grid(pixels: Tensor) -> Tensor:
    """One colour of the third grid, at a position of which nothing is promised."""
    return (pixels[:, 7, 0] == torch.tensor([64.0, 191.0, 128.0])).all(1)


@pytest.mark.parametrize(("planted", "within", "seed"), [(corner, 1_300, 0), (inner, 1_000, 3)])
def test_one_cell_or_one_colour_that_the_map_cannot_know_is_found(
    planted: Callable[[Tensor], Tensor], within: int, seed: int, attack: Attack
) -> None:
    done = attack(Watched(hill(planted)), greys(), **ONE, max_queries=within, seed=seed)
    assert [record.success for record in done.records] == [True]
    given = attack(Watched(hill(planted)), greys(), **ONE, max_queries=within, seed=seed, give_up=True)
    assert [(record.success, record.gave_up) for record in given.records] == [(False, True)]
    assert given.records[0].queries < 100


@pytest.mark.slow
def test_the_sweep_comes_to_every_colour_of_the_third_grid(attack: Attack) -> None:
    done = attack(Watched(hill(grid)), greys(), **ONE, max_queries=SIDE * SIDE * 125 + 1_700)
    [record] = done.records
    assert record.success
    assert SIDE * SIDE * 27 < record.swept <= SIDE * SIDE * 125


@pytest.mark.slow
def test_what_does_not_break_spends_its_budget_and_says_how_far_the_sweep_came(attack: Attack) -> None:
    nothing = hill(lambda pixels: torch.zeros(len(pixels), dtype=torch.bool))
    done = attack(Watched(nothing), greys(2), **ONE, max_queries=1_500)
    cells = SIDE * SIDE * 8
    for record in done.records:
        assert (record.success, record.gave_up, record.queries) == (False, False, 1_499)
        assert cells <= record.swept < SIDE * SIDE * 27
    more = attack(Watched(nothing), greys(2), attacks=["few-pixel"], levels=[3], max_queries=400)
    assert [(r.gave_up, r.queries, r.swept) for r in more.records] == [(False, 399, 0)] * 2


@pytest.mark.slow
def test_a_run_that_was_cut_goes_on_as_if_it_had_not(attack: Attack) -> None:
    """Cohorts of 32: the last one was not through."""
    data, options = greys(34), {**ONE, "max_queries": 120}
    whole = attack(Watched(hill(corner)), data, **options)
    assert len(whole.records) == 34
    cut = attack(Watched(hill(corner)), data, **options, done=whole.records[:33])
    assert cut.comparable() == [replace(record, seconds=0.0) for record in whole.records[33:]]
    assert attack(Watched(hill(corner)), data, **options).comparable() == whole.comparable()
