"""The SQLite file of a run and its place: opened to write or to read, locked, known again, removed."""

import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from pixelproof.errors import RunError

FILE = "run.sqlite"
LOCK = ".run.lock"
#: What a writer keeps of its file in memory, at most: an index of 100,000 samples is read again and again.
CACHE_KIB = 32 << 10
_MOST_VALUE = 256 << 20  # bytes of one value, as an image or a certificate
#: What a journal ends with that names the file of a transaction over several databases.
#: Source: https://www.sqlite.org/fileformat.html, "The Rollback Journal", and pager.c (readSuperJournal).
_NAMES_ANOTHER = bytes.fromhex("d9d505f920a163d7")


def connect(path: Path | str, **options: Any) -> sqlite3.Connection:
    """A connection; ``options`` are those of sqlite3.

    What a transaction is about to change stands beside the file until it is through (``-journal``). Unlike a log
    (``-wal``), which wants memory shared through a third file, that leaves one plain file after every commit, bears a
    folder in which nothing can be written any more, and works on network drives.
    """
    # Used by one thread at a time; which one happens to collect a forgotten store is not known.
    connection: sqlite3.Connection = sqlite3.connect(
        path, isolation_level=None, timeout=30, check_same_thread=False, **options
    )
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MOST_VALUE)
    connection.execute("PRAGMA trusted_schema = OFF")  # what the file itself brings computes nothing
    return connection


def connect_to_write(path: Path | str) -> sqlite3.Connection:
    """A connection that writes, so that what is committed has reached the disk. Raises as ``_check_journal`` does."""
    _check_journal(Path(path))
    connection = connect(path)
    try:
        connection.execute("PRAGMA journal_mode = TRUNCATE")  # which also takes in the log that earlier versions left
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def connect_to_read(path: Path) -> sqlite3.Connection:
    """A connection that writes nothing but what a killed writer left half done back to what it was.

    It reads where nothing can be written beside the file too. Raises as ``_check_journal`` does.
    """
    _check_journal(path)
    place = path.resolve().as_uri()
    connection = connect(f"{place}?mode=rw", uri=True)
    try:
        connection.execute("PRAGMA query_only = ON")
        connection.execute("SELECT 1 FROM manifest")
    except sqlite3.OperationalError as error:
        connection.close()
        pending = [path.with_name(f"{FILE}-{suffix}") for suffix in ("journal", "wal")]
        if any(each.exists() and each.stat().st_size for each in pending):
            raise RunError(
                f"{path} was interrupted and lies where nothing can be written ({error}); copy its folder to another "
                "place and open it there."
            ) from error
        return connect(f"{place}?mode=ro&immutable=1", uri=True)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _check_journal(path: Path) -> None:
    """Raise ``RunError`` where the journal beside ``path`` names another file, which SQLite would then remove.

    Ours never do, as a run is one database; what a stranger sends along may.
    """
    place = path.resolve()  # beside which SQLite looks
    journal = place.with_name(f"{place.name}-journal")
    if not journal.is_file():
        return
    with open(journal, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - len(_NAMES_ANOTHER)))
        if file.read() == _NAMES_ANOTHER:
            raise RunError(f"{journal} names a file outside the run, which is no journal of pixelproof; remove it.")


def locked(folder: Path) -> FileLock:
    """The right to write in ``folder``. Raises ``RunError`` while another process has it."""
    lock = _lock(folder)
    try:
        lock.acquire()
    except Timeout as error:
        raise RunError(
            f"{folder} is being written by another process; wait until it has ended, or choose another --out."
        ) from error
    except OSError as error:
        raise RunError(f"{folder} cannot be written ({error}); copy it to another place, or choose another.") from error
    return lock


def _lock(folder: Path) -> FileLock:
    """The lock in ``folder``, not taken yet; a link in its place would have another file emptied (``RunError``)."""
    own_file(folder / LOCK)
    return FileLock(folder / LOCK, timeout=0, thread_local=False)


def own_file(path: Path) -> None:
    """Raise ``RunError`` where the file that is to be written is a link: its writer would write elsewhere."""
    if path.is_symlink():
        raise RunError(f"{path} is a link to {path.resolve()}, where nothing is written; name the folder it lies in.")


def being_written(folder: Path) -> bool:
    """Whether a process has the right to write in ``folder`` just now. A writer that begins meanwhile is refused."""
    if not (folder / LOCK).exists():
        return False
    lock = _lock(folder)
    try:
        lock.acquire()
    except Timeout:
        return True
    except OSError:  # on read-only media
        return False
    lock.release()
    return False


def inode(path: Path) -> tuple[int, int] | None:
    """What tells the file at ``path`` from another one put there; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def remove(path: Path) -> None:
    """Remove a database and what SQLite keeps beside it."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        with suppress(OSError):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
