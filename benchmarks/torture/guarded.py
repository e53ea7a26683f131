"""A command in this process, watched: what it writes where, starts, connects to, and how it ends."""

from __future__ import annotations

import contextlib
import io
import os
import resource
import signal
import stat
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Never

#: Bytes of address space that a command may take beyond what the process has: an allocation above fails at once.
MOST_MEMORY = 6 << 30
#: Seconds after which a command hangs. They are short, so only what waits for ever takes as long.
PATIENCE = 60

#: Events of ``sys.addaudithook`` (PEP 578) by what they do; the place is their first argument, of renames the second.
_WRITES = ("os.mkdir", "os.remove", "os.rmdir", "os.truncate", "os.chmod", "os.symlink", "os.link", "shutil.rmtree")
_STARTS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.startfile", "pty.spawn")
#: What is asked of git about the current folder, so that a run can say of which commit it is.
_COMMIT = ["git", "rev-parse", "HEAD"]
_CONNECTS = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "urllib.Request")


class Hang(BaseException):
    """Raised inside a command that takes longer than ``PATIENCE``; no handler of ours catches it."""


@dataclass
class Watch:
    """What a command may write below (``folders``), and the ``faults`` it was seen to commit."""

    folders: Sequence[Path]
    inputs: Path
    faults: list[str] = field(default_factory=list)

    def event(self, name: str, arguments: tuple[Any, ...]) -> None:
        """An event of Python's audit hooks."""
        if name == "open" and isinstance(arguments[0], (str, bytes)):
            mode, flags = arguments[1], arguments[2] or 0
            if (mode is not None and set(str(mode)) & set("wax+")) or flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                self._written(arguments[0])
        elif name in _WRITES:
            self._written(arguments[1] if name in ("os.symlink", "os.link") else arguments[0])
        elif name == "os.rename":  # which puts a file in the place of a link, and follows none
            place = os.fsdecode(arguments[1])
            self._written(os.path.join(os.path.realpath(os.path.dirname(place)), os.path.basename(place)), follow=False)
        elif name == "subprocess.Popen" and list(arguments[1]) == _COMMIT:
            return
        elif name in _STARTS:
            self.faults.append(f"started {str(arguments[0])[:80]}")
        elif name in _CONNECTS:
            self.faults.append(f"connected to {str(arguments[-1])[:80]}")
        elif name == "exec" and str(self.inputs) in getattr(arguments[0], "co_filename", ""):
            self.faults.append(f"ran {arguments[0].co_filename}")
        elif name == "pickle.find_class" and arguments[0] in ("os", "posix", "builtins", "subprocess", "shutil"):
            self.faults.append(f"unpickled {arguments[0]}.{arguments[1]}")

    def _written(self, place: object, *, follow: bool = True) -> None:
        if isinstance(place, int):  # a file that is open already
            return
        path = os.fsdecode(place)  # type: ignore[arg-type]
        path = os.path.realpath(path) if follow else path
        if path != os.devnull and not any(Path(path).is_relative_to(folder) for folder in self.folders):
            self.faults.append(f"wrote {path}")


@dataclass(frozen=True)
class Ending:
    """How a command ended: its exit ``code``, what it printed, and what is not as it must be."""

    code: int
    out: str
    err: str
    faults: tuple[str, ...]
    seconds: float
    grown: int  # bytes held at most beside those at the beginning


_watch: Watch | None = None
_hooked = False


def _hook(name: str, arguments: tuple[Any, ...]) -> None:
    if _watch is not None:
        _watch.event(name, arguments)


def _install() -> None:
    global _hooked
    if not _hooked:
        sys.addaudithook(_hook)  # for the rest of the process: it does nothing while nothing is watched
        _hooked = True


