"""A claim above what was measured: refuted, undecided, or counted over other samples."""

from __future__ import annotations

from dataclasses import replace

import pytest

from audit_kit import TINY, case, claim
from pixelproof.jobs.audit.claimed import against
from pixelproof.jobs.audit.spec import EFFORTS, AuditSpec
from pixelproof.results.intervals import Rate

EFFORT = replace(TINY, samples=40, iterations=10, clean=60, further=40)


@pytest.mark.slow
def test_a_claim_above_what_was_measured_is_undecided_with_the_samples_it_takes():
    verdict, said = against(case(told=claim(robust_accuracy=35), effort=EFFORT), Rate(12, 40))
    assert verdict == "warn"
    assert "it is undecided; to decide it, take at least 607 samples" in said


@pytest.mark.slow
def test_no_claim_above_what_was_measured_passes_and_none_below_is_held_up():
    audit = case(told=claim(robust_accuracy=40), effort=EFFORT)
    assert against(audit, Rate(9, 40))[0] == "warn"
    assert against(audit, Rate(6, 40))[0] == "fail"
    assert against(audit, Rate(16, 40)) == ("pass", "")


@pytest.mark.slow
def test_further_samples_decide_what_the_first_could_not():
    """PGD leaves LeNet about 30 %; 45 % is claimed, which 20 samples cannot tell."""
    few = replace(EFFORT, samples=20)
    told = claim(robust_accuracy=45)
    assert against(case(told=told, effort=replace(few, further=20)), Rate(6, 20))[0] == "warn"
    verdict, said = against(case(told=told, effort=replace(few, further=400)), Rate(6, 20))
    assert verdict == "fail"
    assert "Of more samples" in said


@pytest.mark.slow
def test_the_denominator_of_the_claim_is_looked_at():
    """Of 40 samples 28 are right without any attack."""
    audit = case(told=claim(robust_accuracy=58), effort=EFFORT)
    assert len(audit.decision.right) == 28
    assert "16/28" in against(audit, Rate(16, 40))[1]
    assert "denominator" in against(audit, Rate(16, 40))[1]
    assert "denominator" not in against(case(told=claim(robust_accuracy=42), effort=EFFORT), Rate(16, 40))[1]


def test_the_standard_effort_goes_further_than_the_quick_one():
    spec = AuditSpec(model="zoo:lenet", data="bundled", claim="claim.toml")
    assert spec.effort.samples < spec.effort.further < EFFORTS["standard"].further
