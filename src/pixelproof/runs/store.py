"""The run file: one SQLite database for every kind of job, where records and their images commit together.

It is written by one process at a time, which holds a lock; anybody may read it meanwhile, also from read-only media.
After every commit it is one plain file.
"""

import hashlib
import json
import math
import os
import sqlite3
import tempfile
import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict, fields, replace
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from filelock import FileLock

from pixelproof.data.imageset import UInt8Array
from pixelproof.errors import PixelproofError, RunError
from pixelproof.files import write_whole
from pixelproof.runs.database import (
    FILE,
    LOCK,
    connect,
    connect_to_read,
    connect_to_write,
    inode,
    locked,
    own_file,
    remove,
)
from pixelproof.runs.identity import root_of
from pixelproof.runs.progress import Progress
from pixelproof.runs.record import (
    FORMAT_VERSION,
    LEVELLED,
    Certificate,
    FailureProbability,
    Finding,
    Manifest,
    Record,
)
from pixelproof.runs.table import R, RecordType, columns, from_row, row_digest, schema, sealed, to_row
from pixelproof.wording import first_line, meant

if TYPE_CHECKING:
    from pydantic import TypeAdapter

_SCHEMA = (
    "CREATE TABLE manifest (key TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE TABLE clean (sample INTEGER PRIMARY KEY, pixels BLOB NOT NULL)",
    "CREATE TABLE images (kind TEXT, record INTEGER, difference BLOB NOT NULL, PRIMARY KEY (kind, record))",
    "CREATE TABLE kinds (kind TEXT PRIMARY KEY)",  # the tables of records
    "CREATE TABLE steps (step TEXT PRIMARY KEY)",  # those that are through
)


@contextmanager
def reading(where: str) -> Iterator[None]:
    """What goes wrong where the run ``where`` is made sense of is a ``RunError``: its words may be a stranger's."""
    try:
        yield
    except (PixelproofError, OSError, MemoryError):
        raise
    except Exception as error:
        raise RunError(
            f"{where[:1].upper()}{where[1:]} says what no run of pixelproof does ({first_line(error)}); if it is one "
            "of yours, please report that."
        ) from error


