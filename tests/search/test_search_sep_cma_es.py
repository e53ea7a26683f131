"""Separable CMA-ES: equal to the full one where it must be, and fit for thousands of dimensions."""

from typing import TypeVar

import pytest
import torch
from torch import Tensor

from pixelproof.search import CMAES, SeparableCMAES
from pixelproof.search.sep_cma_es import LONGEST_WINDOW
from pixelproof.search.strategy import FLAT_GENERATIONS, Rates

AnyCMAES = TypeVar("AnyCMAES", bound=CMAES | SeparableCMAES)


def begun(search: AnyCMAES, starts: Tensor) -> AnyCMAES:
    edge = torch.full_like(starts, 5)
    search.add(starts, -edge, edge, [torch.Generator().manual_seed(i) for i in range(len(starts))])
    return search


def test_in_one_dimension_it_is_the_full_cma_es_step_by_step() -> None:
    starts = torch.tensor([[1.0], [-3.0], [0.2]])
    full, separable = (
        begun(CMAES(1, 0.5, population=8), starts),
        begun(SeparableCMAES(1, 0.5, population=8), starts),
    )
    for _ in range(40):
        expected, got = full.ask(), separable.ask()
        torch.testing.assert_close(got, expected, rtol=2e-4, atol=1e-6)  # float32 beside float64
        fitness = (expected - 0.7).square().sum(2)
        full.tell(fitness)
        separable.tell(fitness)
    assert full._state is not None
    assert separable._state is not None
    variances = torch.stack(full._state.covariance).flatten().float()
    torch.testing.assert_close(separable._state.variance.flatten(), variances, rtol=1e-3, atol=0)


def test_its_covariance_learns_faster_by_a_third_of_n_plus_two() -> None:
    full, separable = Rates.default(100, 17), Rates.default(100, 17, separable=True)
    assert separable.c_1 == pytest.approx(full.c_1 * 34)
    assert separable.c_mu == pytest.approx(full.c_mu * 34)
    assert separable.c_sigma == full.c_sigma


@pytest.mark.parametrize(("n", "population"), [(1, 4), (2, 6), (50, 15), (3072, 28), (3072, 400), (1, 100)])
def test_its_variances_stay_positive(n: int, population: int) -> None:
    """The worst case of eq. 46: one coordinate carries all of every negatively weighted step."""
    rates = Rates.default(n, population, separable=True)
    decay = 1 - rates.c_1 - rates.c_mu * sum(rates.weights)
    negative = sum(weight for weight in rates.weights if weight < 0)
    assert decay + rates.c_mu * n * negative > -1e-9


@pytest.mark.slow
def test_it_converges_on_a_separable_ellipsoid() -> None:
    search = begun(SeparableCMAES(20, 0.5), torch.ones(3, 20))
    slopes, lowest = torch.logspace(0, 6, 20), torch.full((3,), torch.inf)
    for _ in range(900):
        fitness = (search.ask().square() * slopes).sum(2)
        lowest = torch.minimum(lowest, fitness.amin(1))
        search.tell(fitness)
    assert (lowest < 1e-9).all()


@pytest.mark.slow
def test_it_beats_the_full_one_on_a_separable_ellipsoid() -> None:
    spent = []
    for search in (CMAES(20, 0.5), SeparableCMAES(20, 0.5)):
        begun(search, torch.ones(1, 20))
        slopes, best, generations = torch.logspace(0, 6, 20), torch.inf, 0
        while best > 1e-6:
            fitness = (search.ask().square() * slopes).sum(2)
            best, generations = min(best, float(fitness.min())), generations + 1
            search.tell(fitness)
        spent.append(generations)
    assert spent[1] < 0.75 * spent[0]


@pytest.mark.slow
def test_it_converges_on_a_sphere_in_a_thousand_dimensions() -> None:
    search = begun(SeparableCMAES(1000, 0.3), torch.ones(2, 1000))
    for _ in range(2500):
        search.tell(search.ask().square().sum(2))
    assert (search.ask().square().sum(2).amin(1) < 1).all()  # from 1000


def test_a_flat_fitness_stalls_soon_but_not_at_once() -> None:
    search = begun(SeparableCMAES(3072, 0.5), torch.zeros(1, 3072))
    for generation in range(1, FLAT_GENERATIONS + 1):
        search.ask()
        search.tell(torch.full((1, search.population), 3.0))
        assert bool(search.stalled()) == (generation == FLAT_GENERATIONS)


@pytest.mark.slow
def test_a_fitness_all_but_flat_stalls_after_the_window() -> None:
    search = begun(SeparableCMAES(3072, 0.5, population=4), torch.zeros(1, 3072))
    noise = torch.Generator().manual_seed(0)
    for generation in range(1, LONGEST_WINDOW + 1):
        search.ask()
        search.tell(torch.rand(1, 4, generator=noise) * 1e-13)
        assert bool(search.stalled()) == (generation == LONGEST_WINDOW)
