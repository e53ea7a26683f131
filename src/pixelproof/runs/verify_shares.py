"""Checks what a run claims of failure probabilities: that all are there, and that each follows from its count."""

from math import isclose

from pixelproof.probability.interval import Estimate, estimate
from pixelproof.probability.schedule import Schedule
from pixelproof.runs.record import FailureProbability
from pixelproof.runs.store import RunStore


def shares(run: RunStore) -> list[str]:
    """What does not hold, one sentence each; the splitting itself is not done again, as it would be with its seed."""
    manifest = run.manifest
    specs, samples = manifest.settings.get("failure_probability", ()), manifest.selection.samples
    found = run.failure_probabilities()
    there, wanted = (
        {(p.distribution, p.sample) for p in found},
        {(spec, sample) for spec in specs for sample in samples},
    )
    problems = [f"The share of {spec} that breaks sample {k} was not asked for." for spec, k in sorted(there - wanted)]
    if manifest.status == "finished":
        problems += [f"The share of {spec} that breaks sample {k} is missing." for spec, k in sorted(wanted - there)]
    labels = dict(zip(samples, manifest.selection.labels, strict=True))
    settings = manifest.settings.get("seed"), manifest.settings.get("probability_queries")
    problems += [
        f"The label, the seed or the budget of the share of {p.distribution} that breaks sample {p.sample} is not that "
        "of the run."
        for p in found
        if p.label != labels.get(p.sample) or (p.seed, p.budget) != settings
    ]
    return problems + [
        f"The share of {p.distribution} that breaks sample {p.sample} does not follow from its count."
        for p in found
        if not _follows(p)
    ]


def _follows(share: FailureProbability) -> bool:
    try:
        schedule = Schedule(share.draws, share.kept, share.replaced, share.moves, share.budget)
        claimed = Estimate(share.estimate, share.low, share.high)
        asked = schedule.asked(share.dropped) == share.queries
        return asked and _equal(estimate(share.dropped, share.reached, schedule), claimed)
    except (ValueError, ArithmeticError):
        return False


def _equal(one: Estimate, other: Estimate) -> bool:
    """To the last digits, which another version of scipy may compute otherwise."""
    if (one.value is None) != (other.value is None):
        return False
    pairs = (one.value or 0.0, other.value or 0.0), (one.low, other.low), (one.high, other.high)
    return all(isclose(a, b, rel_tol=1e-6) for a, b in pairs)
