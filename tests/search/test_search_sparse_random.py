"""Random search over few pixels: its moves, its start, and independence of lanes."""

import math

import pytest
import test_search_contract as contract  # type: ignore[import-not-found]
import torch
from torch import Tensor

from pixelproof.search import SparseRandomSearch
from pixelproof.search.sparse_rs import SparseRS

Shape = tuple[int, int, int]
SHAPES: list[Shape] = [(12, 9, 3), (7, 7, 1), (1, 30, 3)]


def start_of(key: int, pixels: int, shape: Shape) -> Tensor:
    """A genome whose places and values are not whole; (dimension,)."""
    top = torch.tensor([shape[0], shape[1], *[255.0] * shape[2]]).repeat(pixels)
    return torch.rand(len(top), generator=torch.Generator().manual_seed(key)) * top


def add(search: SparseRandomSearch, keys: list[int]) -> None:
    for key in keys:
        start = start_of(key, search.pixels, search.shape)[None]
        image = torch.randint(0, 256, (1, *search.shape), generator=torch.Generator().manual_seed(key)).float()
        box = torch.full_like(start, 255.0)
        search.add(start, box * 0, box, [torch.Generator().manual_seed(key)], image)


def step(search: SparseRandomSearch, keys: list[int]) -> list[Tensor]:
    candidates = search.ask()
    weights = torch.stack([torch.randn(search.dimension, generator=torch.Generator().manual_seed(k)) for k in keys])
    search.tell((candidates * weights[:, None]).square().sum(2))
    return list(candidates.clone())


def pixels_of(search: SparseRandomSearch, candidates: Tensor) -> Tensor:
    return candidates.view(*candidates.shape[:-1], search.pixels, -1)


# Independence of lanes


@pytest.mark.slow
@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize("population", [1, 3])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_lane_depends_on_nothing_but_itself(shape: Shape, population: int, warm: bool) -> None:
    contract.assert_alone(lambda: SparseRandomSearch(4, shape, warm=warm, population=population), add, step, 12)


def test_the_global_generator_and_the_threads_do_not_matter() -> None:
    trajectories, before = [], torch.get_num_threads()
    for threads in (1, 2):
        torch.set_num_threads(threads)
        torch.manual_seed(threads)
        search = SparseRandomSearch(5, (40, 40, 3))
        add(search, list(range(20)))
        trajectories.append([lane for _ in range(20) for lane in step(search, list(range(20)))])
    torch.set_num_threads(before)
    contract.assert_same(trajectories[0], trajectories[1], "one thread and two")


# What it asks for


@pytest.mark.parametrize("pixels", [1, 2, 5])
@pytest.mark.parametrize("shape", SHAPES)
def test_candidates_are_whole_places_inside_the_image_and_corner_colours(shape: Shape, pixels: int) -> None:
    search = SparseRandomSearch(pixels, shape, population=2)
    add(search, [0, 1, 2])
    taken = 0
    for _ in range(60):
        candidates = search.ask()
        assert candidates.shape == (3, 2, pixels * (2 + shape[2]))
        rows, columns, values = pixels_of(search, candidates).split([1, 1, shape[2]], -1)
        assert torch.isin(rows, torch.arange(float(shape[0]))).all()
        assert torch.isin(columns, torch.arange(float(shape[1]))).all()
        assert torch.isin(values, torch.tensor([0.0, 255.0])).all()
        places = (rows * shape[1] + columns).squeeze(-1).sort(-1).values
        taken += int((places.diff(dim=-1) == 0).sum())
        search.tell(torch.randn(3, 2, generator=torch.Generator().manual_seed(taken)))
    assert taken <= 0.05 * 360 * pixels  # all of the 3 places drawn were taken


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("pixels", [1, 4, 9])
def test_the_first_candidates_are_blobs_of_one_colour(shape: Shape, pixels: int) -> None:
    search = SparseRandomSearch(pixels, shape)
    add(search, [3])
    for number in range(12):
        blob = pixels_of(search, search.ask()[0, 0])
        search.tell(torch.full((1, 1), -float(number)))
        places = blob[:, :2]
        if number < 10:
            assert (blob[:, 2:] == blob[0, 2:]).all()
            assert len(places.unique(dim=0)) == pixels
            reach = torch.tensor([min(math.sqrt(pixels) + 1, side) for side in shape[:2]])
            if min(shape[:2]) > 1:
                assert (places.amax(0) - places.amin(0) <= reach).all()
        assert torch.equal(search.incumbent(0), blob.flatten())


