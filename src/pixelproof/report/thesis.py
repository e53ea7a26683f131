"""The page of the protocol of a thesis: ours beside its figures, the perturbations across data sets, and its claims."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from pixelproof.files import slug
from pixelproof.plans.thesis.view import ThesisView
from pixelproof.report import section
from pixelproof.report.claim_tables import number_table, verdict_table
from pixelproof.report.figure import Figure
from pixelproof.report.page import Page, write_page
from pixelproof.report.perturb_figures import bars_figure
from pixelproof.report.section import Claim, Contents, Headline, Section, Tile
from pixelproof.report.table import Cell, Column, Table
from pixelproof.results.claim import Verdict
from pixelproof.results.perturb_view import title_of
from pixelproof.results.thesis import PUBLISHED, DataSetResult, Published
from pixelproof.wording import listed, percent, plural

Row = tuple[Cell, ...]
#: What the thesis itself concludes on each claim.
_THEIRS: dict[str, Verdict | None] = {
    "rotation-and-jitter": "held",
    "grey-immune": "held",
    "harder-is-weaker": "held",
    "no-correlation": "held",
    "pgd-strong": "held",
}


def write_thesis(view: ThesisView, folder: Path) -> Path:
    """Write ``report.html`` and ``tables/`` into ``folder``; returns the page's path."""
    return write_page(thesis_page(view), folder)


def thesis_page(view: ThesisView) -> Page:
    """Everything that the protocol says. Its figures lie beside the pages of the data sets."""
    contents = Contents(all_thesis_tables(view))
    environment = view.perturbations[0].manifest.environment
    return Page(
        "thesis",
        f"Common perturbations on {len(view.subjects)} data sets",
        Headline([_headline_claim(view)], _tiles(view), _bars(view)[:1]),
        (
            section.summary(thesis_summary(view)),
            _published(view, contents),
            _claims(contents),
            _data_sets(view, contents),
            Section("details", "Environment", [section.values("Environment", environment)], folded=True),
            Section("sources", "Source", [section.words("thesis_sources")], folded=True),
        ),
        contents,
        facts=[
            environment.get("date", ""),
            plural(len(view.subjects), "data set"),
            f"{plural(view.spec['per_class'], 'image')} a class",
        ],
        notices=[section.notice("warning", "Missing", sentence) for sentence in view.absent.values()],
        heading="Common perturbations, data set by data set",
    )


def _headline_claim(view: ThesisView) -> Claim:
    """How many of its claims hold, and which do not."""
    held = [claim for claim in view.claims if claim.verdict == "held"]
    others = [f"“{claim.text.rstrip('.')}”: {claim.verdict}" for claim in view.claims if claim.verdict != "held"]
    text = f"{len(held)} of the thesis’s {plural(len(view.claims), 'claim')} held here"
    return Claim(text, "; ".join(others) or "Each is judged by the rule below its table.")


def _tiles(view: ThesisView) -> list[Tile]:
    """Each data set's accuracy when perturbed."""
    return [
        Tile(
            percent(each.perturbed),
            f"{each.name}, perturbed",
            f"{percent(each.clean.value)} clean, {percent(each.pgd.value)} after PGD",
        )
        for each in view.subjects
    ]


def _published(view: ThesisView, contents: Contents) -> Section:
    parts = (
        contents.table("thesis-perturbations"),
        contents.table("thesis-pgd"),
        section.subheading("Why they differ"),
        section.listing(differences(view)),
    )
    return Section("published", "Ours and the published figures", parts)


def _claims(contents: Contents) -> Section:
    return Section("claims", "Its claims", [contents.table("thesis-claims"), contents.folded("thesis-claim-numbers")])


def _data_sets(view: ThesisView, contents: Contents) -> Section:
    parts = contents.table("thesis-standings"), section.figures(_bars(view)[1:])
    return Section("sets", "Data set by data set", parts)


def _bars(view: ThesisView) -> list[Figure]:
    """Each data set's bars, which lead to its own page."""
    drawn = []
    for each, perturbed in zip(view.subjects, view.perturbations, strict=True):
        figure = bars_figure(perturbed, f"thesis-bars-{slug(each.name)}")
        drawn.append(replace(figure, title=each.name, page=f"{slug(each.name)}/perturbations/report.html"))
    return drawn


# In sentences.


def thesis_summary(view: ThesisView) -> list[str]:
    """A sentence a data set, and one on the claims."""
    sentences = [
        f"{each.name}: {percent(each.clean.value)} right when clean, {percent(each.perturbed)} perturbed"
        f"{_extremes(each)}, {percent(each.pgd.value)} after PGD."
        for each in view.subjects
    ]
    held = [claim for claim in view.claims if claim.verdict == "held"]
    return [*sentences, f"{len(held)} of the thesis’s {plural(len(view.claims), 'claim')} held here."]


def _extremes(each: DataSetResult) -> str:
    strongest, weakest = each.standings[0], each.standings[-1]
    if strongest.accuracy == weakest.accuracy:
        return ""
    return (
        f" ({strongest.perturbation} strongest, {percent(strongest.accuracy)}; {weakest.perturbation} weakest, "
        f"{percent(weakest.accuracy)})"
    )


