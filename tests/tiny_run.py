"""A run of a second, and what two equal runs have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from pixelproof.jobs.assess_spec import make_spec
from pixelproof.jobs.open import open_job
from pixelproof.jobs.runner import run_job
from pixelproof.runs import Record, RunStore

#: LeNet on a few bundled images; there are failures, successes and inherited successes among its 20 records.
TINY = {"model": "zoo:lenet", "data": "bundled", "range": (0, 30), "samples": 5, "levels": (1, 10), "max_queries": 60}
#: The same on the command line, without ``--out``.
TINY_ARGUMENTS = (
    *("--model", "zoo:lenet", "--data", "bundled", "--range", "0:30", "--samples", "5"),
    *("--levels", "1,10", "--max-queries", "60"),
)
TINY_RECORDS = 20
#: About the bundled LeNet, to be audited; without the ``robust`` accuracy in percent.
CLAIM = """
clean_accuracy = 76.0
robust_accuracy = {robust}
[threat]
goal = "untargeted"
knowledge = "white-box"
norm = "linf"
epsilon = 1
[evaluation]
attack = "pgd"
"""


class Answer(NamedTuple):
    """What a command printed and how it exited."""

    code: int
    out: str
    err: str


Cli = Callable[..., Answer]


def run_tiny(out: Path, **options: object) -> RunStore:
    """A finished run of ``TINY`` with other ``options``, in ``out``."""
    return run_job(open_job(make_spec(**{**TINY, **options})), out)


def contents(run: RunStore) -> list[tuple[Record, bytes | None]]:
    """All that must be equal in equal runs: the records but for their seconds, and the images' bytes."""
    found = []
    for record in run.records():
        image = run.image(record)
        found.append((replace(record, seconds=0.0), None if image is None else image.tobytes()))
    return found


def found_in(folder: Path) -> int:
    """How many records of the run in ``folder`` tell of an adversarial image."""
    with RunStore.open(folder) as run:
        return sum(record.success for record in run.records())