@pytest.mark.slow
def test_a_later_candidate_changes_one_pixel_of_the_best_so_far() -> None:
    search = SparseRandomSearch(5, (12, 9, 3))
    add(search, [3])
    fitness = torch.rand(400, 1, 1, generator=torch.Generator().manual_seed(0))
    moves = {"flip": 0, "place": 0, "none": 0}
    for number in range(400):
        before, candidate = search.incumbent(0), search.ask()[0, 0]
        if number >= 10:
            differs = pixels_of(search, candidate) != pixels_of(search, before)
            assert differs.any(1).sum() <= 1
            moves["none" if not differs.any() else "place" if differs[:, :2].any() else "flip"] += 1
            if differs.any() and not differs[:, :2].any():
                assert differs.sum() == 1
        search.tell(fitness[number] + number % 7)
    assert 30 < moves["flip"] < 90  # 15 % of 390
    assert moves["none"] <= 8


@pytest.mark.slow
def test_a_colour_far_from_the_pixel_is_likelier() -> None:
    """|c - x|³ of a dark grey pixel x = 51, one channel: white has 4³ / (1 + 4³) of the probability."""
    search = SparseRandomSearch(1, (5, 5, 1))
    image = torch.full((1, 5, 5, 1), 51.0)
    zeros = torch.zeros(1, 3)
    white = 0
    for seed in range(20):
        search.add(zeros, zeros, zeros + 255, [torch.Generator().manual_seed(seed)], image)
        for _ in range(10):
            white += int(search.ask()[0, 0, 2] == 255)
            search.tell(torch.zeros(1, 1))
        search.keep(torch.tensor([False]))
    assert abs(white / 200 - 64 / 65) < 0.03


# Sparse-RS


@pytest.mark.slow
def test_sparse_rs_moves_one_pixel_at_a_time_to_anywhere_in_any_corner_colour() -> None:
    search, seen = SparseRS(4, (6, 5, 3)), []
    add(search, [0, 1])
    first = pixels_of(search, search.ask()[:, 0])
    assert all(len(lane[:, :2].unique(dim=0)) == 4 for lane in first)
    for _ in range(300):
        search.tell(torch.zeros(2, 1))
        candidates = pixels_of(search, search.ask()[:, 0])
        moved = (candidates != first).any(-1)
        assert (moved.sum(1) == 1).all()
        seen.append(candidates[moved])
    places, colours = torch.cat(seen).split([2, 3], 1)
    assert len(places.unique(dim=0)) == 30
    counts = colours.unique(dim=0, return_counts=True)[1]
    assert len(counts) == 8
    assert counts.min() > 45  # of 75 expected
    with pytest.raises(ValueError, match="pixels is 14, must be at most 13"):
        SparseRS(14, (6, 5, 3))


def test_a_lane_of_sparse_rs_depends_on_nothing_but_itself() -> None:
    together = SparseRS(4, (6, 5, 3))
    add(together, [0, 1, 2])
    seen = [step(together, [0, 1, 2])[1] for _ in range(70)]
    alone = SparseRS(4, (6, 5, 3))
    add(alone, [1])
    contract.assert_same(seen, [step(alone, [1])[0] for _ in range(70)], "lane 1")


# The start and the aim


