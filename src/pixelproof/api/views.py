"""What ``perturb``, ``audit``, ``clever`` and ``compare`` return: what pages are written from, in a few lines."""

from dataclasses import fields
from typing import Any, TypeVar

from pixelproof.plans.compared import Compared
from pixelproof.results.audit.view import AuditView
from pixelproof.results.clever import CleverResult
from pixelproof.results.perturb_view import PerturbView

V = TypeVar("V")


class Perturbations(PerturbView):
    """Common perturbations. In a notebook it shows what they cost, in sentences and a table."""

    def __repr__(self) -> str:
        from pixelproof.report.perturb import perturb_summary

        return "\n  ".join([f"Perturbations of {self.manifest.model.name}", *perturb_summary(self)])

    def _repr_html_(self) -> str:
        from pixelproof.report.notebook import perturbations_html

        return perturbations_html(self)


class Audit(AuditView):
    """An audit. In a notebook it shows its judgement and the table of its checkpoints."""

    def _repr_html_(self) -> str:
        from pixelproof.report.audit import audit_html

        return audit_html(self)


class Clever(CleverResult):
    """CLEVER scores. In a notebook it shows them, or what they come to where they are many."""

    def __repr__(self) -> str:
        from pixelproof.report.clever import sentences

        return "\n  ".join([f"CLEVER of {self.manifest.model.name}", *sentences(self)])

    def _repr_html_(self) -> str:
        from pixelproof.report.notebook import clever_html

        return clever_html(self)


class Comparison(Compared):
    """Runs side by side. In a notebook it shows what changed and how they rank, in sentences and tables."""

    def __repr__(self) -> str:
        from pixelproof.report.compare import compared_summary

        return "\n  ".join([f"Comparison of {self.title}", *compared_summary(self)])

    def _repr_html_(self) -> str:
        from pixelproof.report.notebook import comparison_html

        return comparison_html(self)


def shown_as(kind: type[V], view: Any) -> V:
    """``view`` as the ``kind`` of it that shows itself."""
    return kind(**{field.name: getattr(view, field.name) for field in fields(view)})
