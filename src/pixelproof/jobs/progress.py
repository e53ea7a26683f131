"""The live line of a job: how far it is, what it says of itself, queries a second, time left."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn

if TYPE_CHECKING:
    from pixelproof.jobs.job import Listener
    from pixelproof.jobs.job import Progress as Status

#: Seconds between lines where the output is no terminal.
PLAIN_INTERVAL = 30.0


@contextmanager
def job_progress(label: str, console: Console | None = None) -> Iterator[Listener]:
    """A listener for a job: a live bar on a terminal and in a notebook, a plain line now and then elsewhere."""
    console = Console(highlight=False) if console is None else console
    if not (console.is_terminal or console.is_jupyter):
        yield _plain(label, console)
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        TaskProgressColumn(),
        TextColumn("{task.fields[status]}"),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(escape(label), total=None, status="")

        def listen(status: Status) -> None:
            bar.update(task, total=status.total, completed=status.done, status=_text(status))

        yield listen


def _plain(label: str, console: Console) -> Listener:
    last = time.monotonic()

    def listen(status: Status) -> None:
        nonlocal last
        if time.monotonic() - last >= PLAIN_INTERVAL:
            last = time.monotonic()
            share = 100 * status.done / max(status.total, 1)
            console.print(f"{escape(label)} {share:.0f} % · {_text(status)}", soft_wrap=True)

    return listen


def _text(status: Status) -> str:
    speed = f"{status.queries / max(status.seconds, 1e-9):,.0f} queries/s" if status.queries else ""
    return " · ".join(part for part in (status.note, speed, f"{_left(status)} left") if part)


def _left(status: Status) -> str:
    """A rough estimate: as long for what is left as for what this sitting has done."""
    done = status.done - status.before
    if done <= 0 or status.seconds < 1:
        return "–"
    seconds = int(status.seconds * (status.total - status.done) / done)
    hours, minutes = divmod(seconds // 60, 60)
    return f"{hours}:{minutes:02}:{seconds % 60:02}"
