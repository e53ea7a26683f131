"""The page of a study, or of a comparison of runs."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from markupsafe import Markup

from pixelproof.plans.study.view import StudyView
from pixelproof.report import section, study_demonstration, study_figures, study_tables
from pixelproof.report.figure import Figure
from pixelproof.report.glossary import words
from pixelproof.report.page import Page, status, write_page
from pixelproof.report.section import Claim, Contents, Headline, Section, Tile
from pixelproof.report.study_tables import published_lines_table
from pixelproof.report.table import Table
from pixelproof.results import study
from pixelproof.results.study import Assessed, MainTable, NetworkArea, NetworkDuality, PaperClaim
from pixelproof.wording import FEW_PIXEL, THRESHOLD, attack_name, count, listed, minus, percent, plural

_FEW_ABSENT = 4  # from as many networks left out, why each is stands folded
_FEW_SAMPLES = 30  # below this the 95 % interval of a half is wider than ±17 points
_MEANINGS = words(
    *("broken", "proved", "open", "held", "undecided", "gave up", "attack success rate", "interval", "th-pixel-safe")
)
_CHANGES = {FEW_PIXEL: "changes of a few pixels (L0)", THRESHOLD: "small changes of every value (L∞)"}


def write_study(view: StudyView, folder: Path) -> Path:
    """Write ``report.html``, ``tables/`` and ``figures/`` (SVG) into ``folder``; returns the page's path."""
    return write_page(study_page(view), folder)


def study_page(view: StudyView) -> Page:
    """Everything that a study says; equal for equal runs and answers."""
    contents = Contents(study_page_tables(view), study_page_figures(view))
    first = (contents.pick("study-duality") or contents.figures)[:1]
    return Page(
        view.kind,
        f"Robustness of {view.title}",
        Headline(_claims_of(view), _tiles(view), first),
        (
            section.summary(study_summary(view)),
            *_results(view, contents, first),
            _false_images(view, contents),
            _claimed(contents),
            section.findings(view.findings),
            Section("reading", "How to read this page", [section.words("study_reading", _MEANINGS)], folded=True),
            _runs(view, contents),
            Section("sources", "Sources", [section.words("study_sources")], folded=True),
        ),
        contents,
        facts=_facts(view),
        status=status(view.finished),
        notices=_notices(view),
        heading=view.title,
    )


def study_page_tables(view: StudyView) -> list[Table]:
    """Every table with a row in it, marked where the comparison was forced."""
    runs, shown = view.assessed, view.demonstration
    results = study_tables.all_study_tables(runs, view.transfers, view.fast, view.differences)
    more = (study_tables.l2_table(study.level_runs(runs)), published_lines_table(study.beside(runs)))
    own = [
        *(study_tables.marked(table, view.differences) for table in more),
        *([study_demonstration.false_table(shown), study_demonstration.answer_table(shown)] if shown else []),
        study_tables.run_table(view.runs),
        study_tables.setting_table(view.runs),
    ]
    return [*results, *(table for table in own if table.rows)]


def study_page_figures(view: StudyView) -> list[Figure]:
    """Every figure that there is something to draw for."""
    runs = view.assessed
    levels = study.level_runs(runs)
    return [
        *study_figures.duality_figures(study.dualities(levels)),
        *study_figures.transfer_figures(view.transfers),
        *study_figures.curve_figures(study.areas(runs)),
        *study_figures.class_map_figures(study.class_maps(levels)),
    ]


# The head of the page.


