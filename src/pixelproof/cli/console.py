"""What the commands print with."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.segment import Segment

from pixelproof.wording import visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from rich.console import ConsoleOptions, RenderableType

    from pixelproof.runs import Finding


class _PlainConsole(Console):
    """Writes out what would steer the terminal: names and errors are the words of others."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(visible(segment.text), segment.style)


console: Console = _PlainConsole(highlight=False)
errors: Console = _PlainConsole(stderr=True, highlight=False, soft_wrap=True)


@contextmanager
def set_up(*, quiet: bool = False, stderr: bool = False) -> Iterator[None]:
    """Meanwhile ``console`` prints nothing, where it is to be ``quiet``, or to standard error."""
    before = vars(console).copy()
    other = _PlainConsole(highlight=False, quiet=quiet or console.quiet, stderr=stderr or console.stderr)
    vars(console).update(vars(other))
    try:
        yield
    finally:
        vars(console).update(before)


_STYLES = {"info": "cyan", "warning": "yellow", "error": "red"}


def fail(message: str, code: int) -> int:
    """Print ``message`` to standard error and give back the exit ``code``."""
    errors.print(f"[bold red]error:[/] {escape(message)}")
    return code


def noting(word: str) -> Callable[[str], None]:
    """What prints sentences that a reader must know at once, each behind ``word``."""
    return lambda text: console.print(f"[yellow]{word}[/]: {escape(text)}", soft_wrap=True)


def show_findings(findings: Iterable[Finding]) -> None:
    """One line a finding."""
    for finding in findings:
        style = _STYLES[finding.severity]
        console.print(
            f"[{style}]{finding.severity}[/] [bold]{finding.name}[/]: {escape(finding.message)}", soft_wrap=True
        )