class RunStore:
    """One run, on disk or in memory. ``RunStore.create`` or ``RunStore.open`` it; use as a context manager."""

    def __init__(self, connection: sqlite3.Connection, folder: Path | None, lock: FileLock | None = None) -> None:
        self._db, self.folder, self._lock = connection, folder, lock
        self._shape: tuple[int, ...] | None = None  # of the images, once one was asked for
        self._ordered = False  # whether the database knows the order of records
        self._made: list[Path] | None = None  # of a run that is new, the folders that were made for it
        self._place = inode(folder / FILE) if folder is not None and (folder / FILE).exists() else None

    # Life.

    @classmethod
    def create(
        cls,
        folder: Path | None,
        manifest: Manifest,
        clean: dict[int, UInt8Array],
        kinds: Sequence[type[RecordType]] = (Record,),
    ) -> Self:
        """A new run in ``folder`` (None: in memory) holding ``manifest`` and the clean images (H×W×C by sample).

        ``kinds`` are the types of the records that it will hold. Raises ``RunError`` when the folder already holds a
        run, when another process is writing there, or when it cannot be written.
        """
        if folder is None:
            store = cls(connect(":memory:"), None)
            store._begin(manifest, clean, kinds)
            return store
        made = [each for each in (folder, *folder.parents) if not each.exists()]
        beside = folder / f"{FILE}.partial"
        lock: FileLock | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = locked(folder)
            if (folder / FILE).exists():
                raise RunError(f"{folder} already holds a run; choose another --out.")
            remove(beside)  # of a process that was killed here
            with cls(connect(beside), folder) as store:
                store._begin(manifest, clean, kinds)
            os.replace(beside, folder / FILE)
            store = cls(connect_to_write(folder / FILE), folder, lock)
            store._made = made
            return store
        except BaseException as error:
            if lock is not None:
                remove(beside)
                lock.release()
                if not (folder / FILE).exists():
                    (folder / LOCK).unlink(missing_ok=True)
            for each in made:
                with suppress(OSError):
                    each.rmdir()
            if isinstance(error, (OSError, sqlite3.Error)):
                raise RunError(f"{folder} cannot be written ({error}); choose another --out.") from error
            raise

    def _begin(self, manifest: Manifest, clean: dict[int, UInt8Array], kinds: Sequence[type[RecordType]]) -> None:
        with self._transaction():
            every: list[type[RecordType]] = [*kinds, Certificate]
            for statement in (*_SCHEMA, *(statement for kind in every for statement in schema(kind))):
                self._db.execute(statement)
            self._db.executemany("INSERT INTO kinds VALUES (?)", [(kind.TABLE,) for kind in every])
            self._write_manifest(manifest)
            self._db.executemany("INSERT INTO clean VALUES (?, ?)", ((k, _pack(image)) for k, image in clean.items()))

    @classmethod
    def open(cls, folder: Path, *, write: bool = False) -> Self:
        """The run in ``folder``, to be read or also written.

        Raises ``RunError`` when there is none, when it cannot be read, or when another process is writing it while
        this one wants to.
        """
        path = folder / FILE
        if not path.is_file():
            runs = (each.parent.name for each in folder.parent.glob(f"*/{FILE}"))
            raise RunError(f"{folder} holds no run{meant(folder.name, runs)}: there is no {path}.")
        lock = locked(folder) if write else None
        store = None
        try:
            if write:
                own_file(path)
            store = cls(connect_to_write(path) if write else connect_to_read(path), folder, lock)
            store._check_schema()
            version = store._manifest_values().get("format_version")
            if version != FORMAT_VERSION:
                raise RunError(
                    f"{path} has the format version {version}, this pixelproof reads {FORMAT_VERSION}; "
                    "open it with the version that wrote it."
                )
        except BaseException as error:
            if store is not None:
                store.close()
            elif lock is not None:
                lock.release()
            if isinstance(error, (OSError, sqlite3.Error)):
                raise RunError(f"{path} is not a pixelproof run, or it is damaged ({error}).") from error
            raise
        return store

    @classmethod
    def of_bytes(cls, content: bytes) -> Self:
        """The run in memory that ``to_bytes`` gave. Raises ``RunError`` for what is none."""
        if not content:  # which SQLite takes for too little memory
            raise RunError("The run in memory is not a pixelproof run: it is empty.")
        connection = connect(":memory:")
        connection.deserialize(content)
        store = cls(connection, None)
        store._check_schema()
        return store

    def _check_schema(self) -> None:
        """Raise ``RunError`` for what computes when it is read, as a view that never ends: a run has tables alone."""
        if self._rows("SELECT 1 FROM sqlite_master WHERE type NOT IN ('table', 'index') OR rootpage IS 0"):
            raise RunError(f"{self._where} is no run of pixelproof: it holds more than tables.")

    def reading(self) -> AbstractContextManager[None]:
        """``reading`` of this run."""
        return reading(self._where)

    def to_bytes(self) -> bytes:
        """The whole run as the content of its file."""
        with tempfile.TemporaryDirectory(prefix="pixelproof-") as folder:
            ((only,),) = self._db.execute("PRAGMA query_only").fetchall()
            self._db.execute("PRAGMA query_only = 0")  # the copy is written, and nothing else
            try:
                self._db.execute("VACUUM INTO ?", (str(Path(folder, FILE)),))
            finally:
                self._db.execute(f"PRAGMA query_only = {only}")
            return Path(folder, FILE).read_bytes()

    def copy_to(self, folder: Path) -> None:
        """Write the whole run to ``folder``. Raises ``RunError`` where a run is already, or nothing can be written."""
        if (folder / FILE).exists():
            raise RunError(f"{folder} already holds a run; choose another folder.")
        try:
            write_whole(folder / FILE, self.to_bytes())
        except OSError as error:
            raise RunError(f"{folder} cannot be written ({error}); choose another folder.") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:  # a notebook's result is never closed by hand
        self.close()

    def close(self) -> None:
        """Close the file, as one file without what SQLite keeps beside it; the store can no longer be used."""
        if self._lock is not None and self._lock.is_locked:
            with suppress(sqlite3.Error):  # somebody reads it just now: what stays beside it is empty
                self._db.execute("PRAGMA journal_mode = DELETE")
        self._db.close()
        if self._lock is not None:
            self._lock.release()

    def discard_unused(self) -> bool:
        """Remove a run that was created here and holds nothing yet, with the folders made for it; whether it was so."""
        if self.folder is None or self._made is None or self.sizes()[0] or self.steps():
            return False
        self.close()
        remove(self.folder / FILE)
        (self.folder / LOCK).unlink(missing_ok=True)
        for each in self._made:
            with suppress(OSError):
                each.rmdir()
        return True

    # Writing.

    def commit(self, outcomes: Iterable[tuple[RecordType, UInt8Array | None]], step: str | None = None) -> None:
        """Add records, each with its image (H×W×C, of the record's ``sample``) or None, in one transaction.

        With them the ``step`` that they finish is noted, where one is named.
        """
        with self._transaction():
            for record, image in outcomes:
                self._add(record, image)
            if step is not None:
                self._db.execute("INSERT INTO steps VALUES (?)", (step,))

    def _add(self, record: RecordType, image: UInt8Array | None) -> None:
        kind, row = type(record), to_row(record)
        clean = self._clean_of(record)
        cursor = self._db.execute(_insertion(kind), [*row, row_digest(row, (clean, image))])
        if image is not None:
            assert clean is not None  # an image is kept as its difference to the clean one
            difference = image - clean  # wraps modulo 256, so it is exact
            self._db.execute("INSERT INTO images VALUES (?, ?, ?)", (kind.TABLE, cursor.lastrowid, _pack(difference)))

    def add_findings(self, findings: Iterable[Finding]) -> None:
        """Append findings that are not there yet."""
        manifest = self.manifest
        new = tuple(f for f in findings if f not in manifest.findings)
        self._update(replace(manifest, findings=manifest.findings + new))

    def add_details(self, details: dict[str, Any]) -> None:
        """Put ``details`` in the place of those of the same names."""
        manifest = self.manifest
        self._update(replace(manifest, details={**manifest.details, **details}))

    def reopen(self, details: dict[str, Any]) -> None:
        """As ``add_details``, of a run that there is more to do in now."""
        manifest = self.manifest
        self._update(replace(manifest, status="running", contents=None, details={**manifest.details, **details}))

    def add_timings(self, timings: dict[str, float], *, finished: bool) -> None:
        """Add ``timings`` to those of earlier sittings, and mark the run finished when it is."""
        manifest = self.manifest
        total = {k: manifest.timings.get(k, 0.0) + v for k, v in timings.items()}
        manifest = replace(manifest, timings={**manifest.timings, **total})
        if finished:
            manifest = replace(manifest, status="finished", contents=self._contents())
        self._update(manifest)

    def note_progress(self, progress: Progress) -> None:
        """Say how far the job is, for whoever reads the run meanwhile; no part of the result."""
        with self._transaction():
            self._db.execute("CREATE TABLE IF NOT EXISTS progress (id INTEGER PRIMARY KEY, at REAL, value TEXT)")
            row = (time.time(), json.dumps(asdict(progress)))
            self._db.execute("INSERT OR REPLACE INTO progress VALUES (1, ?, ?)", row)

    # Reading.

    def progress(self) -> tuple[Progress, float] | None:
        """How far its job said to be, and at which time (seconds of the epoch); None where it has said nothing."""
        if not self._rows("SELECT 1 FROM sqlite_master WHERE name = 'progress'"):
            return None
        with self.reading():
            ((at, value),) = self._rows("SELECT at, value FROM progress")
            return Progress(**json.loads(value)), float(at)

    @property
    def manifest(self) -> Manifest:
        """Everything about the run but its records. Raises ``RunError`` when it cannot be read."""
        values = self._manifest_values()
        try:
            return _manifest(values)
        except (KeyError, ValueError) as error:
            raise RunError(f"The manifest of {self._where} is damaged ({_first(error)}).") from error

    def records(self) -> list[Record]:
        """The outcomes of attacks, in the order of ``each_record``."""
        return list(self.each_record())

    def each_record(self) -> Iterator[Record]:
        """The outcomes of attacks in a fixed order: attack, method, threshold, then the order of the samples.

        Attacks by name come last, in the order of the settings. One after the other, however many there are.
        """
        if not self._ordered:
            self._define_order()
        attack = f'CASE WHEN "constraint" IN {LEVELLED} THEN "constraint" ELSE method END'
        rows = self._each(
            f'SELECT {_names(Record)} FROM {Record.TABLE} ORDER BY rank("constraint", method, parameters), {attack}, '
            "method, parameters, ifnull(threshold, 0), place(sample), sample, id"
        )
        return (from_row(Record, row) for row in rows)

    def _define_order(self) -> None:
        """Teach the database, once, what orders records: the place of a sample, and that of an attack by name."""
        manifest = self.manifest
        order = {sample: k for k, sample in enumerate(manifest.selection.samples)}
        named = {each["spec"]: k for k, each in enumerate(manifest.settings.get("attacks", ()), 1)}

        def rank(constraint: str | None, method: str, parameters: str) -> int:
            return 0 if constraint in LEVELLED else named.get(f"{method}({parameters})", len(named) + 1)

        self._db.create_function("rank", 3, rank, deterministic=True)
        self._db.create_function("place", 1, lambda sample: order.get(sample, -1), deterministic=True)
        self._ordered = True

    def certificates(self) -> list[Certificate]:
        """What methods of proof came to, in the order in which it was written."""
        return self.of(Certificate)

    def failure_probabilities(self) -> list[FailureProbability]:
        """The shares of distributions that break samples, in the order of the settings, then of the samples."""
        if FailureProbability.TABLE not in self.tables():  # of a run that is older than these
            return []
        manifest = self.manifest
        order = {sample: k for k, sample in enumerate(manifest.selection.samples)}
        specs = {spec: k for k, spec in enumerate(manifest.settings.get("failure_probability", ()))}
        return sorted(
            self.of(FailureProbability), key=lambda p: (specs.get(p.distribution, -1), order.get(p.sample, -1))
        )

    def of(self, kind: type[R]) -> list[R]:
        """The records of ``kind``, in the order in which they were written."""
        return [from_row(kind, row) for row in self._each(f"SELECT {_names(kind)} FROM {kind.TABLE} ORDER BY id")]

    def of_sample(self, kind: type[R], sample: int) -> list[R]:
        """The records of ``kind`` that are of ``sample``, in the order in which they were written."""
        query = f"SELECT {_names(kind)} FROM {kind.TABLE} WHERE sample = ? ORDER BY id"
        return [from_row(kind, row) for row in self._rows(query, (sample,))]

    def by_sample(self, kind: type[R]) -> Iterator[tuple[int, UInt8Array, list[tuple[R, UInt8Array | None]]]]:
        """Every sample that there are records of ``kind`` of, ascending: its clean image, and these with their images.

        One sample after the other, however many there are; of a sample in the order in which they were written.
        """
        rows = self._each(f"SELECT id, {_names(kind)} FROM {kind.TABLE} ORDER BY sample, id")
        place = 1 + columns(kind).index("sample")
        for sample, group in groupby(rows, key=lambda row: row[place]):
            clean = self.clean(sample)
            found = ((number, from_row(kind, row)) for number, *row in group)
            yield sample, clean, [(each, self._image_of(kind.TABLE, number, sample, clean)) for number, each in found]

    def doubled(self, kind: type[RecordType]) -> bool:
        """Whether two records of ``kind`` have one key, which can only be where somebody altered the table."""
        key = ", ".join(map(_quoted, kind.KEY))
        return bool(self._rows(f"SELECT 1 FROM {kind.TABLE} GROUP BY {key} HAVING count(*) > 1 LIMIT 1"))

    def steps(self) -> frozenset[str]:
        """The steps that are through."""
        return frozenset(step for (step,) in self._rows("SELECT step FROM steps"))

    def tables(self) -> list[str]:
        """The tables of records."""
        return [table for (table,) in self._rows("SELECT kind FROM kinds")]

    def digests(self) -> frozenset[str]:
        """Those of all records, of all kinds; each tells one record with its images."""
        found = (self._rows(f"SELECT digest FROM {_quoted(table)}") for table in self.tables())
        return frozenset(digest for rows in found for (digest,) in rows)

    def digest(self, record: RecordType) -> str:
        """That of ``record``, which is one of this run."""
        return row_digest(to_row(record), (self._clean_of(record), self.image(record)))

    def sizes(self) -> tuple[int, int]:
        """How many records there are, of all kinds, and how many images beside the clean ones."""
        counts = [self._rows(f"SELECT count(*) FROM {_quoted(table)}")[0][0] for table in self.tables()]
        return sum(counts), self._rows("SELECT count(*) FROM images")[0][0]

    def proved(self) -> int:
        """How many certificates prove something."""
        return int(self._rows(f"SELECT count(*) FROM {Certificate.TABLE} WHERE proved")[0][0])

    def kept(self) -> frozenset[int]:
        """The samples whose clean images are kept."""
        return frozenset(sample for (sample,) in self._rows("SELECT sample FROM clean"))

    def clean(self, sample: int) -> UInt8Array:
        """The clean image of ``sample``, uint8 H×W×C."""
        rows = self._rows("SELECT pixels FROM clean WHERE sample = ?", (sample,))
        if not rows:
            raise RunError(f"{self._where} has no clean image of sample {sample}.")
        return self._unpack(rows[0][0], sample)

    def image(self, record: RecordType) -> UInt8Array | None:
        """The image kept of ``record``, uint8 H×W×C: of a success, or the last try of an attack by name; else None."""
        kind, (where, key) = type(record), _by_key(record)
        rows = self._rows(
            f"SELECT difference FROM images WHERE kind = ? AND record = (SELECT id FROM {kind.TABLE} WHERE {where})",
            (kind.TABLE, *key),
        )
        return self._image(rows[0][0], record) if rows else None

    def same(self, record: R) -> R | None:
        """The record here with the key of ``record``; None where there is none."""
        kind, (where, key) = type(record), _by_key(record)
        rows = self._rows(f"SELECT {_names(kind)} FROM {kind.TABLE} WHERE {where}", key)
        return from_row(kind, rows[0]) if rows else None

    @property
    def root(self) -> str:
        """The root of the run's digest tree; see ``root_of``."""
        return root_of(self.manifest)

    def altered(self) -> list[str]:
        """What was changed since it was written, in sentences: that the database's pages do not fit together, else each
        manifest and record whose digest does not fit, and each clean image without a record that cannot be read.
        """
        if (found := self._rows("PRAGMA quick_check(1)")) != [("ok",)]:
            return [f"The database is damaged ({str(found[0][0]).splitlines()[-1]})."]
        return list(self._altered())

    def _altered(self) -> Iterator[str]:
        values = self._manifest_values()
        if values.pop("seal", None) != sealed(values):
            yield "The manifest was altered after it was written."
        if values.get("status") == "finished" and values.get("contents") != self._contents():
            yield "Records were added or taken away after the run was finished."
        alone = "SELECT sample FROM clean"  # samples without a record, whose digest would tell
        for table in self.tables():
            names = [row[1] for row in self._rows(f"PRAGMA table_info({_quoted(table)})")][1:-1]
            selected = ", ".join(map(_quoted, ("id", *names, "digest")))
            for number, *row, digest in self._each(f"SELECT {selected} FROM {_quoted(table)} ORDER BY id"):
                if digest != self._digest(table, number, dict(zip(names, row, strict=True))):
                    yield f"Entry {number} of the {table}, {_place(names, row)}, or its image was altered."
            alone += f" EXCEPT SELECT sample FROM {_quoted(table)}" if "sample" in names else ""
        for (sample,) in self._each(f"{alone} ORDER BY sample"):
            try:
                self.clean(sample)
            except RunError as error:
                yield str(error)

    def _contents(self) -> str:
        """One digest over those of all records: ``sealed`` of their sorted lists by table, piece by piece."""
        digest = hashlib.sha256(b"{")
        for number, table in enumerate(sorted(self.tables())):
            digest.update(f"{', ' if number else ''}{json.dumps(table)}: [".encode())
            for place, (each,) in enumerate(self._each(f"SELECT digest FROM {_quoted(table)} ORDER BY digest")):
                digest.update(f"{', ' if place else ''}{json.dumps(each)}".encode())
            digest.update(b"]")
        digest.update(b"}")
        return digest.hexdigest()

    def _digest(self, table: str, number: int, row: dict[str, Any]) -> str:
        sample = row.get("sample")
        try:
            clean = None if sample is None else self.clean(sample)
            image = None if clean is None else self._image_of(table, number, sample, clean)
        except RunError:
            return "unreadable"
        return row_digest(list(row.values()), (clean, image))

    def _image_of(self, table: str, number: int, sample: int | None, clean: UInt8Array) -> UInt8Array | None:
        rows = self._rows("SELECT difference FROM images WHERE kind = ? AND record = ?", (table, number))
        return clean + self._unpack(rows[0][0], sample) if rows else None

    def _clean_of(self, record: RecordType) -> UInt8Array | None:
        sample = getattr(record, "sample", None)
        return None if sample is None else self.clean(sample)

    def _image(self, blob: bytes, record: RecordType) -> UInt8Array:
        clean = self._clean_of(record)
        assert clean is not None  # as images are kept of records with a sample alone
        return clean + self._unpack(blob, getattr(record, "sample", None))

    def _unpack(self, blob: bytes, sample: int | None) -> UInt8Array:
        try:
            if self._shape is None:
                ((data,),) = self._rows("SELECT value FROM manifest WHERE key = 'data'")
                self._shape = tuple(json.loads(data)["shape"])
            packed = zlib.decompressobj()
            pixels = packed.decompress(blob, math.prod(self._shape) + 1)  # no more than it should hold
            if not packed.eof:  # only at its end is its checksum looked at
                raise ValueError("it does not end where it should")
            return np.frombuffer(pixels, np.uint8).reshape(self._shape)
        except (IndexError, KeyError, TypeError, ValueError, OverflowError, zlib.error) as error:
            raise RunError(f"An image of sample {sample} in {self._where} is damaged ({first_line(error)}).") from error

    # The file.

    @property
    def _where(self) -> str:
        return "the run in memory" if self.folder is None else str(self.folder / FILE)

    def _rows(self, query: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        try:
            return self._db.execute(query, values).fetchall()
        except sqlite3.DatabaseError as error:
            raise self._damaged(error) from error

    def _damaged(self, error: sqlite3.Error) -> RunError:
        return RunError(f"{self._where} is not a pixelproof run, or it is damaged ({error}).")

    def _each(self, query: str, values: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
        """As ``_rows``, one after the other, however many there are."""
        try:
            for row in self._db.execute(query, values):  # noqa: UP028 - it would close a cursor of a closed run
                yield row
        except sqlite3.DatabaseError as error:
            raise self._damaged(error) from error

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All or nothing. What SQLite cannot do (a full disk, another process at the run) becomes a ``RunError``."""
        self._check_place()
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")
        except BaseException as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                raise RunError(f"{self._where} cannot be written ({error}).") from error
            raise

    def _check_place(self) -> None:
        """SQLite would go on writing into a file that nobody finds any more."""
        if self.folder is not None and inode(self.folder / FILE) != self._place:
            raise RunError(
                f"{self._where} was removed or renamed while the run was written, so what comes cannot be kept; "
                "put it back and go on with pixelproof resume, or begin anew."
            )

    def _manifest_values(self) -> dict[str, Any]:
        rows = self._rows("SELECT key, value FROM manifest")
        try:
            return {str(key): json.loads(value) for key, value in rows}
        except (TypeError, ValueError, RecursionError) as error:
            raise RunError(f"The manifest of {self._where} is damaged ({first_line(error)}).") from error

    def _write_manifest(self, manifest: Manifest) -> None:
        values = json.loads(json.dumps(asdict(manifest)))
        rows = [(key, json.dumps(value)) for key, value in [*values.items(), ("seal", sealed(values))]]
        self._db.executemany("INSERT OR REPLACE INTO manifest VALUES (?, ?)", rows)

    def _update(self, manifest: Manifest) -> None:
        with self._transaction():
            self._write_manifest(manifest)


def _quoted(name: str) -> str:
    return '"{}"'.format(name.replace('"', '""'))


def _names(kind: type[RecordType]) -> str:
    return ", ".join(map(_quoted, columns(kind)))


@cache
def _insertion(kind: type[RecordType]) -> str:
    """The statement that adds a record of ``kind`` with its digest."""
    values = ", ".join("?" * (len(columns(kind)) + 1))
    return f'INSERT INTO {kind.TABLE} ({_names(kind)}, "digest") VALUES ({values})'


def _by_key(record: RecordType) -> tuple[str, tuple[Any, ...]]:
    """The condition that finds ``record`` by its key, and the values for it."""
    row = dict(zip(columns(type(record)), to_row(record), strict=True))
    return " AND ".join(f"{_quoted(name)} IS ?" for name in record.KEY), tuple(row[name] for name in record.KEY)


def _place(names: Sequence[str], row: Sequence[Any]) -> str:
    """The first values of a row, to find it by."""
    shown = [f"{name} {value}" for name, value in zip(names, row, strict=True) if value is not None]
    return ", ".join(shown[:4])


@cache
def _manifest_type() -> "TypeAdapter[Manifest]":
    from pydantic import TypeAdapter  # here, as who only imports pixelproof does not wait for it

    return TypeAdapter(Manifest)


def _manifest(values: dict[str, Any]) -> Manifest:
    """That of its ``values``, each of the type of its field. Raises ``KeyError`` and ``ValueError``."""
    text = json.dumps({each.name: values[each.name] for each in fields(Manifest)})
    found = _manifest_type().validate_json(text, strict=True)
    if len(found.selection.samples) != len(found.selection.labels):
        raise ValueError(f"{len(found.selection.samples)} samples, {len(found.selection.labels)} labels")
    return found


def _first(error: Exception) -> str:
    """What is wrong with a manifest: of many things the first."""
    from pydantic import ValidationError

    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return first_line(error)


def _pack(pixels: UInt8Array) -> bytes:
    return zlib.compress(np.ascontiguousarray(pixels).tobytes(), 9)