def _facts(view: StudyView) -> list[str]:
    dates = sorted({date for run in view.runs if (date := run.manifest.environment.get("date"))})
    records = sum(len(run.records) for run in view.assessed)
    when = [dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"] if dates else []
    return [*when, plural(len(view.runs), "run"), plural(records, "record")]


def _notices(view: StudyView) -> list[Markup]:
    """What was compared in spite of differences, and what is left out."""
    spite = "The tables compare these runs all the same."
    forced = [section.notice("warning", "Forced", f"{difference}. {spite}") for difference in view.differences]
    if not view.absent:
        return forced
    summary = Markup("<strong>Missing</strong> {}").format(", ".join(view.absent))
    reasons = section.listing(view.absent.values())
    return [*forced, section.folded(summary, reasons, style="finding warning", shown=len(view.absent) < _FEW_ABSENT)]


def _claims_of(view: StudyView) -> list[Claim]:
    """Under each norm the most robust network, and by how much; without one, what one norm hides."""
    levels = study.level_runs(view.assessed)
    table = study.main_table(levels)
    found = [
        Claim(f"{attack_name(attack)}: {_most_robust(table, attack)}", basis)
        for attack in study.NORMS
        if (basis := _ranking(table, attack))
    ]
    return found or [Claim("No level is finished", _one_norm(study.dualities(levels)), "open")]


def _tiles(view: StudyView) -> list[Tile]:
    """The headline: what only one norm reveals."""
    rows = study.dualities(study.level_runs(view.assessed))
    networks = study.headline_networks(rows)
    return [
        Tile(percent(rate.value), f"only one norm reveals, th = {th}", f"{rate.ratio} samples of {networks}")
        for th, rate in study.one_norm_only(rows).items()
    ]


# Sections of results.


def _results(view: StudyView, contents: Contents, first: Sequence[Figure]) -> list[Section]:
    """Each with its figures and tables, those without any left out; ``first`` stands in the headline already."""
    table, rows, folded = contents.table, contents.rows, contents.folded

    def figures(start: str) -> Markup:
        return section.figures([figure for figure in contents.pick(start) if figure not in first])

    numbers = contents.tables_of("study-classes")
    maps = section.folded("The numbers behind the maps", numbers) if numbers else Markup()
    transfers = [rows("study-transfer-few-pixel"), rows("study-transfer-threshold"), rows("study-fast")]
    transfers.append(folded("study-transfer-cells"))
    found: list[tuple[str, str, list[Markup]]] = [
        ("main", "Networks and levels", [table("study-main")]),
        ("defences", "Defences", [table("study-defences")]),
        ("duality", "What one norm shows and the other hides", [figures("study-duality"), rows("study-duality")]),
        ("transfer", "Transfer", [figures("study-transfer"), *transfers]),
        ("areas", "Minimal thresholds", [figures("study-curves"), table("study-areas")]),
        ("classes", "Classes", [figures("study-classes"), maps]),
        ("wins", "Differential evolution and CMA-ES", [rows("study-wins")]),
        ("published", "The papers’ figures and ours", [table("study-published-lines"), folded("study-published")]),
        ("l2", "Distances and every rate", [table("study-l2"), folded("study-rates")]),
    ]
    return [Section(id_, title, parts) for id_, title, parts in found if any(parts)]


def _false_images(view: StudyView, contents: Contents) -> Section | None:
    shown = view.demonstration
    if shown is None:
        return None
    parts = (
        section.prose(*study_demonstration.explanation(shown)),
        section.part("exhibits", study_demonstration.exhibits(shown)),
        contents.table("study-false-adversarial"),
        contents.table("study-false-adversarial-answers"),
    )
    return Section("false", "False adversarial images", parts)


def _claimed(contents: Contents) -> Section:
    parts = contents.table("study-claims"), contents.folded("study-claim-numbers")
    return Section("claims", "What the papers say, and what holds here", parts)


def _runs(view: StudyView, contents: Contents) -> Section:
    parts = (
        contents.rows("study-runs"),
        section.part("side_by_side", [contents.table("study-settings")], "details"),
        section.subheading("How to verify"),
        section.words("study_verify", view.kind, view.verifications),
    )
    return Section("runs", "Runs and settings", parts, folded=True)


# The summary.


def study_summary(view: StudyView) -> list[str]:
    """Sentences on: what one norm hides, the most and least robust network, defences, claims, trust."""
    runs = view.assessed
    levels = study.level_runs(runs)
    table = study.main_table(levels)
    sentences = [
        _one_norm(study.dualities(levels)),
        *(_ranking(table, attack) for attack in study.NORMS),
        _areas(study.areas([run for run in runs if run.defence is None])),
        _defences(table),
        _claims(study.claims(runs)),
        _trust(view, levels),
    ]
    return [sentence for sentence in sentences if sentence]


def _one_norm(rows: Sequence[NetworkDuality]) -> str:
    pooled = study.one_norm_only(rows)
    if not pooled:
        return "Only one norm was tried, so what the other would reveal is not known."
    if not any(rate.successes for rate in pooled.values()):
        return "No sample was fooled under one norm only: here neither norm hides what the other shows."
    shares = [f"{percent(rate.value)} ({rate.ratio}) at th = {th}" for th, rate in pooled.items()]
    return f"Some samples are fooled under one norm only, which a test with the other would miss: {listed(shares)}."


def _means(table: MainTable, attack: str) -> dict[str, float]:
    """The mean attack success rate of each network without a defence, over the levels of ``attack``."""
    means = {line.label: line.mean(attack, table.levels) for line in table.networks}
    return {label: mean for label, mean in means.items() if mean is not None}


def _most_robust(table: MainTable, attack: str) -> str:
    known = _means(table, attack)
    least = min(known.values())
    if len(known) == 1:
        return f"{percent(least)} fooled"
    if least == max(known.values()):
        return f"all alike, {percent(least)} fooled"
    return f"{_those(known, least)} most robust, {percent(least)} fooled"


def _ranking(table: MainTable, attack: str) -> str:
    """The networks without a defence by their mean attack success rate over the levels of ``attack``."""
    known = _means(table, attack)
    if not known:
        return ""
    change = _CHANGES[attack]
    if len(known) == 1:
        label, mean = next(iter(known.items()))
        return f"On average over the levels, {change} fooled {label} on {percent(mean)} of the samples."
    most, least = (_those(known, extreme(known.values())) for extreme in (min, max))
    if most == least:
        return f"Against {change} all networks are equally robust: {percent(min(known.values()))} fooled on average."
    return (
        f"Against {change} the most robust network is {most} ({percent(min(known.values()))} of the samples fooled, on "
        f"average over the levels) and the least robust {least} ({percent(max(known.values()))})."
    )


def _areas(areas: Sequence[NetworkArea]) -> str:
    """By the papers' measure of the whole curve."""
    parts: dict[str, str] = {}
    for attack, norm in ((FEW_PIXEL, "L0"), (THRESHOLD, "L∞")):
        found = {area.label: area.minimal.area for area in areas if area.minimal.attack == attack}
        if len(found) > 1:
            parts[norm] = _those(found, max(found.values()))
    if not parts:
        return ""
    said = [f"{who} under {norm}" for norm, who in parts.items()]
    if len(parts) > 1 and len(set(parts.values())) == 1:
        said = [f"{parts['L0']} under both norms"]
    return f"By the area under the curve, which weighs every threshold alike, the most robust is {listed(said)}."


def _those(values: Mapping[str, float], value: float) -> str:
    return listed([label for label, each in values.items() if each == value])


def _defences(table: MainTable) -> str:
    bare = {line.name: line for line in table.networks}
    parts = []
    for line in (line for line in table.defences if line.name in bare):
        pairs = [
            (bare[line.name].mean(attack, table.levels), line.mean(attack, table.levels)) for attack in study.NORMS
        ]
        changes = [
            f"{minus(100 * (after - before), '+.1f')} points under {norm}"
            for norm, (before, after) in zip(("L0", "L∞"), pairs, strict=True)
            if before is not None and after is not None
        ]
        if changes:
            parts.append(f"{line.label} {listed(changes)}")
    return (
        f"Share of the samples fooled with a defence, against the same network without: {'; '.join(parts)}."
        if parts
        else ""
    )


def _claims(claims: Sequence[PaperClaim]) -> str:
    held = sum(claim.verdict == "held" for claim in claims)
    parts = [f"{count(held)} of the papers’ {count(len(claims))} claims held here"]
    for verdict, said in (("not held", "did not hold"), ("cannot be said", "cannot be judged")):
        texts = [f"“{claim.text.rstrip('.')}”" for claim in claims if claim.verdict == verdict]
        if texts:
            parts.append(f"{listed(texts)} {said}")
    return f"{'; '.join(parts)}."


def _trust(view: StudyView, levels: Sequence[Assessed]) -> str:
    parts = []
    budgets = [budget for run in levels for budget in run.budgets.values()]
    if budgets:
        allowed = plural(max(budgets), "query", "queries")
        parts.append(f"All this is what {allowed} a sample and level can find; a longer search may find more.")
    samples = min((len(run.selection.samples) for run in levels), default=0)
    if samples < _FEW_SAMPLES:
        parts.append(f"With only {plural(samples, 'sample')} a network, every rate is a rough indication.")
    if not view.finished:
        parts.append("Some runs are not finished, so every number may still change.")
    return " ".join(parts)
