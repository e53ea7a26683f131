"""What pixelproof verify does with an evidence pack: whether any byte was altered, and who signed it."""

from pathlib import Path

from rich.markup import escape

from pixelproof.cli.console import console
from pixelproof.errors import VerificationError
from pixelproof.runs.pack import RUNS, check
from pixelproof.wording import plural, printable


def verify_pack(pack: Path, key: Path | None) -> None:
    """Print what holds of ``pack``. Raises ``VerificationError`` where anything was altered, or signed by another."""
    found = check(pack, key)
    for text in found.problems:
        console.print(f"[red]does not hold[/]: {escape(printable(text))}", soft_wrap=True)
    if found.problems:
        raise VerificationError(f"{plural(len(found.problems), 'claim')} of {pack} do not hold.")
    if found.signed_by is None:
        console.print("[yellow]not signed[/]: compare the root with the one that you were told.", soft_wrap=True)
    elif key is None:
        console.print(f"signed by key {found.signed_by}; whose that is, --key decides.", soft_wrap=True)
    else:
        console.print(f"signed by the key given, {found.signed_by}.", soft_wrap=True)
    console.print(f"root: {found.root}", soft_wrap=True)
    console.print(
        f"[green]verified[/]: {plural(found.files, 'file')} of {escape(str(pack))} are as they were written, and "
        f"{plural(found.statements, 'statement')} name records that are there. What the runs claim of their model, "
        f"pixelproof verify {escape(pack.stem if pack.is_file() else str(pack))}/{RUNS}/NAME computes again.",
        soft_wrap=True,
    )
