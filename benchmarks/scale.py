"""Measure what large jobs cost: a query as samples grow, the memory of a run and its documents, and workers.

Usage: python -m benchmarks.scale [SECTION ...] [--small] [--folder FOLDER]

Writes results/scale.json; every section is written as it ends, in the place of its earlier rows.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import torch

from benchmarks import board, large, overhead, workers
from benchmarks.options import Options, Row
from pixelproof.memory import keep_freed_memory

RESULTS = Options.out.with_name("scale.json")


def _sections(chosen: argparse.Namespace) -> dict[str, Callable[[], list[Row]]]:
    return {
        "cost": lambda: overhead.rows(chosen.small),
        "memory": lambda: large.rows(chosen.folder, chosen.small),
        "workers": lambda: workers.rows(chosen.small),
    }


def main(arguments: list[str] | None = None) -> None:
    """Run the chosen sections and write each as it ends."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("sections", nargs="*")
    parser.add_argument("--folder", type=Path, default=Path("scale-run"), help="where large runs are written, 600 MB")
    parser.add_argument("--small", action="store_true", help="a tenth of the samples, in minutes")
    parser.add_argument("--out", type=Path, default=RESULTS)
    chosen = parser.parse_args(arguments)
    sections = _sections(chosen)
    if unknown := set(chosen.sections) - set(sections):
        parser.error(f"there is no section {min(unknown)!r}; the sections are {', '.join(sections)}")
    torch.set_num_threads(1)
    keep_freed_memory()
    for name in chosen.sections or sections:
        command = " ".join(["python -m benchmarks.scale", name, *(["--small"] if chosen.small else [])])
        board.measure(name, sections[name], command, chosen.out)


if __name__ == "__main__":
    main()
