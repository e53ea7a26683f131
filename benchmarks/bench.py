"""Measure pixelproof and its peers; write results/bench.json and docs/bench.svg.

Usage: PIXELPROOF_CHECKPOINT=resnet20-12fca82f.th python -m benchmarks.bench --data cifar10:ROOT [SECTION ...] [--small]

Without a section, all of them. Every part is written as it ends, in the place of its earlier figures, so sections and
parts (--only TEXT) can be measured apart. Without the checkpoint the bundled ResNet-20 stands in for it, without --data
the bundled images; then no target is judged.
"""

import argparse
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path

import torch

from benchmarks import (
    against,
    attacks,
    board,
    corruptions,
    defences,
    determinism,
    figure,
    generality,
    knowledge,
    minimal,
    peer_runs,
    photographs,
    sizes,
    speed,
    strength,
    summary,
)
from benchmarks.missing import MissingError
from benchmarks.options import LIMIT, Options, Parts
from pixelproof.memory import keep_freed_memory

SECTIONS: dict[str, Callable[[Options], Parts]] = {
    "strength": strength.parts,
    "peers": peer_runs.parts,
    "against": against.parts,
    "speed": speed.parts,
    "scale": sizes.parts,
    "generality": generality.parts,
    "minimal": minimal.parts,
    "determinism": determinism.parts,
    "attacks": attacks.parts,
    "knowledge": knowledge.parts,
    "photographs": photographs.parts,
    "defences": defences.parts,
    "corruptions": corruptions.parts,
}


def main(arguments: list[str] | None = None) -> int:
    """Run the chosen parts; the exit code counts those that failed."""
    chosen = _parse(arguments)
    limit = chosen.limit or LIMIT[chosen.small]
    options = Options(chosen.data, chosen.small, chosen.threads, limit, chosen.seed, chosen.out)
    torch.set_num_threads(options.threads)
    keep_freed_memory()
    warnings.simplefilter("ignore")
    failed = 0
    for section in chosen.sections or SECTIONS:
        for name, measure in SECTIONS[section](options).items():
            part = f"{section}/{name}"
            if chosen.only and not any(text in part for text in chosen.only):
                continue
            if chosen.list:
                print(part)
                continue
            command = " ".join(["python -m benchmarks.bench", section, f"--only '{part}'", *options.words()])
            begun = time.perf_counter()
            try:
                rows = measure()
            except MissingError as error:
                print(f"{part}: left out. {error}", flush=True)
                continue
            except Exception:
                failed += 1
                print(f"{part}: FAILED\n{traceback.format_exc()}", flush=True)
                continue
            seconds = time.perf_counter() - begun
            board.write(part, rows, command, seconds, chosen.out)
            for row in rows:
                print(f"{part} [{seconds:.0f} s]: {_line(row)}", flush=True)
    if not chosen.list:
        print(summary.text(board.read(chosen.out)))
        if chosen.out == board.RESULTS:
            figure.write(board.read())
    return min(failed, 1)


def _line(row: dict[str, object]) -> str:
    verdict = {True: ", reached", False: ", MISSED", None: ""}[row["holds"]]  # type: ignore[index]
    target = "" if row["target"] is None else f" (target {row['target']}{verdict})"
    more = f", {row['mean_queries']} queries" if "mean_queries" in row else ""
    more += f", {row['queries_per_second']} queries/s" if "queries_per_second" in row else ""
    return f"{row['claim']}: {row['value']} {row['unit']}{target}{more}"


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench", description="Measure pixelproof and its peers.")
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)}; default: all")
    parser.add_argument("--data", default=Options.data, help="bundled, or cifar10:ROOT")
    parser.add_argument("--small", action="store_true", help="fewer images and thresholds: under 30 minutes")
    parser.add_argument("--threads", type=int, default=Options.threads, help="threads of the CPU (default: 1)")
    parser.add_argument(
        "--limit", type=float, help=f"seconds a peer may take for an image ({LIMIT[0]:g}; small: {LIMIT[1]:g})"
    )
    parser.add_argument("--seed", type=int, default=Options.seed)
    parser.add_argument("--only", action="append", metavar="TEXT", help="parts whose name holds TEXT; may be repeated")
    parser.add_argument("--list", action="store_true", help="name the parts and stop")
    parser.add_argument("--out", type=Path, default=board.RESULTS, help="default: results/bench.json")
    chosen = parser.parse_args(arguments)
    unknown = [section for section in chosen.sections if section not in SECTIONS]
    if unknown:
        parser.error(f"there is no section {unknown[0]}; there are {', '.join(SECTIONS)}")
    return chosen


if __name__ == "__main__":
    sys.exit(main())
