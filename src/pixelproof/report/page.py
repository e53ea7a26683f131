"""A page: one self-contained HTML file that asks nothing of a network; its tables and figures beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from pixelproof.files import folder_in, write_whole
from pixelproof.report import colours
from pixelproof.report.figure import write_drawings
from pixelproof.report.script import policy, scripts_of
from pixelproof.report.section import Contents, Headline, Section, resource, template
from pixelproof.report.table import write_forms


@dataclass(frozen=True)
class Page:
    """``kind`` says which command made it; ``heading`` stands for ``title`` where it is to look otherwise.

    ``status``: ``finished`` or another word; empty for what cannot be unfinished. ``notices`` stand above all else, the
    ``headline`` above all sections, and sections that are None nowhere. ``dense`` pages have wide tables, in smaller
    letters.
    """

    kind: str
    title: str
    headline: Headline
    sections: Sequence[Section | None]
    contents: Contents
    facts: Sequence[str] = ()
    status: str = ""
    notices: Sequence[Markup] = ()
    heading: str = ""
    dense: bool = True
    styles: Sequence[str] = ("report.css",)

    def html(self) -> str:
        """The page; equal for equal values."""
        sections = [section for section in self.sections if section is not None]
        headline = self.headline.html()
        scripts = scripts_of([headline, *(part for section in sections for part in section.parts)])
        style = "\n".join([colours.style(), *map(resource, self.styles)])
        return template("page.html.j2").render(
            page=self,
            headline=headline,
            sections=sections,
            titled=[section for section in sections if section.title],
            scripts=list(map(Markup, scripts)),
            policy=policy(scripts),
            style=Markup(style),
        )


def status(finished: bool) -> str:
    """How most pages say whether all is done."""
    return "finished" if finished else "not finished"


def write_page(page: Page, folder: Path) -> Path:
    """Write ``report.html``, ``tables/`` and ``figures/`` (SVG) into ``folder``; returns the page's path."""
    write_forms(page.contents.tables, folder_in(folder, "tables"))
    write_drawings(page.contents.figures, folder_in(folder, "figures"))
    return write_whole(folder / "report.html", page.html())
