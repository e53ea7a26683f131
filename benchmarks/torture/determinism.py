"""Section `determinism`: the same spec and seed give the same records, bit for bit, on one kind of processor.

Whatever the number of threads, the order of the work and the points at which it is broken off. On another kind of
processor the last bits of scores are others; how far that reaches is measured with instructions forbidden to libraries,
and that a run says so which has been on two.
"""

import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from benchmarks.judged import at_least, equal
from benchmarks.options import Row
from benchmarks.torture.cases import Case, cases, contents
from pixelproof.jobs import runner
from pixelproof.jobs.assess_spec import make_spec
from pixelproof.jobs.job import Batch, Job
from pixelproof.jobs.open import open_job
from pixelproof.runs import Record, RunStore
from pixelproof.runs.progress import Progress

COMMAND = "python -m benchmarks.torture determinism"
SMALL_CASES = ("levels", "perturb")
#: Cases that need no gradients; those of others are sums whose order follows the number of threads.
BY_ANSWERS = ("levels", "minimal", "perturb", "transfer", "study")
#: What a processor of another kind is stood in for by: variables of torch and of oneDNN.
PROCESSORS = {
    "AVX2 for AVX-512": {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"},
    "no vectors": {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41"},
}


class _BrokenOffError(Exception):
    """Stands for whatever ends a run too early."""


def rows(small: bool) -> list[Row]:
    """Threads, order and breaks of every case; processors of one assessment."""
    torch.set_num_threads(1)
    with TemporaryDirectory(prefix="pixelproof-determinism-") as folder:
        work = Path(folder)
        given = cases(work / "given")
        given["levels"].go(work / "given" / "finished")
        chosen = [case for name, case in given.items() if not small or name in SMALL_CASES]
        expected = {case.name: _carried_out(case, work / "expected") for case in chosen}
        found = [
            _agreeing("the work done backwards and in random order", chosen, expected, work, _reordered),
            _agreeing("broken off at every step", chosen, expected, work, _broken),
        ]
        if not small:
            asking = [case for case in chosen if case.name in BY_ANSWERS]
            found.append(_agreeing("two threads, by answers alone", asking, expected, work, _threaded))
            others = [case for case in chosen if case.name not in BY_ANSWERS]
            gradients = _agreeing("two threads, with gradients", others, expected, work, _threaded)
            found.append({**gradients, "target": None, "holds": None})
            found += _processors(work / "processors")
    return [{**row, "command": f"{COMMAND}{' --small' if small else ''}"} for row in found]


def _carried_out(case: Case, work: Path) -> dict[str, object]:
    case.go(work / case.name)
    return contents(work / case.name)


def _agreeing(
    claim: str,
    chosen: Sequence[Case],
    expected: dict[str, dict[str, object]],
    work: Path,
    ways: Callable[[Case, Path], Iterator[Path]],
) -> Row:
    """Whether each of the ``ways`` in which a case is done leaves what is ``expected`` of it."""
    tried, wrong = 0, []
    for case in chosen:
        for out in ways(case, work / claim / case.name):
            tried += 1
            if contents(out) != expected[case.name]:
                wrong.append(f"{case.name}, {out.name}")
    return equal(f"{claim}: the same records ({tried} runs)", tried > 0 and not wrong, wrong=wrong[:5])


def _reordered(case: Case, work: Path) -> Iterator[Path]:
    """Steps in other orders; a training has but one."""
    real = {kind: kind.work for kind in Job.__subclasses__()}
    for name, order in (("backwards", lambda steps: steps[::-1]), ("random", _shuffled)):

        def work_of(kind: type[Job], order: Callable[[list[str]], list[str]]) -> Callable[..., Iterator[Batch]]:
            return lambda self, run, steps: real[kind](self, run, order(list(steps)))

        for kind in real:
            kind.work = work_of(kind, order)  # type: ignore[method-assign]
        try:
            case.go(work / name)
        finally:
            for kind, before in real.items():
                kind.work = before  # type: ignore[method-assign]
        yield work / name


def _shuffled(steps: list[str]) -> list[str]:
    return random.Random(0).sample(steps, len(steps))


def _broken(case: Case, work: Path) -> Iterator[Path]:
    """Broken off each time that something was kept, until nothing is left."""
    real = RunStore.commit

    def commit(self: RunStore, *arguments: object, **options: object) -> None:
        real(self, *arguments, **options)  # type: ignore[arg-type]
        raise _BrokenOffError

    for _ in range(1_000):
        RunStore.commit = commit  # type: ignore[method-assign]
        try:
            case.go(work / "steps")
        except _BrokenOffError:
            continue
        finally:
            RunStore.commit = real  # type: ignore[method-assign]
        break
    yield work / "steps"


def _threaded(case: Case, work: Path) -> Iterator[Path]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        case.go(work / "two")
    finally:
        torch.set_num_threads(before)
    yield work / "two"


# Processors.


def _processors(work: Path) -> Iterator[Row]:
    """How many records of a larger run are others where instructions are forbidden, and whether a move is marked."""
    here = _assessed(work / "here", {})
    for name, variables in PROCESSORS.items():
        if variables["ATEN_CPU_CAPABILITY"].upper() == torch.backends.cpu.get_cpu_capability():
            continue  # that is this processor itself
        there = _assessed(work / name, variables)
        same = [_timeless(one) == _timeless(other) for one, other in zip(here, there, strict=True)]
        agreeing = [one.success == other.success for one, other in zip(here, there, strict=True)]
        about = {"records": len(here), "successes": [sum(r.success for r in each) for each in (here, there)]}
        yield at_least(f"{name}: records that are equal bit for bit", 100 * sum(same) / len(same), "%", None, **about)
        claim = f"{name}: records with the same outcome"
        yield at_least(claim, 100 * sum(agreeing) / len(agreeing), "%", None, **about)
        yield equal(f"{name}: a run that was gone on with there says so", _marked(work / f"{name} moved", variables))


def _timeless(record: Record) -> Record:
    return replace(record, seconds=0.0)


def _assessed(out: Path, variables: dict[str, str]) -> list[Record]:
    _elsewhere("assess", out, variables)
    with RunStore.open(out) as run:
        return run.records()


def _marked(out: Path, variables: dict[str, str]) -> bool:
    with suppress(_BrokenOffError):
        assess(out, rounds=2)
    _elsewhere("assess", out, variables)
    with RunStore.open(out) as run:
        return any(finding.name == "other-arithmetic" for finding in run.manifest.findings)


def _elsewhere(function: str, out: Path, variables: dict[str, str]) -> None:
    """``function(out)`` of this file in a process with ``variables``, which libraries read as they are loaded."""
    command = f"from benchmarks.torture import determinism as d; d.{function}(d.Path({str(out)!r}))"
    subprocess.run([sys.executable, "-c", command], check=True, env={**os.environ, "OMP_NUM_THREADS": "1", **variables})


def assess(out: Path, rounds: int | None = None) -> None:
    """An assessment of 60 images in ``out``; broken off after so many ``rounds``."""
    seen = 0

    def stop(_: Progress) -> None:
        nonlocal seen
        seen += 1
        if seen == rounds:
            raise _BrokenOffError

    spec = make_spec(model="zoo:lenet", data="bundled", samples=60, levels=(1, 3), max_queries=200, device="cpu")
    runner.run_job(open_job(spec), out, stop).close()
