"""What every search must do, whichever it is."""

from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import pixelproof.search
from pixelproof.search import CMAES, DifferentialEvolution, Search, SeparableCMAES
from pixelproof.search.search import LaneSearch, LaneState, ordered_sum

Make = Callable[[int], Search]

MAKERS: dict[str, Make] = {
    "de": lambda dimension: DifferentialEvolution(dimension, population=30),
    "de-cross": lambda dimension: DifferentialEvolution(dimension, population=30, crossover=0.7),
    "cma": lambda dimension: CMAES(dimension, sigma=0.3),
    "sep": lambda dimension: SeparableCMAES(dimension, sigma=0.3),
}

every_search = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())


def add(search: Search, keys: Sequence[int]) -> None:
    """Add one lane a key; all that a lane depends on follows from its key."""
    starts = [torch.rand(search.dimension, generator=torch.Generator().manual_seed(key)) for key in keys]
    start = torch.stack(starts) if starts else torch.empty(0, search.dimension)
    widths = 1 + torch.tensor(keys, dtype=torch.float32).unsqueeze(1) % 3
    search.add(start, start - widths, start + widths, [torch.Generator().manual_seed(key) for key in keys])


def valley(points: Tensor, key: int) -> Tensor:
    """An ill-conditioned bowl with its own centre for each key; points (population, dimension)."""
    dimension = points.shape[1]
    slopes = torch.logspace(0, 3, dimension)
    return ((points.clone() - 0.1 * (key % 5)).square() * slopes).sum(1)


def step(search: Search, keys: Sequence[int]) -> list[Tensor]:
    """One generation; the candidates of each lane."""
    candidates = search.ask()
    assert candidates.shape == (len(keys), search.population, search.dimension)
    search.tell(torch.stack([valley(lane, key) for lane, key in zip(candidates, keys, strict=True)]))
    return [lane.clone() for lane in candidates]


def remembered(search: Search, slot: int) -> list[Tensor]:
    """All that a search holds of one lane, of which the float32 candidates show only the leading bits."""
    assert isinstance(search, LaneSearch)
    state: LaneState | None = search._state
    assert state is not None
    return [torch.as_tensor(getattr(state, field.name)[slot]) for field in fields(state)]


def alone(make: Make, dimension: int, key: int, generations: int) -> list[Tensor]:
    """The candidates of each generation of a lane by itself, and then all that the search remembers of it."""
    search = make(dimension)
    add(search, [key])
    return [step(search, [key])[0] for _ in range(generations)] + remembered(search, 0)


def assert_same(got: list[Tensor], expected: list[Tensor], lane: str) -> None:
    for number, (one, two) in enumerate(zip(got, expected, strict=True)):
        assert torch.equal(one, two), f"{lane}: entry {number} differs"


def assert_alone(
    fresh: Callable[[], Any], add: Callable[..., None], step: Callable[..., list[Tensor]], rounds: int
) -> None:
    """Lanes of a search that come and go, a few ``rounds`` at a time, do what each does with none beside it."""
    search, keys, seen = fresh(), list(range(7)), dict[int, list[Tensor]]()
    add(search, keys)
    for newcomers, leavers in (([], []), ([20, 21], [0, 2, 5]), ([22], [1, 21]), ([23, 24, 25], [3, 20])):
        search.keep(torch.tensor([key not in leavers for key in keys]))
        keys = [key for key in keys if key not in leavers] + newcomers
        add(search, newcomers)
        for _ in range(rounds):
            for key, lane in zip(keys, step(search, keys), strict=True):
                seen.setdefault(key, []).append(lane)
    for key, lanes in seen.items():
        alone = fresh()
        add(alone, [key])
        assert_same(lanes, [step(alone, [key])[0] for _ in lanes], f"lane {key}")
        if key in keys:
            assert_same(remembered(search, keys.index(key)), remembered(alone, 0), "state")


def ready(make: Make, lanes: int = 3, dimension: int = 4) -> Search:
    search = make(dimension)
    add(search, range(lanes))
    return search


# Lane independence, bit for bit


@pytest.mark.slow
@pytest.mark.parametrize("dimension", [1, 5, 15, 25, 50, 75])
@every_search
def test_a_lane_does_not_depend_on_how_many_lie_beside_it(make: Make, dimension: int) -> None:
    generations = 6
    expected = [alone(make, dimension, key, generations) for key in range(33)]
    for count in (2, 3, 7, 16, 33):
        assert_like_alone(make(dimension), count, expected, generations)


