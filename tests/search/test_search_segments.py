"""Segments: one lane against a plain program, what a start is, what a change leaves alone, lanes on their own."""

import math

import numpy as np
import pytest
import test_search_contract as contract  # type: ignore[import-not-found]
import torch
from torch import Tensor

from pixelproof.search import SegmentSearch
from pixelproof.search.drawn_ahead import AHEAD
from pixelproof.search.segment_search import LONGEST, SHRINKS, STARTS, STEP, UNIFORM

Shape = tuple[int, int, int]
SHAPES: list[Shape] = [(12, 9, 3), (7, 7, 1), (1, 30, 3)]
LARGE: Shape = (224, 224, 3)


def seeded(key: int) -> torch.Generator:
    return torch.Generator().manual_seed(key)


def add(search: SegmentSearch, keys: list[int]) -> None:
    start = torch.zeros(len(keys), search.dimension)
    search.add(start, start, start + 255, [seeded(key) for key in keys])


def begun(pixels: int, shape: Shape, lanes: int = 1, population: int = 1) -> SegmentSearch:
    search = SegmentSearch(pixels, shape, population)
    add(search, list(range(lanes)))
    return search


def step(search: SegmentSearch, keys: list[int]) -> list[Tensor]:
    candidates = search.ask()
    weights = torch.stack([torch.randn(search.dimension, generator=seeded(key)) for key in keys])
    search.tell((candidates.sin() * weights[:, None]).sum(2))
    return list(candidates.clone())


def pixels_of(search: SegmentSearch, candidates: Tensor) -> Tensor:
    return candidates.view(*candidates.shape[:-1], search.pixels, -1)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("population", [1, 3])
def test_a_lane_depends_on_nothing_but_itself(shape: Shape, population: int) -> None:
    contract.assert_alone(lambda: SegmentSearch(5, shape, population), add, step, 25)