def test_a_warm_start_is_asked_for_first_and_kept_until_something_is_better() -> None:
    search = SparseRandomSearch(3, (12, 9, 3), warm=True)
    start = torch.tensor([[-1.0, 9.5, 3.2, 255.4, 17.6, *[4.0] * 5, *[5.0] * 5]])
    expected = torch.tensor([11.0, 0.0, 3.0, 255.0, 18.0, *[4.0] * 5, *[5.0] * 5])
    search.add(start, start - 300, start + 300, [torch.Generator()])
    assert torch.equal(search.incumbent(0), expected)
    assert torch.equal(search.ask()[0, 0], expected)
    for fitness in (1.0, 1.0, 3.0, torch.nan):
        search.tell(torch.full((1, 1), fitness))
        assert torch.equal(search.incumbent(0), expected)
        candidate = search.ask()[0, 0]
        assert (pixels_of(search, candidate) != pixels_of(search, expected)).any(1).sum() <= 1
    search.tell(torch.zeros(1, 1))
    assert torch.equal(search.incumbent(0), candidate)
    with pytest.raises(ValueError, match="start is not finite in 1 of 15"):
        search.add(start.index_fill(1, torch.tensor([2]), torch.nan), start, start, [torch.Generator()])


def test_a_start_is_ignored_otherwise() -> None:
    first = []
    for shift in (0.0, 3.0):
        search, start = SparseRandomSearch(2, (5, 5, 1)), torch.full((1, 6), shift)
        search.add(start, start - 9, start + 9, [torch.Generator().manual_seed(0)])
        first.append(search.ask())
    assert torch.equal(first[0], first[1])


@pytest.mark.slow
@pytest.mark.parametrize(("pixels", "shape"), [(1, (16, 16, 3)), (3, (16, 16, 3)), (3, (224, 224, 1))])
def test_planted_pixels_are_found(pixels: int, shape: Shape) -> None:
    """Bumps of effect, one a pixel, summed over the pixels: what neighbours have in common leads to the tops."""
    height, width, channels = shape
    tops = torch.tensor([[0.5, 0.55], [0.3, 0.4], [0.7, 0.3]])[:pixels] * torch.tensor([height, width])

    def gain(candidates: Tensor) -> Tensor:
        genome = candidates.view(-1, pixels, 2 + channels)
        distance = (genome[:, :, None, :2] - tops.floor()).square().sum(-1)
        bump = torch.exp(-distance / (0.03 * height * width)) * (genome[:, :, None, 2] / 255)
        return bump.amax(1).sum(1)  # the best pixel of each top

    search = SparseRandomSearch(pixels, shape)
    add(search, [0, 1])
    for _ in range(700):
        search.tell(-gain(search.ask())[:, None])
    best = torch.stack([search.incumbent(lane) for lane in range(2)])
    assert (gain(best) > 0.95 * pixels).all()


def test_nothing_stalls_and_wrong_arguments_are_refused() -> None:
    search = SparseRandomSearch(2, (5, 5, 3))
    add(search, [0, 1])
    assert search.stalled().tolist() == [False, False]
    with pytest.raises(ValueError, match=r"images are \(1, 5, 5, 1\), must be \(1, 5, 5, 3\)"):
        search.add(
            torch.zeros(1, 10), torch.zeros(1, 10), torch.ones(1, 10), [torch.Generator()], torch.zeros(1, 5, 5, 1)
        )
    with pytest.raises(ValueError, match="dimension is 0"):
        SparseRandomSearch(0, (5, 5, 3))
    with pytest.raises(ValueError, match=r"shape is \(0, 5, 3\)"):
        SparseRandomSearch(2, (0, 5, 3))
    with pytest.raises(ValueError, match="population is 0"):
        SparseRandomSearch(2, (5, 5, 3), population=0)
    with pytest.raises(IndexError, match="lane is 2, 2 are held"):
        search.incumbent(2)