def differences(view: ThesisView) -> list[str]:
    """Why ours and the published figures differ."""
    names = listed([each.name for each in view.subjects if each.name in PUBLISHED])
    few = view.spec["per_class"]
    return [
        "The thesis’s network is a ResNet-50 trained on ImageNet first and fine-tuned; these are the networks of the "
        "spec, small ones trained on the data set alone.",
        f"It takes one image of every class, ten in all, so that its accuracies move in steps of ten points; here "
        f"{plural(few, 'image')} of every class.",
        "Its percentages are finer than ten images allow, and its Pentomino rises under attack (89.98 to 98.19 %), so "
        "they cannot be shares of right answers alone; ours are.",
        f"Jitter of 0.05 moves pixels by up to that share of half the image’s side: {_reaches(view)}, but 4 in "
        "images of 160 pixels.",
        *(
            f"{percent(each.test.value)} of our Pentomino test set are right, of the thesis’s 90 %: how hard a data "
            "set is depends on the network."
            for each in view.subjects
            if each.name == "Pentomino"
        ),
        "Our perturbations are those of the library that it names, with right angles exact and all images rounded to 8 "
        "bits; our PGD sees 8-bit images too, and starts at the image as its does.",
        *([f"Of its data sets {names} can be compared; pictures and splits are not the same files."] if names else []),
    ]


def _reaches(view: ThesisView) -> str:
    """``0.8 pixels in CIFAR-10's``, for every data set."""
    shapes = {each.name: seen.manifest.data.shape for each, seen in zip(view.subjects, view.perturbations, strict=True)}
    return listed([f"{0.05 * (max(shape[:2]) - 1) / 2:.1f} pixels in {name}" for name, shape in shapes.items()])


# The tables.


def all_thesis_tables(view: ThesisView) -> list[Table]:
    """Every table."""
    claims = view.claims
    return [
        perturbation_table(view),
        pgd_table(view),
        standing_table(view),
        verdict_table("thesis-claims", "The thesis's claims", claims, "In the thesis", _THEIRS),
        number_table("thesis-claim-numbers", claims),
    ]


def perturbation_table(view: ThesisView) -> Table:
    """Its table 8: clean, after perturbation, difference; published figures below ours."""

    def ours(each: DataSetResult) -> Row:
        clean = each.clean.value or 0.0
        figures = clean, each.perturbed, clean - each.perturbed
        return each.name, "ours", each.test.value, each.clean.total, *figures, each.perturb_seconds

    def theirs(name: str, found: Published) -> Row:
        clean, perturbed = found.clean / 100, found.perturbed / 100
        return name, "published", None, 10, clean, perturbed, clean - perturbed, None

    columns = (
        Column("Data"),
        Column("Whose"),
        Column("Test set", "share", key="test_accuracy"),
        Column("Samples", "integer"),
        Column("Clean", "share", key="clean_accuracy"),
        Column("Perturbed", "share", key="perturbed_accuracy"),
        Column("Points lost", "points", key="difference"),
        Column("Seconds", "decimal"),
    )
    note = (
        "Perturbed: the mean over the five perturbations of their mean over strengths. Seconds are of all "
        "perturbations on all samples, without the model's answers; the thesis names none."
    )
    title = "Clean and perturbed, ours and the published figures"
    return Table("thesis-perturbations", title, columns, _beside(view, ours, theirs), (note,))


def pgd_table(view: ThesisView) -> Table:
    """Its table 9: clean, after PGD, difference, time."""

    def ours(each: DataSetResult) -> Row:
        clean, after = each.clean.value or 0.0, each.pgd.value or 0.0
        return each.name, "ours", each.clean.total, clean, after, clean - after, each.pgd_seconds

    def theirs(name: str, found: Published) -> Row:
        clean, after = found.clean / 100, found.pgd / 100
        return name, "published", 10, clean, after, clean - after, found.pgd_seconds

    columns = (
        Column("Data"),
        Column("Whose"),
        Column("Samples", "integer"),
        Column("Clean", "share", key="clean_accuracy"),
        Column("After PGD", "share", key="pgd_accuracy"),
        Column("Points lost", "points", key="difference"),
        Column("Seconds", "decimal"),
    )
    title = "Clean and after PGD, ours and the published figures"
    return Table("thesis-pgd", title, columns, _beside(view, ours, theirs))


def _beside(
    view: ThesisView, ours: Callable[[DataSetResult], Row], theirs: Callable[[str, Published], Row]
) -> tuple[Row, ...]:
    """A row for each data set and below it the published one; last the data sets that only the thesis has."""
    rows = []
    for each in view.subjects:
        rows.append(ours(each))
        rows += [theirs(name, found) for name, found in PUBLISHED.items() if name == each.name]
    own = {each.name for each in view.subjects}
    return (*rows, *(theirs(name, found) for name, found in PUBLISHED.items() if name not in own))


def standing_table(view: ThesisView) -> Table:
    """Perturbations down, data sets across: mean accuracy over strengths."""
    columns = (Column("Perturbation"), *(Column(each.name, "share") for each in view.subjects))
    names = [row.perturbation for row in view.subjects[0].standings]
    rows: list[tuple[Cell, ...]] = [
        (title_of(name), *(each.standing(name).accuracy for each in view.subjects)) for name in names
    ]
    return Table("thesis-standings", "Mean accuracy by perturbation", columns, tuple(rows))
