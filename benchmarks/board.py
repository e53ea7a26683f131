"""results/bench.json: rows by part, each part with its own environment, date, commit and command."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from benchmarks.options import Options, Row
from pixelproof.runs.environment import environment

RESULTS = Options.out


def read(path: Path = RESULTS) -> dict[str, Any]:
    """The board at ``path``; an empty one before it is there."""
    if not path.exists():
        return {"environment": {}, "parts": {}, "rows": []}
    board: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return board


def write(part: str, rows: list[Row], command: str, seconds: float, path: Path = RESULTS) -> None:
    """Put ``rows`` in the place of what ``part`` (SECTION/NAME) had, and keep everything else."""
    board = read(path)
    board["environment"] = environment(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    board["parts"][part] = {"environment": board["environment"], "command": command, "seconds": round(seconds, 1)}
    board["parts"] = dict(sorted(board["parts"].items()))
    kept = [row for row in board["rows"] if row["part"] != part]
    kept += [{**row, "command": command, "part": part} for row in rows]
    board["rows"] = sorted(kept, key=lambda row: str(row["part"]))
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(f".{os.getpid()}.tmp")
    beside.write_text(json.dumps(board, indent=1, ensure_ascii=False) + "\n", "utf-8")
    beside.replace(path)


def measure(part: str, work: Callable[[], list[Row]], command: str, path: Path) -> None:
    """Do ``work``, print its rows and write them as those of ``part``."""
    begun = time.perf_counter()
    found = work()
    for row in found:
        print(f"{row['claim']}: {row['value']} {row['unit']} (target {row['target']})", flush=True)
    write(part, found, command, time.perf_counter() - begun, path)


def rows(section: str, path: Path = RESULTS) -> list[Row]:
    """The rows of ``section``."""
    return [row for row in read(path)["rows"] if row["part"].partition("/")[0] == section]
