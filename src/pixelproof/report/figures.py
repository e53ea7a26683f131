"""The report's figures, and their files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from pixelproof.errors import InputError
from pixelproof.report.accuracy_figure import accuracy_figure
from pixelproof.report.figure import Figure
from pixelproof.report.files import write_whole
from pixelproof.report.heat_map import heat_maps
from pixelproof.report.query_figure import query_figures
from pixelproof.report.view import View, read
from pixelproof.runs.store import RunStore

_FORMATS: dict[str, Callable[[Figure], str | bytes]] = {
    "svg": Figure.svg,
    "pdf": Figure.pdf,
    "png": Figure.png,
}


def all_figures(view: View) -> list[Figure]:
    """Every figure that the records allow; none without records."""
    if not view.records:
        return []
    return [accuracy_figure(view), *query_figures(view), *heat_maps(view)]


def write_figures(run: RunStore, folder: Path, formats: Sequence[str] = ("svg",)) -> list[Path]:
    """Every figure as NAME.FORMAT in ``folder``; returns the paths written.

    ``formats`` are of ``svg``, ``pdf``, ``png``; raises ``InputError`` for others, before it writes.
    """
    unknown = [name for name in formats if name not in _FORMATS]
    if unknown:
        raise InputError(f"Figures are written as {', '.join(_FORMATS)}, not as {', '.join(unknown)}.")
    return [
        write_whole(folder / f"{figure.name}.{name}", _FORMATS[name](figure))
        for figure in all_figures(read(run))
        for name in formats
    ]
