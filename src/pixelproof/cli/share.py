"""The live line of a job that knows its share done."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from pixelproof.cli.console import console
from pixelproof.cli.progress import PLAIN_INTERVAL


@contextmanager
def share_progress(label: str) -> Iterator[Callable[[float], None]]:
    """What takes the share done, 0 to 1: a live bar on a terminal, a plain line now and then elsewhere."""
    if not console.is_terminal:
        yield _plain(label)
        return
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=20), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(escape(label), total=1.0)
        yield lambda share: bar.update(task, completed=share)


@contextmanager
def continued_by_itself() -> Iterator[None]:
    """Says, where a job inside is interrupted, that the same command goes on with it."""
    try:
        yield
    except KeyboardInterrupt:
        command = shlex.join(["pixelproof", *sys.argv[1:]])
        console.print(
            f"Interrupted; nothing measured is lost. Continue with: [bold]{escape(command)}[/]", soft_wrap=True
        )
        raise


def _plain(label: str) -> Callable[[float], None]:
    last = time.monotonic()

    def listen(share: float) -> None:
        nonlocal last
        if time.monotonic() - last >= PLAIN_INTERVAL:
            last = time.monotonic()
            console.print(f"{escape(label)} {100 * share:.0f} %", soft_wrap=True)

    return listen
