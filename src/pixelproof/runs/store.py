"""The run file: one SQLite database in WAL mode, where a sample's records and images commit together."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np

from pixelproof.data.imageset import UInt8Array
from pixelproof.errors import RunError
from pixelproof.runs.record import (
    FORMAT_VERSION,
    DataCard,
    Finding,
    Manifest,
    ModelCard,
    Record,
    Selection,
)

FILE = "run.sqlite"
_COLUMNS = [f.name for f in fields(Record)]
_TYPES = get_type_hints(Record)
_SCHEMA = f"""
CREATE TABLE manifest (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE clean (sample INTEGER PRIMARY KEY, pixels BLOB NOT NULL);
CREATE TABLE records (
    id INTEGER PRIMARY KEY, {", ".join(_COLUMNS)},
    digest TEXT NOT NULL,
    UNIQUE (sample, attack, search, threshold)
);
CREATE TABLE images (record INTEGER PRIMARY KEY REFERENCES records (id), difference BLOB NOT NULL);
"""


class RunStore:
    """One run, on disk or in memory. ``RunStore.create`` or ``RunStore.open`` it; use as a context manager."""

    def __init__(self, connection: sqlite3.Connection, folder: Path | None) -> None:
        self._db = connection
        self.folder = folder

    @classmethod
    def create(cls, folder: Path | None, manifest: Manifest, clean: dict[int, UInt8Array]) -> RunStore:
        """A new run in ``folder`` (None: in memory) holding ``manifest`` and the clean images (H×W×C by sample).

        Raises ``RunError`` when the folder already holds a run, or cannot be written.
        """
        if folder is None:
            store = cls(_connect(":memory:"), None)
            store._begin(manifest, clean)
            return store
        if (folder / FILE).exists():
            raise RunError(f"{folder} already holds a run; choose another --out.")
        beside = folder / f"{FILE}.partial"
        made = [each for each in (folder, *folder.parents) if not each.exists()]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _remove(beside)  # of a process that was killed here
            with cls(_connect(beside), folder) as store:
                store._begin(manifest, clean)
            os.replace(beside, folder / FILE)
            return cls(_connect(folder / FILE), folder)
        except BaseException as error:
            _remove(beside)
            for each in made:
                with suppress(OSError):
                    each.rmdir()
            if isinstance(error, (OSError, sqlite3.Error, RunError)):
                raise RunError(f"{folder} cannot be written ({error}); choose another --out.") from error
            raise

    def _begin(self, manifest: Manifest, clean: dict[int, UInt8Array]) -> None:
        with self._transaction():
            for statement in filter(str.strip, _SCHEMA.split(";")):
                self._db.execute(statement)
            self._write_manifest(manifest)
            self._db.executemany("INSERT INTO clean VALUES (?, ?)", [(k, _pack(image)) for k, image in clean.items()])

    @classmethod
    def open(cls, folder: Path) -> RunStore:
        """The run in ``folder``. Raises ``RunError`` when there is none, or it cannot be read."""
        path = folder / FILE
        if not path.exists():
            raise RunError(f"{folder} holds no run: there is no {path}.")
        try:
            store = cls(_connect(path), folder)
            version = store._manifest_values().get("format_version")
        except (OSError, sqlite3.Error) as error:
            raise RunError(f"{path} is not a pixelproof run, or it is damaged ({error}).") from error
        if version != FORMAT_VERSION:
            store.close()
            raise RunError(
                f"{path} has the format version {version}, this pixelproof reads {FORMAT_VERSION}; "
                "open it with the version that wrote it."
            )
        return store

    def __enter__(self) -> RunStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:  # a notebook's result is never closed by hand
        self.close()

    def close(self) -> None:
        """Close the file; the store can no longer be used."""
        self._db.close()

    @property
    def manifest(self) -> Manifest:
        """Everything about the run but its records. Raises ``RunError`` when it cannot be read."""
        values = self._manifest_values()
        try:
            return _manifest(values)
        except (KeyError, TypeError, ValueError) as error:
            raise RunError(f"The manifest of {self._where} is damaged ({error!r}).") from error

    def commit(self, outcomes: Iterable[tuple[Record, UInt8Array | None]]) -> None:
        """Add records, each with its adversarial image (H×W×C) or None, in one transaction."""
        with self._transaction():
            for record, image in outcomes:
                values = asdict(record)
                marks = ", ".join("?" * len(_COLUMNS))
                clean = self.clean(record.sample)
                cursor = self._db.execute(
                    f"INSERT INTO records ({', '.join(_COLUMNS)}, digest) VALUES ({marks}, ?)",
                    [*(values[c] for c in _COLUMNS), _digest(record, clean, image)],
                )
                if image is not None:
                    difference = image - clean  # wraps modulo 256, so it is exact
                    self._db.execute("INSERT INTO images VALUES (?, ?)", (cursor.lastrowid, _pack(difference)))

    def add_findings(self, findings: Iterable[Finding]) -> None:
        """Append findings that are not there yet."""
        manifest = self.manifest
        new = tuple(f for f in findings if f not in manifest.findings)
        self._update(replace(manifest, findings=manifest.findings + new))

    def add_timings(self, timings: dict[str, float], *, finished: bool) -> None:
        """Add ``timings`` to those of earlier sittings, and mark the run finished when it is."""
        manifest = self.manifest
        total = {k: manifest.timings.get(k, 0.0) + v for k, v in timings.items()}
        status = "finished" if finished else manifest.status
        self._update(replace(manifest, timings={**manifest.timings, **total}, status=status))

    def records(self) -> list[Record]:
        """All records in a fixed order: attack, search, threshold, then the order of the samples.

        Attacks by name come last, in the order of the settings.
        """
        manifest = self.manifest
        order = {sample: k for k, sample in enumerate(manifest.selection.samples)}
        named = {each["search"]: k for k, each in enumerate(manifest.settings.get("attacks", ()), 1)}
        found = [_record(row) for row in self._rows(f"SELECT {', '.join(_COLUMNS)} FROM records")]

        def place(r: Record) -> tuple[int, str, str, int, int, int]:
            first = 0 if r.levelled else named.get(r.search, len(named) + 1)
            return first, r.attack, r.search, r.threshold, order.get(r.sample, -1), r.sample

        return sorted(found, key=place)

    def altered(self) -> list[str]:
        """What was changed since it was written: one sentence a manifest or record whose digest does not fit."""
        values = self._manifest_values()
        seal = values.pop("seal", None)
        found = [] if seal == _seal(values) else ["The manifest was altered after it was written."]
        for row in self._rows(f"SELECT {', '.join(_COLUMNS)}, digest FROM records"):
            record = _record(row[:-1])
            try:
                digest = _digest(record, self.clean(record.sample), self.adversarial(record))
            except RunError:
                digest = "unreadable"
            if digest != row[-1]:
                found.append(f"The record or the images of {describe(record)} were altered after they were written.")
        return found

    def clean(self, sample: int) -> UInt8Array:
        """The clean image of ``sample``, uint8 H×W×C."""
        rows = self._rows("SELECT pixels FROM clean WHERE sample = ?", (sample,))
        if not rows:
            raise RunError(f"{self._where} has no clean image of sample {sample}.")
        return self._unpack(rows[0][0], sample)

    def adversarial(self, record: Record) -> UInt8Array | None:
        """The image kept of ``record``, uint8 H×W×C: of a success, or the last try of an attack by name; else None."""
        rows = self._rows(
            "SELECT difference FROM images JOIN records ON records.id = images.record "
            "WHERE sample = ? AND attack = ? AND search = ? AND threshold = ?",
            (record.sample, record.attack, record.search, record.threshold),
        )
        return self.clean(record.sample) + self._unpack(rows[0][0], record.sample) if rows else None

    def _unpack(self, blob: bytes, sample: int) -> UInt8Array:
        rows = self._rows("SELECT value FROM manifest WHERE key = 'data'")
        try:
            shape = json.loads(rows[0][0])["shape"]
            return np.frombuffer(zlib.decompress(blob), np.uint8).reshape(shape)
        except (IndexError, KeyError, TypeError, ValueError, zlib.error) as error:
            raise RunError(f"An image of sample {sample} in {self._where} is damaged ({error}).") from error

    @property
    def _where(self) -> str:
        return "the run in memory" if self.folder is None else str(self.folder / FILE)

    def _rows(self, query: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        try:
            return self._db.execute(query, values).fetchall()
        except sqlite3.DatabaseError as error:
            raise RunError(f"{self._where} is not a pixelproof run, or it is damaged ({error}).") from error

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All or nothing. What SQLite cannot do (a full disk, another process at the run) becomes a ``RunError``."""
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

    def _manifest_values(self) -> dict[str, Any]:
        rows = self._rows("SELECT key, value FROM manifest")
        try:
            return {key: json.loads(value) for key, value in rows}
        except (TypeError, ValueError) as error:
            raise RunError(f"The manifest of {self._where} is damaged ({error}).") from error

    def _write_manifest(self, manifest: Manifest) -> None:
        values = json.loads(json.dumps(asdict(manifest)))
        rows = [(key, json.dumps(value)) for key, value in [*values.items(), ("seal", _seal(values))]]
        self._db.executemany("INSERT OR REPLACE INTO manifest VALUES (?, ?)", rows)

    def _update(self, manifest: Manifest) -> None:
        with self._transaction():
            self._write_manifest(manifest)


def describe(record: Record) -> str:
    """``sample 17, few-pixel, th = 3 (cma-es)``, or ``sample 17, pgd(epsilon=8,…)``."""
    if not record.levelled:
        return f"sample {record.sample}, {record.search}"
    return f"sample {record.sample}, {record.attack}, th = {record.threshold} ({record.search})"


def _connect(path: Path | str) -> sqlite3.Connection:
    # Used by one thread at a time; which one happens to collect a forgotten store is not known.
    connection = sqlite3.connect(path, isolation_level=None, timeout=30, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _remove(path: Path) -> None:
    """Remove a database and what SQLite keeps beside it."""
    for suffix in ("", "-wal", "-shm"):
        with suppress(OSError):
            path.with_name(path.name + suffix).unlink(missing_ok=True)


def _manifest(values: dict[str, Any]) -> Manifest:
    data, chosen = values["data"], values["selection"]
    if len(chosen["samples"]) != len(chosen["labels"]):
        raise ValueError(f"{len(chosen['samples'])} samples, {len(chosen['labels'])} labels")
    return Manifest(
        identity=values["identity"],
        status=values["status"],
        spec=dict(values["spec"]),
        settings=dict(values["settings"]),
        model=ModelCard(**values["model"]),
        data=DataCard(**{**data, "shape": tuple(data["shape"]), "class_names": tuple(data["class_names"])}),
        selection=Selection(chosen["rule"], chosen["considered"], tuple(chosen["samples"]), tuple(chosen["labels"])),
        findings=tuple(Finding(**finding) for finding in values["findings"]),
        environment=values["environment"],
        timings=values["timings"],
        format_version=values["format_version"],
    )


def _record(row: tuple[Any, ...]) -> Record:
    values = dict(zip(_COLUMNS, row, strict=True))
    for column in ("success", "gave_up"):
        values[column] = bool(values[column])
    for column, value in values.items():
        if not isinstance(value, _TYPES[column]):
            raise RunError(f"A record of the run is damaged: its {column} is {value!r}.")
    return Record(**values)


def _digest(record: Record, clean: UInt8Array, adversarial: UInt8Array | None) -> str:
    digest = hashlib.sha256(json.dumps(asdict(record), sort_keys=True).encode())
    digest.update(clean.tobytes())
    digest.update(b"" if adversarial is None else adversarial.tobytes())
    return digest.hexdigest()


def _seal(values: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _pack(pixels: UInt8Array) -> bytes:
    return zlib.compress(np.ascontiguousarray(pixels).tobytes(), 9)
