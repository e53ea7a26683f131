"""The sections of `make torture`: which there are, how one is measured, and where its rows are kept and shown."""

import json
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from rich.table import Table

from benchmarks.options import Row
from benchmarks.torture.workers import WHERE

RESULTS = Path(__file__).parents[2] / "results" / "torture.json"
#: In the order in which they are begun.
SECTIONS = ("soak", "crash", "inputs", "workers", "alterations", "faulty_models", "determinism")
_KILLS = tuple(f"kills:{backend}:{where}" for backend in ("processes", "ray") for where in WHERE)
#: Those that are measured where they are named alone, as they take long or need what is not everywhere.
NAMED = (*_KILLS, "pythons")


def named(*names: str) -> list[str]:
    """The sections of these ``names``, and those whose names go on with a colon after one, each once and in order."""
    prefixes = tuple(f"{name}:" for name in names)
    return [section for section in (*SECTIONS, *NAMED) if f"{section}:".startswith(prefixes)]


def measured(section: str, small: bool) -> dict[str, Any]:
    """The rows of ``section``, with the machine and the seconds; it has this process for itself."""
    import torch

    from pixelproof.runs.environment import environment

    torch.set_num_threads(1)  # as there are about as many sections at a time as cores
    begun = time.perf_counter()
    module, *part = section.split(":")
    rows: list[Row] = import_module(f"benchmarks.torture.{module}").rows(small, *part)
    seconds = round(time.perf_counter() - begun, 1)
    return {"environment": environment(torch.device("cpu")), "small": small, "seconds": seconds, "rows": rows}


def write(found: dict[str, dict[str, Any]], path: Path = RESULTS) -> None:
    """Put each section of ``found`` in the place of what it had, and keep the others."""
    board = json.loads(path.read_text("utf-8")) if path.exists() else {}
    board = {name: each for name in (*SECTIONS, *NAMED) if (each := {**board, **found}.get(name))}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(board, indent=1, ensure_ascii=False) + "\n", "utf-8")


def table(found: dict[str, dict[str, Any]]) -> Table:
    """Every row, with what was to be and whether it holds."""
    shown = Table("section", "claim", "value", "target", "holds", title="make torture")
    words = {True: "yes", False: "NO", None: "–"}
    for name in sorted(found, key=(*SECTIONS, *NAMED).index):
        for row in found[name]["rows"]:
            value = "–" if row["value"] is None else f"{row['value']:,} {row['unit']}"
            target = "" if row["target"] is None else f"{row['target']:,}"
            shown.add_row(name, row["claim"], value, target, words[row["holds"]])
    return shown
