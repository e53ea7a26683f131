"""The live line of a run: samples done, success so far, queries a second, time left."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

from pixelproof.cli.console import console

if TYPE_CHECKING:
    from pixelproof.jobs.assess import Listener
    from pixelproof.jobs.assess import Progress as Status

#: Seconds between lines where the output is no terminal.
PLAIN_INTERVAL = 30.0


@contextmanager
def run_progress(label: str) -> Iterator[Listener]:
    """A listener for ``execute``: a live bar on a terminal, a plain line now and then elsewhere."""
    if not console.is_terminal:
        yield _plain(label)
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TextColumn("{task.fields[status]}"),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(escape(label), total=None, status="")

        def listen(status: Status) -> None:
            bar.update(task, total=status.total_records, completed=status.records, status=_text(status))

        yield listen


def _plain(label: str) -> Listener:
    last = time.monotonic()

    def listen(status: Status) -> None:
        nonlocal last
        if time.monotonic() - last >= PLAIN_INTERVAL:
            last = time.monotonic()
            console.print(f"{escape(label)} {status.records}/{status.total_records} {_text(status)}", soft_wrap=True)

    return listen


def _text(status: Status) -> str:
    speed = status.queries / max(status.seconds, 1e-9)
    return (
        f"{status.done}/{status.samples} samples · {status.fooled} fooled · "
        f"{speed:,.0f} queries/s · {_left(status)} left"
    )


def _left(status: Status) -> str:
    """A rough estimate: as long for what is left as for what this sitting has done."""
    done = status.records - status.before
    if done == 0 or status.seconds < 1:
        return "–"
    seconds = int(status.seconds * (status.total_records - status.records) / done)
    hours, minutes = divmod(seconds // 60, 60)
    return f"{hours}:{minutes:02}:{seconds % 60:02}"
