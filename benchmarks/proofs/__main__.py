"""Measure what is proved and what the few-pixel search finds; write results/proofs.json.

Usage: PIXELPROOF_CHECKPOINT=resnet20-12fca82f.th python -m benchmarks.proofs [SECTION ...] --data cifar10:ROOT
       --mnist DIR --folder FOLDER [--small]

What takes long is kept in FOLDER image by image, so that an interrupted measurement goes on. What needs data or a
checkpoint that is not at hand is left out, and said.
"""

import argparse
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import torch

from benchmarks import board
from benchmarks.missing import MissingError
from benchmarks.options import Options, Row
from benchmarks.proofs import bounds, grey, masks, recall
from pixelproof.memory import keep_freed_memory

RESULTS = Options.out.with_name("proofs.json")
SMALL_NETWORKS = ("lenet",)


#: Parts of a section, each with its name, empty where there is one only, and its rows.
Parts = Iterable[tuple[str, list[Row]]]


def _sections(chosen: argparse.Namespace) -> dict[str, Callable[[], Parts]]:
    options, networks = Options(chosen.data, chosen.small), SMALL_NETWORKS if chosen.small else recall.NETWORKS
    return {
        "bounds": lambda: bounds.parts(chosen.folder / "bounds", chosen.mnist, chosen.small),
        "grey": lambda: [("", _grey(chosen))],
        "masks": lambda: [("", list(masks.rows(chosen.small)))],
        "recall": lambda: [("", recall.rows(options, chosen.folder / "truth", networks, chosen.ask_again))],
    }


def _grey(chosen: argparse.Namespace) -> list[Row]:
    if chosen.mnist is None:
        raise MissingError("It needs MNIST; give --mnist DIR.")
    return grey.rows(chosen.folder / "grey", chosen.mnist, chosen.small)


def main(arguments: list[str] | None = None) -> None:
    """Run the chosen sections and write each as it ends."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.proofs", description=__doc__)
    parser.add_argument("sections", nargs="*")
    parser.add_argument("--data", default=Options.data)
    parser.add_argument("--mnist", help="the folder of MNIST's official files")
    parser.add_argument("--folder", type=Path, default=Path("proofs-run"))
    parser.add_argument("--ask-again", action="store_true", help="ask for the truth of recall that is recorded")
    parser.add_argument("--small", action="store_true", help="a few images, in minutes")
    parser.add_argument("--out", type=Path, default=RESULTS)
    chosen = parser.parse_args(arguments)
    sections = _sections(chosen)
    if unknown := set(chosen.sections) - set(sections):
        parser.error(f"there is no section {min(unknown)!r}; the sections are {', '.join(sections)}")
    torch.set_num_threads(1)
    keep_freed_memory()
    for name in chosen.sections or sections:
        begun = time.perf_counter()
        try:
            for part, rows in sections[name]():
                for row in rows:
                    print(f"{row['claim']}: {row['value']} {row['unit']}", flush=True)
                seconds, begun = time.perf_counter() - begun, time.perf_counter()
                board.write(f"{name}/{part}" if part else name, rows, _command(name, chosen), seconds, chosen.out)
        except MissingError as error:
            print(f"{name}: left out. {error}", flush=True)


def _command(section: str, chosen: argparse.Namespace) -> str:
    words = [
        "PIXELPROOF_CHECKPOINT=resnet20-12fca82f.th python -m benchmarks.proofs",
        section,
        f"--data {chosen.data.partition(':')[0]}:ROOT --mnist DIR",
    ]
    return " ".join([*words, *(["--small"] if chosen.small else [])])


if __name__ == "__main__":
    main()
