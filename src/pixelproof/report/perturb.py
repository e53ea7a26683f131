"""The page on perturbations."""

from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

from pixelproof.data.imageset import UInt8Array
from pixelproof.report import section
from pixelproof.report.page import Page, status, write_page
from pixelproof.report.perturb_figures import perturb_figures
from pixelproof.report.perturb_tables import all_perturb_tables
from pixelproof.report.picture import Picture, data_uri, shown_size
from pixelproof.report.section import Claim, Contents, Headline, Section, Tile
from pixelproof.results.perturb_view import DISTANCE_TITLES, PerturbView, name_of, title_of
from pixelproof.results.perturbations import PerturbationRecord, Standing, by_perturbation
from pixelproof.wording import count, listed, minus, percent, plural, points

_FEW_SAMPLES = 100
_NAMED = 2
_WIDEST = 112  # px of a picture in its strip
_STORED = 96  # px of its longer side, as it is stored


def write_perturbations(view: PerturbView, folder: Path) -> Path:
    """Write ``report.html``, ``tables/`` and ``figures/`` (SVG) into ``folder``; returns the page's path."""
    return write_page(perturb_page(view), folder)


def perturb_page(view: PerturbView) -> Page:
    """Everything that a run of perturbations says."""
    contents, manifest = Contents(all_perturb_tables(view), perturb_figures(view)), view.manifest
    return Page(
        "perturb",
        f"{manifest.model.name} under common perturbations",
        Headline([_claim(view)], _tiles(view), contents.pick("perturb-bars")),
        (
            section.summary(perturb_summary(view)),
            section.findings(view.findings),
            _accuracy(contents),
            _strengths(contents),
            _least(view, contents),
            _pictures(view),
            Section(
                "reading",
                "How to read this page",
                [section.words("perturb_reading", manifest.details["table"])],
                folded=True,
            ),
            _settings(view),
            Section("sources", "Sources", [section.words("perturb_sources")], folded=True),
        ),
        contents,
        facts=[
            manifest.environment.get("date", ""),
            manifest.data.name,
            plural(len(view.labels), "sample"),
            plural(len(view.cells), "cell"),
        ],
        status=status(view.finished),
    )


def _accuracy(contents: Contents) -> Section:
    shown = (
        contents.table("perturb-summary"),
        contents.table("perturb-perturbations"),
        contents.table("perturb-corruption-errors"),
    )
    return Section("accuracy", "Accuracy by perturbation", shown)


def _strengths(contents: Contents) -> Section:
    shown = (
        contents.figures_of("perturb-curves"),
        contents.table("perturb-correlations"),
        contents.folded("perturb-cells"),
    )
    return Section("strengths", "Accuracy by strength", shown)


def _least(view: PerturbView, contents: Contents) -> Section | None:
    shown = contents.table("perturb-least"), contents.figures_of("perturb-walks")
    return Section("least", "How far images can be perturbed", shown) if view.least else None


def _pictures(view: PerturbView) -> Section | None:
    """One image under each perturbation, strength by strength."""
    place = view.manifest.details["shown"]
    strips: list[Markup] = []
    for name, cells in by_perturbation(view.cells).items():
        clean = _picture(view, name, view.clean_picture, "clean", view.clean_answers[place])
        rest = (
            _picture(view, name, view.pictures[name, c.strength], minus(c.strength), c.answers[place]) for c in cells
        )
        strip = section.part("strip", title_of(name), [clean, *rest])
        strips.append(section.folded(_strip_name(view, name, cells), strip, shown=not strips))
    return Section("pictures", "What it looks like", [section.words("perturb_pictures"), *strips]) if strips else None


def _strip_name(view: PerturbView, name: str, cells: Sequence[PerturbationRecord]) -> str:
    place = view.manifest.details["shown"]
    wrong = sum(cell.answers[place] != view.labels[place] for cell in cells)
    return f"{title_of(name)}: wrong at {count(wrong)} of {plural(len(cells), 'strength')}"


def _picture(view: PerturbView, perturbation: str, pixels: UInt8Array, strength: str, answer: int) -> Picture:
    data, wrong = view.manifest.data, answer != view.labels[view.manifest.details["shown"]]
    names = data.class_names
    said = names[answer] if 0 <= answer < len(names) else f"class {answer}"
    alt = f"{title_of(perturbation)}, {strength}: {said}{', wrong' if wrong else ''}"
    width, height = shown_size(*data.shape[:2])
    shown = min(width, _WIDEST)
    fact, source = f"✗ {said}" if wrong else said, data_uri(pixels, largest=_STORED)
    return Picture(strength, source, alt, shown, round(shown * height / width), (fact,), wrong=wrong)


def _settings(view: PerturbView) -> Section:
    shown = section.values("Settings", view.manifest.spec), section.values("Environment", view.manifest.environment)
    return Section("details", "Settings and environment", shown, folded=True)


