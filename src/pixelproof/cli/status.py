"""pixelproof status: how far a run is, and how to go on."""

from __future__ import annotations

import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from pixelproof.cli.console import console
from pixelproof.wording import allowance, attack_name, count, duration, percent, plural

if TYPE_CHECKING:
    from pixelproof.runs import RunStore


def status(
    run: Annotated[Path, typer.Argument(help="The folder of a run, or one that runs lie in, as of a study.")],
    as_json: Annotated[bool, typer.Option("--json", help="As JSON: a list of runs.")] = False,
) -> None:
    """Say what runs hold: how far each is, how long the rest takes, its levels so far, and how to go on."""
    from pixelproof.cli.documents import print_json
    from pixelproof.runs.database import FILE

    folders = [run] if (run / FILE).exists() else sorted(each.parent for each in run.rglob(FILE))
    found = [run_status(folder) for folder in folders or [run]]
    if as_json:
        print_json(found)
        return
    for each in found:
        _print(each)


def run_status(folder: Path) -> dict[str, Any]:
    """What the run in ``folder`` says, how far it is, and what to type next. Raises ``RunError`` where there is none.

    Another process may write it meanwhile: its ``status`` is then ``running``, else ``finished`` or ``interrupted``.
    """
    from pixelproof.results.document import document
    from pixelproof.runs import RunStore
    from pixelproof.runs.database import being_written

    written = being_written(folder)
    with RunStore.open(folder) as store, store.reading():
        found = document(store)
        if found["status"] != "finished" and not written:
            found["status"] = "interrupted"
        return {**found, "progress": _progress(store, written), "next": _next(store, found["status"])}


def _progress(store: RunStore, written: bool) -> dict[str, Any] | None:
    """How far the job said to be, and the seconds left as of now; None where it has said nothing."""
    if (noted := store.progress()) is None:
        return None
    said, at = noted
    if store.manifest.status == "finished":
        return {"done": said.total, "total": said.total, "note": "", "seconds_left": 0}
    left = said.left(max(time.time() - at, 0) if written else 0)
    return {"done": said.done, "total": said.total, "note": said.note, "seconds_left": left and round(left)}


def _next(store: RunStore, status: str) -> str | None:
    """The command to go on with; None while another process goes on."""
    from pixelproof.models.load import is_remote

    assert store.folder is not None
    if status == "running":
        return None
    spec = store.manifest.spec
    words = ["pixelproof", "report" if status == "finished" else "resume", str(store.folder)]
    if status == "interrupted":
        words += ["--model", "FILE.py:FUNCTION"] if str(spec.get("model")).startswith("python:") else []
        words += ["--model", spec["model"]] if is_remote(str(spec.get("model"))) else []
        words += ["--trust-code"] if spec.get("trust_code") else []
    return shlex.join(words)


def _print(found: dict[str, Any]) -> None:
    style = {"finished": "green", "running": "cyan", "interrupted": "yellow"}[found["status"]]
    title = f"[bold]{escape(found['run'])}[/]: {found['job']} of {escape(found['model'])} on {escape(found['data'])}"
    console.print(f"{title}, [{style}]{found['status']}[/]", soft_wrap=True)
    if (progress := found["progress"]) is not None and found["status"] != "finished":
        share = percent(progress["done"] / progress["total"] if progress["total"] else None)
        parts = (share, escape(progress["note"]), f"{duration(progress['seconds_left'])} left")
        console.print("  " + " · ".join(part for part in parts if part), soft_wrap=True)
    if found.get("levels"):
        console.print(_levels(found["levels"]))
    if found["findings"]:
        console.print(f"  {plural(len(found['findings']), 'finding')}", soft_wrap=True)
    said = "another process is writing it" if found["next"] is None else f"next: {found['next']}"
    console.print(f"  {escape(said)}", soft_wrap=True)


def _levels(levels: list[dict[str, Any]]) -> Table:
    table = Table(box=None, padding=(0, 2))
    table.add_column("level", justify="left")
    for name in ("images", "broken", "proved", "open", "to come"):
        table.add_column(name, justify="right")
    for each in levels:
        name = f"{attack_name(each['constraint'])}, {allowance(each['constraint'], each['threshold'])}"
        numbers = (each["images"], each["broken"], each["proved"], each["open"] - each["pending"], each["pending"])
        table.add_row(name, *map(count, numbers))
    return table
