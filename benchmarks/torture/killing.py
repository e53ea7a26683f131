"""Processes that are killed at a point: before the n-th statement or file operation, or at any time from outside.

Points are counted where all writing passes by: SQLite tells of every statement it begins, Python's audit hooks of every
file that is opened to be written, renamed, removed or locked. So no function of ours needs to be known here, and one
that is added is hit too. Children are forked from a process that has imported everything, which saves the seconds of a
start; such a process must not have computed gradients or used threads.
"""

import os
import signal
import sqlite3
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: Of audit events, those that change a file or the right to.
_FILE_EVENTS = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "fcntl.flock", "os.chmod"}
#: What stands at a point, by how its statement begins; the first that fits.
_STATEMENTS = (
    ("COMMIT", "before a commit"),
    ("BEGIN", "after a commit"),
    ("INSERT INTO images", "at an image"),
    ("INSERT INTO clean ", "at an image"),
    ("INSERT OR REPLACE INTO manifest", "in manifest and seal"),
    ("INSERT", "within a transaction"),
    ("CREATE", "in creating"),
    ("PRAGMA", "in creating or closing"),
)


@dataclass(frozen=True)
class Ended:
    """How a child ended: its exit code, negative where a signal ended it, what it printed, and its seconds."""

    code: int
    said: str
    seconds: float

    @property
    def killed(self) -> bool:
        return self.code == -signal.SIGKILL


class Child:
    """A process forked from this one that does ``action`` and ends."""

    def __init__(self, action: Callable[[], object]) -> None:
        self._read, write = os.pipe()
        self._begun = time.perf_counter()
        self._number = os.fork()
        if self._number == 0:
            os.close(self._read)
            _be_child(action, write)
        os.close(write)

    def running(self) -> bool:
        """Whether it has not ended; it stays to be waited for."""
        return os.waitid(os.P_PID, self._number, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None

    def let(self, seconds: float) -> None:
        """Let it work for so long; less where it has ended."""
        until = time.perf_counter() + seconds
        while time.perf_counter() < until and self.running():
            time.sleep(0.001)

    def send(self, number: int) -> None:
        """Send it the signal ``number``."""
        os.kill(self._number, number)

    def end(self) -> Ended:
        """Wait for its end."""
        with os.fdopen(self._read, "rb") as pipe:
            said = pipe.read().decode(errors="replace")
        _, status = os.waitpid(self._number, 0)
        return Ended(os.waitstatus_to_exitcode(status), said, time.perf_counter() - self._begun)


def forked(action: Callable[[], object], after: float | None = None) -> Ended:
    """Do ``action`` in a child, which is killed ``after`` seconds where these are given."""
    child = Child(action)
    if after is not None:
        child.let(after)
        child.send(signal.SIGKILL)
    return child.end()


def _be_child(action: Callable[[], object], write: int) -> None:
    code = 1
    try:
        os.dup2(write, 1)
        os.dup2(write, 2)
        sys.stdout = sys.stderr = os.fdopen(1, "w", buffering=1, closefd=False)
        signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's background processes ignore
        action()
        code = 0
    except SystemExit as ending:
        code = ending.code if isinstance(ending.code, int) else int(ending.code is not None)
    except KeyboardInterrupt:
        code = 130
    except BaseException:
        os.write(2, traceback.format_exc().encode())
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)


class Points:
    """Calls ``reached(number, name)`` at every point of this process from now on; it cannot be taken out again."""

    def __init__(self, folder: Path, reached: Callable[[int, str], None]) -> None:
        self._folder, self._reached, self.count = str(folder), reached, 0
        sys.addaudithook(self._event)
        real = sqlite3.connect

        def connect(*arguments: Any, **options: Any) -> sqlite3.Connection:
            connection: sqlite3.Connection = real(*arguments, **options)
            connection.set_trace_callback(self._statement)
            return connection

        sqlite3.connect = connect  # type: ignore[assignment]

    def _statement(self, text: str) -> None:
        name = next((name for begins, name in _STATEMENTS if text.startswith(begins)), None)
        if name is not None and not text.startswith("PRAGMA table_info"):
            self._reach(name)

    def _event(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "fcntl.flock":
            self._reach("at the lock")
        elif event == "open":
            path, _, flags = arguments
            if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) and str(path).startswith(self._folder):
                self._reach("at the lock" if str(path).endswith(".lock") else "at a file")
        elif event in _FILE_EVENTS and str(arguments[0]).startswith(self._folder):
            self._reach("at a file")

    def _reach(self, name: str) -> None:
        self.count += 1
        self._reached(self.count, name)


def points_of(action: Callable[[], object], folder: Path) -> list[str]:
    """The names of all points that ``action``, which writes to ``folder``, passes on its way; it is done in a child."""

    def counted() -> None:
        Points(folder, lambda number, name: print(f"point\t{name}", flush=True))
        action()

    ended = forked(counted)
    if ended.code:
        raise RuntimeError(f"An undisturbed run failed: {ended.said}")
    return [line.split("\t")[1] for line in ended.said.splitlines() if line.startswith("point\t")]


def killed_at(action: Callable[[], object], folder: Path, point: int) -> Ended:
    """``action`` in a child that kills itself before its ``point``-th point."""

    def stop(number: int, _: str) -> None:
        if number == point:
            os.kill(os.getpid(), signal.SIGKILL)

    def doomed() -> None:
        Points(folder, stop)
        action()

    return forked(doomed)
