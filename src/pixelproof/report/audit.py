"""The page of an audit, and its verdicts in short for a terminal and a notebook."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from markupsafe import Markup
from rich.table import Table as RichTable

from pixelproof.report import section
from pixelproof.report.audit_figures import figures_of
from pixelproof.report.audit_tables import all_audit_tables, bound, checkpoint_table, claim_sentences
from pixelproof.report.figure import Figure
from pixelproof.report.page import Page, status, write_page
from pixelproof.report.section import Claim, Contents, Headline, Section, Tile
from pixelproof.report.table import Column, Table
from pixelproof.report.terminal import fragment, terminal_table
from pixelproof.results.audit.checkpoint import CheckpointResult, Verdict
from pixelproof.results.audit.view import AuditView
from pixelproof.wording import count, percent, plural

_OVERALL = {"fail": "✗", "warn": "!", "pass": "✓", "open": "…"}
_EFFORT = "Effort, in numbers of images and of what is tried on each"
_STYLES = {"fail": "bold red", "warn": "yellow", "pass": "green", "person": "magenta", "skipped": "dim"}


@dataclass(frozen=True)
class Sign:
    """How a verdict is written, so that it can be told without its colour."""

    mark: str
    word: str
    of_many: str

    def __str__(self) -> str:
        return f"{self.mark} {self.word}"


SIGNS: dict[Verdict, Sign] = {
    "fail": Sign("✗", "fails", "fail"),
    "warn": Sign("!", "in doubt", "in doubt"),
    "pass": Sign("✓", "passes", "pass"),
    "person": Sign("?", "needs a person", "need a person"),
    "skipped": Sign("–", "not measured", "not measured"),
}


def write_audit(view: AuditView, folder: Path) -> Path:
    """Write ``report.html``, ``tables/`` and ``figures/`` (SVG) into ``folder``; returns the page's path."""
    return write_page(audit_page(view), folder)


def audit_page(view: AuditView) -> Page:
    """Everything that the run of an audit says."""
    drawn = {each.number: figures_of(each) for each in view.answers}
    contents = Contents(all_audit_tables(view), [figure for some in drawn.values() for figure in some])
    manifest = view.manifest
    return Page(
        "audit",
        f"The robustness claim of {manifest.model.name}, reviewed",
        Headline([_claim(view)], _tiles(view), _picture(view, drawn)),
        (
            Section("claim", "The claim", [section.prose(*claim_sentences(view.claim))]),
            Section("overview", "The checkpoints at a glance", [_part("overview", view.answers, SIGNS)]),
            _checkpoints(view, drawn),
            _questions(view),
            _unmeasured(view),
            section.findings(view.findings, "What was noticed beforehand"),
            _details(view, contents),
            Section("reading", "How to read this page", [section.words("audit_reading", SIGNS)], folded=True),
            Section("sources", "Sources", [section.words("audit_sources")], folded=True),
        ),
        contents,
        facts=[
            manifest.environment.get("date", ""),
            f"{manifest.data.name}, {plural(manifest.data.images, 'image')}",
            f"effort: {manifest.spec['preset']}",
            view.claim.source or "",
        ],
        status=status(view.finished),
        dense=False,
        styles=("report.css", "audit.css"),
    )


def _part(macro: str, *values: Any) -> Markup:
    return section.part(macro, *values, file="audit.html.j2")


def _claim(view: AuditView) -> Claim:
    style = {"fail": "bad", "warn": "open", "pass": "good", "open": "open"}[view.verdict]
    return Claim(f"{_OVERALL[view.verdict]} {view.judgement.title}", " ".join(view.judgement.sentences), style)


def _picture(view: AuditView, drawn: dict[int, list[Figure]]) -> list[Figure]:
    """The first figure of a checkpoint that fails, or else of any; it stands at its checkpoint too."""
    found = [figure for each in (*view.failed, *view.answers) for figure in drawn[each.number]]
    return [replace(figure, name=f"{figure.name}-first") for figure in found[:1]]


