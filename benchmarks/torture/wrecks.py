"""What breaks under a run: power, disk, folder, clock, and another process at the same run.

Each time a run ends equal to an undisturbed one, at once or when it is gone on with after the cause is gone, or it is
refused in one clear sentence. Nothing third may come of it: no traceback, no run that says something else.
"""

import os
import random
import resource
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.judged import at_most
from benchmarks.options import Row
from benchmarks.torture.cases import Case, contents
from benchmarks.torture.killing import Child, Ended, forked, killed_at, points_of
from pixelproof.cli import main
from pixelproof.cli.console import fail
from pixelproof.errors import InputError
from pixelproof.runs.database import FILE

#: Of the full form and the small one: damages a state, limits of the disk, repetitions of all else.
COUNTS = {False: (24, 6, 4), True: (5, 1, 1)}
#: The size of a disk of its own that the full disk is tried on, before and after it is enlarged, in KiB.
TINY_DISK, LARGE_DISK = (24, 400), 65_536
SECTOR = 512


@dataclass(frozen=True)
class Whole:
    """What ``case`` ends with when nobody disturbs it, and the seconds that it takes."""

    case: Case
    contents: dict[str, Any]
    seconds: float

    def differing(self, out: Path) -> list[str]:
        """What is other in ``out`` than it must be: missing, more, or not equal. Documents may be there besides."""
        found = contents(out)
        keys = {key for key in found if found[key] != "there"} | self.contents.keys()
        return sorted(key for key in keys if found.get(key) != self.contents.get(key))


@dataclass
class Tally:
    """What came of the tries at one wreck."""

    equal: int = 0
    told: int = 0
    wrong: list[str] = field(default_factory=list)

    def row(self, claim: str) -> Row:
        """A row that holds where nothing went wrong, and something was tried."""
        tried = self.equal + self.told + len(self.wrong)
        said = f"{claim}: of {tried} tries, those that ended neither equal nor in one sentence"
        row = at_most(said, len(self.wrong), "runs", 0, equal=self.equal, told=self.told, wrong=self.wrong[:5])
        return {**row, "holds": row["holds"] and tried > 0}


def rows(wholes: Mapping[str, Whole], work: Path, small: bool) -> list[Row]:
    """A row for each kind of wreck."""
    damages, limits, times = COUNTS[small]
    several = [wholes[name] for name in (("levels", "train") if small else ("levels", "audit", "grid", "train"))]
    found = [
        _power_cut(wholes["levels"], work / "power", damages).row("power cut (journal, database, torn page)"),
        _cut_checkpoint(wholes["train"], work / "checkpoint", damages).row("power cut (checkpoint of a training)"),
        _full_disk(several, work / "full", limits).row("full disk (files that cannot grow)"),
        _vanished(several, work / "vanished", times).row("folder renamed in the middle"),
        _clock(several, work / "clock", times).row("clock that jumps by years"),
        _two_writers(several, work / "two", times).row("two writers at once"),
    ]
    if can_mount(work):
        found.append(_tmpfs(several, work / "tmpfs", limits).row("full disk (tmpfs)"))
    else:
        found.append(skipped("full disk (tmpfs)", "nothing can be mounted here"))
    if can_freeze(work):
        found.append(_read_only(several, work / "frozen", times).row("read-only in the middle"))
    else:
        found.append(skipped("read-only in the middle", "no file can be made immutable here"))
    return found


def skipped(claim: str, why: str) -> Row:
    return {"claim": f"{claim}: not tried, as {why}", "value": None, "unit": "runs", "target": 0, "holds": None}


def typed(case: Case, out: Path) -> None:
    """``case`` as a person types it."""
    sys.argv = ["pixelproof", *case.words, "--out", str(out)]
    main()


def plainly(case: Case, out: Path) -> None:
    """``case`` without documents; a mistake is told as the command line tells it."""
    try:
        case.go(out)
    except InputError as error:
        sys.exit(fail(str(error), 2))


def judge(tally: Tally, whole: Whole, out: Path, ended: Ended, go_on: bool = True) -> None:
    """Note how ``ended`` and, where it told a mistake, how ``out`` is gone on with after the cause is gone.

    Where ``go_on`` is false the cause stays, as of a damaged file, and the sentence is the end.
    """
    finding = _fault(ended, whole.case.name)
    if finding is None and ended.code == 2 and not go_on:
        tally.told += 1
        return
    if finding is None and ended.code == 2:
        again = forked(lambda: whole.case.go(out))
        finding = f"going on: {again.said[-300:]}" if again.code else None
    finding = finding or _left_otherwise(whole, out)
    if finding is None:
        tally.equal += 1
    else:
        tally.wrong.append(f"{whole.case.name}, {out.name}: {finding}")


