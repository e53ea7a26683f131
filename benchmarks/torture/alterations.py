"""What a liar may alter in a finished run, and what finds it: verification, a replay, or the digest alone.

Every value of every record and of the manifest, every image, and what a liar would rather have: better robustness,
fewer warnings, other classes. Each as a careless liar leaves it (digests as they were) and as a capable one does, who
computes all digests and the identity again by our own code.
"""

from __future__ import annotations

import json
import random
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from benchmarks.judged import at_least, at_most
from benchmarks.options import Row
from benchmarks.torture.altered_runs import Whole, subject_of, whole_runs
from benchmarks.torture.lies import LIES
from pixelproof.errors import InputError
from pixelproof.jobs.job import choose_device
from pixelproof.jobs.open import open_model, told_spec
from pixelproof.jobs.verify import verify
from pixelproof.jobs.verify.meaning import outside
from pixelproof.jobs.verify.strangers import opened_data
from pixelproof.runs import RunStore
from pixelproof.runs.identity import run_identity
from pixelproof.runs.table import sealed

#: What finds an alteration: the digests in the run itself, what is computed again, a replay of all of it, or the digest
#: that was noted elsewhere.
Finder = Literal["digests", "derived", "replayed", "noted digest"]
COMMAND = "python -m benchmarks.torture alterations"

#: Rows of a table that are altered.
_ROWS = 4
#: Alterations of a run, drawn from all there are: of one that a job made by itself, of one of a plan, and in small.
_OF_JOB, _OF_PLAN, _SMALL = 100, 25, 3
#: Alterations that are to be tried in all.
_ENOUGH = 1_000


@dataclass(frozen=True)
class Alteration:
    """One thing altered: the ``place``, as ``jobs/verify/meaning.py`` calls it, and how it is done to an open run."""

    run: str
    place: str
    do: Callable[[RunStore], bool]  # False where there is nothing to alter


@dataclass(frozen=True)
class Outcome:
    """What became of an ``alteration``: who found it; ``held`` where only a digest did that was to."""

    alteration: Alteration
    forged: bool
    finder: Finder
    crash: str | None = None

    @property
    def held(self) -> bool:
        """Whether it was found as it should be."""
        if self.crash is not None:
            return False
        return self.finder != "noted digest" or outside(self.alteration.place) is not None


# What there is to alter.


def alterations(whole: Whole, draw: random.Random) -> Iterator[Alteration]:
    """Every alteration of a run."""
    with RunStore.of_bytes(whole.content) as run:
        for table in run.tables():
            yield from _of_table(whole.name, run, table, draw)
        for key, value in run._manifest_values().items():
            if key not in ("seal", "contents", "format_version"):
                for path in _places(value):
                    place = f"manifest.{key}{_named(path)}"
                    yield Alteration(whole.name, place, _manifest_change(key, path))
        yield from _of_images(whole.name, run)
    for name, lie in LIES.items():
        yield Alteration(whole.name, f"lie: {name}", lie)


def _of_table(name: str, run: RunStore, table: str, draw: random.Random) -> Iterator[Alteration]:
    rows = run._rows(f"SELECT * FROM {table} ORDER BY id")
    names = [row[1] for row in run._rows(f"PRAGMA table_info({table})")]
    chosen = _various(rows, names, draw)
    for row in chosen:
        for column, value in list(zip(names, row, strict=True))[1:-1]:
            for inside, other in _others(value):
                yield Alteration(name, f"{table}.{column}{inside}", _set(table, row[0], column, other))
        yield Alteration(name, f"{table}: taken away", _delete(table, row[0]))
        yield Alteration(name, f"{table}: doubled", _double(table, row[0], names))


def _various(rows: list[tuple[Any, ...]], names: list[str], draw: random.Random) -> list[tuple[Any, ...]]:
    """A few rows, of records a success and a failure among them, with levels and by name."""
    kinds: dict[object, tuple[Any, ...]] = {}
    for row in rows:
        of = dict(zip(names, row, strict=True))
        kinds.setdefault((of.get("success"), of.get("inherited_from") is None, of.get("proved")), row)
    chosen = list(kinds.values())[:_ROWS]
    rest = [row for row in rows if row not in chosen]
    return chosen + draw.sample(rest, min(len(rest), max(0, _ROWS - len(chosen))))


def _others(value: Any) -> list[tuple[str, Any]]:
    """What a liar may write in place of ``value``, near and far, and where inside of it that is."""
    if value is None:
        return [("", 1)]
    if isinstance(value, (int, float)):
        half = value * 0.5 if isinstance(value, float) else value // 2
        return [("", value + 1), ("", 1 - value if value in (0, 1) else half)]
    try:
        parsed = json.loads(value)
    except ValueError:
        parsed = None
    if not isinstance(parsed, (dict, list)):
        return [("", f"{value}1")]
    places = list(_places(parsed))
    return [(_named(path), json.dumps(changed(parsed, path))) for path in places[:1] + places[-1:]]


