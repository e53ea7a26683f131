"""The terminal's tables, and that none of this room needs torch."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable

import pytest
from rich.console import Console

from pixelproof.report import terminal_tables
from pixelproof.runs.store import RunStore

RunMaker = Callable[..., RunStore]


def printed(run: RunStore, width: int = 80) -> str:
    console = Console(width=width, record=True, file=io.StringIO())
    for table in terminal_tables(run):
        console.print(table)
    return console.export_text()


@pytest.mark.parametrize("options", [{}, {"hardness": 1e9}, {"target": 1}, {"done": 3, "finished": False}])
def test_nothing_is_cut_at_80_columns(make_run: RunMaker, options: dict[str, object]) -> None:
    text = printed(make_run(count=100, **options))
    assert "…" not in text
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 80


def test_contents(make_run: RunMaker) -> None:
    text = " ".join(printed(make_run(count=40, hardness=1e9)).split())
    assert "Few-pixel (L0) by CMA-ES" in text
    assert "10 0/40 0 40 0.0 % [0.0, 8.8]" in text
    held = "held: 0 of 40 images broken by CMA-ES within 1,000 queries each, at most 8.8 % [95 %]."
    assert f"Few-pixel (L0), within 10 pixels: {held}" in text
    assert f"Threshold (L∞), within ±10 of 255: {held}" in text
    assert "(unfinished)" in printed(make_run(done=3, finished=False))


def test_no_records_no_tables(make_run: RunMaker) -> None:
    assert terminal_tables(make_run(done=0, finished=False)) == []


@pytest.mark.slow
def test_needs_no_torch() -> None:
    code = "import sys, pixelproof.report, pixelproof.results; sys.exit(bool({'torch', 'altair'} & {*sys.modules}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
