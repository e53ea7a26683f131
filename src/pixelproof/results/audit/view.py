"""Everything the page of an audit says, as values read from its file: the page is written from them alone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pixelproof.files import write_whole
from pixelproof.results.audit.attacked import Attacked
from pixelproof.results.audit.checkpoint import CheckpointResult, read_result
from pixelproof.results.audit.claim import Claim
from pixelproof.results.audit.judgement import Judgement, Overall, judgement
from pixelproof.results.intervals import Rate
from pixelproof.runs.journal import Journal
from pixelproof.runs.record import Finding

#: What is measured and answered, in the folder of the audit.
JOURNAL = "audit.jsonl"
#: What keys of evidence begin with that is an attack.
ATTACK = "attack|"
SCOREBOARD = "results.json"


@dataclass(frozen=True, eq=False, repr=False)
class AuditView:
    """An audit, read. ``answers`` stand in the order of their numbers, ``attacks`` in that of their making.

    ``withstood``: the samples right under all attacks together that the threat model permits; None until it is known.
    """

    head: Mapping[str, Any]
    planned: frozenset[int]
    answers: tuple[CheckpointResult, ...]
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
    def failed(self) -> list[CheckpointResult]:
        return self.of("fail")

    def of(self, verdict: str) -> list[CheckpointResult]:
        return [each for each in self.answers if each.verdict == verdict]

    @property
    def questions(self) -> list[tuple[CheckpointResult, str]]:
        """What only a person can answer, each with its checkpoint."""
        return [(each, question) for each in self.answers for question in each.questions]

    @property
    def findings(self) -> list[Finding]:
        return [Finding(**each) for each in self.head["findings"]]

    def __repr__(self) -> str:
        lines = [f"{each.number} {each.name}: {each.verdict}. {each.finding}" for each in self.answers]
        return "\n  ".join([f"Audit of {self.head['model']}: {self.judgement.title}", *lines])


def read_audit(folder: Path) -> AuditView:
    """The view of the audit in ``folder``. Raises ``RunError`` where there is none."""
    return audit_view(Journal.open(folder / JOURNAL))


def audit_view(journal: Journal) -> AuditView:
    """All that ``journal`` holds so far; nothing else reads it but what goes on writing it."""
    threat = journal.head["claim"]["threat"]
    ball = f"norm={threat['norm']},epsilon={threat['epsilon']:g}"
    answers = [read_result(_short(each, ball)) for each in journal.of("answer")]
    attacks = [each["value"] for each in journal.of("evidence") if each["key"].startswith(ATTACK)]
    rates = [Rate(**each) for each in journal.of("withstood")]
    sittings: list[Any] = [journal.head["planned"], *journal.of("planned")]
    return AuditView(
        head=journal.head,
        planned=frozenset(number for sitting in sittings for number in sitting),
        answers=tuple(sorted(answers, key=lambda each: each.number)),
        attacks=tuple(map(Attacked.read, attacks)),
        withstood=rates[-1] if rates else None,
    )


def _short(value: Any, ball: str) -> Any:
    """``value`` without the threat model's own ball in the names of attacks, which all have it if no other."""
    if isinstance(value, str):
        return value.replace(f"({ball})", "").replace(f"({ball},", "(")
    if isinstance(value, Mapping):
        return {key: _short(each, ball) for key, each in value.items()}
    return [_short(each, ball) for each in value] if isinstance(value, list | tuple) else value


def write_scoreboard(view: AuditView, path: Path, command: str) -> Path:
    """Write the rows of ``view`` to ``path``, with their environment; ``command`` measured them."""
    rows = [{**row, "command": command} for row in _rows(view)]
    content = {"environment": view.head["environment"], "rows": rows}
    return write_whole(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def _rows(view: AuditView) -> Iterator[dict[str, Any]]:
    """The robust accuracy beside the claimed one, then every checkpoint; what was not judged neither holds nor not."""
    found = view.withstood
    if found is not None and found.value is not None:
        value, target = round(100 * found.value, 2), view.claim.robust_accuracy
        yield _row("right under every attack", value, "% right", target, holds=None, total=found.total)
    for each in view.answers:
        holds = {"pass": True, "fail": False}.get(each.verdict)
        name = f"checkpoint {each.number}: {each.name}"
        yield _row(name, each.verdict, "verdict", "pass", holds=holds, finding=each.finding)


def _row(claim: str, value: float | str, unit: str, target: float | str, **more: Any) -> dict[str, Any]:
    return {"claim": claim, "value": value, "unit": unit, "target": target, **more}
