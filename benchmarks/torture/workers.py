"""Section `workers` of `make torture`: a run by two workers, killed in one of them, at its head or in the writer.

The writer is the process that writes the run. The head is the process that all workers hang on: of Ray the store of its
cluster's state, of processes the writer again, so that there it is the whole group that is killed. A worker's death is
made good by the run itself, and that of Ray's head near the end; after the others the run is resumed. Every run must
end equal to an undisturbed one.
"""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.judged import equal
from benchmarks.options import Row
from pixelproof.errors import RunError
from pixelproof.runs import Record, RunStore

COMMAND = "python -m benchmarks.torture workers"
WHERE = ("worker", "head", "writer")
#: Kills at each place.
COUNT = 3
#: A job of some seconds, in about eighty steps.
JOB = ("--model", "zoo:lenet", "--data", "bundled", "--samples", "80", "--attacks", "few-pixel", "--device", "cpu")
SEARCH = ("--search", "sparse-random", "--levels", "1,3", "--max-queries", "150")
#: Times that a kill came too late, after the last record, before it is plain that it always does.
PATIENCE = 20
#: Seconds that a run may take; with Ray on a busy machine it is minutes until it has begun.
LIMIT = 600


@dataclass(frozen=True)
class Outcome:
    """Of runs killed at one place: how many there were, how many ended equal, and what went wrong in others."""

    kills: int
    equal: int
    faults: tuple[str, ...]


def kill_workers(
    count: int, seed: int, backend: str = "processes", places: tuple[str, ...] = WHERE
) -> dict[str, Outcome]:
    """By place, what became of ``count`` runs that were killed there at random moments."""
    draw = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "whole"
        _assess(whole, ()).wait(LIMIT)
        expected, seconds = _contents(whole), _seconds(Path(folder) / "undisturbed", backend)
        return {
            where: _killed(Path(folder) / where, where, backend, count, draw, expected, seconds) for where in places
        }


def _seconds(out: Path, backend: str) -> float:
    """How long a run by two workers takes from its first record to its last."""
    process = _begun(out, backend)
    try:
        begun = time.monotonic()
        while process.poll() is None and _status(out) != "finished":
            time.sleep(0.01)
        return time.monotonic() - begun
    finally:
        _end_group(process)


def _killed(
    folder: Path, where: str, backend: str, count: int, draw: random.Random, expected: object, seconds: float
) -> Outcome:
    kills, same, tries, faults = 0, 0, 0, list[str]()
    while kills < count and tries < PATIENCE * count:
        tries += 1
        out = folder / str(tries)
        code = _disturbed(out, where, backend, draw.random() * seconds)
        if code is None:
            continue
        kills += 1
        if code:
            resumed = subprocess.run(
                _pixelproof("resume", str(out), "--workers", "2"), capture_output=True, timeout=LIMIT
            )
            if resumed.returncode:
                faults.append(resumed.stderr.decode()[-300:])
                continue
        if _contents(out) == expected:
            same += 1
        else:
            faults.append(f"{out.name} differs")
    return Outcome(kills, same, tuple(faults))


def _disturbed(out: Path, where: str, backend: str, after: float) -> int | None:
    """Begin a run and kill it at ``where`` so many seconds after its first record: its exit code, 0 where it made the
    loss good by itself; None where it had ended before.
    """
    process = _begun(out, backend)
    try:
        time.sleep(after)
        victims = _victims(process.pid, where, backend)
        if process.poll() is not None or not victims or _status(out) == "finished":
            return None
        for pid in victims:
            os.kill(pid, signal.SIGKILL)
        code = process.wait(LIMIT)
        return None if code == 0 and process.pid in victims else code
    finally:
        if process.poll() is None:
            process.kill()
        _end_group(process)


def _victims(writer: int, where: str, backend: str) -> list[int]:
    """Whom to kill: a single worker, the head, or the process that writes."""
    below = _below(writer)
    if where == "writer":
        return [writer]
    if where == "worker":
        name = "ray::Actor" if backend == "ray" else "multiprocessing.spawn"
        return [pid for pid, words in below.items() if name in words][:1]
    heads = [pid for pid, words in below.items() if "gcs_server" in words.split(" ")[0]]
    return heads if backend == "ray" else [*below, writer]


def _below(pid: int) -> dict[int, str]:
    """The processes that ``pid`` and its children have started, with their command lines."""
    found: dict[int, str] = {}
    try:
        children = [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        for child in children:
            found[child] = Path(f"/proc/{child}/cmdline").read_text().replace("\0", " ")
            found |= _below(child)
    except (FileNotFoundError, ProcessLookupError):
        pass  # it ended meanwhile
    return found


def _begun(out: Path, backend: str) -> subprocess.Popen[bytes]:
    """A run by two workers that has its first record."""
    process = _assess(out, ("--workers", "2", "--backend", backend))
    until = time.monotonic() + LIMIT
    while process.poll() is None and not _status(out) and time.monotonic() < until:
        time.sleep(0.01)
    return process


def _assess(out: Path, more: tuple[str, ...]) -> subprocess.Popen[bytes]:
    """A run in a session of its own, so that all that it starts can be ended."""
    command = _pixelproof("assess", *JOB, *SEARCH, "--out", str(out), *more)
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)


def _pixelproof(*words: str) -> list[str]:
    return [sys.executable, "-m", "pixelproof", *words]


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End what is left of the session of ``process``, which is waited for."""
    process.wait(LIMIT)
    with suppress(ProcessLookupError):  # nothing is left
        os.killpg(process.pid, signal.SIGKILL)


def _status(out: Path) -> str | None:
    """``running`` or ``finished``; None before there are records."""
    try:
        with RunStore.open(out) as run:
            return run.manifest.status if run.sizes()[0] else None
    except RunError:
        return None


def _contents(out: Path) -> list[tuple[Record, bytes | None]]:
    with RunStore.open(out) as run:
        images = {record: run.image(record) for record in run.records()}
    return [(replace(each, seconds=0.0), None if found is None else found.tobytes()) for each, found in images.items()]


def rows(small: bool) -> list[Row]:
    """A row for each place."""
    return killed("processes", 2 if small else COUNT, f"{COMMAND}{' --small' if small else ''}")


def killed(backend: str, count: int, command: str, places: tuple[str, ...] = WHERE) -> list[Row]:
    """A row for each of ``places`` where workers of ``backend`` are killed ``count`` times."""
    found = list[Row]()
    for where, outcome in kill_workers(count, 0, backend, places).items():
        claim = f"two workers, {backend}: killed {outcome.kills} times at the {where}, goes on to equal records"
        held = outcome.kills == outcome.equal == count
        found.append(equal(claim, held, kills=outcome.kills, faults=list(outcome.faults)[:3], command=command))
    return found
