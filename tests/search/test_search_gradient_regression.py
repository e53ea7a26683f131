"""Gradient regression: its basis, its arithmetic against dense float64, what cohorts learn, lanes, boxes, success."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from pixelproof.search import DifferentialEvolution, GradientRegression, PixelProcess, Search, SparseRandomSearch
from pixelproof.search.cohort import NOISE_TEACHERS, START_NOISE, TEACHERS, UPDATES, Cohort
from pixelproof.search.gradient_regression import USUAL_POPULATION, Learners
from pixelproof.search.image_basis import ImageBasis
from pixelproof.search.lane_regression import Noise, Posterior, upper_factor
from pixelproof.search.measurements import LARGEST_MARGIN, Measurements

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")
RGB, SMALL = (8, 6, 3), (4, 4, 3)
SHAPES = [RGB, (5, 7, 1), (6, 4, 2), (40, 36, 3), (33, 9, 1), (1, 1, 1)]
NOISE = Noise(curvature=0.3, floor=0.02)
Answer = Callable[[Tensor], Tensor]  # candidates (q, dimension) to margins (q, K)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=seeded(seed))


# The basis


def cosine_rows(length: int) -> np.ndarray:
    """The first 32 rows of the orthonormal DCT-II matrix, an element at a time."""
    rows = np.empty((min(length, 32), length))
    for k in range(len(rows)):
        for i in range(length):
            rows[k, i] = math.cos(math.pi * k * (i + 0.5) / length) * math.sqrt((1 if k == 0 else 2) / length)
    return rows


@pytest.mark.parametrize("shape", SHAPES)
def test_synthesis_is_the_transpose_of_analysis(shape: tuple[int, int, int]) -> None:
    basis = ImageBasis(shape, CPU)
    changes, coordinates = normal(3, math.prod(shape)), normal(3, basis.size, seed=1)
    seen, made = basis.analyse(changes), basis.synthesise(coordinates)
    assert (seen.shape, made.shape) == (coordinates.shape, changes.shape)
    torch.testing.assert_close(seen @ coordinates.T, changes @ made.T, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_basis_is_orthonormal_but_for_the_window(shape: tuple[int, int, int]) -> None:
    basis = ImageBasis(shape, CPU)
    assert basis.size == min(shape[0], 32) * min(shape[1], 32) * shape[2]
    window = basis.window.clone()
    assert window.square().mean().item() == pytest.approx(1, rel=1e-5)
    assert (window > 0).all()
    torch.testing.assert_close(window, window.flip(0, 1))  # strongest in the middle
    assert window[shape[0] // 2, shape[1] // 2] == window.max()
    coordinates = normal(4, basis.size)
    bare = basis.synthesise(coordinates).view(-1, *shape) / window.square()  # the window is in each of the two
    torch.testing.assert_close(basis.analyse(bare.flatten(1)), coordinates, rtol=1e-4, atol=2e-4)


@pytest.mark.parametrize("shape", [RGB, (5, 7, 1), (40, 36, 3)])
def test_analysis_is_the_cosine_transform_of_each_rotated_colour(shape: tuple[int, int, int]) -> None:
    basis = ImageBasis(shape, CPU)
    change = normal(1, math.prod(shape))
    d = (change.view(shape) * basis.window).double().numpy()
    colours = np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]]) if shape[2] == 3 else np.eye(1)
    colours = colours / np.linalg.norm(colours, axis=1, keepdims=True)
    rows, columns = cosine_rows(shape[0]), cosine_rows(shape[1])
    expected = np.stack([rows @ (d @ colour) @ columns.T for colour in colours])
    np.testing.assert_allclose(basis.analyse(change).view(expected.shape).numpy(), expected, atol=2e-5)


# Measurements

LANES = 3


def filled(blocks: Sequence[int], size: int = 12, rivals: int = 3, capacity: int = 64, seed: int = 0) -> Measurements:
    """Measurements of random points told in blocks; changes are the first five coordinates. Of each block after the
    first, some lanes were not answered all."""
    memory = Measurements(LANES, capacity, 5, torch.ones(size))
    for number, count in enumerate(blocks):
        points = normal(LANES, count, size, seed=100 * seed + number)
        answered = torch.arange(count) < count - number * torch.arange(LANES)[:, None]
        margins = normal(LANES, count, rivals, seed=1000 + 100 * seed + number)
        memory.add(points[..., :5], points, margins.masked_fill(~answered[..., None], torch.inf), answered)
    return memory


def tell(memory: Measurements, points: Tensor, margins: Tensor) -> None:
    """Points (lanes, q, size), whose changes are their first coordinates, all of them answered."""
    memory.add(points[..., : memory.point.shape[1]], points, margins, torch.ones(points.shape[:2], dtype=torch.bool))


def heard(memory: Measurements, lane: int) -> tuple[Tensor, Tensor]:
    """What a lane was told: coordinates (n, size), float64, and margins (n, K)."""
    told = memory._told[lane]
    return memory._u[lane][told].double(), memory._margins[lane][told]


def dense(memory: Measurements, lane: int) -> tuple[np.ndarray, np.ndarray]:
    """R, from the best point, and its Gram matrix K, in float64."""
    u, margins = heard(memory, lane)
    rows = (u - u[int(margins.amin(1).argmin())]).numpy()
    return rows, rows @ rows.T


def noise_by_hand(memory: Measurements, lane: int, noise: Noise) -> np.ndarray:
    kappa = dense(memory, lane)[1].diagonal()
    rounding = 1e-5 * heard(memory, lane)[0].square().sum(1).mean().item()
    return noise.curvature * kappa**2 / (1 + noise.curvature * kappa / 2) + noise.floor * kappa.mean() + rounding


def covariance(posterior: Posterior, lane: int) -> np.ndarray:
    """K + N of the rows that were told, from the factor."""
    upper, told = posterior.factor.upper[lane].triu().double(), posterior.told[lane]
    product: np.ndarray = (upper.T @ upper)[told][:, told].numpy()
    return product


def check_dense(memory: Measurements, posterior: Posterior) -> None:
    for lane in range(LANES):
        expected = dense(memory, lane)[1] + np.diag(noise_by_hand(memory, lane, NOISE))
        np.testing.assert_allclose(covariance(posterior, lane), expected, rtol=1e-3, atol=1e-3)


def test_noise_grows_from_its_floor_and_never_beyond_twice_what_the_model_explains() -> None:
    kappa, usual = torch.tensor([[0.0, 1e-3, 1.0, 10.0, 1e6]]), torch.tensor([4.0])
    got = Noise(curvature=0.1, floor=0.5).variance(kappa, usual)[0]
    torch.testing.assert_close(got[:4], 2 + torch.tensor([0.0, 1e-7, 0.1 / 1.05, 10 / 1.5]), rtol=1e-4, atol=1e-6)
    assert got[4].item() == pytest.approx(2e6, rel=1e-3)
    assert (Noise(curvature=0, floor=0).variance(kappa, usual) == 0).all()


def test_products_are_those_of_dense_float64() -> None:
    memory = filled([8, 5, 1, 9])
    u = memory._u[:, :23]
    torch.testing.assert_close(memory._gram[:, :23, :23], u @ u.mT, rtol=1e-5, atol=1e-5)
    weights, directions = normal(LANES, 23, 2, seed=5), normal(LANES, 4, 12, seed=6)
    back, along = memory.back(slice(0, LANES), weights), memory.along(directions)
    for lane in range(LANES):
        told, (_, margins) = memory._told[lane, :23], heard(memory, lane)
        rows = (u[lane] - u[lane][told][margins.amin(1).argmin()]).double()
        np.testing.assert_allclose(memory._prior(slice(0, LANES), 23)[lane], rows @ rows.T, atol=1e-4)
        np.testing.assert_allclose(memory._prior(slice(0, LANES), 23, 7)[lane], rows[7:] @ rows.T, atol=1e-4)
        for got, expected in (
            (back[lane], weights[lane].double().T @ rows),
            (along[lane], rows @ directions[lane].double().T),
        ):
            assert (got - expected).norm() < 2**-7 * expected.norm()  # bfloat16 keeps eight bits


@pytest.mark.parametrize(("blocks", "rivals"), [([8, 5, 9], 2), ([30, 30], 1), ([3], 5)])
def test_the_posterior_is_the_dense_regression(blocks: list[int], rivals: int) -> None:
    """Of every lane, whatever the others were told; rows that say nothing have no part in it."""
    memory = filled(blocks)
    posterior = memory.posterior(NOISE, rivals)
    for lane in range(LANES):
        u, told_margins = heard(memory, lane)
        told, prior, noise = posterior.told[lane], dense(memory, lane)[1], noise_by_hand(memory, lane, NOISE)
        margins = told_margins.double().numpy()
        best = margins.min(1).argmin()
        nearest = margins[best].argsort()[:rivals]
        np.testing.assert_allclose(posterior.here[lane], margins[best][nearest])
        np.testing.assert_allclose(posterior.factor.variance[lane][told], noise, rtol=1e-3)
        np.testing.assert_allclose(covariance(posterior, lane), prior + np.diag(noise), atol=2e-4)
        differences = margins[:, nearest] - margins[best][nearest]
        weights = np.linalg.solve(prior + np.diag(noise), differences)
        np.testing.assert_allclose(posterior.differences[lane][told], differences, atol=1e-6)
        np.testing.assert_allclose(posterior.weights[lane][told], weights, atol=2e-3 * np.abs(weights).max())
        assert (posterior.weights[lane][~told].abs() < 1e-12).all()
        amplitudes = (differences * weights).sum(0) / min(len(u), 12)  # no more than the twelve numbers of a gradient
        np.testing.assert_allclose(posterior.amplitudes[lane], amplitudes, rtol=2e-3)
        explained = differences[:, 0] @ weights[:, 0]
        evidence = -0.5 * (len(u) * math.log(explained) + np.linalg.slogdet(prior + np.diag(noise))[1])
        assert posterior.log_evidence()[lane].item() == pytest.approx(evidence, abs=0.01)


def test_rivals_that_are_too_far_are_not_followed() -> None:
    memory = Measurements(2, 16, 4, torch.ones(4))
    margins = torch.tensor([[[3.0, torch.inf, 1.0], [4.0, torch.inf, 2.0]], [[torch.inf] * 3] * 2])
    tell(memory, normal(2, 2, 4), margins)
    posterior = memory.posterior(NOISE, 3)
    assert posterior.here[0].tolist() == [1, 3, LARGEST_MARGIN]
    assert posterior.followed.tolist() == [[True, True, False], [True, False, False]]
    assert memory._margins[:, :2].max() == LARGEST_MARGIN


def test_the_extended_factor_is_the_whole_one() -> None:
    """Rows that come are appended, as long as the best point stays; what the noise was scaled by stays as it was."""
    memory = filled([10])
    best = normal(LANES, 1, 12, seed=40)
    tell(memory, best, torch.full((LANES, 1, 3), -100.0))  # the best, whatever comes
    first = memory.posterior(NOISE, 2).factor.upper.triu()
    for number in range(3):
        tell(memory, normal(LANES, 7, 12, seed=50 + number), normal(LANES, 7, 3, seed=60 + number))
        extended = memory.posterior(NOISE, 2)
        assert torch.equal(extended.factor.upper[:, :11, :11].triu(), first)
        for lane in range(LANES):
            kappa = torch.from_numpy(dense(memory, lane)[1].diagonal().copy())
            usual = kappa[:11].mean()
            rounding = 1e-5 * heard(memory, lane)[0][:11].square().sum(1).mean()
            expected = NOISE.variance(kappa[None], usual[None])[0] + rounding
            torch.testing.assert_close(extended.factor.variance[lane].double(), expected, rtol=1e-3, atol=1e-4)
            whole = np.linalg.cholesky(dense(memory, lane)[1] + np.diag(expected.numpy()))
            np.testing.assert_allclose(extended.factor.upper[lane].triu(), whole.T, atol=5e-3)


def test_factors_are_made_anew_where_the_old_ones_are_of_no_use() -> None:
    memory = filled([10])
    old = memory.posterior(NOISE, 1).factor.upper.triu()
    assert torch.equal(memory.posterior(NOISE, 1).factor.upper.triu(), old)
    assert not torch.equal(memory.posterior(Noise(curvature=0.1, floor=0.02), 1).factor.upper.triu(), old)
    memory.posterior(NOISE, 1)
    lowest = torch.tensor([-50.0, 50.0, -50.0])  # the best point of two lanes moves
    tell(memory, normal(LANES, 1, 12, seed=9), lowest[:, None, None].expand(-1, 1, 3))
    best = memory._best.clone()
    assert best.tolist() == [10, int(best[1]), 10]
    assert best[1] < 10
    check_dense(memory, memory.regression(slice(0, LANES), NOISE, 1))
    extended = memory.posterior(NOISE, 1).factor.upper.triu()
    assert torch.equal(extended[1, :10, :10], old[1])
    for lane in (0, 2):
        expected = dense(memory, lane)[1] + np.diag(noise_by_hand(memory, lane, NOISE))
        np.testing.assert_allclose(extended[lane].T @ extended[lane], expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("blocks", [[3], [8, 9], [60, 60, 60]], ids=["fewer rows than parts", "few", "many"])
def test_a_prior_learnt_anew_rescales_what_was_measured(blocks: list[int]) -> None:
    memory, every = filled(blocks, capacity=256), slice(0, LANES)
    before, root = memory._u.clone(), 0.5 + torch.rand(12, generator=seeded(4))
    memory.posterior(NOISE, 1)
    memory.follow(torch.full((12,), 2.0), slice(0, 2))  # the last one misses this
    memory.follow(root, every)
    torch.testing.assert_close(memory._u, before * root)
    check_dense(memory, memory.posterior(NOISE, 1))
    directions = normal(LANES, 2, 12, seed=6)
    along = memory.along(directions)
    for lane in range(LANES):
        exact = dense(memory, lane)[0] @ directions[lane].double().numpy().T
        told = memory._told[lane, : sum(blocks)]
        assert np.linalg.norm(along[lane][told].numpy() - exact) < 2**-7 * np.linalg.norm(exact)


def test_more_is_kept_of_a_long_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pixelproof.search.measurements.KEPT", 24)
    memory, counts = Measurements(1, 40, 12, torch.ones(12)), []
    for step in range(40):
        tell(memory, normal(1, 4, 12, seed=step), normal(1, 4, 2, seed=100 + step))
        counts.append(memory.rows)
    assert max(counts[:11]) == 24  # of 44 asked
    assert 24 < max(counts[11:20]) <= 40
    assert max(counts) == 40
    assert memory._u.shape[1] == 40


def test_only_the_factor_for_which_float32_does_not_suffice_gets_more_on_its_diagonal() -> None:
    rows = normal(2, 6, 8)
    rows[1, 5] = rows[1, 4]
    covariances = rows @ rows.mT
    covariances[1, 5, 5] -= 1e-5
    upper = upper_factor(covariances.clone(), torch.ones(2, 6, dtype=torch.bool)).triu()
    more = (upper.mT @ upper - covariances).diagonal(dim1=1, dim2=2)
    assert (more[0].abs() < 1e-5).all()
    assert 5e-7 < float(more[1].mean() / covariances[1].diagonal().mean()) < 1e-3
    with pytest.raises(ArithmeticError, match="covariance of the measurements is not finite"):
        upper_factor(covariances - 100 * torch.eye(6), torch.ones(2, 6, dtype=torch.bool))


def test_memory_grows_with_what_is_measured() -> None:
    memory, held = Measurements(1, 1280, 2, torch.ones(2)), []
    for step in range(120):
        tell(memory, normal(1, 20, 2, seed=step), normal(1, 20, 2, seed=500 + step))
        held.append(memory._u.shape[1])
    assert held == sorted(held)
    assert held[0] == 64
    assert max(held[:71]) == 720  # until 1,440 queries
    assert max(held) <= 1280
    assert len(set(held)) < 10


def test_repeated_points_say_nothing() -> None:
    memory = Measurements(2, 32, 6, torch.ones(6))
    points, margins = normal(2, 5, 6), normal(2, 5, 2, seed=1)
    twice = torch.tensor([0, 1, 0, 2, 1])
    tell(memory, points[:, twice], margins[:, twice])
    assert (memory.known.tolist(), memory.asked) == ([3, 3], 5)
    assert torch.equal(heard(memory, 1)[0].float(), points[1, :3])
    tell(memory, points, margins)
    assert (memory.known.tolist(), memory.asked) == ([5, 5], 10)
    assert torch.equal(heard(memory, 1)[0].float(), points[1])
    assert torch.equal(heard(memory, 1)[1], margins[1])
    tell(memory, points, margins)
    assert (memory.known.tolist(), memory.asked) == ([5, 5], 15)


def test_what_was_not_answered_is_new_when_it_is_asked_again() -> None:
    memory = Measurements(1, 32, 6, torch.ones(6))
    points, margins = normal(1, 4, 6), normal(1, 4, 2, seed=1)
    memory.add(points, points, margins, torch.tensor([[True, False, True, False]]))
    assert (memory.known.tolist(), memory.asked) == ([2], 2)
    tell(memory, points[:, [1, 1, 0]], margins[:, [1, 1, 0]])
    assert (memory.known.tolist(), memory.asked) == ([3], 5)


def test_what_is_far_from_the_best_point_is_forgotten() -> None:
    """What says nothing first of all."""
    memory = Measurements(LANES, 40, 6, torch.ones(6))
    told: list[list[tuple[Tensor, float]]] = [[] for _ in range(LANES)]
    for number in range(11):
        points, margins = normal(LANES, 4, 6, seed=number), normal(LANES, 4, 1, seed=100 + number)
        answered = torch.ones(LANES, 4, dtype=torch.bool)
        answered[0, 0], answered[1] = number % 2 == 0, number % 3 > 0
        if number == 10:
            for lane in range(LANES):
                best = memory.point[lane].clone()
                told[lane].sort(key=lambda pair, best=best: float((pair[0] - best).norm()))  # type: ignore[misc]
                del told[lane][24:]  # 40 less four rounds
        memory.add(points, points, margins, answered)
        for lane in range(LANES):
            pairs = zip(points[lane], margins[lane], answered[lane], strict=True)
            told[lane] += [(point, float(margin)) for point, margin, heard in pairs if heard]
    assert (memory.rows, memory.asked) == (28, 44)
    for lane in range(LANES):
        u, margins = heard(memory, lane)
        kept = {tuple(row): float(m) for row, m in zip(u.tolist(), margins[:, 0], strict=True)}
        assert kept == {tuple(point.tolist()): margin for point, margin in told[lane]}
        assert kept[tuple(memory.point[lane].tolist())] == min(kept.values())
        assert torch.equal(memory.point[lane], memory._u[lane, memory._best[lane]])
    check_dense(memory, memory.posterior(NOISE, 1))


def test_the_best_point_is_the_lowest_margin_of_any_rival() -> None:
    memory, points = Measurements(1, 16, 4, torch.ones(4)), normal(1, 4, 4)
    tell(memory, points[:, :2], torch.tensor([[[5.0, 9.0], [6.0, 4.0]]]))
    assert torch.equal(memory.point, points[:, 1])
    tell(memory, points[:, 2:3], torch.tensor([[[4.5, 4.5]]]))
    assert torch.equal(memory.point, points[:, 1])
    memory.move(torch.tensor([True]))  # into a box in which nothing was measured yet
    tell(memory, points[:, 3:], torch.tensor([[[8.0, 8.0]]]))
    assert (memory._best.tolist(), memory.moved.tolist()) == ([3], [False])
    assert torch.equal(memory.point, points[:, 3])


def test_lanes_that_end_leave_their_places_to_those_that_live() -> None:
    memory, alone = filled([8, 7]), filled([8, 7])
    memory.posterior(NOISE, 1)
    alone.posterior(NOISE, 1)
    assert memory.keep([False, True, True]) == [2, 1]
    assert (memory.lanes, memory.slots) == (2, 3)
    points, margins = normal(LANES, 6, 12, seed=7), normal(LANES, 6, 3, seed=8)
    tell(alone, points, margins)
    tell(memory, points[[2, 1]], margins[[2, 1]])
    mine, theirs = memory.posterior(NOISE, 1), alone.posterior(NOISE, 1)
    # On AMD's processors a matrix product of fewer lanes may end in other last bits.
    torch.testing.assert_close(mine.weights, theirs.weights[[2, 1]], rtol=1e-3, atol=1e-5)
    assert torch.equal(memory.point, alone.point[[2, 1]])
    assert memory.keep([True, False]) == [0]
    ended = memory.regression(slice(0, LANES), NOISE, 1)  # the ended ones by what they were told until then
    assert ended.told.sum(1).tolist() == [15 - 2 + 6, 15 - 1 + 6, 15]
    check_dense(memory, ended)


# Cohorts


def vertices(count: int, dimension: int, seed: int) -> Tensor:
    return torch.where(torch.rand(count, dimension, generator=seeded(seed)) < 0.5, -8.0, 8.0)


def taught(basis: ImageBasis, spectrum: Tensor, lanes: int, rounds: int) -> tuple[Cohort, list[float]]:
    """A cohort told of gradients of variances ``spectrum``, and its correlation with it, logarithms of both."""
    cohort = Cohort(basis, lanes, 400, seeded(0))
    gradients = basis.synthesise(normal(lanes, basis.size, seed=1) * spectrum.sqrt())
    likeness = []
    for number in range(rounds):
        changes = torch.stack([vertices(20, gradients.shape[1], seed=1000 * lane + number) for lane in range(lanes)])
        margins = changes @ gradients[:, :, None]
        cohort.memory.add(changes, cohort.whiten(changes), margins, torch.ones(lanes, 20, dtype=torch.bool))
        cohort.learn()
        logs = torch.stack([cohort.root.square().log(), spectrum.log()])
        likeness.append(float(torch.corrcoef(logs)[0, 1]))
    return cohort, likeness


@pytest.mark.slow
def test_a_cohort_learns_the_spectrum_that_gradients_are_drawn_from() -> None:
    basis = ImageBasis((12, 12, 3), CPU)
    frequency = torch.arange(12)[:, None] + torch.arange(12)
    spectrum = torch.cat([(scale * (-frequency / 4.0).exp()).flatten() for scale in (4.0, 0.3, 0.1)])
    cohort, likeness = taught(basis, spectrum, lanes=8, rounds=25)
    assert likeness[0] < 0.8
    assert likeness[-1] > 0.9
    assert likeness[-1] > likeness[2] > likeness[0]
    signs = basis.synthesise(normal(400, basis.size, seed=9) * cohort.root).sign()
    assert cohort.whiten(signs).square().sum(1).mean().item() == pytest.approx(1, rel=0.2)  # as `_scaled` promises


def test_noise_and_spectrum_stay_finite_where_margins_are_exactly_linear() -> None:
    basis = ImageBasis(SMALL, CPU)
    cohort, _ = taught(basis, torch.ones(basis.size), lanes=2, rounds=60)
    assert cohort.memory.asked == 1200
    assert 0 < cohort.noise.curvature < 0.05  # where it began
    assert 1e-4 <= cohort.noise.floor < 1e-3
    assert cohort.root.isfinite().all()
    assert (cohort.root > 0).all()


@pytest.mark.parametrize("floor", [START_NOISE.floor, 5 * START_NOISE.floor])
def test_the_curvature_moves_with_the_floor_alone(floor: float, monkeypatch: pytest.MonkeyPatch) -> None:
    cohort, _ = taught(ImageBasis(SMALL, CPU), torch.ones(3 * SMALL[0] * SMALL[1]), lanes=1, rounds=1)
    cohort.noise = START_NOISE
    wanted = Noise(curvature=START_NOISE.curvature / 3, floor=floor)

    def likeliest(_: slice, noises: Sequence[Noise]) -> Noise:
        return min(noises, key=lambda each: abs(each.floor - wanted.floor) + abs(each.curvature - wanted.curvature))

    monkeypatch.setattr(cohort, "_likeliest", likeliest)
    cohort._learn_noise(slice(0, 1))
    assert cohort.noise == (START_NOISE if floor == START_NOISE.floor else wanted)


def test_a_cohort_that_measured_next_to_nothing_keeps_its_prior() -> None:
    basis = ImageBasis((2, 2, 1), CPU)
    cohort, _ = taught(basis, torch.ones(4), lanes=1, rounds=10)
    assert (cohort.memory.known.tolist(), cohort.memory.asked) == ([16], 200)  # all vertices there are
    fresh = Cohort(basis, 1, 400, seeded(0))
    assert torch.equal(cohort.root, fresh.root)
    assert cohort.noise == fresh.noise


def test_lanes_take_turns_as_teachers_and_those_that_live_follow() -> None:
    basis = ImageBasis((8, 8, 3), CPU)
    first, taught_by = NOISE_TEACHERS, UPDATES * TEACHERS
    cohort, _ = taught(basis, torch.ones(basis.size), lanes=first + taught_by + 2, rounds=1)
    memory = cohort.memory
    cohort.keep([True, True] + [False] * (memory.lanes - 2))
    changes = torch.stack([vertices(20, basis.size, seed=77 + lane) for lane in range(2)])
    memory.add(changes, cohort.whiten(changes), normal(2, 20, 1), torch.ones(2, 20, dtype=torch.bool))
    before, root = memory._u[:, :40].clone(), cohort.root
    cohort._turn = 2
    cohort.learn()
    assert not torch.equal(cohort.root, root)
    followed = [not torch.equal(old, new) for old, new in zip(before, memory._u[:, :40], strict=True)]
    # The noise and the first update ask lanes as they are, the later updates others, brought to what is known by then.
    assert followed == [True] * 2 + [False] * (first + TEACHERS) + [True] * (taught_by - TEACHERS)
    torch.testing.assert_close(memory._u[:2, :40] / cohort.root, before[:2] / root)


def test_lanes_with_next_to_nothing_to_say_do_not_teach() -> None:
    """Nor do they silence the others: two of three were answered one point in ten."""
    basis = ImageBasis((6, 6, 1), CPU)
    cohorts = [Cohort(basis, lanes, 400, seeded(0)) for lanes in (3, 1)]
    for cohort in cohorts:
        lanes = cohort.memory.lanes
        for number in range(4):
            changes = vertices(10, 36, seed=number).expand(lanes, -1, -1)
            answered = torch.ones(lanes, 10, dtype=torch.bool)
            answered[1:, 1:] = False
            cohort.memory.add(changes, cohort.whiten(changes), changes[..., :1] + 0.1 * changes[..., 7:8], answered)
    for cohort in cohorts:
        cohort._learn_noise(slice(0, cohort.memory.lanes))
        # Other numbers are drawn for three lanes than for one.
        cohort._expected = lambda lanes, posterior: torch.ones(len(posterior.told), 36)  # type: ignore[method-assign]
        cohort._learn_spectrum(slice(0, cohort.memory.lanes))
    assert cohorts[0].noise == cohorts[1].noise
    torch.testing.assert_close(cohorts[0].root, cohorts[1].root)


# Searches


def begin(
    search: Search,
    keys: Sequence[int],
    shape: tuple[int, int, int] = RGB,
    threshold: int = 8,
    images: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """One cohort, a lane a key; the bounds of its images, which are random where not given."""
    if images is None:
        images = torch.stack([torch.randint(256, shape, generator=seeded(key)).float() for key in keys])
    clean = images.flatten(1)
    lower, upper = (-clean).clamp(min=-threshold), (255 - clean).clamp(max=threshold)
    search.add(torch.zeros_like(clean), lower, upper, [seeded(key) for key in keys], images)
    return lower, upper


def linear(key: int, dimension: int, rivals: int = 2) -> Answer:
    slopes = normal(rivals, dimension, seed=key + 500)
    level = 20.0 + torch.arange(rivals)
    return lambda points: level + points.clone() @ slopes.T


def curved(key: int, dimension: int) -> Answer:
    """Two rivals whose gradients turn within the box; rounded, so that threads do not show in the answers."""
    slopes = normal(2, dimension, seed=key + 700).double()
    bends = normal(2, 6, dimension, seed=key + 900).double() / 30

    def answer(points: Tensor) -> Tensor:
        d = points.double()
        return (30 + d @ slopes.T + (d @ bends.transpose(1, 2)).square().sum(2).T).round(decimals=3).float()

    return answer


def round_of(search: Search, answers: Sequence[Answer], whole: bool = True) -> list[Tensor]:
    """One round; the candidates of each lane that were wanted. ``whole``: margins are told, not their least alone."""
    candidates, wanted = search.ask(), search.wanted().tolist()
    rivals = answers[0](candidates[0, :1]).shape[1]
    margins = torch.full((len(answers), search.population, rivals), torch.inf)
    for lane, answer in enumerate(answers):
        margins[lane, : wanted[lane]] = answer(candidates[lane, : wanted[lane]])
    search.tell(margins.amin(2), margins if whole else None)
    return [lane[:count].clone() for lane, count in zip(candidates, wanted, strict=True)]


def lowest(search: GradientRegression, answer: Answer, queries: int, whole: bool = True) -> float:
    """The lowest fitness of the only lane within so many queries."""
    found, asked = math.inf, 0
    while asked < queries:
        candidates = round_of(search, [answer], whole)[0][: queries - asked]
        asked += len(candidates)
        found = min(found, float(answer(candidates).amin()))
    return found


def small_search() -> GradientRegression:
    return GradientRegression(RGB, population=8, capacity=64)


def state_of(search: GradientRegression) -> Learners:
    assert search._state is not None
    return search._state


def memory_of(search: GradientRegression) -> Measurements:
    """Of its only cohort."""
    return state_of(search).cohort[0].memory


@pytest.mark.slow
def test_the_vertex_of_a_linear_margin_is_found() -> None:
    exactly = 0
    for key in range(8):
        slopes = normal(48, seed=key)
        search = GradientRegression(SMALL)
        begin(search, [key], SMALL, images=torch.full((1, *SMALL), 128.0))
        least = 10 - 8 * float(slopes.abs().sum())
        got = lowest(search, lambda points, slopes=slopes: (10 + points @ slopes)[:, None], 300)  # type: ignore[misc]
        assert got < least + 0.05 * (10 - least), key  # random vertices come half as far
        exactly += got < least + 0.01
    assert exactly >= 3  # of 40 other ones 30


@pytest.mark.slow
@pytest.mark.parametrize("whole", [True, False])
def test_random_vertices_are_beaten_on_curved_margins(whole: bool) -> None:
    for key in range(3):
        search, answer = GradientRegression(RGB), curved(key, 144)
        lower, upper = begin(search, [key])
        draws = torch.rand(3000, 144, generator=seeded(key)) < 0.5
        random = float(answer(torch.where(draws, lower, upper)).amin())
        assert lowest(search, answer, 300, whole) < 30 + 1.5 * (random - 30), key  # with a tenth of the queries


@pytest.mark.parametrize("limits", [None, [3, 8, 1]])
def test_candidates_are_vertices_within_the_box(limits: list[int] | None) -> None:
    search, keys = small_search(), [0, 1, 2]
    lower, upper = begin(search, keys)
    if limits is not None:
        search.limit(torch.tensor(limits))
        reach = torch.tensor(limits)[:, None].float()
        lower, upper = lower.maximum(-reach), upper.minimum(reach)
    answers = [curved(key, 144) for key in keys]
    for number in range(15):
        for lane, candidates in enumerate(round_of(search, answers)):
            if number == 0:
                assert (candidates[0] == 0).all()  # the unchanged image
                candidates = candidates[1:]
            assert ((candidates == lower[lane]) | (candidates == upper[lane])).all()
            assert torch.equal(candidates, candidates.round())


@pytest.mark.slow
def test_the_rest_of_a_round_is_padding() -> None:
    search = GradientRegression(RGB)
    begin(search, [0, 1])
    counts = []
    for _ in range(70):
        candidates, wanted = search.ask(), search.wanted()
        assert (wanted.shape, wanted.dtype) == ((2,), torch.int64)
        for lane, count in zip(candidates, wanted.tolist(), strict=True):
            assert (lane[count:] == 0).all()
            assert (lane[1:count] != 0).any(1).all()
        padding = torch.arange(search.population) >= wanted[:, None]
        fitness = (candidates @ normal(144, seed=1)).masked_fill(padding, torch.inf)
        search.tell(fitness)
        counts.append(int(wanted[0]))
    assert counts == sorted(counts)
    # Small rounds while every measurement changes much.
    assert counts[0] < USUAL_POPULATION < counts[-1] == search.population
    assert memory_of(search).asked == sum(counts)


def test_candidates_that_were_not_evaluated_are_not_learnt() -> None:
    search = small_search()
    begin(search, [0])
    candidates = search.ask()
    fitness = candidates.sum(2)
    fitness[0, 3:] = torch.inf
    search.tell(fitness)
    assert memory_of(search).known.tolist() == [3]


def test_margins_of_the_clean_image_that_are_known_are_not_asked_again() -> None:
    search, answers = small_search(), [curved(0, 144), curved(1, 144)]
    images = torch.full((2, *RGB), 128.0)
    corner, unchanged = torch.full((2, 144), 8.0), torch.zeros(1, 144)
    margins = torch.cat([answer(unchanged) for answer in answers])
    margins[1] = torch.inf  # as of a model that answers with probabilities, and is sure
    search.add(torch.zeros(2, 144), -corner, corner, [seeded(0), seeded(1)], images, margins)
    memory = memory_of(search)
    assert (memory.known.tolist(), memory.asked) == ([1, 0], 0)
    assert torch.equal(memory._margins[0, 0], margins[0])
    assert (memory.point == 0).all()
    one, two = round_of(search, answers)
    assert (one.abs() == 8).all()
    assert (two[0] == 0).all()
    assert (memory.known.tolist(), memory.asked) == ([9, 8], 8)


# Lanes and cohorts


def followed(cohorts: Sequence[Sequence[int]], drops: dict[int, list[int]], rounds: int, shape: tuple[int, int, int]):
    """The candidates of every lane, round by round, of cohorts side by side; ``drops`` says who leaves before which."""
    search = GradientRegression(shape, population=12, capacity=120)
    for keys in cohorts:
        begin(search, keys, shape)
    alive = [key for keys in cohorts for key in keys]
    answers = {key: curved(key, math.prod(shape)) for key in alive}
    seen: dict[int, list[Tensor]] = {key: [] for key in alive}
    for number in range(rounds):
        if leavers := drops.get(number, []):
            search.keep(torch.tensor([key not in leavers for key in alive]))
            alive = [key for key in alive if key not in leavers]
        for key, candidates in zip(alive, round_of(search, [answers[key] for key in alive]), strict=True):
            seen[key].append(candidates)
    return seen


def same(one: list[Tensor], two: list[Tensor]) -> bool:
    return len(one) == len(two) and all(torch.equal(a, b) for a, b in zip(one, two, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(7, 5, 3), (16, 16, 1)])
def test_a_cohort_does_not_depend_on_those_beside_it(shape: tuple[int, int, int]) -> None:
    """Nor on who of another cohort leaves; capacity is reached, milestones are passed."""
    rounds = 18
    alone = followed([[4, 5, 6]], {9: [5]}, rounds, shape)
    beside = followed([[1, 2], [4, 5, 6], [7]], {3: [1], 9: [5], 12: [7, 2]}, rounds, shape)
    assert sum(map(len, alone[4])) > 150
    for key, lane in alone.items():
        assert same(lane, beside[key]), key


def test_lanes_may_leave_in_any_order() -> None:
    """Those that stay are told what is theirs, though they change places: each finds its own lowest margin."""
    keys = [1, 2, 3, 4, 5, 6]
    seen = followed([keys], {4: [1, 4], 7: [2], 9: [6]}, 14, RGB)
    assert [len(seen[key]) for key in keys] == [4, 7, 14, 4, 14, 9]
    for key in (3, 5):
        own, other = curved(key, 144), curved(8 - key, 144)
        late = torch.cat(seen[key][9:])
        assert own(late).amin() < 0.5 * own(torch.cat(seen[key][:2])).amin()
        assert own(late).amin() < other(late).amin() - 50


def test_what_a_lane_measured_before_it_ended_goes_on_to_teach_its_cohort() -> None:
    early, never = followed([[4, 5]], {4: [5]}, 10, RGB)[4], followed([[4, 5]], {}, 10, RGB)[4]
    assert same(early[:4], never[:4])
    assert not same(early, never)
    search = GradientRegression(RGB, population=12, capacity=120)
    begin(search, [4, 5])
    round_of(search, [curved(4, 144), curved(5, 144)])
    search.keep(torch.tensor([True, False]))
    memory = memory_of(search)
    assert (memory.lanes, memory.known.tolist()) == (1, [8, 8])


def test_a_cohort_does_not_depend_on_the_number_of_threads() -> None:
    before, seen = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            seen.append(followed([[1, 2]], {}, 14, RGB))
    finally:
        torch.set_num_threads(before)
    assert all(same(seen[0][key], seen[1][key]) for key in (1, 2))


def test_nothing_but_the_lanes_own_generators_is_drawn_from() -> None:
    torch.manual_seed(1)
    before, first = torch.get_rng_state(), followed([[1]], {}, 6, RGB)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert same(first[1], followed([[1]], {}, 6, RGB)[1])


# Answers that say nothing


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("when", ["all", "but the first", "one in three"])
def test_answers_that_are_no_numbers_are_passed_over(bad: float, when: str) -> None:
    search = small_search()
    lower, upper = begin(search, [0])
    answer, asked = linear(0, 144), 0
    for _ in range(20):
        candidates, wanted = search.ask(), int(search.wanted())
        assert ((candidates >= lower[:, None]) & (candidates <= upper[:, None])).all()
        margins = answer(candidates[0])[None]
        number = asked + torch.arange(8)
        spoilt = {"all": number >= 0, "but the first": number > 0, "one in three": number % 3 == 0}[when]
        margins[0, spoilt] = bad
        margins[0, wanted:] = torch.inf
        search.tell(margins.amin(2), margins)
        asked += wanted
    expected = {"all": 0, "but the first": 1, "one in three": asked - (asked + 2) // 3}[when]
    memory = memory_of(search)
    assert memory.asked == expected
    assert memory._u.isfinite().all()
    assert state_of(search).cohort[0].root.isfinite().all()


@pytest.mark.parametrize("shape", [RGB, (1, 1, 1), (2, 2, 1), (3, 1, 3)])
@pytest.mark.parametrize("level", [0.0, 1.0, 1e6])
def test_constant_scores_are_borne(shape: tuple[int, int, int], level: float) -> None:
    search = GradientRegression(shape, population=8, capacity=64)
    begin(search, [0, 1], shape)
    for _ in range(20):
        round_of(search, [lambda points: torch.full((len(points), 3), level)] * 2)
    assert search.ask().isfinite().all()
    assert not search.stalled().any()
    assert not search.infeasible().any()


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 2, 1), (3, 3, 1), (1, 9, 1)])
def test_images_of_few_pixels_are_searched_to_the_end(shape: tuple[int, int, int]) -> None:
    """Where there are hardly any vertices, there is hardly anything to learn."""
    dimension = math.prod(shape)
    slopes, search = normal(dimension, seed=1), GradientRegression(shape)
    begin(search, [0], shape, images=torch.full((1, *shape), 128.0))
    got = lowest(search, lambda points: (points @ slopes)[:, None], 300)
    assert got == pytest.approx(-8 * float(slopes.abs().sum()), rel=1e-5)


# Limits


def test_after_a_change_the_best_point_is_brought_to_the_new_box() -> None:
    """Every pixel at the bound on its side of the clean image, those without room on one side too."""
    search, key = small_search(), 3
    images = torch.randint(256, RGB, generator=seeded(key)).float()[None]
    images[0, :3], images[0, 3:5] = 0, 255
    widest = begin(search, [key], images=images)
    answer = linear(key, 144)
    at_upper = None
    for limit in (8, 3, 1, 2, 8):
        search.limit(torch.tensor([limit]))
        lower, upper = widest[0].clamp(min=-limit), widest[1].clamp(max=limit)
        for number in range(6):
            candidates = round_of(search, [answer])[0]
            if number == 0 and at_upper is not None:
                assert torch.equal(candidates[0], torch.where(at_upper, upper, lower)[0]), limit
            assert (candidates >= lower).all()
            assert (candidates <= upper).all()
        at_upper = memory_of(search).point == upper
        assert 0 < int(at_upper.sum()) < 144


def test_the_same_limit_again_changes_nothing() -> None:
    searches = [small_search(), small_search()]
    for search in searches:
        begin(search, [0])
        search.limit(torch.tensor([5]))
    for _ in range(8):
        one, two = (round_of(search, [curved(0, 144)])[0] for search in searches)
        assert torch.equal(one, two)
        searches[1].limit(torch.tensor([5]))


def test_limits_are_those_of_their_lanes_when_others_leave_and_come() -> None:
    search, answers = small_search(), {key: curved(key, 144) for key in (0, 1, 2)}
    begin(search, [0, 1])
    search.limit(torch.tensor([2, 5]))
    round_of(search, [answers[0], answers[1]])
    search.keep(torch.tensor([False, True]))
    begin(search, [2])
    one, two = round_of(search, [answers[1], answers[2]])
    assert one.abs().max() == 5
    assert two.abs().max() == 8
    search.limit(torch.tensor([4, 1]))
    one, two = round_of(search, [answers[1], answers[2]])
    assert one.abs().max() == 4
    assert two.abs().max() == 1


def test_what_was_learnt_holds_in_a_smaller_box() -> None:
    """With all it knows, the first vertices of the smaller box go most of the way to its optimum."""
    slopes, search = normal(144, seed=7), GradientRegression(RGB)
    begin(search, [0], images=torch.full((1, *RGB), 128.0))
    answer: Answer = lambda points: (500 + points @ slopes)[:, None]  # noqa: E731
    lowest(search, answer, 400)
    search.limit(torch.tensor([2]))
    first = round_of(search, [answer])[0]
    assert float(answer(first).amin()) < 500 - 0.85 * 2 * float(slopes.abs().sum())


# Arguments


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="population is 3, must be at least 4"):
        GradientRegression(RGB, population=3)
    with pytest.raises(ValueError, match="capacity is 255, must be at least 8 populations, 256"):
        GradientRegression(RGB, capacity=255)
    with pytest.raises(ValueError, match="dimension is 0, must be at least 1"):
        GradientRegression((0, 3, 3))
    assert GradientRegression((2, 3, 1)).dimension == 6


@pytest.mark.parametrize("make", [small_search, lambda: PixelProcess(3, RGB)])
def test_wrong_limits_are_refused(make: Callable[[], Search]) -> None:
    search = make()
    assert search.takes_limits
    images = torch.zeros(2, *RGB)
    corner = torch.zeros(2, search.dimension)
    search.add(corner, corner, corner + 1, [seeded(0), seeded(1)], images)
    for wrong in (torch.ones(3, dtype=torch.int64), torch.ones((), dtype=torch.int64), torch.ones(2, 1).long()):
        with pytest.raises(ValueError, match=r"limits are .*torch.int64, must be \(2,\) torch.int64"):
            search.limit(wrong)
    with pytest.raises(ValueError, match=r"\(2,\) torch.float32, must be \(2,\) torch.int64"):
        search.limit(torch.ones(2))
    search.ask()
    with pytest.raises(RuntimeError, match="limit between ask and tell: 1 ask is open, 0"):
        search.limit(torch.tensor([1, 1]))
    make().limit(torch.zeros(0, dtype=torch.int64))  # no lanes, no limits


def test_other_searches_take_no_limits() -> None:
    for search in (DifferentialEvolution(4, population=30), SparseRandomSearch(2, RGB)):
        assert not search.takes_limits
        begin_any(search)
        with pytest.raises(RuntimeError, match=f"{type(search).__name__} takes no limits"):
            search.limit(torch.tensor([1]))


def begin_any(search: Search) -> None:
    corner = torch.zeros(1, search.dimension)
    search.add(corner, corner, corner + 1, [seeded(0)], torch.zeros(1, *RGB))
