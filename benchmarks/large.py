"""The memory and the time of a large run, and of what is made of it: report, exports, status, verify, a comparison.

Everything runs in a process of its own; the commands on runs that ``synthetic`` writes.
"""

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.judged import at_most
from benchmarks.options import Row

MOST_MIB, REPORT_SECONDS, PAGE_MB = 1024, 60, 8
#: Makes a program note its peak of memory (KiB) in the file named first, as the system has it (Linux).
_NOTED = r"""
import atexit, re, sys
place = sys.argv.pop(1)
def note():
    open(place, "w").write(re.search(r"VmHWM:\s*(\d+)", open("/proc/self/status").read())[1])
atexit.register(note)
"""
_COMMAND = "from pixelproof.cli.app import main; main()"
_RUN = """
import torch; torch.set_num_threads(1)
from benchmarks.overhead import CIFAR, measure
measure(int(sys.argv[1]), None, CIFAR, levels=[1, 2, 3, 4], max_queries=5)
"""
_WRITE = """
from pathlib import Path
from benchmarks.synthetic import write
write(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
"""


@dataclass(frozen=True)
class Spent:
    """What a process took: MiB at its peak, seconds of the processor, and of the clock."""

    peak: float
    cpu: float
    wall: float


def rows(folder: Path, small: bool) -> list[Row]:
    """The memory of a run at four levels and of each command on one; what its report takes in time and on the page."""
    samples = 10_000 if small else 100_000
    of = f"{samples:,} samples at four levels"
    running = _spent(_RUN, str(samples))
    run, other = (_synthetic(folder, samples, name) for name in ("one", "other"))
    commands = {
        "report": ("report", str(run)),
        "export --to csv": ("export", str(run), "--to", "csv"),
        "export --to parquet": ("export", str(run), "--to", "parquet"),
        "export --to png": ("export", str(run), "--to", "png", "--out", str(folder / "png")),
        "status": ("status", str(run)),
        "verify --records-only": ("verify", str(run), "--records-only"),
        "compare, two runs": ("compare", str(run), str(other), "--out", str(folder / "compared")),
    }
    spent = {name: _spent(_COMMAND, *words) for name, words in commands.items()}
    found = [at_most(f"Memory of a run, {of}", running.peak, "MiB", MOST_MIB, cpu_seconds=round(running.cpu, 1))]
    for name, each in spent.items():
        about = {"cpu_seconds": round(each.cpu, 1), "wall_seconds": round(each.wall, 1)}
        found.append(at_most(f"Memory of pixelproof {name}, {of}", each.peak, "MiB", MOST_MIB, **about))
    # Of the processor, so that nothing else on the machine counts: one thread does it all.
    found.append(at_most(f"Processor's time of pixelproof report, {of}", spent["report"].cpu, "s", REPORT_SECONDS))
    page = (run / "report.html").stat().st_size / 1e6
    return [*found, at_most(f"Size of its page, {of}", page, "MB", PAGE_MB)]


def _synthetic(folder: Path, samples: int, model: str) -> Path:
    """A run of ``model``; it takes a minute to write and is kept."""
    run = folder / f"{model}-{samples}"
    if not (run / "run.sqlite").exists():
        _spent(_WRITE, str(run), str(samples), model)
    return run


def _spent(program: str, *arguments: str) -> Spent:
    """What ``program`` takes in a process of its own. Raises ``CalledProcessError`` where it fails."""
    with tempfile.TemporaryDirectory(prefix="pixelproof-") as place:
        noted = Path(place, "peak")
        before, begun = os.times(), time.perf_counter()
        words = [sys.executable, "-c", _NOTED + program, str(noted), *arguments]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"})
        wall, after = time.perf_counter() - begun, os.times()
        cpu = after.children_user - before.children_user + after.children_system - before.children_system
        return Spent(int(noted.read_text()) / 1024, cpu, wall)
