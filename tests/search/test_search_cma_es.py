"""Full CMA-ES: against the package `cma`, and the signs of a stall."""

import math
import statistics
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from pixelproof.search import CMAES
from pixelproof.search.strategy import FLAT_GENERATIONS, Rates

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it asks for matplotlib
    import cma

Objective = Callable[[Any], Any]  # of an array or a tensor (..., n)


def sphere(x: Any) -> Any:
    return (x**2).sum(-1)


def ellipsoid(x: Any) -> Any:
    """Condition number 1e6."""
    n = x.shape[-1]
    slopes = 10 ** (6 * np.arange(n) / (n - 1))
    return ((torch.from_numpy(slopes) if isinstance(x, Tensor) else slopes) * x**2).sum(-1)


def rosenbrock(x: Any) -> Any:
    return (100 * (x[..., 1:] - x[..., :-1] ** 2) ** 2 + (1 - x[..., :-1]) ** 2).sum(-1)


def begun(search: CMAES, starts: Tensor) -> CMAES:
    edge = torch.full_like(starts, 5)
    search.add(starts, -edge, edge, [torch.Generator().manual_seed(i) for i in range(len(starts))])
    return search


def our_evaluations(objective: Objective, n: int, start: float, sigma: float, target: float, runs: int) -> list[int]:
    """Until the target is hit, one lane a run."""
    search, spent = begun(CMAES(n, sigma), torch.full((runs, n), start)), [0] * runs
    for generation in range(3000):
        fitness = objective(search.ask().double())
        search.tell(fitness)
        for run, hits in enumerate((fitness < target).tolist()):
            if not spent[run] and any(hits):
                spent[run] = generation * search.population + hits.index(True) + 1
        if all(spent):
            return spent
    raise AssertionError(f"{spent.count(0)} of {runs} runs never hit {target}")


def their_evaluations(objective: Objective, n: int, start: float, sigma: float, target: float, runs: int) -> list[int]:
    spent = []
    quiet = {"verbose": -9, "tolx": 0, "tolfun": 0, "tolfunhist": 0}
    for run in range(runs):
        strategy = cma.CMAEvolutionStrategy([start] * n, sigma, {"seed": run + 1, **quiet})
        evaluations, hits = 0, [False]
        while not any(hits):
            points = strategy.ask()
            fitness = [float(objective(point)) for point in points]
            strategy.tell(points, fitness)
            hits = [value < target for value in fitness]
            evaluations += hits.index(True) + 1 if any(hits) else len(points)
            assert evaluations < 3000 * n, f"run {run} never hit {target}"
        spent.append(evaluations)
    return spent


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize("n", [5, 10])
@pytest.mark.parametrize(
    ("objective", "start", "sigma"),
    [(sphere, 1.0, 0.5), (ellipsoid, 1.0, 0.5), (rosenbrock, 0.0, 0.1)],
    ids=["sphere", "ellipsoid", "rosenbrock"],
)
def test_it_needs_as_many_evaluations_as_cma(objective: Objective, start: float, sigma: float, n: int) -> None:
    ours = statistics.median(our_evaluations(objective, n, start, sigma, 1e-9, runs=15))
    theirs = statistics.median(their_evaluations(objective, n, start, sigma, 1e-9, runs=15))
    assert 1 / 1.3 < ours / theirs < 1.3, f"{ours} against {theirs}"


@pytest.mark.parametrize(("n", "population"), [(2, 6), (5, 8), (10, 10), (50, 15), (10, 40), (5, 400)])
def test_the_default_parameters_are_those_of_cma(n: int, population: int) -> None:
    rates = Rates.default(n, population)
    theirs = cma.CMAEvolutionStrategy([0.0] * n, 1, {"popsize": population, "verbose": -9})
    weights = np.asarray(theirs.sp.weights)
    assert rates.mu_eff == pytest.approx(theirs.sp.weights.mueff)
    learned = theirs.sm.parameters(mueff=theirs.sp.weights.mueff, lam=population)
    assert rates.c_1 == pytest.approx(learned["c1"])
    assert rates.c_mu == pytest.approx(learned["cmu"])
    assert np.asarray(rates.weights) == pytest.approx(weights)


def test_weights_are_positive_for_the_better_half_only() -> None:
    rates = Rates.default(10, 10)
    assert sum(rates.weights[:5]) == pytest.approx(1)
    assert all(weight < 0 for weight in rates.weights[5:])
    assert list(rates.weights) == sorted(rates.weights, reverse=True)


