"""A run of an audit with invented answers: every verdict, every kind of figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import cos, sin
from pathlib import Path
from typing import Any

from audit_kit import HONEST, TINY
from pixelproof.jobs.audit.spec import AuditSpec
from pixelproof.results.audit.attacked import Attacked
from pixelproof.results.audit.checkpoint import Answer, CheckpointResult, Plot, read_result
from pixelproof.results.audit.claim import Claim
from pixelproof.results.audit.view import CheckpointRecord, EvidenceRecord
from pixelproof.runs import DataCard, Finding, Manifest, ModelCard, RunStore, Selection

SAMPLES = 40
CURVE = Plot(
    "iterations",
    "Success against iterations",
    "line",
    "Iterations",
    "Right (%)",
    tuple(
        {"x": 25 * 2**k, "y": y, "low": y - 9, "high": y + 9, "line": line}
        for line, shares in (("as it is", (80, 71, 64, 61, 60)), ("laid open", (60, 42, 30, 22, 15)))
        for k, y in enumerate(shares)
    ),
    "Bands: 95 % intervals.",
    log_x=True,
    rule=(62.5, "claimed"),
    mark=(100, "published"),
)
BARS = Plot(
    "classes",
    "Accuracy by class",
    "bar",
    "",
    "Right (%)",
    tuple(
        {"name": name, "group": group, "y": y, "low": y - 8, "high": min(100, y + 8)}
        for name, pair in (("airplane", (88, 30)), ("cat", (61, 4)), ("<b>ship</b>", (92, 41)))
        for group, y in zip(("clean", "under attack"), pair, strict=True)
    ),
    "Thin lines: 95 % intervals.",
    rule=(62.5, "claimed"),
)
SURFACE = Plot(
    "surface",
    "The loss around an image",
    "heat",
    "Along the gradient",
    "Along a random direction",
    tuple({"x": x / 2, "y": y / 2, "z": sin(x) + cos(y) + (x == y)} for x in range(-6, 7) for y in range(-6, 7)),
    "One sample, drawn from the seed.",
    z="Cross-entropy",
)
ANSWERS = (
    (1, "threat model", Answer("person", "Nothing is missing from the threat model.", questions=("Who gains by it?",))),
    (
        2,
        "clean accuracy",
        Answer("pass", "Clean accuracy is 76.0 %, as claimed.", numbers=(("Right", "30/40 = 75.0 % [59.8, 85.8]"),)),
    ),
    (3, "end to end", Answer("skipped", "This needs gradients, which cannot be had here. The model gives none.")),
    (
        6,
        "iterations",
        Answer(
            "fail",
            "At 400 iterations 15.0 % stay right, and more would fool more: the attack had not converged at 20.",
            "Raise the iterations until nothing changes.",
            (("After 25", "24/40 = 60.0 %"), ("After 400", "6/40 = 15.0 %")),
            (CURVE,),
            ("Why were 20 iterations held to be enough?", "Was the step chosen for 20?"),
            ("Doubled four times.",),
        ),
    ),
    (10, "gradients", Answer("warn", "The loss is rugged.", "Look at it.", plots=(SURFACE, BARS))),
)


def value(number: int, name: str, answer: Answer) -> dict[str, Any]:
    """As the run keeps it."""
    words = {"title": f"What {name} should be", "asks": f"Is {name} as it should be?", "source": "Carlini et al."}
    return {"number": number, "name": name, **words, **asdict(answer)}


def answered(number: int, verdict: Any, questions: tuple[str, ...] = ()) -> CheckpointResult:
    """One with nothing but a verdict."""
    return read_result(value(number, f"name {number}", Answer(verdict, "Found.", questions=questions)))


def attack(needs: Any, broken: int, spelling: str = "pgd(norm=linf,epsilon=1)") -> Attacked:
    """That fooled the first ``broken`` samples."""
    fooled = tuple(row < broken for row in range(SAMPLES))
    return Attacked(spelling, "open", needs, tuple(range(SAMPLES)), fooled, (True,) * SAMPLES, 20.0, 20.0, 1.0)


def manifest(planned: Sequence[int] = (), surviving: Mapping[str, int] | None = None) -> Manifest:
    """Of an audit with these checkpoints planned, still running."""
    claim = {**HONEST, "robust_accuracy": 62.5, "source": "A paper <2026>"}
    return Manifest(
        job="audit",
        identity="0123456789abcdef",
        status="running",
        spec=AuditSpec(model="zoo:lenet", data="bundled", claim="claim.toml").model_dump(mode="json"),
        settings={"claim": Claim(**claim).model_dump(mode="json"), "effort": asdict(TINY)},
        model=ModelCard("zoo:<lenet>", "logits", "a" * 64, 500, 380),
        data=DataCard("bundled", "b" * 64, 500, (32, 32, 3), ("airplane", "cat", "ship")),
        selection=Selection(f"{SAMPLES} images", 500, tuple(range(SAMPLES)), (0,) * SAMPLES),
        findings=(Finding("saturated", "warning", "Scores are saturated."),),
        environment={"date": "2026-11-22", "torch": "2"},
        details={"steps": [f"checkpoint {number}" for number in planned], "surviving": surviving},
    )


def write_audit_run(folder: Path | None, answers: Any = ANSWERS, planned: tuple[int, ...] = ()) -> RunStore:
    """In ``folder``, or in memory, still open; ``planned`` are checkpoints that were not come to yet."""
    numbers = [number for number, _, _ in answers]
    told = manifest([*numbers, *planned], {"successes": 6, "total": SAMPLES})
    run = RunStore.create(folder, told, {}, (EvidenceRecord, CheckpointRecord))
    for each in (attack("gradients", 34), attack("scores", 12, "square(norm=linf,epsilon=1)")):
        run.commit([(EvidenceRecord(f"attack|{each.attack}|open||0-39", asdict(each)), None)])
    for number, name, answer in answers:
        record = CheckpointRecord(number, answer.verdict, value(number, name, answer))
        run.commit([(record, None)], f"checkpoint {number}")
    run.add_timings({"seconds": 1.0}, finished=not planned)
    return run
