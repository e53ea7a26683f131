"""The page of a grid."""

from collections.abc import Sequence
from pathlib import Path

from pixelproof.plans.grid.view import GridView
from pixelproof.report import section
from pixelproof.report.assess_tables import ACCESS_NOTES
from pixelproof.report.glossary import words
from pixelproof.report.grid_figures import grid_figures
from pixelproof.report.grid_tables import ACCESS_TITLES, NORMS, TARGET_TITLES, all_grid_tables
from pixelproof.report.page import Page, status, write_page
from pixelproof.report.section import Claim, Contents, Headline, Section, Tile
from pixelproof.results.attempts import WORST
from pixelproof.results.grid import GridCell, Standing, standings, where
from pixelproof.results.grid_clever import CleverRow
from pixelproof.wording import count, decimal, listed, minus, percent, plural

_FEW_SAMPLES = 30  # below this the 95 % interval of a half is wider than ±17 points


def write_grid(view: GridView, folder: Path) -> Path:
    """Write ``report.html``, ``tables/`` and ``figures/`` (SVG) into ``folder``; returns the page's path."""
    return write_page(grid_page(view), folder)


def grid_page(view: GridView) -> Page:
    """Everything that a grid says."""
    contents = Contents(all_grid_tables(view), grid_figures(view))
    dates = sorted({date for run in view.runs if (date := run.manifest.environment.get("date"))})
    return Page(
        "grid",
        view.title,
        Headline([_claim(view)], _tiles(view), contents.pick("grid-map")[:1]),
        (
            section.summary(grid_summary(view)),
            _success(view, contents),
            Section("distances", "Distances", [contents.tables_of("grid-l2")]),
            Section("clever", "CLEVER", [contents.table("grid-clever")]) if view.clever else None,
            Section("costs", "Costs", [contents.table("grid-defences"), contents.table("grid-attack-costs")]),
            _attacks_and_cells(contents),
            section.findings(view.findings),
            Section(
                "reading",
                "How to read this page",
                [section.words("grid_reading", view.clever, words("attack success rate", "interval"))],
                folded=True,
            ),
            Section("verify", "How to verify", [section.words("grid_verify", view.verifications)], folded=True),
            Section("sources", "Sources", [section.words("grid_sources", view.clever)], folded=True),
        ),
        contents,
        facts=[*dates[-1:], plural(len(view.runs), "run"), plural(len(view.cells), "cell")],
        status=status(view.finished),
        notices=[
            *(section.notice("warning", "Missing", sentence) for sentence in view.absent.values()),
            *(section.notice("info", "Left out", sentence) for sentence in view.skipped),
        ],
    )


def _success(view: GridView, contents: Contents) -> Section:
    accesses = [ACCESS_NOTES[access] for access in dict.fromkeys(access for access, _ in view.settings)]
    shown = (
        section.prose(*accesses),
        contents.tables_of("grid-success"),
        section.figures(contents.pick("grid-map")[1:]),
        contents.figures_of("grid-bars"),
    )
    return Section("success", "Success of the attacks", shown)


def _attacks_and_cells(contents: Contents) -> Section:
    return Section("attacks", "Attacks and every cell", [contents.table("grid-attacks"), contents.folded("grid-cells")])


# The head of the page.


def _claim(view: GridView) -> Claim:
    """The strongest attack, and over what."""
    rows = standings(_single(view), lambda cell: view.short[cell.place.attack])
    if not rows:
        return Claim("Nothing is measured yet", "No cell of the grid is finished.", "open")
    samples = sorted({cell.fooled.total for cell in view.cells})
    each = count(samples[0]) if len(samples) == 1 else f"{count(samples[0])} to {count(samples[-1])}"
    basis = (
        f"The mean over {plural(len(_single(view)), 'cell')}, {view.title}; in a cell {each} samples that the defended "
        "model gets right."
    )
    return Claim(f"Strongest attack: {rows[0].name}, which fooled {percent(rows[0].mean)} of the samples", basis)


def _tiles(view: GridView) -> list[Tile]:
    """In each setting, what let through least."""
    tiles = []
    for access, target in view.settings:
        rows = _by_place(view, access, target)
        if len(rows) > 1:
            who = _those(rows, rows[-1])
            tiles.append(Tile(percent(rows[-1].mean), f"fooled of {who}, the fewest", _setting(access, target)))
    return tiles


def _setting(access: str, target: str) -> str:
    return f"{TARGET_TITLES.get(target, f'class {target}').capitalize()}, {ACCESS_TITLES[access]}"


def _single(view: GridView) -> list[GridCell]:
    """The cells of attacks, without those of their worst case."""
    return [cell for cell in view.cells if cell.place.attack != WORST]


def _by_place(view: GridView, access: str, target: str) -> list[Standing]:
    """Models and defences by how much the attacks of one setting fooled, on average; the most first."""
    return standings([c for c in view.at(access, target) if c.place.attack != WORST], lambda cell: where(cell.place))


# The summary.


