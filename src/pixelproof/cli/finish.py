"""What every run ends with: the level table, the report, the tables on disk."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from pixelproof.cli.console import console

if TYPE_CHECKING:
    from pixelproof.runs import RunStore


def run_and_finish(run: RunStore, classifier: object, label: str) -> None:
    """Do what is left of ``run``, then print its levels and write report and tables beside it."""
    from pixelproof.cli.progress import run_progress
    from pixelproof.jobs.assess import execute

    try:
        with run_progress(label) as listener:
            execute(run, classifier, listener)  # type: ignore[arg-type]
    except KeyboardInterrupt:
        trust = " --trust-code" if run.manifest.spec.get("trust_code") else ""
        command = f"pixelproof resume {shlex.quote(str(run.folder))}{trust}"
        console.print(
            f"Interrupted; nothing finished is lost. Continue with: [bold]{escape(command)}[/]", soft_wrap=True
        )
        raise
    show(run)


def show(run: RunStore) -> None:
    """Print the level tables of ``run`` and write its report and tables."""
    from pixelproof.report import terminal_tables

    for table in terminal_tables(run):
        console.print(table)
    console.print(f"report: [bold]{escape(str(write_documents(run)))}[/]", soft_wrap=True)


def write_documents(run: RunStore) -> Path:
    """Write ``report.html`` and ``tables/`` into the folder of ``run``; returns the report's path."""
    from pixelproof.report import write_run

    assert run.folder is not None  # the command line has no runs in memory
    return write_run(run, run.folder)
