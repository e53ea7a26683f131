"""The pixel process under limits: fewer pixels begin with the best of the incumbent, more with what the map says."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from pixelproof.attacks import FewPixel
from pixelproof.search import PixelProcess
from pixelproof.search.lane_model import LaneModel

RGB, GREY = (16, 12, 3), (10, 10, 1)
Answer = Callable[[Tensor], Tensor]  # candidate images (q, H, W, C) to margins (q, K)


def image(shape: tuple[int, int, int], key: int = 0) -> Tensor:
    return torch.randint(256, shape, generator=torch.Generator().manual_seed(key)).float()


def additive(shape: tuple[int, int, int], key: int = 0) -> Answer:
    """One margin, from which every pixel takes its own share of its own change of colour: no interactions.

    Rounded, so that threads do not show in the answers.
    """
    clean = image(shape, key).double()
    weight = torch.rand(shape[:2], generator=torch.Generator().manual_seed(key + 50), dtype=torch.float64) ** 4
    return lambda images: (
        (6 - (((images - clean) / 255).norm(dim=3) * weight).sum((1, 2))).round(decimals=4).float()[:, None]
    )


def begin(pixels: int, shape: tuple[int, int, int] = RGB, lanes: int = 1) -> PixelProcess:
    search = PixelProcess(pixels, shape)
    corner = torch.zeros(lanes, search.dimension)
    images = torch.stack([image(shape, key) for key in range(lanes)])
    search.add(corner, corner, corner + 255, [torch.Generator() for _ in range(lanes)], images)
    return search


def round_of(search: PixelProcess) -> list[Tensor]:
    """One round; the images of each lane that were wanted."""
    candidates, wanted = search.ask(), search.wanted().tolist()
    encoding, seen = FewPixel(search.pixels, search.shape), []
    margins = torch.full((len(wanted), search.population, 1), torch.inf)
    for lane, count in enumerate(wanted):
        clean = image(search.shape, lane)[None]
        seen.append(encoding.decode(candidates[lane : lane + 1, :count], clean))
        margins[lane, :count] = additive(search.shape, lane)(seen[-1])
    search.tell(margins.amin(2), margins)
    return seen


def changed(images: Tensor, clean: Tensor) -> Tensor:
    """(q, H, W) bool: which pixels differ."""
    return (images != clean).any(3)


def mind_of(search: PixelProcess, lane: int = 0) -> LaneModel:
    assert search._state is not None
    return search._state.models[lane]


@pytest.mark.parametrize("shape", [RGB, GREY])
def test_candidates_keep_within_their_limits(shape: tuple[int, int, int]) -> None:
    search = begin(9, shape, lanes=3)
    for limits in ([9, 4, 1], [6, 4, 2], [3, 8, 1], [1, 1, 1], [9, 2, 5]):
        search.limit(torch.tensor(limits))
        for _ in range(4):
            for lane, images in enumerate(round_of(search)):
                counts = changed(images, image(shape, lane)).flatten(1).sum(1)
                assert counts.max() == limits[lane]  # a corner of the colour cube is nearly always a change
                assert counts.min() >= limits[lane] - 1


@pytest.mark.slow
def test_fewer_pixels_begin_with_those_of_the_best_set_that_do_most() -> None:
    search, clean = begin(8), image(RGB)
    for _ in range(25):
        round_of(search)
    for limit in (5, 4, 1):
        incumbent = mind_of(search).incumbent
        assert incumbent is not None
        drops = mind_of(search).landscape.drops(torch.tensor([0])).flatten()[incumbent.cells]
        best = FewPixel(8, RGB).decode(search.incumbent(0)[None, None], clean[None])
        expected = incumbent.cells[drops.argsort(descending=True)[:limit]] % (16 * 12)
        search.limit(torch.tensor([limit]))
        [images] = round_of(search)
        assert len(images) == 1
        kept = changed(images, clean)[0]
        assert torch.equal(images[0][kept], best[0][kept])
        assert kept.flatten().nonzero().squeeze(1).tolist() == sorted(expected.tolist())
        for _ in range(6):
            round_of(search)


def test_the_first_set_of_fewer_pixels_is_nearly_the_best_subset() -> None:
    """Without interactions the best subset of a set is known: the pixels that do most by themselves."""
    search, clean, answer = begin(8), image(RGB), additive(RGB)
    for _ in range(25):
        round_of(search)
    best = FewPixel(8, RGB).decode(search.incumbent(0)[None, None], clean[None])[0]
    singles = []
    for row, column in changed(best[None], clean)[0].nonzero().tolist():
        one = clean.clone()
        one[row, column] = best[row, column]
        singles.append(6 - float(answer(one[None])))
    search.limit(torch.tensor([4]))
    [images] = round_of(search)
    assert 6 - float(answer(images)) > 0.9 * sum(sorted(singles)[-4:])


def test_more_pixels_go_on_with_the_map() -> None:
    """What was learnt of pairs is worth nearly as much for sets of eight as what is learnt of these alone."""
    shape = GREY
    search, answer = begin(8, shape), additive(shape)
    search.limit(torch.tensor([2]))
    for _ in range(25):
        round_of(search)
    search.limit(torch.tensor([8]))
    [images] = round_of(search)
    found = 6 - float(answer(images).amin())
    fresh = begin(8, shape)
    [first] = round_of(fresh)
    clean, reach = image(shape), torch.where(image(shape) < 128, 255.0, 0.0)
    flat = clean.flatten(0, 1).repeat(100, 1, 1)
    flat[torch.arange(100), torch.arange(100)] = reach.flatten(0, 1)
    most = float((6 - answer(flat.view(100, *shape)).squeeze(1)).topk(8).values.sum())
    assert found > 0.7 * most
    assert found > 1.5 * (6 - float(answer(first).amin()))


def test_a_limit_beyond_all_positions_is_all_of_them() -> None:
    search = begin(9, (2, 2, 1))
    search.limit(torch.tensor([9]))
    for limit in (3, 9):
        [images] = round_of(search)
        assert changed(images, image((2, 2, 1))).flatten(1).sum(1).max() <= 4
        search.limit(torch.tensor([limit]))
    assert mind_of(search).size == 4


def test_limits_may_come_before_the_first_answer_and_change_twice_between_rounds() -> None:
    search = begin(6)
    for limit in (6, 3, 5):
        search.limit(torch.tensor([limit]))
    for _ in range(4):
        round_of(search)
    for limit in (4, 2, 3):
        search.limit(torch.tensor([limit]))
    [images] = round_of(search)
    assert changed(images, image(RGB)).flatten(1).sum(1).max() == 3


def test_the_same_limit_again_changes_nothing() -> None:
    searches = [begin(5), begin(5)]
    for search in searches:
        search.limit(torch.tensor([3]))
    for _ in range(8):
        one, two = (round_of(search)[0] for search in searches)
        assert torch.equal(one, two)
        searches[1].limit(torch.tensor([3]))


def test_no_success_is_promised_or_denied_by_what_was_seen_at_another_limit() -> None:
    """Hopelessness is of the present number of pixels."""
    search = begin(3, GREY)
    search.limit(torch.tensor([1]))
    while not bool(search.infeasible()):
        assert mind_of(search).landscape.count < 120
        round_of(search)
    search.limit(torch.tensor([3]))
    assert not bool(search.infeasible())


@pytest.mark.slow
@pytest.mark.parametrize("shape", [RGB, GREY])
def test_many_rounds_do_not_depend_on_the_number_of_threads(shape: tuple[int, int, int]) -> None:
    before, seen = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            search = begin(4, shape)
            rounds = [round_of(search)[0] for _ in range(20)]
            search.limit(torch.tensor([2]))
            rounds += [round_of(search)[0] for _ in range(10)]
            torch.set_num_threads(1)  # so that looking at the map is not what differs
            seen.append([*rounds, mind_of(search).landscape.drops(torch.tensor([0]))])
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(one, two) for one, two in zip(*seen, strict=True))
