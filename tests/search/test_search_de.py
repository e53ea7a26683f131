"""Differential evolution: rand/1/bin, its repair and its selection."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pixelproof.search import DifferentialEvolution
from pixelproof.search.de import distinct_triples, mutate


def begun(search: DifferentialEvolution, lanes: int = 1, extent: float = 5.0) -> DifferentialEvolution:
    edge = torch.full((lanes, search.dimension), extent)
    search.add(torch.zeros_like(edge), -edge, edge, [torch.Generator().manual_seed(i) for i in range(lanes)])
    return search


def sphere(points: Tensor) -> Tensor:
    return points.square().sum(-1)


def rastrigin(points: Tensor) -> Tensor:
    return (points.square() - 10 * (2 * math.pi * points).cos() + 10).sum(-1)


def test_it_converges_on_the_sphere() -> None:
    search = begun(DifferentialEvolution(5, population=30), lanes=4)
    for _ in range(200):
        search.tell(sphere(search.ask()))
    assert (sphere(search.ask()).amin(1) < 1e-8).all()


@pytest.mark.slow
def test_it_converges_on_rastrigin() -> None:
    search = begun(DifferentialEvolution(5, population=60, crossover=0.3, differential_weight=0.5), lanes=4)
    for _ in range(250):
        search.tell(rastrigin(search.ask()))
    assert (rastrigin(search.ask()).amin(1) < 1e-4).all()


@settings(deadline=None, derandomize=True, max_examples=60)
@given(st.integers(4, 60), st.integers(0, 2**32))
def test_the_four_indices_are_distinct(count: int, seed: int) -> None:
    triples = distinct_triples(count, torch.Generator().manual_seed(seed))
    four = torch.stack([torch.arange(count), *triples]).sort(0).values
    assert (four[1:] > four[:-1]).all()
    assert four.min() >= 0
    assert four.max() < count


@pytest.mark.slow
def test_every_triple_is_equally_likely() -> None:
    """Five members: each has 4 * 3 * 2 = 24 triples; chi-squared, 23 degrees of freedom."""
    generator, draws, member = torch.Generator().manual_seed(0), 4000, 2
    codes = []
    for _ in range(draws):
        first, second, third = (picked[member] for picked in distinct_triples(5, generator))
        codes.append(int(first * 25 + second * 5 + third))
    counts = torch.bincount(torch.tensor(codes), minlength=125)
    counts = counts[counts > 0].double()
    assert len(counts) == 24
    assert float(((counts - draws / 24) ** 2 / (draws / 24)).sum()) < 56


def test_the_mutant_is_the_formula() -> None:
    members = torch.tensor([[0.0, 1.0], [10.0, 20.0], [3.0, 5.0], [1.0, 1.0]])
    out = torch.empty(1, 2)
    mutate(members, torch.tensor([[1], [2], [3]]), torch.tensor([0.5]), out)
    assert out.tolist() == [[11.0, 22.0]]


def test_the_initial_population_is_uniform_in_the_range() -> None:
    search = DifferentialEvolution(2, population=4000)
    lower, upper = torch.tensor([[2.0, -1.0]]), torch.tensor([[4.0, 1.0]])
    search.add(torch.zeros(1, 2), lower, upper, [torch.Generator().manual_seed(0)])
    members = search.ask()[0]
    assert ((members >= lower) & (members <= upper)).all()
    shares = ((members - lower) / (upper - lower)).sort(0).values
    ideal = torch.linspace(0, 1, 4000).unsqueeze(1)
    assert float((shares - ideal).abs().max()) < 0.03  # Kolmogorov-Smirnov, far beyond the 0.99 quantile


def test_without_crossover_exactly_one_component_changes() -> None:
    search = begun(DifferentialEvolution(7, population=20, crossover=0.0, differential_weight=0.5))
    parents = search.ask().clone()
    search.tell(sphere(parents))
    trials = search.ask()
    assert ((trials != parents).sum(2) == 1).all()


def test_the_crossover_is_the_share_of_components_from_the_mutant() -> None:
    search = begun(DifferentialEvolution(400, population=50, crossover=0.25))
    parents = search.ask().clone()
    search.tell(sphere(parents))
    share = float((search.ask() != parents).float().mean())
    assert abs(share - (0.25 + 0.75 / 400)) < 0.01


def test_components_out_of_range_are_drawn_anew_inside() -> None:
    search = begun(DifferentialEvolution(6, population=50, differential_weight=1.9), lanes=3, extent=1.0)
    search.tell(sphere(search.ask()))
    for _ in range(10):
        trials = search.ask()
        assert (trials.abs() <= 1).all()
        assert float((trials.abs() == 1).float().mean()) < 0.01  # redrawn, not clipped
        search.tell(torch.zeros(3, 50))


def test_a_range_of_one_value_is_kept() -> None:
    search = DifferentialEvolution(2, population=10)
    lower, upper = torch.tensor([[0.3, -1.0]]), torch.tensor([[0.3, 1.0]])
    search.add(torch.zeros(1, 2), lower, upper, [torch.Generator().manual_seed(0)])
    for _ in range(3):
        candidates = search.ask()
        assert (candidates[:, :, 0] == lower[0, 0]).all()
        search.tell(sphere(candidates))


def test_selection_is_greedy_and_takes_equals() -> None:
    search = begun(DifferentialEvolution(3, population=15))
    parents = search.ask().clone()
    held = torch.rand(1, 15, generator=torch.Generator().manual_seed(1))
    search.tell(held)
    for generation in range(20):
        trials = search.ask().clone()
        told = torch.rand(1, 15, generator=torch.Generator().manual_seed(2 + generation))
        told[0, :3] = held[0, :3]
        search.tell(told)
        better = told <= held
        parents = torch.where(better.unsqueeze(2), trials, parents)
        held = torch.minimum(held, told)
        assert search._state is not None
        members = search._state.population[0]
        assert members is not None
        assert torch.equal(members, parents[0])
        assert torch.equal(search._state.fitness[0], held[0])


def test_it_stalls_when_the_population_has_collapsed() -> None:
    search = begun(DifferentialEvolution(2, population=20))
    assert not search.stalled().any()
    generations = 0
    while not search.stalled().all():
        search.tell(sphere(search.ask()))
        generations += 1
        assert generations < 400
    assert generations > 20
    assert search._state is not None
    members = search._state.population[0]
    assert members is not None
    assert ((members.amax(0) - members.amin(0)) <= 1e-5).all()  # 1e-6 of a range of 10


def test_a_population_of_3072_in_3072_dimensions_works() -> None:
    search = begun(DifferentialEvolution(3072, population=3072))
    for _ in range(2):
        candidates = search.ask()
        assert candidates.shape == (1, 3072, 3072)
        search.tell(candidates[:, :, :8].square().sum(2))


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"population": 3}, "population is 3, must be at least 4"),
        ({"crossover": 1.1}, r"crossover is 1.1, must lie in \[0, 1\]"),
        ({"differential_weight": 0.0}, "from 0.0 to 0.0"),
        ({"differential_weight": (1.0, 0.5)}, "from 1.0 to 0.5"),
        ({"differential_weight": math.nan}, "from nan to nan"),
    ],
)
def test_wrong_settings_are_refused(keywords: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DifferentialEvolution(2, **keywords)  # type: ignore[arg-type]


def test_bounds_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="not finite in 2 of 2"):
        begun(DifferentialEvolution(2), extent=torch.inf)
