"""What a round costs a GPU, counted on a CPU: operations that are launched, and those that wait for the device."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from statistics import median
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from pixelproof.engine import Engine, Round
from pixelproof.engine.lanes import Sample
from pixelproof.jobs.assess_spec import make_spec, resolve
from pixelproof.search import GradientRegression, Search
from pixelproof.search.registry import SEARCHES, Problem
from watched import CPU, Watched, labelled_by, small_network

SHAPE = (8, 8, 3)
#: Waits in a round of the engine, at most: 16 of each of two lanes that take turns.
MOST_WAITS = 32
#: Operations of a round of gradient regression, at most, where no prior is learnt.
MOST_LAUNCHES = 450
#: Calls by which Python waits for what is on a device, or sends it something.
HOST = {
    Tensor.tolist,
    Tensor.item,
    Tensor.numpy,
    Tensor.cpu,
    Tensor.nonzero,
    Tensor.__bool__,
    Tensor.__int__,
    Tensor.__float__,
    torch.tensor,
    torch.from_numpy,
}
#: Operations of a round that each lane adds: none where all are computed at once and numbers drawn ahead; three that
#: draw a lane's numbers; of CMA-ES also those on its own matrix, and of DE those on its own population.
A_LANE = {
    "square": 0,
    "textures": 0,
    "segments": 0,
    "sparse-random": 0,
    "sparse-rs": 0,
    "brusle": 0,
    "sep-cma-es": 3,
    "cma-es": 16,
    "de": 59,
}


class Launches(TorchDispatchMode):
    """Counts the operations that are computed."""

    def __init__(self) -> None:
        super().__init__()
        self.count: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count[str(func)] += 1
        return func(*args, **(kwargs or {}))


class Waits(TorchFunctionMode):
    """Counts the calls that cross between Python and the device."""

    def __init__(self) -> None:
        super().__init__()
        self.count: Counter[str] = Counter()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in HOST:
            self.count[func.__name__] += 1
        return func(*args, **(kwargs or {}))


def _problem(name: str) -> Problem:
    threshold = 3
    few = SEARCHES[name].constraint == "few-pixel"
    dimension = threshold * (2 + SHAPE[2]) if few else SHAPE[0] * SHAPE[1] * SHAPE[2]
    return Problem(
        min(dimension, 40) if SEARCHES[name].constraint is None else dimension, threshold, SHAPE, 8, 1.0, 0.2
    )


def _searched(name: str, lanes: int) -> Search:
    """A search of ``lanes`` that is past its first rounds, in which lanes draw their numbers ahead."""
    search = SEARCHES[name].build(_problem(name))
    generators = [torch.Generator().manual_seed(k) for k in range(lanes)]
    start = torch.zeros(lanes, search.dimension)
    box = torch.full_like(start, 3.0)
    search.add(start, -box, box, generators, torch.full((lanes, *SHAPE), 128.0))
    for number in range(3):
        _round(search, number)
    return search


def _round(search: Search, number: int) -> None:
    candidates = search.ask()
    told = torch.Generator().manual_seed(number)
    search.tell(torch.rand(candidates.shape[:2], generator=told))
    search.stalled()


def _counted(mode: Callable[[], Any], work: Callable[[], object]) -> Counter[str]:
    with mode() as counting:
        work()
    return counting.count


def _more_a_lane(name: str) -> float:
    """How many operations more a round takes for each of 21 more lanes."""
    few, many = (_searched(name, lanes) for lanes in (3, 24))
    launched = [sum(_counted(Launches, partial(_round, search, 3)).values()) for search in (few, many)]
    assert launched[0] > 10  # or nothing was counted
    return (launched[1] - launched[0]) / 21


@pytest.mark.parametrize(("name", "operations"), A_LANE.items())
def test_a_round_of_many_lanes_launches_hardly_more_than_one_of_few(name: str, operations: int) -> None:
    assert _more_a_lane(name) == operations


def test_a_loop_over_lanes_is_found_out() -> None:
    """DE computes lane by lane: each has a population of its own."""
    assert _more_a_lane("de") > 50


#: Margins by which, each round, the best points of all lanes move, of none, or of some.
ANSWERS: dict[str, Callable[[int, int], float]] = {
    "all improve": lambda number, lane: 100.0 - number,
    "none improves": lambda number, lane: 100.0 + number,
    "some improve": lambda number, lane: 100.0 - number if lane % 2 else 100.0,
}


def _regression_rounds(mode: Callable[[], Any], lanes: int, answers: Callable[[int, int], float]) -> list[int]:
    """What ``mode`` counts in each of 40 rounds of gradient regression: milestones pass, rows are forgotten, half of
    the lanes leave."""
    search = GradientRegression(SHAPE, population=12, capacity=200)
    generators = [torch.Generator().manual_seed(k) for k in range(lanes)]
    box = torch.full((lanes, search.dimension), 3.0)
    search.add(torch.zeros_like(box), -box, box, generators, torch.full((lanes, *SHAPE), 128.0))
    counts = []
    for number in range(40):
        if number == 20:
            search.keep(torch.arange(lanes) % 4 < 2)

        def work(number: int = number) -> None:
            candidates = search.ask()
            level = torch.tensor([answers(number, lane) for lane in range(search.lanes)])
            noise = torch.rand(*candidates.shape[:2], 4, generator=torch.Generator().manual_seed(number))
            margins = level[:, None, None] + noise / 10
            search.tell(margins.amin(2), margins)

        counts.append(sum(_counted(mode, work).values()))
    return counts


@pytest.mark.parametrize("answers", ANSWERS.values(), ids=ANSWERS)
def test_gradient_regression_launches_as_much_for_many_lanes_as_for_few(answers: Callable[[int, int], float]) -> None:
    """But where float32 does not suffice for the factor of one, all are made again, and ended ones teach as well."""
    few, many = (_regression_rounds(Launches, lanes, answers) for lanes in (4, 32))
    assert many == pytest.approx(few, rel=0.5)  # eight times as many lanes
    assert median(many) == pytest.approx(median(few), abs=5)
    assert median(many) < MOST_LAUNCHES


@pytest.mark.parametrize("answers", ANSWERS.values(), ids=ANSWERS)
def test_gradient_regression_waits_for_the_device_a_few_times_a_round(answers: Callable[[int, int], float]) -> None:
    few, many = (_regression_rounds(Waits, lanes, answers) for lanes in (4, 32))
    assert many == pytest.approx(few, abs=6)
    assert median(few) == median(many) <= 8
    assert max(many) <= 32


def _rounds(samples: int, search: str, attack: str) -> Iterator[Round]:
    """The rounds of an engine that attacks so many samples at once, all of which last, from the fifth on."""
    network = small_network(SHAPE, 4, gain=0.01)
    data = labelled_by(network, SHAPE, samples)
    options: dict[str, Any] = {"attacks": [attack], "search": search, "max_queries": 500, "batch_size": 32}
    spec = make_spec(model="-", data="-", samples=samples, levels=[1], **options)
    engine = Engine(resolve(spec, SHAPE, "cpu", samples), Watched(network), Watched(network), CPU)
    chosen = [Sample(k, data.images[k], int(data.labels[k]), None, 0.5) for k in range(samples)]
    return islice(engine.run(chosen), 4, None)


@pytest.mark.parametrize(("search", "attack"), [("square", "threshold"), ("sparse-random", "few-pixel")])
def test_the_engine_waits_for_the_device_as_often_for_many_lanes_as_for_few(search: str, attack: str) -> None:
    waits = []
    for samples in (16, 48):  # of two that take turns, both have lanes
        rounds = _rounds(samples, search, attack)
        next(rounds)
        waits.append(_counted(Waits, partial(list, islice(rounds, 3))))
    assert waits[0] == waits[1]
    assert 0 < sum(waits[0].values()) <= 3 * MOST_WAITS
