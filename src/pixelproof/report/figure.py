"""A figure as a value: a Vega-Lite specification with its words, drawn without a browser by vl-convert."""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import vl_convert
from markupsafe import Markup

from pixelproof.errors import InputError
from pixelproof.files import file_name, write_whole
from pixelproof.report.colours import themed
from pixelproof.report.interactive import interactive
from pixelproof.results.intervals import Rate

WIDTH = 370  # px, so that no text falls below 11 px where a phone shrinks the figure to its screen
COLOURS = {
    "few-pixel": "#1b4f91",
    "threshold": "#cf6a12",
}  # apart in hue for all eyes, in lightness on grey paper
SHADES = {"few-pixel": "#0b2f66", "threshold": "#7a3403"}  # of a map, where the share is 100 %
OTHER_COLOUR, OTHER_SHADE = "#3d7a4a", "#123d1c"
PAPER = "#ffffff"
_ENLARGED = 1.2  # figures on a page, where there is room
_FONT = "Helvetica, Arial, sans-serif"
_TEXT, _FAINT = "#1f2328", "#d7dbe0"
_CONFIG: dict[str, Any] = {
    "background": PAPER,
    "font": _FONT,
    "view": {"stroke": None},
    "axis": {
        "labelFontSize": 12,
        "titleFontSize": 13,
        "titleFontWeight": "normal",
        "titlePadding": 8,
        "labelColor": _TEXT,
        "titleColor": _TEXT,
        "gridColor": _FAINT,
        "domainColor": _TEXT,
        "tickColor": _TEXT,
    },
    "legend": {
        "orient": "bottom",
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "labelColor": _TEXT,
        "titleColor": _TEXT,
        "labelLimit": 340,
        "layout": {"bottom": {"direction": "vertical", "anchor": "start"}},
        "symbolStrokeWidth": 2,
    },
}


@dataclass(frozen=True)
class Figure:
    """``name`` is the file's stem; ``alt`` says in words what the picture shows; ``page`` is where its title leads."""

    name: str
    title: str
    alt: str
    caption: str
    spec: dict[str, Any]
    page: str = ""

    def svg(self) -> str:
        """The drawing, equal for equal data; its ids begin with ``name``, so one page can hold several."""
        return self._svg

    @cached_property
    def _svg(self) -> str:
        return _own_ids(vl_convert.vegalite_to_svg(self._configured()), self.name)

    def html(self) -> Markup:
        """The drawing within a page, and the chart that takes its place where scripts run, in the page's colours.

        The drawing is announced as one image to readers that do not see it.
        """
        width = float(re.findall(r'^<svg[^>]* width="([\d.]+)"', self._svg)[0])
        head = Markup('<svg role="img" aria-label="{}" class="still" ').format(self.alt)
        drawing = themed(self._svg).replace("<svg ", str(head), 1)
        return Markup(
            '<div class="chart" style="max-width:{}px">{}<script type="application/json">{}</script></div>'
        ).format(round(_ENLARGED * width), Markup(drawing), Markup(in_page(themed(self._chart()))))

    def _chart(self) -> str:
        """The Vega specification of the chart that answers, as JSON."""
        spec = {**interactive(self.spec), "config": {**_CONFIG, "aria": False}}
        return json.dumps(vl_convert.vegalite_to_vega(spec), separators=(",", ":"), ensure_ascii=False)

    def pdf(self) -> bytes:
        return bytes(vl_convert.vegalite_to_pdf(self._configured()))

    def png(self) -> bytes:
        """Twice the size of the SVG, for screens of today."""
        return bytes(vl_convert.vegalite_to_png(self._configured(), scale=2))

    def _configured(self) -> dict[str, Any]:
        return {**self.spec, "config": _CONFIG}


def in_page(data: str) -> str:
    """JSON as it may stand in a ``script`` element: no text in it ends the element."""
    return data.replace("<", "\\u003c")


def in_percent(rate: Rate) -> dict[str, float]:
    """A rate as a row of a chart: ``share`` with the ends of its interval, ``low`` and ``high``."""
    shares = {"share": rate.value or 0.0, "low": rate.interval.low, "high": rate.interval.high}
    return {key: round(100 * share, 3) for key, share in shares.items()}


def _own_ids(svg: str, name: str) -> str:
    """Vega numbers its ids per process; number them per figure."""
    names: dict[str, str] = {}
    for found in re.findall(r'\bid="([^"]+)"', svg):
        names.setdefault(found, f"{name}-{len(names)}")
    for old, new in names.items():
        svg = svg.replace(f'id="{old}"', f'id="{new}"').replace(f"url(#{old})", f"url(#{new})")
        svg = svg.replace(f'"#{old}"', f'"#{new}"')
    return svg


_FORMATS: dict[str, Callable[[Figure], str | bytes]] = {"svg": Figure.svg, "pdf": Figure.pdf, "png": Figure.png}


def write_drawings(figures: Iterable[Figure], folder: Path, formats: Sequence[str] = ("svg",)) -> list[Path]:
    """Each of ``figures`` as NAME.FORMAT in ``folder``; returns the paths written.

    ``formats`` are of ``svg``, ``pdf``, ``png``; raises ``InputError`` for others, before it writes.
    """
    unknown = [name for name in formats if name not in _FORMATS]
    if unknown:
        raise InputError(f"Figures are written as {', '.join(_FORMATS)}, not as {', '.join(unknown)}.")
    return [
        write_whole(folder / f"{file_name(figure.name)}.{name}", _FORMATS[name](figure))
        for figure in figures
        for name in formats
    ]
