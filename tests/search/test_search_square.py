"""Random search over squares: the facts of the Square Attack paper, the box, and independence of lanes."""

import math
from collections.abc import Callable

import pytest
import test_search_contract as contract  # type: ignore[import-not-found]
import torch
from torch import Tensor

from pixelproof.search import SquareSearch

SHAPE = (6, 7, 3)


def make(dimension: int) -> SquareSearch:
    return SquareSearch((1, dimension, 1), queries=40, population=2)


def begun(shape: tuple[int, int, int], lanes: int = 1, bound: float = 2.0, **settings: int | float) -> SquareSearch:
    search = SquareSearch(shape, **settings)  # type: ignore[arg-type]
    box = torch.full((lanes, math.prod(shape)), bound)
    search.add(torch.zeros_like(box), -box, box, [torch.Generator().manual_seed(7 + k) for k in range(lanes)])
    return search


def paper_side(iteration: int, size: int, horizon: int = 10_000, share: float = 0.05) -> int:
    """The side of the square in the section 3.2 of the paper, for images of size × size."""
    halvings = sum(iteration * 10_000 / horizon > at for at in (10, 50, 200, 1000, 2000, 4000, 6000, 8000))
    return max(1, round(size * math.sqrt(share * 0.5**halvings)))


# Independence of lanes, and the order of calls


@pytest.mark.slow
@pytest.mark.parametrize("dimension", [1, 25])
def test_a_lane_depends_on_nothing_but_itself(dimension: int) -> None:
    contract.test_a_lane_does_not_depend_on_how_many_lie_beside_it(make, dimension)
    contract.test_a_lane_does_not_depend_on_comings_and_goings(make, dimension)
    contract.test_a_lane_does_not_depend_on_the_number_of_threads(make, dimension)


@pytest.mark.parametrize(
    "law",
    [
        contract.test_a_lane_draws_from_its_own_generator_and_nothing_else,
        contract.test_candidates_are_float32_and_lie_where_the_starts_lie,
        contract.test_asking_twice_and_telling_first_are_refused,
        contract.test_wrong_lanes_are_refused,
        contract.test_all_lanes_can_go_and_others_come,
        contract.test_arguments_are_neither_changed_nor_remembered,
        contract.test_old_candidates_stay_as_they_were,
        contract.test_inference_mode_may_come_and_go,
    ],
)
def test_the_laws_of_every_search_hold(law: Callable[[contract.Make], None]) -> None:
    law(make)


def test_lanes_at_different_places_of_the_schedule_are_independent() -> None:
    """Whole trajectories on images: squares of different sides lie beside each other."""
    target = torch.randn(3, math.prod(SHAPE), generator=torch.Generator().manual_seed(0))

    def lane(search: SquareSearch, key: int) -> None:
        box = torch.full((1, math.prod(SHAPE)), 3.0)
        search.add(box * 0, -box, box, [torch.Generator().manual_seed(key)])

    def trajectory(key: int, rounds: int) -> list[Tensor]:
        alone = SquareSearch(SHAPE, queries=150, share=0.5)
        lane(alone, key)
        return [step(alone, [key])[0] for _ in range(rounds)]

    def step(search: SquareSearch, keys: list[int]) -> list[Tensor]:
        candidates = search.ask()
        search.tell((candidates - target[keys, None]).abs().sum(2))
        return list(candidates.clone())

    search, seen = SquareSearch(SHAPE, queries=150, share=0.5), [[], [], []]  # type: ignore[var-annotated]
    for key in range(3):
        lane(search, key)
        for _ in range(30):
            for k, candidates in enumerate(step(search, list(range(key + 1)))):
                seen[k].append(candidates)
    for key, rounds in enumerate((90, 60, 30)):
        contract.assert_same(seen[key], trajectory(key, rounds), f"lane {key}")


# The paper's facts


@pytest.mark.parametrize("horizon", [400, 2000])
def test_the_sides_of_the_squares_follow_the_papers_schedule(horizon: int) -> None:
    search = begun((32, 32, 1), queries=horizon)
    candidates = search.ask()
    for iteration in range(1, 250):
        search.tell(torch.zeros(1, 1))  # nothing is ever better than the stripes
        incumbent, candidates = search.incumbent(0), search.ask()
        changed = (candidates[0, 0] != incumbent).view(32, 32)
        side = paper_side(iteration, 32, horizon)
        rows, columns = (changed.any(axis).nonzero().flatten().tolist() for axis in (1, 0))
        assert 0 < len(rows) <= rows[-1] - rows[0] + 1 <= side
        assert 0 < len(columns) <= columns[-1] - columns[0] + 1 <= side