# The head of the page.


def _claim(view: PerturbView) -> Claim:
    """What is lost on average, and over what."""
    clean, perturbed = view.clean.value, view.perturbed
    if clean is None or perturbed is None:
        return Claim("Nothing is measured yet", "No perturbation has been through all samples.", "open")
    basis = (
        f"The mean over {plural(len(view.standings), 'perturbation')} of {plural(len(view.cells), 'strength')} in all, "
        f"on {plural(len(view.labels), 'sample')}. What perturbations do by chance, not what an attacker may find."
    )
    return Claim(f"{percent(clean)} right when clean, {percent(perturbed)} when perturbed", basis)


def _tiles(view: PerturbView) -> list[Tile]:
    """The strongest perturbation, the points lost, the mean corruption error, and the spatial worst case."""
    clean, rows = view.clean, view.standings
    tiles = [Tile(percent(clean.value), "clean accuracy", f"{clean.ratio} images, {clean.interval}")]
    if rows and view.perturbed is not None and clean.value is not None:
        first = rows[0]
        tiles.append(Tile(points(clean.value - view.perturbed), "lost on average", "clean less perturbed accuracy"))
        worst = f"at its worst, {minus(first.worst.strength)}: {percent(first.worst.right(view.labels).value)}"
        tiles.append(Tile(percent(first.accuracy), f"under {name_of(first.perturbation)}, the strongest", worst))
    if (mean := view.mean_corruption_error) is not None:
        tiles.append(Tile(percent(mean.raw), "mean corruption error", f"{mean.corruptions} standard corruptions, raw"))
    if (least := view.worst_case) is not None:
        right = least.right(view.labels)
        tiles.append(Tile(percent(right.value), "in the spatial worst case", f"of {least.candidates} turns and shifts"))
    return tiles


# The summary.


def perturb_summary(view: PerturbView) -> list[str]:
    """Sentences on: the whole, the strongest and weakest two, corruption errors, worst case, distances, trust."""
    sentences = [
        _whole(view),
        _extremes(view),
        _errors(view),
        _soonest(view),
        _worst(view),
        _distances(view),
        _trust(view),
    ]
    return [sentence for sentence in sentences if sentence]


def _whole(view: PerturbView) -> str:
    if view.perturbed is None or view.clean.value is None:
        return ""
    return (
        f"{percent(view.clean.value)} of the clean images are classified correctly; over "
        f"{plural(len(view.standings), 'perturbation')} it is {percent(view.perturbed)} on average, "
        f"{points(view.clean.value - view.perturbed)} less."
    )


def _extremes(view: PerturbView) -> str:
    rows = view.standings
    if len(rows) < 2 * _NAMED or rows[_NAMED - 1].accuracy == rows[-_NAMED].accuracy:
        return ""
    strongest, weakest = _those(rows[:_NAMED]), _those(rows[-_NAMED:][::-1])
    return f"{strongest[:1].upper()}{strongest[1:]} take most of the accuracy, {weakest} least: means over strengths."


def _those(rows: Sequence[Standing]) -> str:
    return listed([f"{name_of(row.perturbation)} ({percent(row.accuracy)} right)" for row in rows])


def _errors(view: PerturbView) -> str:
    mean = view.mean_corruption_error
    if mean is None:
        return ""
    text = (
        f"The mean corruption error over the {mean.corruptions} standard corruptions is {percent(mean.raw)} raw, "
        f"{points(mean.relative)} of it beyond the error on clean images."
    )
    if mean.normalised is not None and view.references is not None:
        text += f" Divided by that of {view.references.name}, it is {percent(mean.normalised)}."
    return text


def _soonest(view: PerturbView) -> str:
    rows = [row for row in view.least if row.area is not None]
    if not rows:
        return ""
    first = min(rows, key=lambda row: row.area or 0.0)
    if first.median is None:
        return ""
    return (
        f"Walked to step by step, {name_of(first.perturbation)} made images wrong soonest: half of them by "
        f"{minus(first.median, '.3g')} {first.unit}."
    )


def _worst(view: PerturbView) -> str:
    if view.worst_case is None:
        return ""
    return (
        f"With the worst of {view.worst_case.candidates} random turns, shifts and lights of each image, "
        f"{percent(view.worst_case.right(view.labels).value)} stay right."
    )


def _distances(view: PerturbView) -> str:
    known = {key: found for key, found in view.correlations.items() if found.rho is not None}
    if not known:
        return ""
    said = listed([f"{DISTANCE_TITLES[key]} {minus(found.rho, '+.2f')}" for key, found in known.items()])
    return f"Rank correlation of accuracy with distance: {said}; −1 for a distance would mean that it tells all."


def _trust(view: PerturbView) -> str:
    samples = len(view.labels)
    return f"With {plural(samples, 'sample')} single rates are rough; the intervals say how rough." * (
        samples < _FEW_SAMPLES
    )
