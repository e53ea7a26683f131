"""BruSLeAttack: one lane against a plain program, what is drawn how often, its schedule, what it keeps and learns."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import pytest
import test_search_contract as contract  # type: ignore[import-not-found]
import torch
from torch import Tensor

from pixelproof.attacks import FewPixel
from pixelproof.search import BruSLe
from pixelproof.search.brusle import Masks
from pixelproof.search.drawn_ahead import AHEAD

Shape = tuple[int, int, int]
Floats = npt.NDArray[np.float32]
SHAPES: list[Shape] = [(12, 9, 3), (7, 7, 1), (1, 30, 3)]


def seeded(key: int) -> torch.Generator:
    return torch.Generator().manual_seed(key)


def picture(key: int, shape: Shape) -> Tensor:
    return torch.randint(0, 256, (1, *shape), generator=seeded(key)).float()


def add(search: BruSLe, keys: list[int]) -> None:
    start = torch.zeros(len(keys), search.dimension)
    images = torch.cat([torch.empty(0, *search.shape), *(picture(key, search.shape) for key in keys)])
    search.add(start, start, start + 255, [seeded(key) for key in keys], images)


def begun(pixels: int, shape: Shape, lanes: int = 1) -> BruSLe:
    search = BruSLe(pixels, shape)
    add(search, list(range(lanes)))
    return search


def value(points: Tensor, key: int) -> Tensor:
    """A loss of a lane: each place and colour adds something of its own; points (population, dimension)."""
    weights = torch.randn(points.shape[1], generator=seeded(key))
    return (points.sin() * weights).sum(1)


def step(search: BruSLe, keys: list[int]) -> list[Tensor]:
    candidates = search.ask()
    search.tell(torch.stack([value(lane, key) for lane, key in zip(candidates, keys, strict=True)]))
    return list(candidates.clone())


def places_of(search: BruSLe, candidates: Tensor) -> Tensor:
    """(lanes, pixels): row by row through the image."""
    pixels = candidates.view(len(candidates), search.pixels, -1)
    return (pixels[..., 0] * search.shape[1] + pixels[..., 1]).long()


def state_of(search: BruSLe) -> Masks:
    assert search._state is not None
    return search._state


# Independence of lanes


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
def test_a_lane_depends_on_nothing_but_itself(shape: Shape) -> None:
    contract.assert_alone(lambda: BruSLe(4, shape), add, step, 25)


def test_the_global_generator_and_the_threads_do_not_matter() -> None:
    trajectories, before, keys = [], torch.get_num_threads(), list(range(20))
    for threads in (1, 2):
        torch.set_num_threads(threads)
        torch.manual_seed(threads)
        search = begun(5, (40, 40, 3), len(keys))
        trajectories.append([lane for _ in range(20) for lane in step(search, keys)])
    torch.set_num_threads(before)
    contract.assert_same(trajectories[0], trajectories[1], "one thread and two")


# The algorithm


def plainly(pixels: int, shape: Shape, key: int, loss: Callable[[Floats], float]) -> Iterator[Floats]:
    """The candidates of one lane, (pixels, 2 + C) each, place by place and without torch but for its numbers."""
    height, width, channels = shape
    generator, count = seeded(key), height * width
    colours = 255 * torch.randint(2, (count, channels), generator=generator).float().numpy()
    clean = picture(key, shape)[0].view(count, channels).numpy()
    distance = np.maximum(np.abs(colours - clean).astype(np.float64).mean(1), 1e-3)
    asked, needed = np.zeros(count), np.zeros(count)
    best, incumbent, drawn = math.inf, list[int](), torch.empty(AHEAD, count)
    number = 0
    while True:
        if number % AHEAD == 0:
            drawn.uniform_(generator=generator)
        waits = -np.log1p(-drawn[number % AHEAD].numpy().astype(np.float64))
        number += 1
        theta = (needed + 0.01) / (asked + 0.01)
        if number <= 10:
            mask, out = sorted(range(count), key=lambda p: waits[p])[:pixels], list[int]()
        else:
            share = 0.05 * (number**-0.24 + 0.997**number) / 2
            exchanged = min(max(int(share * pixels), 1), count - pixels)
            held = sorted(incumbent, key=lambda p: waits[p] / theta[p])
            free = [p for p in range(count) if p not in incumbent]
            free.sort(key=lambda p: waits[p] / (theta[p] * distance[p]))
            kept, out = held[: pixels - exchanged], held[pixels - exchanged :]
            mask = kept + free[:exchanged]
        candidate = np.array([[p // width, p % width, *colours[p]] for p in mask], np.float32)
        yield candidate
        told = loss(candidate)
        for p in mask + out:
            asked[p] += 1
        if told < best:
            best, incumbent = told, mask
        else:
            for p in out:
                needed[p] += 1


@pytest.mark.parametrize(("pixels", "shape"), [(1, (5, 4, 3)), (4, (12, 9, 3)), (60, (12, 9, 1)), (19, (5, 4, 3))])
def test_a_lane_does_what_a_plain_program_does(pixels: int, shape: Shape) -> None:
    def loss(candidate: Floats) -> float:  # of whole numbers, so that there are equal ones
        return float(((candidate[:, 0] * 7 + candidate[:, 1] * 3 + candidate[:, 2] / 255) % 5).sum())

    search, lanes = begun(pixels, shape, lanes=3), range(3)
    programs = [plainly(pixels, shape, key, loss) for key in lanes]
    for _ in range(AHEAD + 40):
        candidates = search.ask().view(3, pixels, -1)
        for lane, program in enumerate(programs):
            assert np.array_equal(candidates[lane].numpy(), next(program))
        search.tell(torch.tensor([[loss(candidates[lane].numpy())] for lane in lanes]))


def after_the_masks(pixels: int, shape: Shape, lanes: int) -> BruSLe:
    """Many lanes that are past the first masks and 20 exchanges, told chance."""
    search, told = begun(pixels, shape, lanes), seeded(0)
    for _ in range(30):
        search.ask()
        search.tell(torch.rand(lanes, 1, generator=told))
    return search


def test_places_are_kept_and_taken_as_often_as_their_odds_say() -> None:
    lanes = 3000
    search = after_the_masks(2, (2, 3, 1), lanes)
    state = state_of(search)
    theta = (state.needed + 0.01) / (state.asked + 0.01)
    before, odds = state.places.clone(), theta * state.distance
    after = places_of(search, search.ask()[:, 0])
    kept = torch.tensor([len(set(b) & set(a)) for b, a in zip(before.tolist(), after.tolist(), strict=True)])
    assert (kept == 1).all()

    held = theta.gather(1, before)
    first_kept = (before[:, :1] == after).any(1)
    expected = held[:, 0] / held.sum(1)
    assert abs(float((first_kept.float() - expected).mean())) < 3 * 0.5 / math.sqrt(lanes)

    odds.scatter_(1, before, 0)
    chance = odds / odds.sum(1, keepdim=True)
    taken = torch.zeros_like(chance).scatter_(1, after, 1).scatter_(1, before, 0)
    assert torch.equal(taken.sum(1), torch.ones(lanes))
    for rare, common in ((0.0, 0.1), (0.1, 0.4), (0.4, 0.8), (0.8, 1.1)):
        among = (chance >= rare) & (chance < common) & (odds > 0)
        assert int(among.sum()) > 300
        assert abs(float((taken - chance)[among].mean())) < 3 * 0.5 / math.sqrt(int(among.sum()))


# Hyper-parameters as published


def test_the_first_ten_are_random_masks_and_the_best_of_them_is_kept() -> None:
    search, lanes = begun(3, (4, 5, 3), 400), 400
    counts, best = torch.zeros(20), torch.full((lanes,), torch.inf)
    kept = torch.zeros(lanes, 3, dtype=torch.int64)
    for number in range(10):
        places = places_of(search, search.ask()[:, 0])
        counts += places.flatten().bincount(minlength=20)
        told = torch.rand(lanes, generator=seeded(number))
        search.tell(told[:, None])
        kept, best = torch.where((told < best)[:, None], places, kept), best.minimum(told)
    assert torch.equal(state_of(search).places, kept)
    assert (counts / (lanes * 10) - 3 / 20).abs().max() < 0.03
    later = places_of(search, search.ask()[:, 0])
    assert ((later[:, :, None] == kept[:, None]).any(2).sum(1) == 2).all()  # the eleventh exchanges one


@pytest.mark.parametrize(
    ("pixels", "exchanged"),
    [
        (1, {11: 1, 1000: 1}),
        (26, {11: 1, 1000: 1}),
        # ⌊λ B⌋, λ = 0.05 (t^-0.24 + 0.997^t) / 2: at 11, 0.05 (0.5624 + 0.9675) / 2 = 0.0382
        (250, {11: 9, 100: 6, 300: 4, 1000: 1}),
        (500, {11: 19, 100: 13, 300: 8, 1000: 3}),
    ],
)
def test_the_share_that_is_exchanged_falls_as_published(pixels: int, exchanged: dict[int, int]) -> None:
    search = BruSLe(pixels, (224, 224, 3))
    numbers = torch.tensor(list(exchanged))
    assert search._exchanged(numbers - 1).tolist() == list(exchanged.values())


def test_where_every_place_is_held_there_is_nothing_to_exchange() -> None:
    search = begun(20, (4, 5, 3))
    for _ in range(12):
        assert places_of(search, search.ask()[:, 0]).sort().values.tolist() == [list(range(20))]
        search.tell(torch.zeros(1, 1))


# What it asks for


@pytest.mark.parametrize("pixels", [1, 4, 25])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_candidate_changes_no_more_pixels_than_it_may_and_to_one_fixed_image(shape: Shape, pixels: int) -> None:
    search, keys = begun(pixels, shape, 3), [0, 1, 2]
    clean = torch.cat([picture(key, shape) for key in keys])
    colours, encoding = dict[tuple[int, int], list[float]](), FewPixel(pixels, shape)
    for _ in range(60):
        candidates = search.ask()
        assert candidates.shape == (3, 1, pixels * (2 + shape[2]))
        places = places_of(search, candidates[:, 0])
        assert all(len(set(lane)) == pixels for lane in places.tolist())
        images = encoding.decode(candidates, clean)
        assert ((images != clean).any(3).flatten(1).sum(1) <= pixels).all()
        for key in keys:
            for place in places[key].tolist():
                colour = images[key].view(-1, shape[2])[place].tolist()
                assert colours.setdefault((key, place), colour) == colour
                assert set(colour) <= {0.0, 255.0}
        search.tell(torch.stack([value(lane, key) for key, lane in zip(keys, candidates, strict=True)]))
    assert len({tuple(colour) for colour in colours.values()}) == 2 ** shape[2]


def test_a_place_where_the_image_has_the_colour_already_is_a_last_resort() -> None:
    """Of a black image about half the places are, where the synthetic one has a channel."""
    search, lanes = BruSLe(1, (5, 5, 1)), 200
    start = torch.zeros(lanes, 3)
    search.add(start, start, start + 255, [seeded(key) for key in range(lanes)], torch.zeros(lanes, 5, 5, 1))
    for _ in range(10):
        search.ask()
        search.tell(torch.zeros(lanes, 1))
    colour = search.ask()[:, 0, 2]
    assert (colour == 255).float().mean() > 0.99


# What it learns


class Forgetful(BruSLe):
    def _odds(self, state: Masks) -> Tensor:
        return torch.ones_like(state.asked)


def queries_until_found(search: BruSLe, lanes: int, matter: int) -> Tensor:
    """(lanes,): queries, up to 1,500, until the first places, which matter, are held; others matter a little.

    All images are of one grey, so that no place is likelier for its colour.
    """
    start = torch.zeros(lanes, search.dimension)
    search.add(start, start, start + 255, [seeded(key) for key in range(lanes)])
    effect = 0.1 * torch.randn(lanes, math.prod(search.shape[:2]), generator=seeded(5))
    effect[:, :matter] = 1.0
    needed = torch.full((lanes,), 1500)
    for number in range(1500):
        places = places_of(search, search.ask()[:, 0])
        needed = torch.where((places < matter).sum(1) == matter, needed.clamp(max=number + 1), needed)
        search.tell(-effect.gather(1, places).sum(1, keepdim=True))
    return needed


@pytest.mark.slow
def test_what_it_remembers_finds_five_places_that_matter_in_fewer_queries() -> None:
    with_memory, without = (queries_until_found(kind(40, (20, 20, 1)), 40, 5) for kind in (BruSLe, Forgetful))
    assert with_memory.float().mean() < 0.85 * without.float().mean()


def test_only_a_smaller_loss_is_kept() -> None:
    search = begun(2, (4, 4, 3))
    first = places_of(search, search.ask()[:, 0])
    search.tell(torch.ones(1, 1))
    for fitness in (1.0, 2.0, torch.nan, torch.inf):
        search.ask()
        search.tell(torch.full((1, 1), fitness))
        assert torch.equal(state_of(search).places, first)
    better = places_of(search, search.ask()[:, 0])
    search.tell(torch.full((1, 1), 0.5))
    assert torch.equal(state_of(search).places, better)


def test_nothing_stalls_and_wrong_arguments_are_refused() -> None:
    search = begun(2, (5, 5, 3), 2)
    assert search.stalled().tolist() == [False, False]
    zeros = torch.zeros(1, 10)
    with pytest.raises(ValueError, match=r"images are \(1, 5, 5, 1\), must be \(1, 5, 5, 3\)"):
        search.add(zeros, zeros, zeros, [torch.Generator()], torch.zeros(1, 5, 5, 1))
    search.add(zeros, zeros, zeros, [torch.Generator()])  # without an image
    assert search.ask().shape == (3, 1, 10)
    for pixels, shape, said in [
        (0, (5, 5, 3), "dimension is 0"),
        (26, (5, 5, 3), "pixels is 26, must be from 1 to 25"),
        (2, (0, 5, 3), r"shape is \(0, 5, 3\)"),
    ]:
        with pytest.raises(ValueError, match=said):
            BruSLe(pixels, shape)
