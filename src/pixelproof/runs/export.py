"""Records for other tools: CSV, Parquet, a DataFrame, and the images as PNG files."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import asdict, fields
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from pixelproof.data.imageset import UInt8Array
from pixelproof.errors import InputError
from pixelproof.runs.record import Certificate, Record
from pixelproof.runs.store import RunStore

if TYPE_CHECKING:
    import pandas as pd


_NAMES = [f.name for f in fields(Record)]
_VALUES = attrgetter(*_NAMES)


def to_csv(run: RunStore, path: Path) -> Path:
    """All records of ``run`` as CSV, one line a record, empty where there is no value."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(_NAMES)
        writer.writerows(map(_VALUES, run.each_record()))
    return path


def certificates_to_csv(run: RunStore, path: Path) -> Path | None:
    """What methods of proof came to as CSV, one line a sample and level, without what a checker reads of it.

    None, and no file, where nothing was to be proved.
    """
    certificates, names = run.certificates(), [f.name for f in fields(Certificate) if f.name != "body"]
    if not certificates:
        return None
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(asdict(each) for each in certificates)
    return path


def to_parquet(run: RunStore, path: Path) -> Path:
    """All records of ``run`` as Parquet. Raises ``InputError`` without DuckDB (extra ``export``)."""
    try:
        import duckdb
    except ImportError as error:
        raise InputError("Parquet needs DuckDB; install it with: pip install 'pixelproof[export]'.") from error
    beside = to_csv(run, path.with_suffix(".csv.partial"))
    try:
        duckdb.read_csv(str(beside), header=True).write_parquet(str(path))
    finally:
        beside.unlink()
    return path


def to_frame(run: RunStore) -> pd.DataFrame:
    """All records of ``run`` as a DataFrame. Raises ``InputError`` without pandas (extra ``export``)."""
    try:
        import pandas as pd
    except ImportError as error:
        raise InputError("A DataFrame needs pandas; install it with: pip install 'pixelproof[export]'.") from error
    return pd.DataFrame.from_records(list(map(_VALUES, run.each_record())), columns=_NAMES)


def to_png(run: RunStore, folder: Path) -> int:
    """Every clean image as ``SAMPLE-clean.png``, every adversarial one as ``SAMPLE-ATTACK-thTH.png``; returns how many.

    Those of attacks by name carry their spec instead of a threshold.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written: set[str] = set()
    for name, image in _images(run):
        _picture(image).save(folder / f"{name}.png")
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


def _picture(image: UInt8Array) -> Image.Image:
    return Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
