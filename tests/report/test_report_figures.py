"""Figures: valid, repeatable, and alone in their ids."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from pixelproof.errors import InputError
from pixelproof.report import write_figures
from pixelproof.report.assess_figures import curve_figures
from pixelproof.report.heat_map import class_figures
from pixelproof.results.view import read
from pixelproof.runs.store import RunStore

pytestmark = pytest.mark.slow

RunMaker = Callable[..., RunStore]
NAMES = {
    "accuracy-per-threshold",
    "classes-few-pixel",
    "classes-threshold",
    "queries-few-pixel",
    "queries-threshold",
    "status-few-pixel",
    "status-threshold",
}


def test_files(make_run: RunMaker, tmp_path: Path) -> None:
    paths = write_figures(make_run(), tmp_path, ("svg", "png", "pdf"))
    assert {p.stem for p in paths} == NAMES
    starts = {".svg": b"<svg ", ".png": b"\x89PNG", ".pdf": b"%PDF"}
    assert all(p.read_bytes().startswith(starts[p.suffix]) for p in paths)


def test_unknown_format_is_refused_before_anything_is_written(make_run: RunMaker, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="svg, pdf, png, not as bmp"):
        write_figures(make_run(), tmp_path, ("svg", "bmp"))
    assert not list(tmp_path.iterdir())


def test_svg_is_repeatable_and_readable(make_run: RunMaker) -> None:
    run = make_run()
    seen: set[str] = set()
    for figure, again in zip(*(curve_figures(read(run)) + class_figures(read(run)) for _ in range(2)), strict=True):
        svg = figure.svg()
        assert svg == again.svg()
        ElementTree.fromstring(svg)
        ids = set(re.findall(r'\bid="([^"]+)"', svg))
        assert ids.isdisjoint(seen)
        seen |= ids
        assert set(re.findall(r"url\(#([^)]+)\)", svg)) <= ids
        sizes = [float(size) for size in re.findall(r'font-size="([\d.]+)px"', svg)]
        assert sizes
        assert min(sizes) >= 11


@pytest.mark.parametrize(
    "options",
    [
        {"attacks": ("few-pixel",), "levels": (1,)},
        {"attacks": ("threshold",), "levels": (1, 2, 4, 8, 16, 32, 64, 128)},
        {"count": 1, "classes": 2},
        {"count": 70, "classes": 60},
        {"class_names": ["same", "same", "a very long name of a class indeed"]},
        {"attacks": ("unheard-of",)},
    ],
)
def test_odd_runs(make_run: RunMaker, options: dict[str, object]) -> None:
    view = read(make_run(**options))
    for figure in curve_figures(view) + class_figures(view):
        ElementTree.fromstring(figure.svg())
        assert figure.alt


def test_many_classes_show_the_worst_and_say_so(make_run: RunMaker) -> None:
    figure = class_figures(read(make_run(count=70, classes=60)))[0]
    assert figure.caption.endswith("Of 60 attacked classes, the 20 that were fooled most often are shown.")
    assert len(set(re.findall(r'"class": "([^"]+)"', json.dumps(figure.spec)))) == 20


def test_no_records_no_figures(make_run: RunMaker) -> None:
    view = read(make_run(done=0, finished=False))
    assert curve_figures(view) == []
    assert class_figures(view) == []
