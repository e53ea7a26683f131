"""The live lines, on a terminal and elsewhere."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from pixelproof.cli import train as train_progress
from pixelproof.jobs import progress
from pixelproof.jobs.job import Progress
from pixelproof.jobs.train import TrainingProgress

HALFWAY = Progress(
    label="net", done=40, total=80, before=0, queries=12_000, seconds=60.0, note="4/10 samples · 3 fooled"
)


def _console(terminal: bool) -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, width=200, color_system=None)


def test_the_text_names_samples_successes_speed_and_time_left():
    assert progress._text(HALFWAY) == "4/10 samples · 3 fooled · 200 queries/s · 0:01:00 left"


@pytest.mark.parametrize(("records", "seconds"), [(0, 60.0), (40, 0.5)])
def test_no_time_left_is_guessed_too_early(records, seconds):
    early = replace(HALFWAY, done=records, queries=100, seconds=seconds)
    assert progress._text(early).endswith(" – left")


def test_nothing_divides_by_zero():
    assert "queries/s" in progress._text(replace(HALFWAY, seconds=0.0))
    assert progress._text(Progress("net", 0, 8, 0, 0, 0.0)) == "– left"


def test_the_time_left_is_by_what_this_sitting_has_done():
    later = replace(HALFWAY, before=30)  # 10 in a minute, 40 are left
    assert progress._text(later).endswith(" · 0:04:00 left")


def test_a_plain_line_now_and_then(monkeypatch):
    console, clock = _console(False), [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])  # type: ignore[attr-defined]
    with progress.job_progress("net[/b].py:load", console) as listen:
        listen(HALFWAY)
        clock[0] = progress.PLAIN_INTERVAL
        listen(HALFWAY)
        clock[0] += 1
        listen(HALFWAY)
    text = progress._text(HALFWAY)
    assert console.file.getvalue() == f"net[/b].py:load 50 % · {text}\n"  # type: ignore[attr-defined]


def test_a_live_bar_on_a_terminal(monkeypatch):
    console = _console(True)
    with progress.job_progress("net[/b].py:load", console) as listen:
        listen(HALFWAY)
        note = "10/10 samples · 5 fooled"
        listen(replace(HALFWAY, done=80, queries=20_000, seconds=100.0, note=note))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "net[/b].py:load" in shown
    assert "100%" in shown
    assert "10/10 samples · 5 fooled · 200 queries/s · 0:00:00 left" in shown


def test_training_tells_one_line_an_epoch_elsewhere(monkeypatch):
    console = _console(False)
    monkeypatch.setattr(train_progress, "console", console)
    with train_progress.train_progress("lenet") as listen:
        listen(TrainingProgress(1, 2, 1, 5, 2.3))
        listen(TrainingProgress(1, 2, 5, 5, 2.1))
    assert console.file.getvalue() == "epoch 1/2: loss 2.100\n"  # type: ignore[attr-defined]


def test_training_has_a_live_bar_on_a_terminal(monkeypatch):
    console = _console(True)
    monkeypatch.setattr(train_progress, "console", console)
    with train_progress.train_progress("lenet") as listen:
        listen(TrainingProgress(2, 2, 5, 5, 1.5))
    assert "epoch 2/2 · loss 1.500" in console.file.getvalue()  # type: ignore[attr-defined]