@pytest.mark.parametrize(
    ("iteration", "side"), [(1, 7), (10, 7), (11, 5), (51, 4), (201, 3), (1001, 2), (2001, 1), (9999, 1)]
)
def test_the_published_default_gives_these_sides_on_cifar(iteration: int, side: int) -> None:
    assert paper_side(iteration, 32) == side
    search = SquareSearch((32, 32, 3))
    assert search.schedule.sides(torch.tensor([iteration])).tolist() == [side]


def test_the_first_candidates_are_vertical_stripes_at_the_bounds() -> None:
    search = begun((5, 40, 3), lanes=2)
    stripes = search.ask().view(2, 5, 40, 3)
    assert set(stripes.flatten().tolist()) == {-2.0, 2.0}
    assert (stripes == stripes[:, :1]).all()
    share = (stripes[:, 0] > 0).float().mean()
    assert 0.35 < share < 0.65
    assert not torch.equal(stripes[0], stripes[1])
    assert not torch.equal(stripes[0, 0, :, 0], stripes[0, 0, :, 1])


def test_a_square_has_one_sign_a_channel_and_always_changes_something() -> None:
    search = begun(SHAPE, share=0.2)
    search.ask()
    for _ in range(200):
        search.tell(torch.zeros(1, 1))
        incumbent, candidate = search.incumbent(0).view(SHAPE), search.ask().view(SHAPE)
        changed = candidate != incumbent
        assert changed.any()
        for channel in range(3):
            assert len(candidate[..., channel][changed[..., channel]].unique()) <= 1


def test_what_is_not_better_is_not_kept() -> None:
    search = begun(SHAPE, population=3)
    first = search.ask()
    search.tell(torch.tensor([[3.0, 1.0, 2.0]]))
    assert torch.equal(search.incumbent(0), first[0, 1])
    search.ask()
    search.tell(torch.tensor([[1.0, torch.inf, torch.nan]]))
    assert torch.equal(search.incumbent(0), first[0, 1])
    better = search.ask()
    search.tell(torch.tensor([[0.9, 0.8, torch.nan]]))
    assert torch.equal(search.incumbent(0), better[0, 1])


# The box and the aim


def test_every_candidate_is_a_vertex_of_its_own_box() -> None:
    generator = torch.Generator().manual_seed(0)
    lower = -torch.randint(0, 4, (3, math.prod(SHAPE)), generator=generator).float()
    upper = torch.randint(0, 4, lower.shape, generator=generator).float()
    search = SquareSearch(SHAPE, queries=100)
    search.add(lower * 0, lower, upper, [torch.Generator().manual_seed(k) for k in range(3)])
    for _ in range(100):
        candidates = search.ask()
        assert ((candidates == lower[:, None]) | (candidates == upper[:, None])).all()
        search.tell(candidates.sum(2))


@pytest.mark.slow
@pytest.mark.parametrize("population", [1, 4])
def test_a_planted_vertex_is_found(population: int) -> None:
    """The optimum of a linear fitness, blocks of 2 × 2 in each channel."""
    slopes = torch.randn(2, 3, 3, 3, generator=torch.Generator().manual_seed(1))
    slopes = slopes.repeat_interleave(2, 1).repeat_interleave(2, 2).reshape(2, 1, -1)
    search = begun((6, 6, 3), lanes=2, queries=2000, population=population)
    for _ in range(1500 // population):
        search.tell((search.ask() * slopes).sum(2))
    for lane in range(2):
        assert torch.equal(search.incumbent(lane), -2 * slopes[lane, 0].sign())


def test_only_a_box_that_is_a_point_stalls() -> None:
    search, box = SquareSearch(SHAPE), torch.ones(2, math.prod(SHAPE))
    box[1, 4] = 2.0
    search.add(box * 0, torch.ones_like(box), box, [torch.Generator(), torch.Generator()])
    assert search.stalled().tolist() == search.infeasible().tolist() == [True, False]


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shape is \(-1, -2, 3\)"):
        SquareSearch((-1, -2, 3))
    with pytest.raises(ValueError, match="queries is 0"):
        SquareSearch(SHAPE, queries=0)
    with pytest.raises(ValueError, match="share is 0"):
        SquareSearch(SHAPE, share=0)
    with pytest.raises(ValueError, match="population is 0"):
        SquareSearch(SHAPE, population=0)
    with pytest.raises(ValueError, match="not finite in 126 of 126"):
        begun(SHAPE, bound=math.inf)
    with pytest.raises(IndexError, match="lane is 1, 1 are held"):
        begun(SHAPE).incumbent(1)
