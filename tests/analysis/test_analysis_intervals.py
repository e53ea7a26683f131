"""Wilson's interval against SciPy's, and the rate that prints it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from pixelproof.results.intervals import Interval, Rate, wilson


@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.999])
@pytest.mark.parametrize(("successes", "total"), [(0, 1), (1, 1), (0, 100), (12, 100), (50, 99), (100, 100), (7, 9000)])
def test_equals_scipy(successes: int, total: int, confidence: float) -> None:
    expected = binomtest(successes, total).proportion_ci(confidence_level=confidence, method="wilson")
    found = wilson(successes, total, confidence)
    assert found.low == pytest.approx(expected.low, abs=1e-12)
    assert found.high == pytest.approx(expected.high, abs=1e-12)


@given(st.integers(1, 10**7).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0.01, 0.999999))
def test_holds_the_rate_and_stays_within_bounds(counts: tuple[int, int], confidence: float) -> None:
    found = wilson(*counts, confidence)
    assert 0 <= found.low <= counts[0] / counts[1] <= found.high <= 1


@given(st.integers(1, 1000), st.integers(0, 1000))
def test_is_symmetric(total: int, successes: int) -> None:
    successes = min(successes, total)
    one, other = wilson(successes, total), wilson(total - successes, total)
    assert one.low == pytest.approx(1 - other.high, abs=1e-12)


def test_of_nothing_says_nothing() -> None:
    assert wilson(0, 0) == Interval(0.0, 1.0)
    assert Rate(0, 0).value is None
    assert str(Rate(0, 0)) == "0/0"


def test_no_success_in_a_hundred_is_not_never() -> None:
    assert wilson(0, 100).low == 0.0
    assert f"{100 * wilson(0, 100).high:.1f}" == "3.7"


@pytest.mark.parametrize(("successes", "total", "confidence"), [(-1, 3, 0.95), (4, 3, 0.95), (1, 3, 0.0), (1, 3, 1.0)])
def test_refuses_what_cannot_be(successes: int, total: int, confidence: float) -> None:
    with pytest.raises(ValueError, match=r"successes in|confidence"):
        wilson(successes, total, confidence)


def test_a_rate_prints_numerator_denominator_and_interval() -> None:
    assert str(Rate(12, 100)) == "12/100 = 12.0 % [7.0, 19.8]"
    assert str(Rate(1200, 10000)) == "1,200/10,000 = 12.0 % [11.4, 12.7]"