def _named(path: tuple[Any, ...]) -> str:
    """The names on the way to a value: ``.claim.threat``."""
    return "".join(f".{each}" for each in path if isinstance(each, str))


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The places of plain values; of a list the first and the last alone."""
    if isinstance(value, dict) and value:
        for key, each in value.items():
            yield from _places(each, (*path, key))
    elif isinstance(value, list) and value:
        for number in dict.fromkeys((0, len(value) - 1)):
            yield from _places(value[number], (*path, number))
    else:
        yield path


def changed(value: Any, path: tuple[Any, ...]) -> Any:
    """``value`` with another one at ``path``, of the same kind where there is one."""
    if path:
        copy: Any = list(value) if isinstance(value, list) else dict(value)
        copy[path[0]] = changed(value[path[0]], path[1:])
        return copy
    if isinstance(value, dict):
        return {"new": 1}
    if isinstance(value, list):
        return [1]
    if isinstance(value, bool):
        return not value
    return 1 if value is None else f"{value}1" if isinstance(value, str) else value + 1


def _of_images(name: str, run: RunStore) -> Iterator[Alteration]:
    for kind, record in run._rows("SELECT kind, record FROM images ORDER BY kind, record LIMIT 6"):
        where = f"kind = '{kind}' AND record = {record}"
        yield Alteration(name, "images: a byte", _byte("images", "difference", where))
        yield Alteration(name, "images: taken away", _sql(f"DELETE FROM images WHERE {where}"))
        yield Alteration(name, "images: the clean one", _zero(where))
    for (sample,) in run._rows("SELECT sample FROM clean ORDER BY sample LIMIT 3"):
        yield Alteration(name, "clean: a byte", _byte("clean", "pixels", f"sample = {sample}"))


def _sql(statement: str, *values: Any) -> Callable[[RunStore], bool]:
    return lambda run: run._db.execute(statement, values).rowcount > 0


def _set(table: str, key: int, column: str, value: Any) -> Callable[[RunStore], bool]:
    def do(run: RunStore) -> bool:
        run._db.execute(f"DROP INDEX IF EXISTS {table}_key")  # which a liar can do without
        return run._db.execute(f'UPDATE {table} SET "{column}" = ? WHERE id = ?', (value, key)).rowcount > 0

    return do


def _delete(table: str, key: int) -> Callable[[RunStore], bool]:
    def do(run: RunStore) -> bool:
        run._db.execute("DELETE FROM images WHERE kind = ? AND record = ?", (table, key))
        return run._db.execute(f"DELETE FROM {table} WHERE id = ?", (key,)).rowcount > 0

    return do


def _double(table: str, key: int, names: list[str]) -> Callable[[RunStore], bool]:
    columns = ", ".join(f'"{name}"' for name in names[1:])

    def do(run: RunStore) -> bool:
        run._db.execute(f"DROP INDEX IF EXISTS {table}_key")
        made = run._db.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {table} WHERE id = ?", (key,))
        run._db.execute(
            "INSERT INTO images SELECT kind, ?, difference FROM images WHERE kind = ? AND record = ?",
            (made.lastrowid, table, key),
        )
        return made.rowcount > 0

    return do


def _byte(table: str, column: str, where: str) -> Callable[[RunStore], bool]:
    def do(run: RunStore) -> bool:
        ((blob,),) = run._rows(f"SELECT {column} FROM {table} WHERE {where}")
        pixels = bytearray(zlib.decompress(blob))
        pixels[len(pixels) // 2] ^= 1
        run._db.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", (zlib.compress(bytes(pixels)),))
        return True

    return do


def _zero(where: str) -> Callable[[RunStore], bool]:
    def do(run: RunStore) -> bool:
        ((blob,),) = run._rows(f"SELECT difference FROM images WHERE {where}")
        nothing = zlib.compress(bytes(len(zlib.decompress(blob))))
        return run._db.execute(f"UPDATE images SET difference = ? WHERE {where}", (nothing,)).rowcount > 0

    return do


def _manifest_change(key: str, path: tuple[Any, ...]) -> Callable[[RunStore], bool]:
    def do(run: RunStore) -> bool:
        value = run._manifest_values()[key]
        other = changed(value, path)
        run._db.execute("UPDATE manifest SET value = ? WHERE key = ?", (json.dumps(other), key))
        return bool(other != value)

    return do


def forge(run: RunStore) -> None:
    """Make all digests fit again, and the identity where what it hashes can be read."""
    for table in run.tables():
        names = [row[1] for row in run._rows(f"PRAGMA table_info({table})")][1:-1]
        selected = ", ".join(f'"{name}"' for name in names)
        for number, *row in run._rows(f"SELECT id, {selected} FROM {table}"):
            digest = run._digest(table, number, dict(zip(names, row, strict=True)))
            run._db.execute(f"UPDATE {table} SET digest = ? WHERE id = ?", (digest, number))
    values = run._manifest_values()
    values.pop("seal", None)
    model, data = values["model"], values["data"]
    if isinstance(model, dict) and isinstance(data, dict):
        hashed = model.get("fingerprint"), model.get("kind"), data.get("sha256")
        values["identity"] = run_identity(values["job"], values["settings"], *hashed)  # type: ignore[arg-type]
    if values["status"] == "finished":
        values["contents"] = run._contents()
    rows = [(key, json.dumps(value)) for key, value in [*values.items(), ("seal", sealed(values))]]
    run._db.executemany("INSERT OR REPLACE INTO manifest VALUES (?, ?)", rows)


# What finds it.


def tried(whole: Whole, alteration: Alteration, forged: bool) -> Outcome | None:
    """What becomes of the ``alteration``; None where there was nothing to alter."""
    with RunStore.of_bytes(whole.content) as run:
        before = run._manifest_values().get("seal")
        if not alteration.do(run):
            return None
        try:
            if not forged:
                finder: Finder = "digests" if _refused(run) or run.altered() else "noted digest"
                return Outcome(alteration, forged, finder)
            forge(run)
            if run._manifest_values()["seal"] == before:  # nothing that counts was altered
                return None
            return Outcome(alteration, forged, _finder(whole, run))
        except Exception as error:  # nothing but a sentence may come of what a stranger sends
            return Outcome(alteration, forged, "noted digest", repr(error))


def _refused(run: RunStore) -> bool:
    try:
        told_spec(run)
    except InputError:
        return True
    return False


def _finder(whole: Whole, run: RunStore) -> Finder:
    try:
        spec, device = told_spec(run), choose_device("cpu")
        classifier = whole.classifier if subject_of(spec) == whole.subject else open_model(spec)
        data = whole.data if getattr(spec, "data", None) == whole.source else opened_data(spec, told=False)
        if not verify(run, spec, classifier, data, device).holds:
            return "derived"
        if not verify(run, spec, classifier, data, device, share=1.0).holds:
            return "replayed"
    except InputError:  # refused with a sentence
        return "derived"
    return "noted digest"


def rows(small: bool = False, seed: int = 0) -> list[Row]:
    """The counts, in small of a few alterations of every kind of run."""
    outcomes = list(run(small, seed))
    return _rows(outcomes, f"{COMMAND}{' --small' if small else ''}", None if small else _ENOUGH)


def run(small: bool = False, seed: int = 0) -> Iterator[Outcome]:
    """Alter everything, in small a few things of every run, and tell what became of it."""
    draw = random.Random(seed)
    with TemporaryDirectory(prefix="pixelproof-") as folder:
        for whole in whole_runs(Path(folder), small):
            every = list(alterations(whole, draw))
            most = _SMALL if small else _OF_PLAN if "/" in whole.name else _OF_JOB
            for alteration in draw.sample(every, min(len(every), most)):
                for forged in (False, True):
                    outcome = tried(whole, alteration, forged)
                    if outcome is not None:
                        yield outcome


def _rows(outcomes: list[Outcome], command: str, enough: int | None) -> list[Row]:
    naive = [each for each in outcomes if not each.forged]
    forged = [each for each in outcomes if each.forged]
    found = Counter(each.finder for each in forged)
    seen = sum(each.finder == "digests" for each in naive)
    listed = sum(each.finder == "noted digest" and each.held for each in forged)
    lost = [each for each in outcomes if not each.held]
    which = [f"{each.alteration.run}: {each.alteration.place}: {each.crash}" for each in lost[:5]]
    kinds = len({each.alteration.run for each in outcomes})
    rows = [
        at_least(f"alterations of {kinds} runs tried, naive and forged", len(outcomes), "alterations", enough),
        at_least("naive: the run's own digests tell", seen, "alterations", len(naive)),
        at_least("forged: what is computed again tells", found["derived"], "alterations", None),
        at_least("forged: a replay tells", found["replayed"], "alterations", None),
        at_least("forged: held by the noted digest alone, as listed", listed, "alterations", None),
        at_most("found by nothing and not on the list", len(lost), "alterations", 0, which=which),
    ]
    return [{**row, "command": command} for row in rows]