@pytest.mark.parametrize(("pixels", "segments"), [(1, 1), (10, 1), (20, 2), (50, 2), (100, 4), (250, 4)])
def test_a_start_is_segments_of_one_colour(pixels: int, segments: int) -> None:
    search = begun(pixels, LARGE, population=STARTS)
    lengths = set()
    for candidate in pixels_of(search, search.ask()[0]):
        assert len({tuple(place) for place in candidate[:, :2].tolist()}) >= pixels - 62  # segments may cross
        colours = candidate[:, 2:]
        assert bool(((colours == 0) | (colours == 255)).all())
        steps = candidate[1:, :2] - candidate[:-1, :2]
        breaks = [*((steps.abs().sum(1) != 1).nonzero().flatten() + 1).tolist(), pixels]
        # A new segment can begin by chance where the last one ends.
        assert len(breaks) <= segments
        lengths.update(np.diff([0, *breaks]).tolist())
        for first, last in zip([0, *breaks[:-1]], breaks, strict=True):
            assert len(candidate[first:last, 2:].unique(dim=0)) == 1 or len(breaks) < segments
    assert -(-pixels // segments) in lengths


@pytest.mark.parametrize("shape", [*SHAPES, LARGE])
def test_every_point_lies_in_the_image_at_whole_places_with_corner_colours(shape: Shape) -> None:
    search, sides = begun(6, shape, lanes=4, population=3), torch.tensor(shape[:2])
    for _ in range(120):
        pixels = pixels_of(search, torch.stack(step(search, list(range(4)))))
        places, colours = pixels[..., :2], pixels[..., 2:]
        assert bool(((places == places.round()) & (places >= 0) & (places < sides)).all())
        assert bool(((colours == 0) | (colours == 255)).all())


def test_the_incumbent_is_the_best_point_and_a_piece_of_it_changes() -> None:
    search = begun(40, LARGE, population=4)
    best, point, shares = math.inf, None, list[float]()
    for number in range(150):
        candidates = search.ask()[0]
        fitness = (candidates.sin() * torch.randn(search.dimension, generator=seeded(1))).sum(1)
        if number * 4 >= STARTS and point is not None:
            changed = (pixels_of(search, candidates) != pixels_of(search, point)).any(-1).double().mean(1)
            longest = max(2.0, LONGEST * 40 * SHRINKS ** (number * 4))
            assert float(changed.max()) <= max(1, round(longest)) / 40
            shares += changed.tolist()
        search.tell(fitness[None])
        if float(fitness.min()) < best:
            best, point = float(fitness.min()), candidates[fitness.argmin()].clone()
    assert np.mean(shares[:100]) > np.mean(shares[-100:]) > 0  # pieces become shorter


@pytest.mark.parametrize("shape", [(12, 9, 3), (40, 60, 1)])
def test_a_lane_goes_as_a_plain_program_does(shape: Shape) -> None:
    """The same numbers, read by a program for one lane and one candidate that knows no tensors."""
    pixels, rounds = 8, 110
    search = begun(pixels, shape)
    numbers, state = max(UNIFORM + pixels, 4), seeded(0)
    weights = torch.randn(search.dimension, generator=seeded(3))
    best, incumbent = math.inf, np.zeros((pixels, 2 + shape[2]))
    for number in range(rounds):
        if number % AHEAD == 0:
            uniform = torch.zeros(AHEAD, numbers).uniform_(generator=state).numpy()
            normal = torch.zeros(AHEAD, 3).normal_(generator=state).numpy()
        u, n = uniform[number % AHEAD], normal[number % AHEAD]
        expected = _laid(u, pixels, shape) if number < STARTS else _changed(incumbent, number, u, n, shape)
        asked = search.ask()
        np.testing.assert_array_equal(pixels_of(search, asked)[0, 0].numpy(), expected, f"candidate {number}")
        fitness = (asked.sin() * weights).sum(2)
        search.tell(fitness)
        if float(fitness) < best:
            best, incumbent = float(fitness), expected


def _whole(u: float, count: int) -> int:
    return min(int(np.float32(u) * np.float32(count)), count - 1)


def _colour(u: float, channels: int) -> list[float]:
    index = _whole(u, 2**channels)
    return [255.0 * (index >> (channels - 1 - c) & 1) for c in range(channels)]


def _along(u: np.ndarray, rank: int, length: int, shape: Shape) -> list[float]:
    axis = 1 if u[2] < 0.5 else 0
    place = [_whole(u[1], shape[0]), _whole(u[1], shape[1])]
    place[axis] = (_whole(u[0], max(1, shape[axis] - length + 1)) + rank) % shape[axis]
    return [float(p) for p in place]


def _laid(u: np.ndarray, pixels: int, shape: Shape) -> np.ndarray:
    return np.array([[*_along(u[:3], k, pixels, shape), *_colour(u[3], shape[2])] for k in range(pixels)])


def _changed(incumbent: np.ndarray, number: int, u: np.ndarray, n: np.ndarray, shape: Shape) -> np.ndarray:
    pixels, made = len(incumbent), incumbent.copy()
    longest = max(2.0, LONGEST * pixels * SHRINKS**number)
    length = min(max(round(longest ** float(u[0])), 1), pixels)
    key = u[UNIFORM:].astype(np.float32)
    if u[1] < 0.7:
        pivot = incumbent[_whole(u[8], pixels), :2]
        key = np.float32(0.5) * key + np.abs(incumbent[:, :2] - pivot).max(1).astype(np.float32)
    for rank, k in enumerate(np.argsort(key, kind="stable")[:length]):
        if u[2] < 0.35:
            spread = np.float32(STEP[0] if u[3] < 0.5 else STEP[1]) * abs(n[2])
            for axis in (0, 1):
                deviation = max(np.float32(1), spread * np.float32(shape[axis]) / np.float32(224))
                made[k, axis] = (incumbent[k, axis] + np.round(n[axis] * deviation)) % shape[axis]
        elif u[2] < 0.35 + 0.2:
            made[k, 2:] = _colour(u[7], shape[2])
        else:
            made[k] = [*_along(u[4:7], rank, length, shape), *_colour(u[7], shape[2])]
    return made


@pytest.mark.parametrize(
    ("pixels", "shape", "population", "wrong"),
    [(0, (4, 4, 3), 1, "pixels"), (1, (0, 4, 3), 1, "shape"), (1, (4, 4, 3), 0, "population")],
)
def test_wrong_arguments_are_refused(pixels: int, shape: Shape, population: int, wrong: str) -> None:
    with pytest.raises(ValueError, match=f"^{wrong} is "):
        SegmentSearch(pixels, shape, population)