def grid_summary(view: GridView) -> list[str]:
    """Sentences on: the strongest attack, the best and worst combination in each setting, joint defences, trust."""
    sentences = [
        _attacks(view, _single(view)),
        *(_combinations(view, access, target) for access, target in view.settings),
        _joining(view),
        _clean(view),
        *clever_sentences(view),
        _trust(view),
    ]
    return [sentence for sentence in sentences if sentence]


def _attacks(view: GridView, cells: Sequence[GridCell]) -> str:
    rows = standings(cells, lambda cell: view.short[cell.place.attack])
    if len(rows) < 2 or rows[0].mean == rows[-1].mean:
        return ""
    return (
        f"Over all models, defences and targets, {rows[0].name} fooled most ({percent(rows[0].mean)} of the samples on "
        f"average) and {rows[-1].name} least ({percent(rows[-1].mean)})."
    )


def _combinations(view: GridView, access: str, target: str) -> str:
    """The model and defence that the attacks of one setting fooled least and most, by their mean."""
    rows = _by_place(view, access, target)
    if len(rows) < 2:
        return ""
    if rows[0].mean == rows[-1].mean:
        return f"{_setting(access, target)}: {percent(rows[0].mean)} fooled on average, whatever the defence."
    return (
        f"{_setting(access, target)}: on average over the attacks {_those(rows, rows[-1])} let through least "
        f"({percent(rows[-1].mean)} fooled), {_those(rows, rows[0])} most ({percent(rows[0].mean)})."
    )


def _those(rows: Sequence[Standing], like: Standing) -> str:
    names = sorted(row.name for row in rows if row.mean == like.mean)
    return listed(names) if len(names) <= 3 else f"{plural(len(names), 'combination')}"


def _joining(view: GridView) -> str:
    """How often a joint defence lets through fewer than the best of its parts."""
    better = worse = 0
    for access, target in view.settings:
        cells = [cell for cell in view.at(access, target) if cell.place.attack != WORST]
        means = {
            row.name: row.mean for row in standings(cells, lambda cell: f"{cell.place.model}|{cell.place.defence}")
        }
        for name, mean in means.items():
            model, _, defence = name.partition("|")
            parts = [means.get(f"{model}|{part}") for part in defence.split("+")]
            known = [part for part in parts if part is not None]
            if len(parts) > 1 and len(known) == len(parts):
                better, worse = better + (mean < min(known)), worse + (mean >= min(known))
    if not better + worse:
        return ""
    return (
        f"Joining defences: in {better} of {better + worse} cases the joint one let through less than the best of its "
        "parts (mean over the attacks)."
    )


def _clean(view: GridView) -> str:
    """What the costliest defence takes from clean accuracy."""
    bare = {cost.model: cost.clean.value for cost in view.costs if not cost.defence}
    losses = [
        (before - after, cost)
        for cost in view.costs
        if cost.defence and (before := bare.get(cost.model)) is not None and (after := cost.clean.value) is not None
    ]
    if not losses:
        return ""
    loss, cost = max(losses, key=lambda pair: pair[0])
    if loss <= 0:
        return "Where nobody attacks, no defence costs accuracy."
    without, behind = percent(bare[cost.model]), percent(cost.clean.value)
    return (
        f"Where nobody attacks, {cost.defence} costs {cost.model} most: {without} of the images right without it, "
        f"{behind} with it."
    )


def _trust(view: GridView) -> str:
    fewest = min((cell.fooled.total for cell in view.cells), default=0)
    if fewest >= _FEW_SAMPLES:
        return ""
    return f"With as few as {plural(fewest, 'sample')} in a cell, single rates are rough; the intervals say how rough."


def clever_sentences(view: GridView) -> list[str]:
    """How the scores of each network's samples rank them, and whether those of networks rank these, as attacks do."""
    first = {row.model: row for row in reversed(view.clever)}
    rows = [first[model] for model in dict.fromkeys(row.model for row in view.clever)]
    return [sentence for sentence in (*map(_samples, rows), _networks(rows)) if sentence]


def _samples(row: CleverRow) -> str:
    found = row.correlation
    if found is None or found.rho is None:
        return ""
    assert found.p_value is not None  # as ρ
    return (
        f"CLEVER ranks the samples of {row.model} as the smallest {NORMS[row.norm]} distances found do with ρ = "
        f"{minus(found.rho, '.2f')} (p = {found.p_value:.2g})."
    )


def _networks(rows: list[CleverRow]) -> str:
    known = [
        (row.mean_score, row.mean_distance, row.model)
        for row in rows
        if row.mean_score is not None and row.mean_distance is not None
    ]
    if len(known) < 2:
        return ""
    means = listed([f"{decimal(score)} and {decimal(distance)} for {model}" for score, distance, model in known])
    same = sorted(known) == sorted(known, key=lambda each: each[1])
    verdict = "the same order" if same else "another order each"
    return f"Mean CLEVER and mean distance found, {means}, put the networks in {verdict}."