def run(arguments: Sequence[str], folder: Path, writes: Path, *, limited: bool = True) -> Ending:
    """``pixelproof ARGUMENTS`` in ``folder``, where it may write below ``writes`` alone, and what passes.

    What lies in ``folder`` beside that must be the same afterwards. Address space is ``limited`` but where figures are
    drawn: the browser's engine that does it reserves a hundred gigabytes of it, and uses none.
    """
    global _watch
    _install()
    from pixelproof.cli import main

    passing = folder.parent / "passing"
    passing.mkdir(exist_ok=True)
    before = _contents(folder, writes)
    out, err, faults, code = io.StringIO(), io.StringIO(), list[str](), -1
    begun, held = time.monotonic(), _status("VmRSS")
    _forget_peak()
    watch = Watch([Path(os.path.realpath(writes)), passing.resolve()], folder.resolve())
    with _set_up(folder, passing, ["pixelproof", *arguments], out, err), _limited(MOST_MEMORY if limited else None):
        try:
            _watch = watch
            main()
        except SystemExit as ending:
            code = ending.code if isinstance(ending.code, int) else int(ending.code is not None)
        except Hang:
            faults.append(f"hung for {PATIENCE} s")
        except BaseException as error:
            faults.append(f"traceback: {type(error).__name__}: {str(error)[:200]}")
        finally:
            _watch = None
    faults += watch.faults + _wrong(code, err.getvalue()) + _changed(before, _contents(folder, writes))
    return Ending(code, out.getvalue(), err.getvalue(), tuple(faults), time.monotonic() - begun, _peak() - held)


def _wrong(code: int, err: str) -> list[str]:
    """What is wrong with an exit code and with what was said of it."""
    if code == -1:
        return []
    found = [] if code in (0, 1, 2, 3) else [f"exit code {code}"]
    found += ["a traceback was printed"] if "Traceback (most recent" in err else []
    found += ["no sentence for an error"] if code in (1, 2) and "error: " not in err and "Usage" not in err else []
    return found + (["control characters were printed"] if "\x1b" in err else [])


@contextlib.contextmanager
def _set_up(folder: Path, passing: Path, argv: list[str], out: io.StringIO, err: io.StringIO) -> Iterator[None]:
    before = Path.cwd(), tempfile.tempdir, sys.argv
    os.chdir(folder)
    tempfile.tempdir, sys.argv = str(passing), argv
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            yield
    finally:
        os.chdir(before[0])
        tempfile.tempdir, sys.argv = before[1:]


@contextlib.contextmanager
def _limited(memory: int | None) -> Iterator[None]:
    """An alarm after ``PATIENCE`` seconds, and room for so much ``memory`` more."""

    def ring(number: int, frame: FrameType | None) -> Never:
        raise Hang

    before, limits = signal.signal(signal.SIGALRM, ring), resource.getrlimit(resource.RLIMIT_AS)
    if memory is not None:
        resource.setrlimit(resource.RLIMIT_AS, (_status("VmSize") + memory, limits[1]))
    signal.alarm(PATIENCE)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
        resource.setrlimit(resource.RLIMIT_AS, limits)


def _contents(folder: Path, writes: Path) -> dict[str, tuple[int, int, int]]:
    """Kind, size and time of everything in ``folder`` but below ``writes``, links not followed.

    A run's journal is what a killed writer left half done, which whoever reads the run puts back.
    """
    found = {}
    for place, folders, files in os.walk(folder):
        here = Path(place)
        folders[:] = [name for name in folders if here / name != writes]
        for name in (*folders, *files):
            told = (here / name).lstat()
            if name == "run.sqlite-journal" and stat.S_ISREG(told.st_mode):
                continue
            found[str(here / name)] = (told.st_mode, 0, 0) if name in folders else _stamp(told)
    return found


def _stamp(told: os.stat_result) -> tuple[int, int, int]:
    return told.st_mode, told.st_size, told.st_mtime_ns


def _changed(before: dict[str, tuple[int, int, int]], after: dict[str, tuple[int, int, int]]) -> list[str]:
    return [f"changed {each}" for each in sorted(before.keys() | after.keys()) if before.get(each) != after.get(each)]


def _status(name: str) -> int:
    """A number of bytes in /proc/self/status; 0 where the system has none."""
    with contextlib.suppress(OSError), open("/proc/self/status") as file:
        for line in file:
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
    return 0


def _forget_peak() -> None:
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def _peak() -> int:
    return _status("VmHWM")
