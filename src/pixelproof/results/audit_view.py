"""Everything the page of an audit says, as values read from the journal: the page is written from them alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pixelproof.jobs.audit import JOURNAL
from pixelproof.jobs.audit.answered import Answered, planned, read_answer
from pixelproof.jobs.audit.attacked import Attacked
from pixelproof.jobs.audit.claim import Claim
from pixelproof.jobs.audit.judgement import Judgement, Overall, judgement
from pixelproof.results.intervals import Rate
from pixelproof.runs.journal import Journal
from pixelproof.runs.record import Finding


@dataclass(frozen=True, eq=False, repr=False)
class AuditView:
    """A journal, read. ``answers`` stand in the order of their numbers, ``attacks`` in that of their making.

    ``withstood``: the samples right under all attacks together that the threat model permits; None until it is known.
    """

    head: Mapping[str, Any]
    planned: frozenset[int]
    answers: tuple[Answered, ...]
    attacks: tuple[Attacked, ...]
    withstood: Rate | None

    @cached_property
    def claim(self) -> Claim:
        return Claim(**self.head["claim"])

    @cached_property
    def judgement(self) -> Judgement:
        return judgement(self.answers, self.planned, self.claim.robust_accuracy, self.withstood)

    @property
    def verdict(self) -> Overall:
        """``fail``, ``warn``, ``pass``, or ``open`` where too little was judged."""
        return self.judgement.verdict

    @property
    def finished(self) -> bool:
        return self.planned <= {each.number for each in self.answers}

    @property
    def failed(self) -> list[Answered]:
        return self.of("fail")

    def of(self, verdict: str) -> list[Answered]:
        return [each for each in self.answers if each.verdict == verdict]

    @property
    def questions(self) -> list[tuple[Answered, str]]:
        """What only a person can answer, each with its checkpoint."""
        return [(each, question) for each in self.answers for question in each.questions]

    @property
    def findings(self) -> list[Finding]:
        return [Finding(**each) for each in self.head["findings"]]

    def __repr__(self) -> str:
        lines = [f"{each.number} {each.name}: {each.verdict}. {each.finding}" for each in self.answers]
        return "\n  ".join([f"Audit of {self.head['model']}: {self.judgement.title}", *lines])

    def _repr_html_(self) -> str:
        from pixelproof.report.audit import audit_html

        return audit_html(self)


def read_audit(folder: Path) -> AuditView:
    """The view of the journal in ``folder``. Raises ``RunError`` where there is none."""
    return audit_view(Journal.open(folder / JOURNAL))


def audit_view(journal: Journal) -> AuditView:
    threat = journal.head["claim"]["threat"]
    ball = f"norm={threat['norm']},epsilon={threat['epsilon']:g}"
    answers = sorted((read_answer(_short(each, ball)) for each in journal.of("answer")), key=lambda each: each.number)
    rates = [Rate(**each) for each in journal.of("withstood")]
    return AuditView(
        journal.head,
        planned(journal),
        tuple(answers),
        tuple(map(Attacked.read, _attempts(journal))),
        rates[-1] if rates else None,
    )


def _short(value: Any, ball: str) -> Any:
    """``value`` without the threat model's own ball in the names of attacks, which all have it if no other."""
    if isinstance(value, str):
        return value.replace(f"({ball})", "").replace(f"({ball},", "(")
    if isinstance(value, Mapping):
        return {key: _short(each, ball) for key, each in value.items()}
    return [_short(each, ball) for each in value] if isinstance(value, list | tuple) else value


def _attempts(journal: Journal) -> list[dict[str, Any]]:
    return [each["value"] for each in journal.of("evidence") if each["key"].startswith("attack|")]
