"""pixelproof evidence: a folder for a reviewer or an auditor."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from pixelproof.cli.options import Open, Quiet


def evidence(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="The folders of finished runs.")],
    out: Annotated[Path, typer.Option(help="Folder for the pack; a zip file of it comes beside it.")],
    sign: Annotated[
        Path | None, typer.Option(metavar="KEY.pem", help="Sign with this private Ed25519 key (PEM).")
    ] = None,
    quiet: Quiet = False,
    open_: Open = False,
) -> None:
    """Put runs into a pack for an auditor: a page, the runs, cards, a bill of materials, digests and a signature."""
    from pixelproof.cli.console import console
    from pixelproof.cli.documents import open_in_browser
    from pixelproof.report.evidence import write_pack
    from pixelproof.runs import reading
    from pixelproof.runs.pack import check

    with reading("one of the runs"):
        page = write_pack(runs, out, sign)
    found = check(out)
    console.print(f"pack: [bold]{escape(str(out))}[/], {escape(str(out))}.zip", soft_wrap=True)
    console.print(f"page: [bold]{escape(str(page))}[/]", soft_wrap=True)
    signed = f", signed by key {found.signed_by}" if found.signed_by else ""
    console.print(f"root: {found.root}{signed}", soft_wrap=True)
    if open_:
        open_in_browser(page)
