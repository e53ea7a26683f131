"""The live line of a job: how far it is, what it says of itself, queries a second, time left."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TaskProgressColumn, TextColumn
from rich.text import Text

from pixelproof.wording import duration

if TYPE_CHECKING:
    from pixelproof.runs.progress import Listener
    from pixelproof.runs.progress import Progress as Status

#: Seconds between lines where there is no live bar.
PLAIN_INTERVAL = 30.0


def is_live(console: Console) -> bool:
    """Whether ``console`` can show a bar that moves: not in a file, nor on a terminal that shall show plain text."""
    plain = console.no_color or console.is_dumb_terminal
    return console.is_jupyter or (console.is_terminal and not plain)


@contextmanager
def job_progress(label: str, console: Console | None = None) -> Iterator[Listener]:
    """A listener for a job: a live bar on a terminal and in a notebook, a plain line now and then elsewhere."""
    console = Console(highlight=False) if console is None else console
    if not is_live(console):
        yield _plain(label, console)
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        TaskProgressColumn(),
        _StatusColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=console.quiet) as bar:
        task = bar.add_task(escape(label), total=None)

        def listen(status: Status) -> None:
            bar.update(task, total=status.total, completed=status.done, status=status, at=time.monotonic())

        yield listen


class _StatusColumn(ProgressColumn):
    """What the job said last; the time left is computed whenever it is drawn, so that it grows while nothing comes."""

    def render(self, task: Task) -> Text:
        status = task.fields.get("status")
        return Text("" if status is None else _text(status, time.monotonic() - task.fields["at"]))


def _plain(label: str, console: Console) -> Listener:
    last = time.monotonic()

    def listen(status: Status) -> None:
        nonlocal last
        if time.monotonic() - last >= PLAIN_INTERVAL:
            last = time.monotonic()
            share = 100 * status.done / max(status.total, 1)
            console.print(f"{escape(label)} {share:.0f} % · {_text(status)}", soft_wrap=True)

    return listen


def _text(status: Status, waited: float = 0) -> str:
    speed = f"{status.queries / max(status.seconds, 1e-9):,.0f} queries/s" if status.queries else ""
    return " · ".join(part for part in (status.note, speed, f"{duration(status.left(waited))} left") if part)
