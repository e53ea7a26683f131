"""How small an inflation so many samples tell, and how many it takes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelproof.results.audit.power import (
    fewest_discordant,
    power_number,
    samples_to_tell,
    sign_number,
    smallest_inflation,
)
from pixelproof.results.audit.statistics import more_often, overstated
from pixelproof.results.intervals import Rate


@given(st.integers(1, 400), st.data())
def test_the_smallest_inflation_is_refuted_and_less_is_not(total: int, data: st.DataObject):
    rate = Rate(data.draw(st.integers(0, total)), total)
    share, inflation = 100 * (rate.value or 0), smallest_inflation(rate)
    assert not overstated(share + inflation - 1e-6, rate)
    assert overstated(share + inflation + 1e-6, rate)


def test_so_many_samples_tell_and_one_less_does_not():
    needed = samples_to_tell(45, Rate(20, 60))
    share = 1 / 3
    assert overstated(45, Rate(round(share * needed), needed))
    assert not overstated(45, Rate(round(share * (needed - 1)), needed - 1))
    assert samples_to_tell(90, Rate(20, 60)) == 0


def test_a_claim_that_is_not_above_needs_none():
    with pytest.raises(ValueError, match="does not lie above"):
        samples_to_tell(33, Rate(20, 60))


def test_the_sign_test_takes_seven():
    assert fewest_discordant() == 7
    assert more_often(7, 0)
    assert not more_often(6, 0)


def test_rows_for_people():
    assert power_number(Rate(33, 100))[1] == "12.8 points above what was measured, on 100 samples"
    assert sign_number(60)[1] == "11.7 points: 7 of 60 samples on one side alone"
    assert sign_number(4)[1] == "none on 4 samples: at least 7 have to differ"
