"""The live line of a training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from pixelproof.cli.console import console

if TYPE_CHECKING:
    from pixelproof.jobs.train import Progress as Status


@contextmanager
def train_progress(name: str) -> Iterator[Callable[[Status], None]]:
    """A listener for ``train``: a live bar on a terminal, one line an epoch elsewhere."""
    if not console.is_terminal:
        yield _plain
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[status]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(name, total=None, status="")

        def listen(status: Status) -> None:
            done = (status.epoch - 1) * status.steps + status.step
            text = f"epoch {status.epoch}/{status.epochs} · loss {status.loss:.3f}"
            bar.update(task, total=status.epochs * status.steps, completed=done, status=text)

        yield listen


def _plain(status: Status) -> None:
    if status.step == status.steps:
        console.print(f"epoch {status.epoch}/{status.epochs}: loss {status.loss:.3f}")
