"""Everything the page of the protocol says, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pixelproof.results.claim import Claim
from pixelproof.results.perturb_view import PerturbView
from pixelproof.results.thesis import Subject, thesis_claims


@dataclass(frozen=True, eq=False)
class ThesisView:
    """The protocol's subjects, and the perturbations of each in the same order; ``absent``: why some are left out."""

    spec: Mapping[str, Any]
    subjects: tuple[Subject, ...]
    perturbations: tuple[PerturbView, ...]
    absent: Mapping[str, str]

    @property
    def claims(self) -> list[Claim]:
        return thesis_claims(self.subjects)
