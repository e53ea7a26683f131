"""Section `crash`: whatever ends a process or breaks what lies under it, a run goes on and ends as if nothing had been.

Every job and plan and a training are killed before statements and file operations that are drawn from all that they do,
and at any time from outside; each is begun again, half of the single runs by ``pixelproof resume``. What they end with
is compared, byte by byte but for times, with what an undisturbed one ends with.
"""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from benchmarks.judged import at_least, at_most
from benchmarks.options import Row
from benchmarks.torture import signals, wrecks
from benchmarks.torture.cases import Case, cases, contents, resume
from benchmarks.torture.killing import Ended, forked, killed_at, points_of
from benchmarks.torture.wrecks import Whole
from pixelproof.runs import RunStore
from pixelproof.runs.database import FILE

COMMAND = "python -m benchmarks.torture crash"
#: Kills of a case by points, at random, and twice in a row; of plans, which take longer; and those of the small form.
FULL, OF_PLANS, SMALL = (20, 7, 3), (12, 4, 2), (5, 1, 1)
PLANS = ("grid", "study", "thesis")
SMALL_CASES = ("levels", "perturb", "train")
#: SIGKILLs that must have landed.
ENOUGH, ENOUGH_SMALL = 300, 20


def rows(small: bool) -> list[Row]:
    """Kills by case, signals, and what breaks under a run."""
    warm()
    with TemporaryDirectory(prefix="pixelproof-torture-") as folder:
        work = Path(folder)
        every = cases(work / "given")
        whole(every["levels"], work / "given" / "finished")
        chosen = [case for name, case in every.items() if not small or name in SMALL_CASES]
        wholes = {case.name: whole(case, work / "whole" / case.name) for case in chosen}
        found = list(_kills(chosen, wholes, work, small))
        found += signals.rows(wholes, work / "signals", small)
        found += wrecks.rows(wholes, work / "wrecks", small)
    return [{**row, "command": f"{COMMAND}{' --small' if small else ''}"} for row in found]


def warm() -> None:
    """Import all that children would, as they are forked from here, and leave torch without threads."""
    for name in ("altair", "vl_convert", "torch._dynamo", "pixelproof.cli.documents", "pixelproof.report"):
        import_module(name)
    torch.set_num_threads(1)


def whole(case: Case, out: Path) -> Whole:
    """What ``case`` ends with when nobody disturbs it, and how long it takes. Raises ``RuntimeError`` if it fails."""
    ended = forked(lambda: case.go(out))
    if ended.code:
        raise RuntimeError(f"{case.name} failed undisturbed: {ended.said}")
    return Whole(case, contents(out), ended.seconds)


@dataclass
class _Told:
    """What came of the kills of one case."""

    landed: int = 0
    where: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def _kills(chosen: Sequence[Case], wholes: dict[str, Whole], work: Path, small: bool) -> Iterator[Row]:
    told = {case.name: _killed(wholes[case.name], work, small) for case in chosen}
    landed = sum(each.landed for each in told.values())
    where = Counter[str]()
    for each in told.values():
        where += each.where
    kinds = f"{len(chosen)} jobs, plans and trainings"
    yield at_least(
        f"SIGKILLs that landed, over {kinds}", landed, "kills", ENOUGH_SMALL if small else ENOUGH, where=dict(where)
    )
    for name, each in told.items():
        claim = f"{name}: of {each.landed} killed runs, those that did not end equal to an undisturbed one"
        yield at_most(claim, len(each.wrong), "runs", 0, where=dict(each.where), wrong=each.wrong[:5])


def _killed(whole: Whole, work: Path, small: bool) -> _Told:
    """Kill ``whole.case`` again and again, each time in a new folder, and go on with it."""
    case, told, draw = whole.case, _Told(), random.Random(whole.case.name)
    by_points, at_random, twice = SMALL if small else OF_PLANS if case.name in PLANS else FULL
    counted = work / "points" / case.name
    names = points_of(lambda: case.go(counted), counted)
    for number, point in enumerate(_drawn(names, by_points, draw)):
        out = work / "killed" / case.name / f"point {point}"
        ended = killed_at(lambda out=out: case.go(out), out, point)  # type: ignore[misc]
        _note(told, ended, whole, out, names[point - 1], by_resume=number % 2 == 1)
    for number in range(at_random):
        out = work / "killed" / case.name / f"random {number}"
        ended = forked(lambda out=out: case.go(out), after=draw.uniform(0, 0.9 * whole.seconds))  # type: ignore[misc]
        _note(told, ended, whole, out, "at any time", by_resume=number % 2 == 1)
    for number in range(twice):
        out = work / "killed" / case.name / f"twice {number}"
        first, again = sorted(draw.sample(range(1, len(names) + 1), 2))
        told.landed += killed_at(lambda out=out: case.go(out), out, again).killed  # type: ignore[misc]
        ended = killed_at(lambda out=out: case.go(out), out, first)  # type: ignore[misc]
        _note(told, ended, whole, out, "twice", by_resume=False)
    return told


def _drawn(names: Sequence[str], count: int, draw: random.Random) -> list[int]:
    """``count`` points: one of every name as far as that goes, then any."""
    numbers = list(range(1, len(names) + 1))
    draw.shuffle(numbers)
    first = {names[number - 1]: number for number in numbers}
    rest = [number for number in numbers if number not in first.values()]
    return [*first.values(), *rest][:count] if len(first) <= count else draw.sample(sorted(first.values()), count)


def _note(told: _Told, ended: Ended, whole: Whole, out: Path, where: str, *, by_resume: bool) -> None:
    """Go on with what a kill left in ``out``, and note whether it ended as it must."""
    if not ended.killed:
        if ended.code:
            told.wrong.append(f"{where}: exit code {ended.code}, {ended.said[-300:]}")
        return
    told.landed += 1
    told.where[where] += 1
    whole_run = by_resume and (out / FILE).exists() and whole.case.name != "proofs"  # whose model has no place
    again = forked(lambda: resume(out) if whole_run else whole.case.go(out))
    if again.code:
        told.wrong.append(f"{where}: going on ended with {again.code}, {again.said[-300:]}")
    elif (differing := whole.differing(out)) or (differing := _altered(out)):
        told.wrong.append(f"{where}: {differing[:3]} differ")


def _altered(out: Path) -> list[str]:
    """What the digests of the runs in ``out`` say of them."""
    found: list[Any] = []
    for path in out.rglob(FILE):
        with RunStore.open(path.parent) as run:
            found += run.altered()
    return found