def assert_like_alone(search: Search, count: int, expected: list[list[Tensor]], generations: int) -> None:
    keys = list(reversed(range(count)))
    add(search, keys)
    seen = [step(search, keys) for _ in range(generations)]
    for slot, key in enumerate(keys):
        got = [lanes[slot] for lanes in seen] + remembered(search, slot)
        assert_same(got, expected[key], f"lane {key} of {count}")


@pytest.mark.parametrize("name", ["de", "sep"])
def test_lanes_are_independent_in_thousands_of_dimensions(name: str) -> None:
    make, generations = MAKERS[name], 3
    expected = [alone(make, 3072, key, generations) for key in range(16)]
    for count in (2, 7, 16):
        assert_like_alone(make(3072), count, expected, generations)


@pytest.mark.slow
@pytest.mark.parametrize("dimension", [5, 25, 50, 75])
@every_search
def test_a_lane_does_not_depend_on_comings_and_goings(make: Make, dimension: int) -> None:
    search, keys = make(dimension), list(range(13))
    seen: dict[int, list[Tensor]] = {}
    add(search, keys)
    for newcomers, leavers in (([], []), ([20, 21], [0, 2, 5, 12]), ([22], [1, 21]), ([23, 24, 25], [3, 20])):
        search.keep(torch.tensor([key not in leavers for key in keys]))
        keys = [key for key in keys if key not in leavers] + newcomers
        add(search, newcomers)
        for _ in range(4):
            for key, lane in zip(keys, step(search, keys), strict=True):
                seen.setdefault(key, []).append(lane)
    assert len(seen) == 19
    for key, lanes in seen.items():
        state = remembered(search, keys.index(key)) if key in keys else []
        expected = alone(make, dimension, key, len(lanes))
        assert_same(lanes + state, expected if key in keys else expected[: len(lanes)], f"lane {key}")


@pytest.mark.parametrize("dimension", [25, 75])
@every_search
def test_a_lane_does_not_depend_on_the_number_of_threads(make: Make, dimension: int) -> None:
    before, trajectories = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            trajectories.append(alone(make, dimension, key=1, generations=8))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert_same(trajectories[0], trajectories[1], "one thread and two")


@every_search
def test_a_lane_draws_from_its_own_generator_and_nothing_else(make: Make) -> None:
    torch.manual_seed(1)
    first, before = alone(make, 5, key=3, generations=4), torch.get_rng_state()
    torch.manual_seed(2)
    second = alone(make, 5, key=3, generations=4)
    assert all(torch.equal(one, two) for one, two in zip(first, second, strict=True))
    torch.manual_seed(1)
    assert torch.equal(torch.get_rng_state(), before)
    assert not torch.equal(first[0], alone(make, 5, key=4, generations=1)[0])


