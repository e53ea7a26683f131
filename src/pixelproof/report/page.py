"""What the pages have in common: the template, the style, and figures drawn into the page."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined, Template
from markupsafe import Markup

from pixelproof.report.figure import Figure

_ENLARGED = 1.2  # figures on the page, where there is room


@cache
def template(name: str) -> Template:
    """The template in the file ``name``, which escapes all that it is given."""
    environment = Environment(
        loader=FunctionLoader(_resource),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["unbroken"] = _unbroken
    return environment.get_template(name)


def style() -> Markup:
    """The style sheet, to stand in the page itself."""
    return Markup(_resource("report.css"))


def drawn(figures: Iterable[Figure]) -> list[tuple[Figure, Markup]]:
    """Each figure with its SVG, announced as one image to readers that do not see it."""
    found = []
    for figure in figures:
        svg = figure.svg()
        width = float(re.findall(r'^<svg[^>]* width="([\d.]+)"', svg)[0])
        limit = f"max-width:{_ENLARGED * width:.0f}px"
        head = Markup('<svg role="img" aria-label="{}" style="{}" ').format(figure.alt, limit)
        found.append((figure, Markup(svg.replace("<svg ", str(head), 1))))
    return found


def _resource(name: str) -> str:
    return files("pixelproof.report").joinpath(name).read_text(encoding="utf-8")


def _unbroken(text: str) -> str:
    """Keep ``%`` with its number, and ``th = 1`` in one piece, at the end of a line."""
    return re.sub(r"\bth = (?=\d)", "th\u00a0=\u00a0", text.replace(" %", "\u00a0%"))
