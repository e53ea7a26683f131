"""The reverse Weibull fit against draws whose location is known, and against scipy's likelihood."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import gumbel_r, weibull_max

from pixelproof.jobs.clever import extreme_value
from pixelproof.jobs.clever.extreme_value import PENALTY, fit_reverse_weibull


def draws(shape: float, location: float, scale: float, rows: int, count: int, seed: int = 0) -> np.ndarray:
    return weibull_max.rvs(shape, location, scale, size=(rows, count), random_state=np.random.default_rng(seed))


@pytest.mark.parametrize(("shape", "location", "scale"), [(1.5, 3.0, 0.5), (3.0, 0.02, 0.004), (5.0, 1e4, 2e3)])
def test_many_draws_give_back_what_they_are_of(shape: float, location: float, scale: float) -> None:
    found = fit_reverse_weibull(draws(shape, location, scale, 2, 8_000))
    assert np.allclose(found.location, location, atol=0.15 * scale)
    assert np.allclose(found.shape, shape, rtol=0.15)
    assert np.allclose(found.scale, scale, rtol=0.15)


def _cost(values: np.ndarray, shape: float, location: float, scale: float) -> float:
    return float(-weibull_max.logpdf(values, shape, location, scale).sum() + PENALTY * shape**2)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [1.2, 2.0, 4.0])
def test_no_start_of_scipys_optimiser_finds_a_better_fit(shape: float) -> None:
    for values in draws(shape, 1.0, 0.3, 4, 60):
        found = fit_reverse_weibull(values[None])
        ours = _cost(values, found.shape[0], found.location[0], found.scale[0])
        for start in (1.5, 4.0, 12.0):
            c, location, scale = weibull_max.fit(values, start, loc=values.max() + 0.1, scale=0.3)
            if c >= 1:
                assert ours <= _cost(values, c, location, scale) + 1e-3


def test_where_the_likelihood_is_regular_scipy_finds_the_same_location() -> None:
    values = draws(3.0, 1.0, 0.3, 1, 2000)
    _, location, scale = weibull_max.fit(values[0], 3.0, loc=1.0, scale=0.3)
    assert fit_reverse_weibull(values).location[0] == pytest.approx(location, abs=0.01 * scale)


def test_equal_draws_are_the_location() -> None:
    found = fit_reverse_weibull(np.full((2, 5), 0.25))
    assert found.location.tolist() == [0.25, 0.25]


def test_draws_that_pile_up_at_their_end_stop_there() -> None:
    values = draws(0.3, 1.0, 0.1, 20, 50)
    found = fit_reverse_weibull(values)
    assert (found.shape >= 1).all()
    assert np.allclose(found.location, values.max(1), atol=1e-3)


def test_draws_without_an_end_keep_a_location_within_reach() -> None:
    values = gumbel_r.rvs(10, 1, size=(20, 50), random_state=np.random.default_rng(1))
    found = fit_reverse_weibull(values)
    spread = np.ptp(values, axis=1)
    assert (found.location > values.max(1)).all()
    assert (found.location < values.max(1) + 10 * spread).all()


@pytest.mark.parametrize("scale", [1e-9, 1e6])
def test_the_fit_moves_and_stretches_with_the_draws(scale: float) -> None:
    values = draws(2.5, 1.0, 0.3, 5, 40)
    plain, moved = fit_reverse_weibull(values), fit_reverse_weibull(values * scale + 3 * scale)
    assert np.allclose(moved.location, (plain.location + 3) * scale, rtol=1e-4)
    assert np.allclose(moved.shape, plain.shape, rtol=1e-2)


def test_rows_are_fitted_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    values = draws(2.5, 1.0, 0.3, 30, 12)
    together = fit_reverse_weibull(values).location
    monkeypatch.setattr(extreme_value, "_VALUES", 1)  # one row at a time
    assert np.array_equal(together, fit_reverse_weibull(values).location)
