"""Hints: directions that gradients may resemble, which gradient regression takes as far as they prove true."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from pixelproof.attacks.threshold import Threshold
from pixelproof.search.cohort import HINTED, START_NOISE, Cohort
from pixelproof.search.gradient_regression import GradientRegression
from pixelproof.search.image_basis import ImageBasis
from pixelproof.search.measurements import Measurements
from pixelproof.seeds import stream

CPU = torch.device("cpu")
SHAPE, LANES, THRESHOLD = (16, 16, 3), 12, 2
SIZE = math.prod(SHAPE)


def normal(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def gradients() -> Tensor:
    """(LANES, SIZE) of length 1, of which the prior over frequencies says nothing."""
    return torch.nn.functional.normalize(normal(LANES, SIZE, seed=1), dim=1)


def queries(hints: Tensor | None, most: int = 400) -> Tensor:
    """How many queries each lane takes until a linear margin is below 0; ``most`` where it never is."""
    images, slopes = torch.full((LANES, *SHAPE), 128.0), gradients()
    reach = THRESHOLD * slopes.abs().sum(1)
    search, encoding = GradientRegression(SHAPE), Threshold(THRESHOLD, SHAPE)
    streams = [stream(CPU, "hints", lane) for lane in range(LANES)]
    search.add(encoding.start(images, streams), *encoding.box(images), streams, images, (0.35 * reach)[:, None], hints)
    alive, asked, needed = torch.arange(LANES), torch.zeros(LANES, dtype=torch.long), torch.full((LANES,), most)
    while len(alive) and int(asked.max()) < most:
        genomes, wanted = search.ask(), search.wanted()
        margins = 0.35 * reach[alive][:, None] + (genomes @ slopes[alive][:, :, None]).squeeze(2)
        margins[torch.arange(search.population) >= wanted[:, None]] = torch.inf
        search.tell(margins, margins[:, :, None])
        asked[alive] += wanted
        ended = (margins < 0).any(1)
        needed[alive[ended]] = asked[alive[ended]]
        search.keep(~ended)
        alive = alive[~ended]
    return needed


def as_hints(*directions: Tensor) -> Tensor:
    return torch.stack(directions, 1).view(LANES, len(directions), *SHAPE)


@pytest.mark.slow
def test_a_true_hint_ends_the_search_and_a_false_one_costs_little() -> None:
    alone = queries(None).float().mean()
    told = queries(as_hints(gradients())).float().mean()
    half = torch.nn.functional.normalize(gradients() + 1.5 * normal(LANES, SIZE, seed=2) / SIZE**0.5, dim=1)
    likely = queries(as_hints(half)).float().mean()
    misled = queries(as_hints(normal(LANES, SIZE, seed=3), normal(LANES, SIZE, seed=4))).float().mean()
    assert told <= 8  # the first round
    assert likely < 0.8 * alone
    assert misled < alone + 30  # what is asked until the shares have been learnt


@pytest.mark.slow
def test_shares_are_learnt_from_the_cohort() -> None:
    basis, slopes = ImageBasis(SHAPE, CPU), gradients()
    false = torch.nn.functional.normalize(normal(LANES, SIZE, seed=3), dim=1)
    true = torch.nn.functional.normalize(slopes + normal(LANES, SIZE, seed=2) / SIZE**0.5, dim=1)
    cohort = Cohort(basis, LANES, 256, torch.Generator().manual_seed(0), torch.stack([true, false], 1))
    for round_ in range(10):
        changes = normal(LANES, 20, SIZE, seed=10 + round_).sign()
        margins = 3 + (changes @ slopes[:, :, None]).squeeze(2)
        cohort.memory.add(changes, cohort.whiten(changes), margins[:, :, None], torch.ones(LANES, 20, dtype=torch.bool))
        cohort.learn()
    of_true, of_false = (cohort.root[-2:] / cohort.root[: basis.size].square().sum().sqrt()).tolist()
    assert of_false < 0.3 * of_true
    assert of_false < 0.5 * HINTED / math.sqrt(2)


def test_hints_stay_with_their_lanes_as_others_end() -> None:
    basis, hints = ImageBasis((4, 4, 3), CPU), normal(6, 2, 48, seed=5)
    cohort = Cohort(basis, 6, 64, torch.Generator().manual_seed(0), hints)
    left = [0, 1, 2, 3, 4, 5]
    for stays in ([True, False, True, True, False, True], [False, True, True, True]):
        cohort.keep(stays)
        left = [lane for lane, here in zip(left, stays, strict=True) if here]
        unit = torch.zeros(len(left), 1, cohort.size)
        unit[:, :, basis.size + 1] = 1 / cohort.root[basis.size + 1]
        expected = torch.nn.functional.normalize(hints[left, 1], dim=1)
        torch.testing.assert_close(cohort.gradient(unit)[:, 0], expected[cohort.order])


def test_how_far_a_point_lies_is_measured_without_hints() -> None:
    """Along a hint the prior variance is large; as a distance it would make noise of every answer."""
    root = torch.tensor([1.0, 1, 1, 1, 5, 5])
    points = normal(1, 6, 6, seed=6) * root
    plain, hinted = Measurements(1, 16, 3, root[:4]), Measurements(1, 16, 3, root, hints=2)
    told, answered = normal(1, 6, 2, seed=7).abs() + 1, torch.ones(1, 6, dtype=torch.bool)
    variances = []
    for memory, seen in ((plain, points[:, :, :4]), (hinted, points)):
        memory.add(normal(1, 6, 3, seed=8), seen, told, answered)
        posterior = memory.posterior(START_NOISE, 2)
        variances.append(posterior.factor.variance - posterior.factor.rounding[:, None])
    torch.testing.assert_close(variances[0], variances[1], rtol=1e-4, atol=1e-5)