def _tiles(view: AuditView) -> list[Tile]:
    threat, found, counts = view.claim.threat, view.surviving, view.judgement.counts
    measured = Tile("–", "Measured", "nothing was attacked" if view.finished else "not known yet")
    if found is not None:
        surviving = f"{found.ratio} survived every attack; 95 % {found.interval}"
        measured = Tile(percent(found.value), "Measured", surviving)
    others = [
        f"{number} {sign.word if number == 1 else sign.of_many}"
        for verdict, sign in SIGNS.items()
        if verdict != "pass" and (number := counts[verdict])
    ]
    claimed = f"{view.claim.robust_accuracy:g} %"
    return [
        Tile(claimed, "Claimed under attack", f"by {view.claim.evaluation.attack}"),
        measured,
        Tile(bound(threat), "Threat model", f"{threat.knowledge}, {threat.goal}"),
        Tile(f"{counts['pass']} of {len(view.answers)} pass", "Checkpoints", ", ".join(others)),
    ]


def _checkpoints(view: AuditView, drawn: dict[int, list[Figure]]) -> Section:
    shown = [_checkpoint(each, drawn[each.number]) for each in view.answers]
    return Section("checkpoints", "Checkpoint by checkpoint", shown)


def _checkpoint(told: CheckpointResult, drawn: list[Figure]) -> Markup:
    numbers = section.pairs(told.numbers, "numbers") if told.numbers else Markup()
    return _part("checkpoint", told, SIGNS, numbers, section.figures(drawn, level=4), len(drawn), _broken(told))


def _broken(told: CheckpointResult) -> Markup:
    """The work that first broke such a defence, beside an objection."""
    if told.verdict != "fail" or not told.work:
        return Markup()
    return section.words("audit_broken", told.work)


def _questions(view: AuditView) -> Section | None:
    if not view.questions:
        return None
    what = "No measurement answers these. Until they are answered they count for nothing, least of all as passed."
    return Section("questions", "Questions for a person", [section.prose(what), _part("questions", view.questions)])


def _unmeasured(view: AuditView) -> Section | None:
    skipped = view.of("skipped")
    return Section("skipped", "What could not be measured", [_part("unmeasured", skipped)]) if skipped else None


def _details(view: AuditView, contents: Contents) -> Section:
    manifest, attacks = view.manifest, contents.rows("audit-attacks")
    claim = Markup("<div>{}</div>").format(contents.table("audit-claim"))
    shown = (
        section.folded(f"Every attack made: {len(view.attacks)}", attacks) if attacks else Markup(),
        section.folded("Claim as handed over", claim, style="details"),
        section.values("Model and data", _identified(view), "details"),
        section.values("Settings", manifest.spec, "details"),
        section.values(
            "Effort, in numbers of images and of what is tried on each", manifest.settings["effort"], "details"
        ),
        section.values("Environment", manifest.environment, "details"),
    )
    return Section("details", "Attacks, settings and environment", shown, "study", folded=True)


def _identified(view: AuditView) -> dict[str, str]:
    """What was audited, so that another can tell whether it is the same."""
    model, data = view.manifest.model, view.manifest.data
    height, width, channels = data.shape
    return {
        "model": f"{model.name} ({model.kind})",
        "model sha256": model.fingerprint,
        "data": f"{data.name}: {count(data.images)} images of {height} × {width} × {channels}, "
        f"{plural(len(data.class_names), 'class', 'classes')}",
        "data sha256": data.sha256,
        "identity": view.manifest.identity,
    }


# In short, for a terminal and a notebook.


def verdict_list(view: AuditView) -> RichTable:
    """A row a checkpoint, its finding broken over lines."""
    columns = (Column("No.", "integer"), Column("Checkpoint"), Column("Verdict", "verdict"), Column("Finding"))
    rows = tuple((each.number, each.name, str(SIGNS[each.verdict]), each.finding) for each in view.answers)
    styles = {str(sign): _STYLES[verdict] for verdict, sign in SIGNS.items()}
    return terminal_table(Table("checkpoints", "Checkpoints", columns, rows), "Finding", styles)


def audit_html(view: AuditView) -> str:
    """The judgement and the table of checkpoints, for a notebook's output cell."""
    heading = Markup("<b>{}: {}</b>").format(view.manifest.model.name, view.judgement.title)
    return fragment(heading, view.judgement.sentences, [replace(checkpoint_table(view), notes=())])
