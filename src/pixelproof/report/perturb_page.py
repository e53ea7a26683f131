"""The page on perturbations: one self-contained HTML file; its tables and figures as files beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pixelproof.data.imageset import UInt8Array
from pixelproof.files import write_whole
from pixelproof.report.page import drawn, style, template
from pixelproof.report.perturb_figures import perturb_figures
from pixelproof.report.perturb_summary import perturb_summary
from pixelproof.report.perturb_tables import all_perturb_tables
from pixelproof.report.picture import data_uri, shown_size
from pixelproof.report.tables import flat, write_forms
from pixelproof.results.perturb_view import PerturbView, title_of
from pixelproof.results.perturbations import by_perturbation
from pixelproof.wording import plural

#: Side of the pictures in strips at most, in px.
_PICTURE = 96


@dataclass(frozen=True)
class Frame:
    """One picture of a strip: what was done, what the model said, and whether that is wrong."""

    source: str
    strength: str
    answer: str
    wrong: bool


@dataclass(frozen=True)
class Strip:
    """The same image under one perturbation, strength by strength."""

    title: str
    frames: tuple[Frame, ...]


def write_perturbations(view: PerturbView, folder: Path) -> Path:
    """Write ``report.html``, ``tables/`` and ``figures/`` (SVG) into ``folder``; returns the page's path."""
    tables, figures = all_perturb_tables(view), perturb_figures(view)
    write_forms(tables, folder / "tables")
    for figure in figures:
        write_whole(folder / "figures" / f"{figure.name}.svg", figure.svg())
    height, width = view.head["shape"][:2]
    page = template("perturb.html.j2").render(
        view=view,
        title=f"{view.head['model']} under common perturbations",
        facts=[
            view.head["environment"].get("date", ""),
            view.head["data"],
            plural(len(view.labels), "sample"),
            plural(len(view.cells), "cell"),
        ],
        summary=perturb_summary(view),
        tables={table.name: table for table in tables},
        drawn=drawn(figures),
        strips=_strips(view),
        size=shown_size(height, width),
        settings=flat({key: value for key, value in view.head["spec"].items() if value is not None}),
        environment=view.head["environment"],
        style=style(),
    )
    return write_whole(folder / "report.html", page)


def _strips(view: PerturbView) -> list[Strip]:
    place, names = view.head["shown"], view.head["class_names"]
    true = view.labels[place]

    def frame(pixels: UInt8Array, strength: str, answer: int) -> Frame:
        said = names[answer] if answer < len(names) else f"class {answer}"
        return Frame(data_uri(pixels, largest=_PICTURE), strength, said, answer != true)

    first = frame(view.clean_picture, "clean", view.clean_answers[place])
    strips = []
    for name, cells in by_perturbation(view.cells).items():
        rest = (frame(view.pictures[name, c.strength], f"{c.strength:g}", c.answers[place]) for c in cells)
        strips.append(Strip(title_of(name), (first, *rest)))
    return strips
