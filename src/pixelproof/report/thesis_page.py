"""The page of the protocol: one self-contained HTML file; its tables as files beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from pixelproof.files import slug, write_whole
from pixelproof.plans.thesis.view import ThesisView
from pixelproof.report.page import drawn, style, template
from pixelproof.report.perturb_figures import bars_figure
from pixelproof.report.tables import write_forms
from pixelproof.report.thesis_tables import all_thesis_tables
from pixelproof.results.thesis import PUBLISHED
from pixelproof.wording import listed, percent, plural


@dataclass(frozen=True)
class Chapter:
    """One data set: its bars, and where its own page lies."""

    name: str
    page: str
    figure: Markup
    caption: str


def write_thesis(view: ThesisView, folder: Path) -> Path:
    """Write ``report.html`` and ``tables/`` into ``folder``; returns the page's path."""
    tables = all_thesis_tables(view)
    write_forms(tables, folder / "tables")
    environment = view.perturbations[0].head["environment"]
    page = template("thesis.html.j2").render(
        view=view,
        facts=[
            environment.get("date", ""),
            plural(len(view.subjects), "data set"),
            f"{plural(view.spec['per_class'], 'image')} a class",
        ],
        summary=thesis_summary(view),
        differences=differences(view),
        tables={table.name: table for table in tables},
        chapters=_chapters(view),
        environment=environment,
        style=style(),
    )
    return write_whole(folder / "report.html", page)


def thesis_summary(view: ThesisView) -> list[str]:
    """A sentence a data set, and one on the claims."""
    sentences = []
    for each in view.subjects:
        strongest, weakest = each.standings[0], each.standings[-1]
        sentences.append(
            f"{each.name}: {percent(each.clean.value)} right when clean, {percent(each.perturbed)} perturbed "
            f"({strongest.perturbation} strongest, {percent(strongest.accuracy)}; {weakest.perturbation} weakest, "
            f"{percent(weakest.accuracy)}), {percent(each.pgd.value)} after PGD."
        )
    held = [claim for claim in view.claims if claim.verdict == "held"]
    return [*sentences, f"{len(held)} of the thesis’s {plural(len(view.claims), 'claim')} held here."]


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
    shapes = {each.name: seen.head["shape"] for each, seen in zip(view.subjects, view.perturbations, strict=True)}
    return listed([f"{0.05 * (max(shape[:2]) - 1) / 2:.1f} pixels in {name}" for name, shape in shapes.items()])


def _chapters(view: ThesisView) -> list[Chapter]:
    chapters = []
    for each, perturbed in zip(view.subjects, view.perturbations, strict=True):
        ((figure, svg),) = drawn([bars_figure(perturbed, f"thesis-bars-{slug(each.name)}")])
        chapters.append(Chapter(each.name, f"{slug(each.name)}/perturbations/report.html", svg, figure.caption))
    return chapters
