"""The live lines, on a terminal and elsewhere."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from pixelproof.cli import train as train_progress
from pixelproof.jobs import progress
from pixelproof.jobs.train import TrainingProgress
from pixelproof.runs.progress import Pace, Progress

HALFWAY = Progress(
    label="net",
    done=40,
    total=80,
    before=0,
    queries=12_000,
    seconds=60.0,
    note="4/10 samples · 3 fooled",
    lately=40,
    lately_seconds=60.0,
)


def _console(terminal: bool) -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, width=200, color_system=None)


def test_the_text_names_samples_successes_speed_and_time_left():
    assert progress._text(HALFWAY) == "4/10 samples · 3 fooled · 200 queries/s · 0:01:00 left"


@pytest.mark.parametrize(("lately", "seconds"), [(0, 60.0), (40, 0.5)])
def test_no_time_left_is_guessed_too_early(lately, seconds):
    early = replace(HALFWAY, lately=lately, lately_seconds=seconds)
    assert progress._text(early).endswith(" – left")


def test_nothing_divides_by_zero():
    assert "queries/s" in progress._text(replace(HALFWAY, seconds=0.0))
    assert progress._text(Progress("net", 0, 8, 0, 0, 0.0)) == "– left"


def test_the_time_left_grows_while_nothing_comes():
    assert [HALFWAY.left(waited) for waited in (0, 30, 60)] == [60, 90, 120]
    assert progress._text(HALFWAY, 60).endswith(" · 0:02:00 left")


def test_a_machine_that_becomes_busy_is_noticed():
    """One a second for ten minutes, then one in ten seconds: 100 more take 1,000 seconds, soon after it has begun."""
    pace = Pace(0)
    for second in range(1, 601):
        pace.lately(second, second)
    for step in range(1, 13):
        lately = pace.lately(600 + 10 * step, 600 + step)
    status = Progress("net", 612, 712, 0, 0, 720.0, "", *lately)
    assert lately == (12, 120)
    assert status.left() == 1000


def test_one_step_in_an_hour_has_a_pace_too():
    pace = Pace(3)
    pace.lately(3600, 4)
    assert pace.lately(7200, 5) == (1, 3600)


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


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_a_terminal_that_shall_show_plain_text_has_neither_bar_nor_colour(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    monkeypatch.setattr(progress, "PLAIN_INTERVAL", 0.0)
    console = Console(file=io.StringIO(), force_terminal=True, width=200, highlight=False)
    with progress.job_progress("net", console) as listen:
        listen(HALFWAY)
    assert console.file.getvalue() == f"net 50 % · {progress._text(HALFWAY)}\n"  # type: ignore[attr-defined]


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
