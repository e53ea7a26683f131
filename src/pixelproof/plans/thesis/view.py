"""Everything the page of the protocol says, as values."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pixelproof.results.claim import PaperClaim
from pixelproof.results.perturb_view import PerturbView
from pixelproof.results.scoreboard import Row, row
from pixelproof.results.thesis import PUBLISHED, DataSetResult, thesis_claims


@dataclass(frozen=True, eq=False)
class ThesisView:
    """The protocol's subjects, and the perturbations of each in the same order; ``absent``: why some are left out."""

    spec: Mapping[str, Any]
    subjects: tuple[DataSetResult, ...]
    perturbations: tuple[PerturbView, ...]
    absent: Mapping[str, str]

    @property
    def claims(self) -> list[PaperClaim]:
        return thesis_claims(self.subjects)


def rows(view: ThesisView) -> Iterator[Row]:
    """A row a data set, with what was published of it, and one a claim."""
    for each in view.subjects:
        published = PUBLISHED.get(each.name)
        yield {
            **row(f"perturbed: {each.name}", round(100 * each.perturbed, 2), "% right"),
            "data": each.name,
            "test_accuracy": round(100 * (each.test.value or 0.0), 2),
            "samples": each.clean.total,
            "clean": round(100 * (each.clean.value or 0.0), 2),
            "by_perturbation": {of.perturbation: round(100 * of.accuracy, 2) for of in each.standings},
            "pgd": round(100 * (each.pgd.value or 0.0), 2),
            "perturb_seconds": round(each.perturb_seconds, 3),
            "pgd_seconds": round(each.pgd_seconds, 2),
            "published": None if published is None else [published.clean, published.perturbed, published.pgd],
        }
    for claim in view.claims:
        yield row(
            f"claim: {claim.text}",
            claim.verdict,
            "verdict",
            "held",
            {"held": True, "not held": False}.get(claim.verdict),
        )
