"""Bad input: thousands of spoilt options, files and runs, each in an orderly exit, with nothing run and nothing lost.

``python -m benchmarks.torture.inputs PART SEED`` runs the cases of one seed again and says what went wrong.
"""

from __future__ import annotations

import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from hypothesis import HealthCheck, Phase, given, seed, settings

from benchmarks.torture.case import Case
from benchmarks.torture.guarded import PATIENCE, Ending, run
from benchmarks.torture.strangers import PARTS
from benchmarks.torture.strangers_runs import finished_grid, finished_pack, finished_run

#: Bytes that a command may hold beside what the process has when it begins, in every case.
MOST_HELD = 1 << 30
_CHUNK = 50  # cases of one seed


@dataclass(frozen=True)
class Fault:
    """A case that ended otherwise than it must."""

    part: str
    seed: int
    case: str
    faults: tuple[str, ...]


# Running them.

_DRAWING = ("report", "resume", "compare", "evidence", "grid", "merge", "transfer", "clever")


def _try(case: Case) -> Ending:
    with TemporaryDirectory(prefix="torture-") as place:
        folder = Path(place, "here")
        case.lay(folder)
        return run(case.arguments, folder, folder / case.writes, limited=case.arguments[0] not in _DRAWING)


def chunk(part: str, number: int, count: int = _CHUNK) -> tuple[int, list[Fault], Counter[int], int]:
    """``count`` cases of ``part`` with the seed ``number``: how many, faults, exit codes, bytes held."""
    faults: list[Fault] = []
    codes: Counter[int] = Counter()
    most = 0

    @seed(number)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(PARTS[part][0]())
    def each(case: Case) -> None:
        nonlocal most
        ending = _try(case)
        codes[ending.code] += 1
        most = max(most, ending.grown)
        if found := ending.faults + (("held too much",) if ending.grown > MOST_HELD else ()):
            faults.append(Fault(part, number, str(case), found))

    each()
    return sum(codes.values()), faults, codes, most


def _work(task: tuple[str, int, int], answer: Connection) -> None:
    torch.set_num_threads(1)
    sys.dont_write_bytecode = True
    part, number, count = task
    answer.send(chunk(part, number, count))


def tasks(total: int) -> Iterator[tuple[str, int, int]]:
    """Parts with seeds and numbers of cases, ``total`` cases or a few more of all parts together."""
    for part, (_, share) in PARTS.items():
        left, number = -(-total * share // 1000), 0
        while left > 0:
            yield part, number, min(_CHUNK, left)
            left, number = left - _CHUNK, number + 1


def torture(total: int, workers: int = 2) -> tuple[Counter[str], list[Fault], Counter[int], int]:
    """``total`` cases in ``workers`` processes: how many of each part, faults, exit codes, bytes."""
    for made in (finished_run, finished_pack, finished_grid):
        made()  # once, before the processes part
    done: Counter[str] = Counter()
    faults: list[Fault] = []
    codes: Counter[int] = Counter()
    most = 0
    for (part, number, _), answer in _each(list(tasks(total)), workers):
        count, found, ended, held = answer or (
            1,
            [Fault(part, number, "", ("traceback: the process died",))],
            Counter(),
            0,
        )
        done[part] += count
        faults += found
        sys.stderr.write("".join(f"{each}\n" for each in found))
        codes += ended
        most = max(most, held)
    return done, faults, codes, most


def _each(planned: list[tuple[str, int, int]], workers: int) -> Iterator[tuple[tuple[str, int, int], Any]]:
    """What ``chunk`` gives of each of ``planned``, every one in a process of its own; None where that died."""
    context, running = multiprocessing.get_context("fork"), dict[Connection, tuple[str, int, int]]()
    while planned or running:
        while planned and len(running) < workers:
            ours, theirs = context.Pipe(duplex=False)
            task = planned.pop(0)
            context.Process(target=_work, args=(task, theirs)).start()
            theirs.close()
            running[ours] = task
        for ready in wait(list(running)):
            assert isinstance(ready, Connection)
            try:
                answer = ready.recv()
            except EOFError:
                answer = None
            yield running.pop(ready), answer


def rows(small: bool) -> list[dict[str, Any]]:
    """Rows of the table: cases, what went wrong of each kind, the most memory held."""
    total = 600 if small else 10_500
    begun = time.monotonic()
    done, faults, codes, most = torture(total)
    command = f"python -m benchmarks.torture.inputs {total}"
    kinds = {
        "tracebacks": ("traceback",),
        f"hangs (more than {PATIENCE} s)": ("hung",),
        "code run, processes started, connections made": ("started", "ran", "unpickled", "connected"),
        "files written or changed outside the folder for output": ("wrote", "changed"),
        "exits with another code than 0 to 3, or without a sentence": ("exit code", "no sentence", "control"),
    }
    found = [
        _row(
            "bad inputs tried: options, specs, claims, data, models, checkpoints, runs",
            sum(done.values()),
            "cases",
            total,
            command,
        ),
        _row("of these refused with one sentence", codes[2] + codes[1], "cases", None, command),
    ]
    for kind, beginnings in kinds.items():
        count = sum(any(fault.startswith(beginnings) for fault in each.faults) for each in faults)
        found.append(_row(f"bad input: {kind}", count, "cases", 0, command, count == 0))
    found.append(
        _row(
            "bad input: memory held at most beside the process's own",
            round(most / 2**20),
            "MiB",
            MOST_HELD >> 20,
            command,
            most <= MOST_HELD,
        )
    )
    sys.stderr.write(f"{sum(done.values())} cases in {time.monotonic() - begun:.0f} s: {dict(done)}, {dict(codes)}\n")
    return found


def _row(
    claim: str, value: float, unit: str, target: float | None, command: str, holds: bool | None = None
) -> dict[str, Any]:
    held = target is None or value >= target if holds is None else holds
    return {"claim": claim, "value": value, "unit": unit, "target": target, "holds": held, "command": command}


def main(arguments: Sequence[str]) -> None:
    """``PART SEED``, or a number of cases of all parts."""
    if len(arguments) == 2:
        done = chunk(arguments[0], int(arguments[1]))
        sys.stdout.write("".join(f"{each}\n" for each in done[1]) + f"{done[0]} cases, {dict(done[2])}\n")
        return
    done_all, faults, codes, most = torture(int(arguments[0]))
    kinds = Counter((each.part, each.faults[0][:120]) for each in faults)
    for (part, fault), count in kinds.most_common():
        example = next(each for each in faults if each.part == part and each.faults[0][:120] == fault)
        sys.stdout.write(f"{count} × {part} (seed {example.seed}): {fault}\n    {example.case}\n")
    sys.stdout.write(f"{sum(done_all.values())} cases, {len(faults)} faults, {dict(codes)}, {most >> 20} MiB\n")


if __name__ == "__main__":
    main(sys.argv[1:])
