"""Textures: one lane against a plain program, waves first, windows then, lanes on their own."""

import math

import numpy as np
import pytest
import test_search_contract as contract  # type: ignore[import-not-found]
import torch
from torch import Tensor

from pixelproof.search import TextureSearch
from pixelproof.search.drawn_ahead import AHEAD
from pixelproof.search.texture_search import BROAD, MEMORY, NEAR, NORMAL, UNIFORM, WIDE

Shape = tuple[int, int, int]
SHAPES: list[Shape] = [(12, 9, 3), (7, 7, 1), (1, 30, 3)]
LARGE: Shape = (160, 120, 3)


def seeded(key: int) -> torch.Generator:
    return torch.Generator().manual_seed(key)


def add(search: TextureSearch, keys: list[int]) -> None:
    start = torch.zeros(len(keys), search.dimension)
    search.add(start, start - 3, start + 2, [seeded(key) for key in keys])


def begun(shape: Shape, lanes: int = 1, population: int = 1) -> TextureSearch:
    search = TextureSearch(shape, population)
    add(search, list(range(lanes)))
    return search


def step(search: TextureSearch, keys: list[int]) -> list[Tensor]:
    candidates = search.ask()
    weights = torch.stack([torch.randn(search.dimension, generator=seeded(key)) for key in keys])
    search.tell((candidates * weights[:, None]).sum(2))
    return list(candidates.clone())


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("population", [1, 3])
def test_a_lane_depends_on_nothing_but_itself(shape: Shape, population: int) -> None:
    contract.assert_alone(lambda: TextureSearch(shape, population), add, step, 2 * (BROAD + NEAR) // population)


def test_the_first_candidates_are_one_wave_all_over_the_image() -> None:
    search = begun(LARGE, population=4)
    for _ in range((BROAD + NEAR) // 4):
        for candidate in step(search, [0])[0]:
            assert set(candidate.unique().tolist()) == {-3.0, 2.0}
            image = candidate.view(LARGE)
            for channel in (1, 2):
                share = float((image[..., 0] == image[..., channel]).float().mean())
                assert share in (0.0, 1.0)  # a channel is that of the first one, or its opposite
            assert 0.3 < float((image[..., 0] > 0).float().mean()) < 0.7


def test_later_ones_change_one_window_of_the_best_and_windows_shrink() -> None:
    search, weights = begun(LARGE, population=4), torch.randn(math.prod(LARGE), generator=seeded(1))
    best, point, areas = math.inf, None, list[float]()
    for number in range(0, 1200, 4):
        candidates = search.ask()[0]
        fitness = candidates @ weights
        if number >= BROAD + NEAR and point is not None:
            for candidate in candidates:
                rows, columns = (candidate != point).view(LARGE).any(2).nonzero(as_tuple=True)
                if len(rows):
                    sides = [int(each.max() - each.min()) + 1 for each in (rows, columns)]
                    areas.append(math.prod(sides) / math.prod(LARGE[:2]))
        search.tell(fitness[None])
        if float(fitness.min()) < best:
            best, point = float(fitness.min()), candidates[fitness.argmin()].clone()
    assert max(areas) < WIDE**2 * math.exp(0.3 * 2 * 4)
    assert 0 < np.mean(areas[-100:]) < np.mean(areas[:100]) / 5


@pytest.mark.parametrize("shape", [(40, 60, 3), (33, 20, 1)])
def test_a_lane_goes_as_a_plain_program_does(shape: Shape) -> None:
    """The same numbers, read by a program for one lane and one candidate that knows no tensors."""
    search, channels, state = begun(shape), shape[2], seeded(0)
    weights = torch.randn(search.dimension, generator=seeded(3))
    best, incumbent, memory, merit = math.inf, None, list[np.ndarray](), list[float]()
    for number in range(200):
        if number % AHEAD == 0:
            uniform = torch.zeros(AHEAD, UNIFORM + 2 * channels).uniform_(generator=state).double().numpy()
            normal = torch.zeros(AHEAD, NORMAL).normal_(generator=state).double().numpy()
        u, n = uniform[number % AHEAD], normal[number % AHEAD]
        wave, inside = _wave(number, u, n, memory, channels), _window(number, u, n, shape)
        shown = np.where(_high(wave, shape), 2.0, -3.0)
        expected = shown if incumbent is None else np.where(inside[..., None], shown, incumbent)
        asked = search.ask()
        # Where a wave crosses zero, float32 may say otherwise.
        assert float((asked[0, 0].view(shape).numpy() != expected).mean()) <= 0.01, f"candidate {number}"
        fitness = float(asked[0, 0] @ weights)
        search.tell(torch.tensor([[fitness]]))
        if number < BROAD + NEAR:
            place = int(np.searchsorted(merit, fitness, side="right"))
            merit.insert(place, fitness)
            memory = [*memory[:place], wave, *memory[place:]][:MEMORY]
        if fitness < best:
            best, incumbent = fitness, asked[0, 0].view(shape).numpy().copy()
            if number >= BROAD + NEAR:
                memory = [wave, *memory[:-1]]


def _whole(u: float, count: int) -> int:
    return min(int(np.float32(u) * np.float32(count)), count - 1)


def _wave(number: int, u: np.ndarray, n: np.ndarray, memory: list[np.ndarray], channels: int) -> np.ndarray:
    frequency = 2 * math.pi / (2.5 * 16 ** u[1])
    if number >= BROAD + NEAR and u[4] < 0.4:
        frequency = 0.0
    signs = np.where(u[UNIFORM : UNIFORM + channels] < 0.5, -1.0, 1.0)
    angle = math.pi * u[2]
    new = np.array([frequency * math.sin(angle), frequency * math.cos(angle), 2 * math.pi * u[3], *signs])
    if number < BROAD:
        return new
    if number < BROAD + NEAR:
        return _changed(memory[_whole(u[6], 3)], u, n, channels)
    if u[0] < 0.5:
        made = _changed(memory[0 if u[5] < 0.5 else _whole(u[6], MEMORY)], u, n, channels)
    else:
        made = memory[_whole(u[6], MEMORY)].copy() if u[0] < 0.8 else new
    if u[9] < 0.5:
        made[2] = 2 * math.pi * u[10]
    if u[11] < 0.3:
        made[3:] = np.where(u[UNIFORM + channels :] < 0.5, -1.0, 1.0)
    return made


def _changed(wave: np.ndarray, u: np.ndarray, n: np.ndarray, channels: int) -> np.ndarray:
    length, direction = math.hypot(wave[0], wave[1]), math.atan2(wave[0], wave[1])
    length = min(length * math.exp(0.2 * n[0]), math.pi)
    direction += 0.15 * n[1]
    made = np.array([length * math.sin(direction), length * math.cos(direction), wave[2] + n[2], *wave[3:]])
    if u[7] < 0.3:
        made[3 + _whole(u[8], channels)] *= -1
    return made


def _high(wave: np.ndarray, shape: Shape) -> np.ndarray:
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    return (np.sin(wave[0] * rows + wave[1] * columns + wave[2]) >= 0)[..., None] == (wave[3:] > 0)


def _window(number: int, u: np.ndarray, n: np.ndarray, shape: Shape) -> np.ndarray:
    inside = np.ones(shape[:2], bool)
    if number < BROAD + NEAR:
        return inside
    share = 0.2 * max(1.0, number / 100) ** -0.6
    for axis, size in enumerate(shape[:2]):
        side = min(max(round(size * share * math.exp(0.3 * n[3 + axis])), 2), size)
        first = _whole(u[12 + axis], size + 1 - side)
        place = np.arange(size)
        along = (place >= first) & (place < first + side)
        inside &= along[:, None] if axis == 0 else along
    return inside


def test_a_box_of_one_point_is_stalled() -> None:
    search, point = TextureSearch((4, 4, 3)), torch.ones(2, 48)
    search.add(point, point, torch.stack([point[0], point[1] + 1]), [seeded(0), seeded(1)])
    assert search.stalled().tolist() == [True, False]


@pytest.mark.parametrize(("shape", "population", "wrong"), [((0, 4, 3), 1, "dimension"), ((4, 4, 3), 0, "population")])
def test_wrong_arguments_are_refused(shape: Shape, population: int, wrong: str) -> None:
    with pytest.raises(ValueError, match=f"^{wrong} is "):
        TextureSearch(shape, population)
