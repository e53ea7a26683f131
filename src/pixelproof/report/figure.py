"""A figure as a value: a Vega-Lite specification with its words, drawn without a browser by vl-convert."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import vl_convert

WIDTH = 370  # px, so that no text falls below 11 px where a phone shrinks the figure to its screen
COLOURS = {
    "few-pixel": "#1b4f91",
    "threshold": "#cf6a12",
}  # apart in hue for all eyes, in lightness on grey paper
SHADES = {"few-pixel": ("#f1f5fb", "#0b2f66"), "threshold": ("#fdf3e7", "#7a3403")}
OTHER_COLOUR, OTHER_SHADES = "#3d7a4a", ("#eff7f0", "#123d1c")
_FONT = "Helvetica, Arial, sans-serif"
_TEXT, _FAINT = "#1f2328", "#d7dbe0"
_CONFIG: dict[str, Any] = {
    "background": "white",
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
    """``name`` is the file's stem; ``alt`` says in words what the picture shows."""

    name: str
    title: str
    alt: str
    caption: str
    spec: dict[str, Any]

    def svg(self) -> str:
        """The drawing, equal for equal data; its ids begin with ``name``, so one page can hold several."""
        return _own_ids(vl_convert.vegalite_to_svg(self._configured()), self.name)

    def pdf(self) -> bytes:
        return bytes(vl_convert.vegalite_to_pdf(self._configured()))

    def png(self) -> bytes:
        """Twice the size of the SVG, for screens of today."""
        return bytes(vl_convert.vegalite_to_png(self._configured(), scale=2))

    def _configured(self) -> dict[str, Any]:
        return {**self.spec, "config": _CONFIG}


def _own_ids(svg: str, name: str) -> str:
    """Vega numbers its ids per process; number them per figure."""
    names: dict[str, str] = {}
    for found in re.findall(r'\bid="([^"]+)"', svg):
        names.setdefault(found, f"{name}-{len(names)}")
    for old, new in names.items():
        svg = svg.replace(f'id="{old}"', f'id="{new}"').replace(f"url(#{old})", f"url(#{new})")
        svg = svg.replace(f'"#{old}"', f'"#{new}"')
    return svg
