"""Everything the page of an audit says, as values read from its run: the page is written from them alone."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, TypeVar, overload

from pixelproof.results.audit.attacked import Attacked
from pixelproof.results.audit.checkpoint import CheckpointResult, read_result
from pixelproof.results.audit.claim import Claim
from pixelproof.results.audit.judgement import Judgement, Overall, judgement
from pixelproof.results.intervals import Rate
from pixelproof.results.scoreboard import Row, row
from pixelproof.runs.record import Finding, Manifest
from pixelproof.runs.store import RunStore
from pixelproof.wording import minus_signs

#: What keys of evidence begin with that is an attack.
ATTACK = "attack|"


V = TypeVar("V", bound="AuditView")


@dataclass(frozen=True)
class EvidenceRecord:
    """Something measured, by its key; ``value`` is plain JSON."""

    TABLE: ClassVar[str] = "evidence"
    KEY: ClassVar[tuple[str, ...]] = ("key",)

    key: str
    value: Any


@dataclass(frozen=True)
class CheckpointRecord:
    """What a checkpoint said; ``answer`` are the values of a ``CheckpointResult``."""

    TABLE: ClassVar[str] = "checkpoints"
    KEY: ClassVar[tuple[str, ...]] = ("number",)

    number: int
    verdict: str
    answer: dict[str, Any]


@dataclass(frozen=True, eq=False, repr=False)
class AuditView:
    """An audit, read. ``answers`` stand in the order of their numbers, ``attacks`` in that of their making.

    ``surviving``: the samples right under all attacks together that the threat model permits; None until it is known.
    """

    manifest: Manifest
    planned: frozenset[int]
    answers: tuple[CheckpointResult, ...]
    attacks: tuple[Attacked, ...]
    surviving: Rate | None

    @cached_property
    def claim(self) -> Claim:
        return Claim(**self.manifest.settings["claim"])

    @cached_property
    def judgement(self) -> Judgement:
        return judgement(self.answers, self.planned, self.claim.robust_accuracy, self.surviving)

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
    def findings(self) -> tuple[Finding, ...]:
        return self.manifest.findings

    def __repr__(self) -> str:
        lines = [f"{each.number} {each.name}: {each.verdict}. {each.finding}" for each in self.answers]
        return "\n  ".join([f"Audit of {self.manifest.model.name}: {self.judgement.title}", *lines])


def read_audit(folder: Path) -> AuditView:
    """The view of the audit in ``folder``. Raises ``RunError`` where there is none."""
    with RunStore.open(folder) as run:
        return audit_view(run)


@overload
def audit_view(run: RunStore) -> AuditView: ...
@overload
def audit_view(run: RunStore, kind: type[V]) -> V: ...
def audit_view(run: RunStore, kind: type[AuditView] = AuditView) -> AuditView:
    """All that ``run`` holds so far."""
    manifest = run.manifest
    threat, rate = manifest.settings["claim"]["threat"], manifest.details["surviving"]
    ball = f"norm={threat['norm']},epsilon={threat['epsilon']:g}"
    answers = [read_result(_short(each.answer, ball)) for each in run.of(CheckpointRecord)]
    attacks = [each.value for each in run.of(EvidenceRecord) if each.key.startswith(ATTACK)]
    return kind(
        manifest=manifest,
        planned=frozenset(int(step.split()[-1]) for step in manifest.details["steps"]),
        answers=tuple(sorted(answers, key=lambda each: each.number)),
        attacks=tuple(map(Attacked.read, attacks)),
        surviving=None if rate is None else Rate(**rate),
    )


def _short(value: Any, ball: str) -> Any:
    """``value`` for people: its names of attacks without the threat model's own ball, which all have if no other."""
    if isinstance(value, str):
        return minus_signs(value).replace(f"({ball})", "").replace(f"({ball},", "(")
    if isinstance(value, Mapping):
        return {key: _short(each, ball) for key, each in value.items()}
    return [_short(each, ball) for each in value] if isinstance(value, list | tuple) else value


def rows(view: AuditView) -> Iterator[Row]:
    """The robust accuracy beside the claimed one, then every checkpoint; what was not judged neither holds nor not."""
    found = view.surviving
    if found is not None and found.value is not None:
        value, target = round(100 * found.value, 2), view.claim.robust_accuracy
        yield row("right under every attack", value, "% right", target, total=found.total)
    for each in view.answers:
        holds = {"pass": True, "fail": False}.get(each.verdict)
        name = f"checkpoint {each.number}: {each.name}"
        yield row(name, each.verdict, "verdict", "pass", holds, finding=each.finding)
