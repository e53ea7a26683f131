"""Records for other tools: CSV, Parquet, a DataFrame, and the images as PNG files."""

from __future__ import annotations

import csv
import io
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from pixelproof.data.imageset import UInt8Array
from pixelproof.errors import InputError
from pixelproof.files import file_name, write_whole, writing_whole
from pixelproof.runs.record import Certificate, Record
from pixelproof.runs.store import RunStore
from pixelproof.wording import harmless_cell

if TYPE_CHECKING:
    import pandas as pd


_NAMES = [f.name for f in fields(Record)]
_VALUES = attrgetter(*_NAMES)


def to_csv(run: RunStore, path: Path) -> Path:
    """All records of ``run`` as CSV, one line a record, empty where there is no value.

    Raises ``InputError`` for a run of a job that keeps records of another kind.
    """
    _check(run)
    return _csv(path, _NAMES, map(_VALUES, run.each_record()))


def _check(run: RunStore) -> None:
    if Record.TABLE not in run.tables():
        raise InputError(
            f"{run.folder} is of the job {run.manifest.job}, which keeps no records of attacks; its tables are written "
            f"as CSV by pixelproof report {run.folder}."
        )


def certificates_to_csv(run: RunStore, path: Path) -> Path | None:
    """What methods of proof came to as CSV, one line a sample and level, without what a checker reads of it.

    None, and no file, where nothing was to be proved.
    """
    certificates, names = run.certificates(), [f.name for f in fields(Certificate) if f.name != "body"]
    if not certificates:
        return None
    return _csv(path, names, ([getattr(each, name) for name in names] for each in certificates))


def _csv(path: Path, names: Sequence[str], rows: Iterable[Iterable[object]]) -> Path:
    """``rows`` below a line of their ``names``, one after the other, however many there are."""
    with writing_whole(path) as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows(map(harmless_cell, row) for row in rows)
    return path


def to_parquet(run: RunStore, path: Path) -> Path:
    """All records of ``run`` as Parquet. Raises ``InputError`` without DuckDB (extra ``export``)."""
    try:
        import duckdb
    except ImportError as error:
        raise InputError("Parquet needs DuckDB; install it with: pip install 'pixelproof[export]'.") from error
    with tempfile.TemporaryDirectory(prefix="pixelproof-") as folder:
        written = Path(folder, "records.parquet")
        duckdb.read_csv(str(to_csv(run, Path(folder, "records.csv"))), header=True).write_parquet(str(written))
        return write_whole(path, written.read_bytes())


def to_frame(run: RunStore) -> pd.DataFrame:
    """All records of ``run`` as a DataFrame. Raises ``InputError`` without pandas (extra ``export``)."""
    try:
        import pandas as pd
    except ImportError as error:
        raise InputError("A DataFrame needs pandas; install it with: pip install 'pixelproof[export]'.") from error
    return pd.DataFrame.from_records(list(map(_VALUES, run.each_record())), columns=_NAMES)


def to_png(run: RunStore, folder: Path) -> int:
    """Every clean image as ``SAMPLE-clean.png``, every adversarial one as ``SAMPLE-ATTACK-thTH.png``; returns how many.

    Those of attacks by name carry their spec instead of a threshold. Raises ``InputError`` as ``to_csv`` does.
    """
    _check(run)
    written: set[str] = set()
    for name, image in _images(run):
        write_whole(folder / f"{file_name(name)}.png", _png(image))
        written.add(name)
    return len(written)


def _images(run: RunStore) -> Iterator[tuple[str, UInt8Array]]:
    """Clean and adversarial images, one after the other, by the names of their files."""
    for sample in run.manifest.selection.samples:
        yield f"{sample:05d}-clean", run.clean(sample)
    for record in run.each_record():
        image = run.image(record) if record.success else None
        if image is not None:
            yield f"{record.sample:05d}-{_slug(record)}", image


def _slug(record: Record) -> str:
    if record.levelled:
        return f"{record.attack}-th{record.level}"
    return re.sub(r"[^\w.=-]+", "_", record.spec).strip("_")


def _png(image: UInt8Array) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(stream, "PNG")
    return stream.getvalue()
