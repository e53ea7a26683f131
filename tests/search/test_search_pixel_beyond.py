"""Where the map promises nothing more: the sweep is every cell once, steps keep to their sets, surprises keep hope."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor

from pixelproof.attacks import FewPixel
from pixelproof.search import PixelProcess
from pixelproof.search.pixel_landscape import Landscape
from pixelproof.search.pixel_prior import PixelPrior
from pixelproof.search.pixel_steps import Steps
from pixelproof.search.pixel_sweep import Sweep
from pixelproof.search.pixel_trust import tail

CPU = torch.device("cpu")
RGB, GREY = (4, 3, 3), (3, 5, 1)
GRIDS = ((0, 255), (0, 128, 255), (0, 64, 128, 191, 255))


def prior_of(shape: tuple[int, int, int]) -> PixelPrior:
    return PixelPrior(shape, CPU)


def cells_of(shape: tuple[int, int, int], values: tuple[int, ...]) -> set[tuple[int, ...]]:
    """By brute force: row, column and colour of all cells of a grid."""
    return set(itertools.product(range(shape[0]), range(shape[1]), *[values] * shape[2]))


def swept(sweep: Sweep, most: int) -> list[tuple[int, ...]]:
    """The cells that come, told as they come."""
    seen: list[tuple[int, ...]] = []
    while len(seen) < most and len(cells := sweep.next(7)):
        seen += [tuple(int(value) for value in pixel) for pixel in sweep.pixels(cells)]
        sweep.observe(cells, torch.full((len(cells),), 5.0))
        assert sweep.count == len(seen)
    return seen


# The sweep


def test_a_sweep_is_every_cell_of_each_grid_once_and_in_turn() -> None:
    sweep, begun = Sweep(prior_of(RGB)), 0
    sweep.begin(torch.rand(8, 12, generator=torch.Generator().manual_seed(0)))
    seen = swept(sweep, 12 * 125)
    for values in GRIDS:
        cells = cells_of(RGB, values)
        assert set(seen[: len(cells)]) == cells
        assert len(cells) > begun
        begun = len(cells)


def test_a_grey_sweep_ends_with_all_256_values() -> None:
    sweep = Sweep(prior_of(GREY))
    sweep.begin(torch.zeros(2, 15))
    seen = swept(sweep, 10**6)
    assert len(seen) == sweep.count == 15 * 256
    assert set(seen) == cells_of(GREY, tuple(range(256)))


def test_a_sweep_ends_before_a_grid_that_is_too_large() -> None:
    sweep = Sweep(prior_of((64, 64, 3)))
    sweep.begin(torch.zeros(8, 4096))
    sweep.observe_corners(torch.arange(8 * 4096), torch.ones(8 * 4096))
    sweep._queue = sweep._queue[:0]  # type: ignore[index]
    assert len(sweep.next(12)) == 12
    assert sweep._colours.shape == (19, 3)
    sweep._queue = sweep._queue[:0]  # type: ignore[index]
    assert len(sweep.next(12)) == 0


def test_the_order_is_that_of_the_scores_and_then_of_the_margins_between_corners() -> None:
    sweep = Sweep(prior_of(RGB))
    scores = torch.rand(8, 12, generator=torch.Generator().manual_seed(1))
    already = torch.tensor([5, 90])
    sweep.observe_corners(already, torch.tensor([9.0, 9.0]))
    sweep.begin(scores)
    expected = [cell for cell in scores.flatten().argsort().tolist() if cell not in (5, 90)]
    first = sweep.next(94)
    assert first.tolist() == expected
    margins = torch.full((96,), 9.0)
    margins[[3, 3 + 12]] = 1.0  # black and blue at (1, 0)
    sweep.observe(first, margins[first])
    assert sweep.count == 96
    assert sweep.pixels(sweep.next(1)).tolist() == [[1, 0, 0, 0, 128]]


# Steps


@pytest.mark.parametrize("shape", [RGB, GREY, (1, 1, 1), (1, 2, 4)])
@pytest.mark.parametrize("size", [1, 3])
def test_a_step_changes_one_pixel_of_a_set_within_the_image(shape: tuple[int, int, int], size: int) -> None:
    prior = prior_of(shape)
    size = min(size, prior.positions)
    random = torch.Generator().manual_seed(0)
    steps = Steps(prior, torch.full(shape, 90.0), random)
    told = prior.pixels(torch.arange(size)[None].repeat(4, 1) + prior.positions * torch.arange(2).repeat(2)[:, None])
    steps.observe(told, torch.tensor([2.0, 1.0, 4.0, 3.0]))
    children = steps.propose(200)
    assert steps.asked == 200
    top = torch.tensor([shape[0] - 1, shape[1] - 1, *[255] * shape[2]])
    assert ((children >= 0) & (children <= top) & (children == children.round())).all()
    differs = (children[:, None] != told[None]).any(3).sum(2)
    assert (differs.amin(1) <= 1).all()
    assert (differs.amin(1) == 1).float().mean() > 0.9
    places = (children[..., 0] * shape[1] + children[..., 1]).sort(1).values
    assert (places.diff(dim=1) > 0).all()
    assert ((children[..., 2:] > 0) & (children[..., 2:] < 255)).any()


def test_the_least_tried_of_the_best_are_changed_first() -> None:
    prior = prior_of(RGB)
    steps = Steps(prior, torch.zeros(RGB), torch.Generator())
    assert steps.best is None
    steps.observe(prior.pixels(torch.arange(30)[:, None]), torch.arange(30.0).flip(0))
    assert steps._tries == [0] * 20
    steps.propose(25)
    assert steps._tries == [2] * 5 + [1] * 15
    steps.observe(prior.pixels(torch.tensor([[77]])), torch.tensor([0.5]))
    assert steps._tries == [2, 0] + [2] * 4 + [1] * 14
    assert torch.equal(steps.best[0], prior.pixels(torch.tensor(29)))  # type: ignore[index]


# Surprises


def landscape_told(surprises: Tensor) -> Landscape:
    """One with these whitened answers (n, K)."""
    prior = prior_of(RGB)
    landscape = Landscape(prior, prior.corner_features(torch.zeros(RGB)), surprises.shape[1], len(surprises))
    numbers = landscape.posterior.mean.shape[1]
    landscape.posterior._rows[:, numbers:] = surprises
    landscape.posterior.count = len(surprises)
    return landscape


def test_surprises_of_a_gaussian_map_have_no_tail_and_one_large_one_has() -> None:
    random = torch.Generator().manual_seed(0)
    told = 3 * torch.randn(200, 2, generator=random)
    assert 1 <= tail(landscape_told(told)) < 1.15
    told[150, 1] = 45.0
    scale = math.sqrt((14.4 + float(told[:, 1].square().sum())) / 210)
    assert tail(landscape_told(told)) == pytest.approx(45 / scale / math.sqrt(2 * math.log(400)), rel=1e-4)
    assert tail(landscape_told(told[:1])) == 1


# All together


def flat(search: PixelProcess, level: float, rounds: int) -> list[list[Tensor]]:
    """Candidates of rounds at which every answer is the same, by lane."""
    seen: list[list[Tensor]] = [[] for _ in range(search.lanes)]
    for _ in range(rounds):
        candidates, wanted = search.ask(), search.wanted().tolist()
        for lane, count in enumerate(wanted):
            seen[lane].append(candidates[lane, :count].clone())
        search.tell(torch.full(candidates.shape[:2], level))
        search.infeasible()
    return seen


def begin(
    pixels: int, shape: tuple[int, int, int], keys: list[int], search: PixelProcess | None = None
) -> PixelProcess:
    search = search or PixelProcess(pixels, shape)
    images = [torch.randint(256, shape, generator=torch.Generator().manual_seed(key)).float() for key in keys]
    corner = torch.zeros(len(keys), search.dimension)
    generators = [torch.Generator().manual_seed(key) for key in keys]
    search.add(corner, corner, corner + 255, generators, torch.stack(images))
    return search


def test_how_much_was_swept_is_what_brute_force_counts() -> None:
    """12 positions: 96 cells of corners, 324 with the next grid, 1,500 with the third."""
    search = begin(1, RGB, [0])
    encoding, seen = FewPixel(1, RGB), set[tuple[int, ...]]()
    done = 0
    while done < 1_500:
        [[candidates]] = flat(search, 9.0, 1)
        seen |= {tuple(genome) for genome in candidates.int().tolist()}
        done = int(search.swept())
        corners = len(cells_of(RGB, GRIDS[0]) & seen)
        assert done <= len(seen)
        assert (done == 96) <= (corners == 96)
        for values in GRIDS:
            cells = cells_of(RGB, values)
            assert done < len(cells) or cells <= seen
    assert encoding.dimension == search.dimension


@pytest.mark.slow
@pytest.mark.parametrize("pixels", [1, 3])
def test_a_cohort_beyond_its_map_does_not_depend_on_those_beside_it(pixels: int) -> None:
    shape, rounds = (5, 4, 3), 60
    alone = flat(begin(pixels, shape, [1, 2]), 50.0, rounds)
    beside = flat(begin(pixels, shape, [1, 2], begin(pixels, shape, [7])), 50.0, rounds)[1:]
    for one, two in zip(alone, beside, strict=True):
        assert all(torch.equal(*pair) for pair in zip(one, two, strict=True))
    other = flat(begin(pixels, shape, [1, 3]), 50.0, rounds)
    assert not all(torch.equal(*pair) for pair in zip(alone[1], other[1], strict=True))
    inside = torch.cat(alone[0]).view(-1, pixels, 5)[:, :, 2:]
    assert ((inside > 0) & (inside < 255)).any()
