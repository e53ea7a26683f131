"""The thesis's claims on hand-made subjects whose verdicts are known."""

from __future__ import annotations

from dataclasses import replace

from pixelproof.results.claim import Verdict
from pixelproof.results.intervals import Rate
from pixelproof.results.perturbations import PerturbationRecord, Standing
from pixelproof.results.rank_correlation import RankCorrelation
from pixelproof.results.thesis import PUBLISHED, DataSetResult, thesis_claims

NAMES = ("rotation", "jitter", "rgb-randomise", "logit-contrast", "logit-brightness")
CELL = PerturbationRecord("any", 1.0, "degrees", 0.0, (0,), (0.0,), (0.0,), (0.0,), (1.0,), 0.0)


def subject(name: str, accuracies: tuple[float, ...], grey: bool, test: int, rho: float, pgd: int = 3) -> DataSetResult:
    rows = [Standing(each, a, 1 - a, CELL, 4, 0.0) for each, a in zip(NAMES, accuracies, strict=True)]
    correlation = RankCorrelation(rho, 0.5, rho - 0.1, rho + 0.1, 20)
    return DataSetResult(
        name=name,
        grey=grey,
        test=Rate(test, 100),
        clean=Rate(10, 10),
        standings=tuple(sorted(rows, key=lambda row: row.accuracy)),
        correlations={"l1": correlation, "l2": correlation, "linf": correlation},
        pgd=Rate(pgd, 10),
        perturb_seconds=1.0,
        pgd_seconds=2.0,
    )


DIGITS = subject("MNIST", (0.2, 0.3, 0.5, 1.0, 0.98), grey=True, test=99, rho=-0.9)
SHAPES = subject("Pentomino", (0.1, 0.2, 0.4, 0.96, 1.0), grey=True, test=92, rho=0.2, pgd=10)


def verdicts(*subjects: DataSetResult) -> dict[str, Verdict]:
    return {claim.name: claim.verdict for claim in thesis_claims(subjects)}


def test_all_hold():
    assert set(verdicts(DIGITS, SHAPES).values()) == {"held"}


def test_another_perturbation_is_strongest():
    light = subject("MNIST", (0.9, 0.9, 0.1, 1.0, 0.98), grey=True, test=99, rho=-0.9)
    assert verdicts(light, SHAPES)["rotation-and-jitter"] == "not held"


def test_a_grey_set_that_light_harms():
    dark = subject("MNIST", (0.2, 0.3, 0.5, 0.9, 0.98), grey=True, test=99, rho=-0.9)
    assert verdicts(dark, SHAPES)["grey-immune"] == "not held"
    colour = replace(DIGITS, grey=False)
    assert verdicts(colour)["grey-immune"] == "cannot be said"


def test_a_harder_set_that_stands_better():
    assert verdicts(replace(DIGITS, test=Rate(80, 100)), SHAPES)["harder-is-weaker"] == "not held"
    assert verdicts(DIGITS)["harder-is-weaker"] == "cannot be said"


def test_a_distance_that_always_tells():
    both = subject("Pentomino", (0.1, 0.2, 0.4, 0.96, 1.0), grey=True, test=92, rho=-0.8, pgd=10)
    assert verdicts(DIGITS, both)["no-correlation"] == "not held"


def test_pgd_that_fools_pentominoes():
    assert verdicts(DIGITS, replace(SHAPES, pgd=Rate(2, 10)))["pgd-strong"] == "not held"
    assert verdicts(DIGITS)["pgd-strong"] == "cannot be said"


def test_nothing_measured():
    assert set(verdicts().values()) == {"cannot be said"}


def test_the_published_differences():
    """Its table 8 prints the differences too, rounded or cut."""
    stated = {"Pentomino": 47.114, "Imagewoof-160": 33.07, "MNIST": 27.49, "Imagenette-160": 26.87}
    for name, figures in PUBLISHED.items():
        assert abs(figures.clean - figures.perturbed - stated[name]) < 0.06
