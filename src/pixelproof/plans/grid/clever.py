"""CLEVER of the bare models of a grid, kept in a file each, and set against what the attacks of their runs found."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from pixelproof.attacks.norm_ball import Norm
from pixelproof.data import ImageSet
from pixelproof.files import write_whole
from pixelproof.jobs.assess_spec import AssessSpec
from pixelproof.jobs.clever.distances import smallest_distances
from pixelproof.jobs.clever.score import default_radius
from pixelproof.jobs.clever.survey import survey
from pixelproof.models import Classifier
from pixelproof.plans.grid.spec import CleverSpec
from pixelproof.results.grid import attack_label
from pixelproof.results.grid_clever import ANY, CleverRow, clever_row, paired
from pixelproof.results.rank_correlation import FEWEST, RankCorrelation, rank_correlation
from pixelproof.runs import Record, RunStore

#: Shows how a job goes on, by its name: a context that gives what takes the share done.
ShareProgress = Callable[[str], AbstractContextManager[Callable[[float], None]]]
#: What a survey says of itself, as its file does.
Found = Mapping[str, Any]


@contextmanager
def unseen(_: str) -> Iterator[Callable[[float], None]]:
    """Progress that nobody sees."""
    yield lambda _: None


def surveyed(
    told: CleverSpec,
    run: RunStore,
    classifier: Classifier,
    data: ImageSet,
    path: Path,
    progress: Callable[[float], None],
) -> Found:
    """The survey that ``told`` asks for, of the samples of ``run``: that in ``path``, or one made and put there."""
    decided = {"run": run.manifest.identity, **told.model_dump(), "radius": told.radius or default_radius(told.norm)}
    found = _read(path)
    if any(found.get(key) != value for key, value in decided.items()):
        spec = AssessSpec(**run.manifest.spec)
        made = survey(spec, classifier, data, **told.model_dump(), run=run, progress=progress)
        found = {"run": run.manifest.identity, **made.as_dict()}
        write_whole(path, json.dumps(found, indent=1) + "\n")
    return found


def _read(path: Path) -> dict[str, Any]:
    """What is in ``path``; empty where it is missing or damaged."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def clever_rows(model: str, found: Found, run: RunStore) -> list[CleverRow]:
    """A row for the smallest distances over all attacks of ``run``, and one for each attack without a budget."""
    unbounded = {each["search"] for each in run.manifest.settings["attacks"] if each["epsilon"] is None}
    groups: dict[str, list[Record]] = {ANY: run.records()}
    for record in groups[ANY]:
        if record.search in unbounded:
            groups.setdefault(attack_label(record), []).append(record)
    scores = {each["sample"]: each["score"] for each in found["scores"]}
    return [_row((model, found["target"], attack), found, scores, records) for attack, records in groups.items()]


def _row(
    place: tuple[str, str, str], found: Found, scores: Mapping[int, float | None], records: Sequence[Record]
) -> CleverRow:
    model, target, attack = place
    norm: Norm = found["norm"]
    distances = smallest_distances(records, norm)
    correlation: RankCorrelation | None = None
    known, far = paired(scores, distances)
    if len(known) >= FEWEST:
        correlation = rank_correlation(known, far, found["seed"])
    return clever_row((model, target, norm, attack), scores, distances, correlation)


def meaningless(model: str, found: Found) -> list[str]:
    """A sentence on each reason for which samples of ``model`` have no score."""
    reasons: list[str] = [each["finding"]["message"] for each in found["scores"] if each["finding"]]
    of = len(found["scores"])
    return [
        f"CLEVER is meaningless for {reasons.count(reason)} of {of} samples of {model}: {reason}"
        for reason in dict.fromkeys(reasons)
    ]