def test_sigma_may_differ_from_dimension_to_dimension() -> None:
    scale = torch.tensor([1e-3, 1.0, 1e3])
    plain, scaled = begun(CMAES(3, 1.0), torch.zeros(2, 3)), begun(CMAES(3, scale), torch.zeros(2, 3))
    for _ in range(30):
        expected, got = plain.ask(), scaled.ask()
        torch.testing.assert_close(got / scale, expected, rtol=1e-5, atol=1e-7)
        fitness = sphere(expected - 1)
        plain.tell(fitness)
        scaled.tell(fitness)


def test_the_first_candidates_have_mean_start_and_deviation_sigma() -> None:
    search = begun(CMAES(2, 0.25, population=20_000), torch.tensor([[3.0, -1.0]]))
    candidates = search.ask()[0]
    torch.testing.assert_close(candidates.mean(0), torch.tensor([3.0, -1.0]), atol=0.01, rtol=0)
    torch.testing.assert_close(candidates.std(0), torch.full((2,), 0.25), atol=0.01, rtol=0)


def test_the_covariance_stays_symmetric_enough_and_learns_the_valley() -> None:
    search = begun(CMAES(6, 0.5), torch.ones(1, 6))
    for _ in range(150):
        search.tell(ellipsoid(search.ask().double()))
    assert search._state is not None
    matrix = search._state.covariance[0]
    torch.testing.assert_close(matrix, matrix.mT, rtol=1e-8, atol=1e-12)
    axes = matrix.diagonal()
    assert 1e4 < float(axes[0] / axes[-1]) < 1e8  # the inverse Hessian: 1e6


def generations_to_stall(search: CMAES, objective: Callable[[Tensor], Tensor], most: int) -> int:
    for generation in range(1, most + 1):
        search.tell(objective(search.ask().double()))
        if search.stalled().all():
            return generation
    raise AssertionError(f"no stall in {most} generations")


def test_a_flat_fitness_stalls_soon_but_not_at_once() -> None:
    search = begun(CMAES(10, 0.5), torch.zeros(3, 10))
    assert generations_to_stall(search, lambda x: 0 * x.sum(2) + 7, 200) == FLAT_GENERATIONS


def test_a_converged_lane_stalls() -> None:
    search = begun(CMAES(4, 0.5), torch.ones(3, 4))
    window = 10 + math.ceil(30 * 4 / search.population)
    assert window < generations_to_stall(search, sphere, 400)
    assert (sphere(search.ask()).amin(1) < 1e-9).all()


def test_an_endless_slope_stalls_by_its_step_size() -> None:
    search = begun(CMAES(4, 0.5), torch.zeros(2, 4))
    assert generations_to_stall(search, lambda x: x.sum(2), 200) < 200
    assert search._state is not None
    assert (search._state.sigma > 10).all()


def test_tiny_steps_stall() -> None:
    search = begun(CMAES(3, 0.5), torch.zeros(1, 3))
    scale = torch.tensor([1e30], dtype=torch.float64)
    assert generations_to_stall(search, lambda x: scale * sphere(x), 1000) < 1000
    assert search._state is not None
    axes = search._state.covariance[0].diagonal().sqrt()
    assert (search._state.sigma * axes < 1e-11).all()


def test_a_hopeless_condition_stalls() -> None:
    search = begun(CMAES(2, 0.5), torch.ones(1, 2))
    slopes = torch.tensor([1.0, 1e18], dtype=torch.float64)
    assert generations_to_stall(search, lambda x: (slopes * x**2).sum(2), 2000) < 2000


def test_only_the_stalled_lane_says_so() -> None:
    search = begun(CMAES(4, 0.5), torch.ones(2, 4))
    for _ in range(FLAT_GENERATIONS):
        fitness = sphere(search.ask())
        fitness[1] = 0.5
        search.tell(fitness)
    assert search.stalled().tolist() == [False, True]


@pytest.mark.slow
def test_a_lane_run_long_past_its_stall_raises_nothing() -> None:
    search = begun(CMAES(2, 0.5), torch.zeros(1, 2))
    for _ in range(1500):
        search.tell(search.ask().sum(2))
    assert search.stalled().all()


@pytest.mark.parametrize(
    ("sigma", "message"),
    [
        (0.0, "sigma is 0.0 at its smallest"),
        (-1.0, "sigma is -1.0 at its smallest"),
        (math.nan, "sigma is nan"),
        (torch.ones(3), r"sigma is \(3,\), must be a number or \(2,\)"),
    ],
)
def test_a_wrong_sigma_is_refused(sigma: float | Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CMAES(2, sigma)


def test_a_population_of_one_and_a_start_that_is_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="population is 1, must be at least 2"):
        CMAES(2, 1.0, population=1)
    with pytest.raises(ValueError, match="start is not finite in 2 of 4"):
        begun(CMAES(2, 1.0), torch.tensor([[0.0, torch.nan], [1.0, torch.inf]]))