@pytest.mark.parametrize("length", [1, 2, 3, 7, 28, 3072])
def test_the_ordered_sum_is_a_sum_and_leaves_its_argument(length: int) -> None:
    values = torch.randn(3, length, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    before = values.clone()
    torch.testing.assert_close(ordered_sum(values, 1), values.sum(1))
    assert torch.equal(values, before)


# The order of calls, shapes and arguments


@every_search
def test_candidates_are_float32_and_lie_where_the_starts_lie(make: Make) -> None:
    search = ready(make)
    candidates = search.ask()
    assert (candidates.dtype, candidates.device) == (torch.float32, torch.device("cpu"))
    search.tell(candidates.sum(2))
    stalled = search.stalled()
    assert (stalled.dtype, stalled.shape, stalled.device) == (torch.bool, (3,), torch.device("cpu"))
    assert not stalled.any()


@every_search
def test_asking_twice_and_telling_first_are_refused(make: Make) -> None:
    search = ready(make)
    with pytest.raises(RuntimeError, match=r"answers 1 ask, 0 are open"):
        search.tell(torch.zeros(3, search.population))
    search.ask()
    with pytest.raises(RuntimeError, match=r"2 times for 0 tells"):
        search.ask()
    with pytest.raises(RuntimeError, match=r"add between ask and tell: 1 ask is open, 0"):
        add(search, [9])
    with pytest.raises(RuntimeError, match=r"keep between ask and tell: 1 ask is open, 0"):
        search.keep(torch.ones(3, dtype=torch.bool))
    search.tell(torch.zeros(3, search.population))
    with pytest.raises(RuntimeError, match=r"answers 1 ask, 0 are open"):
        search.tell(torch.zeros(3, search.population))


@every_search
def test_a_refused_tell_can_be_told_again(make: Make) -> None:
    search = ready(make)
    candidates = search.ask()
    with pytest.raises(ValueError, match=rf"\(3, 1\).*\(3, {search.population}\)"):
        search.tell(torch.zeros(3, 1))
    with pytest.raises(ValueError, match=r"int64.*floating"):
        search.tell(torch.zeros(3, search.population, dtype=torch.int64))
    search.tell(candidates.sum(2))
    search.ask()


@every_search
def test_wrong_lanes_are_refused(make: Make) -> None:
    search = make(4)
    good, generators = torch.zeros(2, 4), [torch.Generator() for _ in range(2)]
    for bad in (torch.zeros(3, 4), torch.zeros(2, 5), torch.zeros(4), torch.zeros(2, 4, dtype=torch.float64)):
        with pytest.raises(ValueError, match=r"upper is .*must be \(2, 4\) torch.float32"):
            search.add(good, good, bad, generators)
    with pytest.raises(ValueError, match=r"start is \(\) .*must be \(0, 4\)"):
        search.add(torch.tensor(0.0), good, good, generators)
    with pytest.raises(ValueError, match=r"lower exceeds upper \(or is NaN\) in 8 of 8"):
        search.add(good, good + 1, good, generators)
    with pytest.raises(ValueError, match=r"lower exceeds upper \(or is NaN\) in 8 of 8"):
        search.add(good, good, good * torch.nan, generators)
    with pytest.raises(ValueError, match=r"1 generators for 2 lanes"):
        search.add(good, good, good, generators[:1])
    with pytest.raises(ValueError, match=r"1 distinct generators for 2 lanes"):
        search.add(good, good, good, generators[:1] * 2)
    with pytest.raises(ValueError, match=r"upper is on meta, the other lanes are on cpu"):
        search.add(good, good, good.to("meta"), generators)
    for margins in (torch.zeros(2), torch.zeros(3, 10), torch.zeros(2, 10, dtype=torch.int64)):
        with pytest.raises(ValueError, match=r"margins are \(.*must be \(2, K\) floating"):
            search.add(good, good, good, generators, None, margins)
    assert search.lanes == 0
    search.add(good, good, good, generators)
    with pytest.raises(ValueError, match=r"2 distinct generators for 3 lanes"):
        search.add(good[:1], good[:1], good[:1], generators[:1])


@every_search
def test_wrong_masks_are_refused(make: Make) -> None:
    search = ready(make)
    with pytest.raises(ValueError, match=r"\(2,\) torch.bool, must be \(3,\)"):
        search.keep(torch.ones(2, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"torch.float32, must be \(3,\) torch.bool"):
        search.keep(torch.ones(3))


@every_search
def test_lanes_lie_in_order_of_addition(make: Make) -> None:
    search = ready(make)
    assert search.lanes == 3
    search.keep(torch.tensor([True, False, True]))
    add(search, [7])
    assert search.lanes == 3
    for lane, key in zip(step(search, [0, 2, 7]), [0, 2, 7], strict=True):
        assert torch.equal(lane, alone(make, 4, key, 1)[0])


@every_search
def test_all_lanes_can_go_and_others_come(make: Make) -> None:
    search = ready(make)
    add(search, [])
    assert search.lanes == 3
    search.keep(torch.zeros(3, dtype=torch.bool))
    assert search.lanes == 0
    assert search.stalled().shape == (0,)
    with pytest.raises(RuntimeError, match=r"at least 1 lane, 0 are held"):
        search.ask()
    search.keep(torch.zeros(0, dtype=torch.bool))
    add(search, [5])
    assert torch.equal(step(search, [5])[0], alone(make, 4, 5, 1)[0])


@every_search
def test_a_restarted_lane_may_bring_its_generator_along(make: Make) -> None:
    search, generator, row = make(4), torch.Generator(), torch.zeros(1, 4)
    search.add(row, row - 1, row + 1, [generator])
    search.keep(torch.tensor([False]))
    search.add(row, row - 1, row + 1, [generator])
    assert search.lanes == 1


@every_search
def test_arguments_are_neither_changed_nor_remembered(make: Make) -> None:
    search = make(4)
    start, lower, upper = torch.zeros(2, 4), torch.full((2, 4), -1.0), torch.ones(2, 4)
    search.add(start, lower, upper, [torch.Generator().manual_seed(i) for i in range(2)])
    other = make(4)
    other.add(start, lower, upper, [torch.Generator().manual_seed(i) for i in range(2)])
    for row in (start, lower, upper):
        row.fill_(torch.nan)
    for _ in range(4):
        candidates, expected = search.ask(), other.ask()
        assert torch.equal(candidates, expected)
        before, fitness = candidates.clone(), candidates.square().sum(2)
        told = fitness.clone()
        search.tell(fitness)
        assert torch.equal(fitness, told)
        assert torch.equal(candidates, before)
        fitness.fill_(torch.nan)
        other.tell(told)


@every_search
def test_old_candidates_stay_as_they_were(make: Make) -> None:
    search, held = ready(make), []
    for _ in range(4):
        candidates = search.ask()
        held.append((candidates, candidates.clone()))
        search.tell(candidates.square().sum(2))
    assert all(torch.equal(now, then) for now, then in held)


@every_search
def test_inference_mode_may_come_and_go(make: Make) -> None:
    search = make(4)
    with torch.inference_mode():
        add(search, [1])
        candidates = search.ask()
        fitness = candidates.square().sum(2)
    assert not candidates.is_inference()
    search.tell(fitness)
    for _ in range(3):
        search.tell(search.ask().square().sum(2).requires_grad_())
    assert not search.ask().requires_grad


# Fitness that is not a number


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
@every_search
def test_what_is_not_finite_counts_as_worst(make: Make, bad: float) -> None:
    search, plain = ready(make), ready(make)
    for _ in range(30):
        candidates, expected = search.ask(), plain.ask()
        assert torch.equal(candidates, expected)
        fitness = candidates.square().sum(2)
        worst = candidates[:, :, 0] > 0.5
        search.tell(torch.where(worst, bad, fitness))
        plain.tell(torch.where(worst, 1e30, fitness))


@every_search
def test_nothing_but_nan_does_not_poison_a_lane(make: Make) -> None:
    search = ready(make)
    for _ in range(3):
        start = search.ask().square().sum(2).amin(1)
        search.tell(torch.full((3, search.population), torch.nan))
    for _ in range(100):
        candidates = search.ask()
        assert candidates.isfinite().all()
        search.tell(candidates.square().sum(2))
    assert (search.ask().square().sum(2).amin(1) < 0.01 * start).all()


# All in all


@pytest.mark.slow
@every_search
def test_lanes_with_different_starts_all_converge(make: Make) -> None:
    keys = range(6)
    search = ready(make, lanes=6)
    lowest = torch.full((6,), torch.inf)
    for _ in range(200):
        candidates = search.ask()
        fitness = torch.stack([valley(lane, key) for lane, key in zip(candidates, keys, strict=True)])
        lowest = torch.minimum(lowest, fitness.amin(1))
        search.tell(fitness)
    assert (lowest < 1e-4).all()


@pytest.mark.parametrize("wrong", [0, -1])
def test_a_dimension_below_one_is_refused(wrong: int) -> None:
    for make in MAKERS.values():
        with pytest.raises(ValueError, match=rf"dimension is {wrong}, must be at least 1"):
            make(wrong)


def test_the_public_names_are_listed_and_true() -> None:
    listed = pixelproof.search.__all__
    assert len(listed) == len(set(listed))
    assert {"CMAES", "DifferentialEvolution", "Search", "SeparableCMAES"} <= set(listed)
    assert all(hasattr(pixelproof.search, name) for name in listed)


def test_no_search_knows_of_models_or_files() -> None:
    folder = Path(pixelproof.search.__file__).parent
    for source in folder.glob("*.py"):
        imports = [line for line in source.read_text().splitlines() if line.startswith(("import ", "from "))]
        rooms = {line.split()[1].split(".")[1] for line in imports if line.split()[1].startswith("pixelproof.")}
        assert rooms <= {"search", "errors", "plugins", "wording"}, source