def _left_otherwise(whole: Whole, out: Path) -> str | None:
    """What is other in ``out`` than an undisturbed run leaves."""
    try:
        differing = whole.differing(out)
    except sqlite3.DatabaseError as error:
        return f"it ended well, and its database cannot be read ({error})"
    return f"{differing[:3]} differ" if differing else None


def _fault(ended: Ended, name: str) -> str | None:
    """What is wrong with how a command ended: anything but success, a failed claim of an audit, or one sentence."""
    sentences = sum(line.startswith("error: ") for line in ended.said.splitlines())
    good = ended.code == 0 or (name == "audit" and ended.code == 1) or (ended.code == 2 and sentences == 1)
    return None if good and "Traceback" not in ended.said else f"exit code {ended.code}, {ended.said[-300:]!r}"


# Power.


def _power_cut(whole: Whole, work: Path, damages: int) -> Tally:
    """Runs that ended at several points, then with a journal or a database of which a part did not reach the disk."""
    tally, draw = Tally(), random.Random(1)
    names = points_of(lambda: whole.case.go(work / "points"), work / "points")
    commits = [number for number, name in enumerate(names, 1) if name == "before a commit"]  # with a journal
    for share in (0.4, 0.7, 0.95):
        state = work / f"state {share}"
        point = commits[int(share * len(commits))]
        killed_at(lambda out=state: whole.case.go(out), state, point)  # type: ignore[misc]
        for number in range(damages):
            out = Path(shutil.copytree(state, work / f"damaged {share} {number}"))
            kind, part = _DAMAGES[number % len(_DAMAGES)]
            written = [each for each in (out / (FILE + part), out / FILE) if each.exists() and each.stat().st_size]
            kind(written[0], draw)  # the database, where the journal was empty
            judge(tally, whole, out, forked(lambda o=out: plainly(whole.case, o)), go_on=False)  # type: ignore[misc]
    return tally


def _cut(path: Path, draw: random.Random) -> None:
    os.truncate(path, draw.randrange(path.stat().st_size))


def _torn(path: Path, draw: random.Random) -> None:
    """Sectors that never arrived."""
    content = bytearray(path.read_bytes())
    for _ in range(draw.randint(1, 4)):
        start = draw.randrange(0, len(content), SECTOR)
        content[start : start + SECTOR] = bytes(len(content[start : start + SECTOR]))
    path.write_bytes(content)


def _garbled(path: Path, draw: random.Random) -> None:
    content = bytearray(path.read_bytes())
    start = draw.randrange(len(content))
    content[start : start + 64] = draw.randbytes(len(content[start : start + 64]))
    path.write_bytes(content)


#: What is done to which of a run's files.
_DAMAGES = ((_cut, "-journal"), (_torn, "-journal"), (_cut, ""), (_torn, ""), (_garbled, ""))


def _cut_checkpoint(whole: Whole, work: Path, damages: int) -> Tally:
    tally, draw = Tally(), random.Random(2)
    names = points_of(lambda: whole.case.go(work / "points"), work / "points")
    state = work / "state"
    killed_at(lambda: whole.case.go(state), state, len(names) // 2)
    (checkpoint,) = state.glob("*.pt")
    for number in range(damages):
        out = Path(shutil.copytree(state, work / f"damaged {number}"))
        (_cut if number % 2 else _torn)(out / checkpoint.name, draw)
        judge(tally, whole, out, forked(lambda o=out: plainly(whole.case, o)), go_on=False)  # type: ignore[misc]
    return tally


def _tries(wholes: list[Whole], work: Path, times: int) -> Iterator[tuple[Whole, int, Path]]:
    """Each of ``wholes`` so many times, the number of the time, and a folder for it."""
    for whole in wholes:
        for number in range(times):
            yield whole, number, work / f"{whole.case.name} {number}"


# Disk.


def _full_disk(wholes: list[Whole], work: Path, limits: int) -> Tally:
    """Files may grow to a limit that is drawn anew each time."""
    tally, draw = Tally(), random.Random(3)
    for whole, _, out in _tries(wholes, work, limits):
        limit = int(2 ** draw.uniform(9, 17))

        def limited(out: Path = out, limit: int = limit, case: Case = whole.case) -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
            typed(case, out)

        judge(tally, whole, out, forked(limited))
    return tally


def can_mount(work: Path) -> bool:
    """Whether a disk of one's own can be had here."""
    if os.geteuid() != 0 or not shutil.which("mount"):
        return False
    try:
        with disk(work / "probe", TINY_DISK[0]):
            return True
    except subprocess.CalledProcessError:
        return False


@contextmanager
def disk(place: Path, kilobytes: int) -> Iterator[Path]:
    """A disk of so many KiB at ``place``."""
    place.mkdir(parents=True)
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", place], check=True, capture_output=True
    )
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True, capture_output=True)


