"""The report's figures, and their files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from pixelproof.errors import InputError
from pixelproof.files import write_whole
from pixelproof.report.figure import Figure
from pixelproof.results.view import View, read
from pixelproof.runs.store import RunStore

_FORMATS: dict[str, Callable[[Figure], str | bytes]] = {
    "svg": Figure.svg,
    "pdf": Figure.pdf,
    "png": Figure.png,
}


def curve_figures(view: View) -> list[Figure]:
    """The curves over thresholds and over queries; none without records.

    A run of minimal thresholds has one figure: its queries were not spent on a level.
    """
    # Imported here, because Altair takes half a second that terminal tables need not wait for.
    from pixelproof.report.accuracy_figure import accuracy_figure
    from pixelproof.report.minimal_figure import minimal_figure
    from pixelproof.report.query_figure import query_figures

    if not view.records:
        return []
    return [minimal_figure(view)] if view.minimal else [accuracy_figure(view), *query_figures(view)]


def class_figures(view: View) -> list[Figure]:
    """The heat map of classes for each attack; none without records."""
    from pixelproof.report.heat_map import heat_maps

    return heat_maps(view)


def write_figures(run: RunStore, folder: Path, formats: Sequence[str] = ("svg",)) -> list[Path]:
    """Every figure as NAME.FORMAT in ``folder``; returns the paths written.

    ``formats`` are of ``svg``, ``pdf``, ``png``; raises ``InputError`` for others, before it writes.
    """
    unknown = [name for name in formats if name not in _FORMATS]
    if unknown:
        raise InputError(f"Figures are written as {', '.join(_FORMATS)}, not as {', '.join(unknown)}.")
    view = read(run)
    return [
        write_whole(folder / f"{figure.name}.{name}", _FORMATS[name](figure))
        for figure in (*curve_figures(view), *class_figures(view))
        for name in formats
    ]
