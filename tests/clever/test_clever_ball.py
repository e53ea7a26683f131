"""Points in a ball are uniform: radii, symmetry, and shares of parts whose volume is known."""

from __future__ import annotations

import pytest
import torch
from scipy.stats import kstest

from attack_kit import streams
from pixelproof.attacks.norm_ball import Norm
from pixelproof.jobs.clever.gradient_norms import ball_points

ORDER = {"l1": 1, "l2": 2, "linf": torch.inf}
NORMS = pytest.mark.parametrize("norm", ["l1", "l2", "linf"])


@NORMS
@pytest.mark.parametrize("size", [2, 5, 200])
def test_the_radius_to_the_power_of_the_dimension_is_uniform(norm: Norm, size: int) -> None:
    points = ball_points(streams(1), 4000, size, norm)[0].double()
    radii = torch.linalg.vector_norm(points, ORDER[norm], dim=1)
    assert radii.max() <= 1 + 1e-6
    assert kstest((radii**size).numpy(), "uniform").pvalue > 0.01


@NORMS
def test_points_are_spread_as_those_of_a_cube_that_fall_into_the_ball(norm: Norm) -> None:
    cube = torch.rand(60_000, 3, generator=torch.Generator().manual_seed(0)) * 2 - 1
    expected = cube[torch.linalg.vector_norm(cube, ORDER[norm], dim=1) <= 1]
    points = ball_points(streams(1), 20_000, 3, norm)[0]
    for along in (lambda x: x[:, 0], lambda x: x[:, 1] - 0.3 * x[:, 2], lambda x: x.abs().amax(1)):
        assert kstest(along(points).numpy(), along(expected).numpy()).pvalue > 0.01


@NORMS
def test_all_coordinates_and_both_signs_are_alike(norm: Norm) -> None:
    points = ball_points(streams(1), 20_000, 4, norm)[0]
    deviation = points.std() / 20_000**0.5
    assert (points.mean(0).abs() < 4 * deviation).all()
    assert (points.abs().mean(0) - points.abs().mean()).abs().max() < 4 * deviation


def test_a_stream_draws_the_same_among_others() -> None:
    alone = ball_points(streams(1), 7, 5, "l1")
    assert torch.equal(alone[0], ball_points(streams(3), 7, 5, "l1")[0])


def test_the_smallest_and_the_largest_numbers_that_a_stream_gives_stay_finite() -> None:
    class Edge:
        def uniform(self, *shape: int) -> torch.Tensor:
            return (
                torch.tensor([0.0, 1 - 2.0**-24])
                .repeat(shape[0] * shape[1] // 2 + 1)[: shape[0] * shape[1]]
                .view(1, *shape)
            )

    assert ball_points(Edge(), 2, 4, "l1").isfinite().all()  # type: ignore[arg-type]