def _tmpfs(wholes: list[Whole], work: Path, limits: int) -> Tally:
    tally, draw = Tally(), random.Random(4)
    for whole, _, folder in _tries(wholes, work, limits):
        with disk(folder, draw.randint(*TINY_DISK)) as place:
            out = place / "run"
            ended = forked(lambda out=out, case=whole.case: typed(case, out))  # type: ignore[misc]
            enlarge = ["mount", "-o", f"remount,size={LARGE_DISK}k", str(place)]
            subprocess.run(enlarge, check=True, capture_output=True)
            judge(tally, whole, out, ended)
    return tally


# Folder.


def _while_running(whole: Whole, out: Path, share: float, then: Callable[[], object]) -> Ended:
    """``whole.case`` on the command line, with ``then`` done from outside after a share of the time that it takes."""
    child = Child(lambda: typed(whole.case, out))
    while child.running() and not out.exists():
        child.let(0.002)
    child.let(share * whole.seconds)
    then()
    return child.end()


def can_freeze(work: Path) -> bool:
    """Whether a file can be made immutable here, so that even its open handles write no more."""
    work.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0 or not shutil.which("chattr"):
        return False
    with open(work / "probe.txt", "wb", buffering=0) as file:
        try:
            _freeze(work, True)
        except subprocess.CalledProcessError:
            return False
        try:
            file.write(b"x")
        except OSError:
            return True
        finally:
            _freeze(work, False)
    return False


def _freeze(folder: Path, frozen: bool) -> None:
    subprocess.run(["chattr", "-R", "+i" if frozen else "-i", folder], check=frozen, capture_output=True)


def _read_only(wholes: list[Whole], work: Path, times: int) -> Tally:
    tally = Tally()
    for whole, number, out in _tries(wholes, work, times):
        share = (number + 0.5) / times
        try:
            ended = _while_running(whole, out, share, lambda out=out: _freeze(out, True))  # type: ignore[misc]
        finally:
            _freeze(out, False)
        judge(tally, whole, out, ended)
    return tally


def _vanished(wholes: list[Whole], work: Path, times: int) -> Tally:
    """Renamed in the middle, and put back."""
    tally = Tally()
    for whole, number, out in _tries(wholes, work, times):
        elsewhere = work / "elsewhere"
        share = (number + 0.5) / times
        ended = _while_running(whole, out, share, lambda o=out, e=elsewhere: o.rename(e))  # type: ignore[misc]
        shutil.rmtree(out, ignore_errors=True)  # documents that were written to the old place
        elsewhere.rename(out)
        judge(tally, whole, out, ended)
    return tally


# Clock, and company.


def _clock(wholes: list[Whole], work: Path, times: int) -> Tally:
    """``time.time`` jumps by up to ten years either way at every look."""
    tally = Tally()
    for whole, number, out in _tries(wholes, work, times):

        def jumping(out: Path = out, number: int = number, case: Case = whole.case) -> None:
            draw, real = random.Random(number), time.time
            time.time = lambda: max(0.0, real() + draw.uniform(-1, 1) * 10 * 365 * 86_400)
            typed(case, out)

        judge(tally, whole, out, forked(jumping))
    return tally


def _two_writers(wholes: list[Whole], work: Path, times: int) -> Tally:
    """Two at one folder: one may be refused, what stands in the end is one good run."""
    tally = Tally()
    for whole, _, out in _tries(wholes, work, times):
        children = [Child(lambda o=out, case=whole.case: typed(case, o)) for _ in range(2)]  # type: ignore[misc]
        pair = [child.end() for child in children]
        codes = sorted(each.code for each in pair)
        if codes[0] == 2:
            tally.wrong.append(f"{whole.case.name}: both ended with {codes}: {pair[0].said[-200:]}")
            continue
        for ended in pair:
            judge(tally, whole, out, ended)
    return tally
