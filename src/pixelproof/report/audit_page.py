"""The page of an audit: one self-contained HTML file; its tables and figures as files beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from pixelproof.files import write_whole
from pixelproof.report.audit_claim import bound, claim_sentences
from pixelproof.report.audit_figures import figures_of
from pixelproof.report.audit_tables import all_audit_tables
from pixelproof.report.figure import Figure
from pixelproof.report.page import drawn, style, template
from pixelproof.report.tables import flat, write_forms
from pixelproof.results.audit.checkpoint import CheckpointResult, Verdict
from pixelproof.results.audit.view import AuditView
from pixelproof.wording import count, percent, plural


@dataclass(frozen=True)
class Sign:
    """How a verdict is written, so that it can be told without its colour."""

    mark: str
    word: str
    of_many: str


SIGNS: dict[Verdict, Sign] = {
    "fail": Sign("✗", "fails", "fail"),
    "warn": Sign("!", "in doubt", "in doubt"),
    "pass": Sign("✓", "passes", "pass"),
    "person": Sign("?", "needs a person", "need a person"),
    "skipped": Sign("–", "not measured", "not measured"),
}


@dataclass(frozen=True)
class Block:
    """A checkpoint's part of the page."""

    told: CheckpointResult
    figures: Sequence[tuple[Figure, Markup]]


@dataclass(frozen=True)
class Tile:
    """A figure to see at once, with what it is and a detail."""

    name: str
    value: str
    detail: str


def write_audit(view: AuditView, folder: Path) -> Path:
    """Write ``report.html``, ``tables/`` and ``figures/`` (SVG) into ``folder``; returns the page's path."""
    tables = all_audit_tables(view)
    write_forms(tables, folder / "tables")
    figures = {each.number: figures_of(each) for each in view.answers}
    for figure in (figure for some in figures.values() for figure in some):
        write_whole(folder / "figures" / f"{figure.name}.svg", figure.svg())
    page = template("audit.html.j2").render(
        view=view,
        title=f"The robustness claim of {view.head['model']}, reviewed",
        facts=[
            view.head["environment"].get("date", ""),
            f"{view.head['data']}, {plural(view.head['images'], 'image')}",
            f"effort: {view.head['spec']['preset']}",
            *([view.claim.source] if view.claim.source else []),
        ],
        tiles=_tiles(view),
        claim=claim_sentences(view.claim),
        signs=SIGNS,
        blocks=[Block(each, drawn(figures[each.number])) for each in view.answers],
        tables={table.name: table for table in tables},
        settings=flat({key: value for key, value in view.head["spec"].items() if value is not None}),
        effort=flat(view.head["effort"]),
        identified=_identified(view),
        style=style(),
    )
    return write_whole(folder / "report.html", page)


def _tiles(view: AuditView) -> list[Tile]:
    threat, found, counts = view.claim.threat, view.withstood, view.judgement.counts
    measured = Tile("Measured", "–", "nothing was attacked" if view.finished else "not known yet")
    if found is not None:
        measured = Tile(
            "Measured", percent(found.value), f"{found.ratio} withstood every attack; 95 % {found.interval}"
        )
    return [
        Tile("Claimed under attack", f"{view.claim.robust_accuracy:g} %", f"by {view.claim.evaluation.attack}"),
        measured,
        Tile("Threat model", bound(threat), f"{threat.knowledge}, {threat.goal}"),
        Tile(
            "Checkpoints",
            f"{counts['pass']} of {len(view.answers)} pass",
            ", ".join(
                f"{number} {SIGNS[key].word if number == 1 else SIGNS[key].of_many}"
                for key in SIGNS
                if key != "pass" and (number := counts[key])
            ),
        ),
    ]


def _identified(view: AuditView) -> dict[str, str]:
    """What was audited, so that another can tell whether it is the same."""
    height, width, channels = view.head["shape"]
    return {
        "model": f"{view.head['model']} ({view.head['kind']})",
        "model sha256": view.head["model_sha256"],
        "data": f"{view.head['data']}: {count(view.head['images'])} images of {height} × {width} × {channels}, "
        f"{plural(len(view.head['class_names']), 'class', 'classes')}",
        "data sha256": view.head["data_sha256"],
        "identity": view.head["identity"],
    }
