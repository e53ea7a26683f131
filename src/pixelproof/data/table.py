"""``csv:FILE``: a table of picture files and their labels."""

import csv
from pathlib import Path

from pixelproof.data.imageset import ImageSet
from pixelproof.data.labels import read_texts
from pixelproof.data.limits import decoding
from pixelproof.data.pictures import read_pictures
from pixelproof.errors import DataError

#: What the columns of files and of labels may be called.
FILES, LABELS = ("path", "file", "filename", "image"), ("label", "class", "target")


def load_csv(path: Path, size: int | None = None) -> ImageSet:
    """The pictures that the table ``path`` names, in its order, at ``size`` (see ``read_pictures``).

    Its first line names the columns, one of ``FILES``, relative to the table's folder, and one of ``LABELS``: class
    numbers, or names. Raises ``DataError`` where a column, a file or a label is missing.
    """
    if not path.is_file():
        raise DataError(f"There is no file {path}; expected a table (CSV) with the columns path and label.")
    with (
        decoding(path, "a table", "expected a CSV file in UTF-8"),
        path.open(newline="", encoding="utf-8-sig") as stream,
    ):
        reader = csv.DictReader(stream)
        columns = [name.strip() for name in reader.fieldnames or ()]
        reader.fieldnames = columns
        file, label = (_column(path, columns, known) for known in (FILES, LABELS))
        rows = [{key: (value or "").strip() for key, value in row.items() if key} for row in reader]
    if not rows:
        raise DataError(f"{path} has no rows; expected one for each picture.")
    for number, row in enumerate(rows, 2):
        if not row.get(file) or not row.get(label):
            raise DataError(f"Line {number} of {path} has no {file if not row.get(file) else label}; expected both.")
    places = [path.parent / row[file] for row in rows]
    for number, place in enumerate(places, 2):
        if not place.is_file():
            raise DataError(f"Line {number} of {path} names {place}, which is not there; check its path.")
    labels, names = read_texts([row[label] for row in rows])
    return ImageSet(read_pictures(places, size), labels, names, path.stem)


def _column(path: Path, columns: list[str], known: tuple[str, ...]) -> str:
    found = [name for name in columns if name.lower() in known]
    if not found:
        raise DataError(
            f"{path} has no column {' or '.join(known)}, only {', '.join(columns) or 'nothing'}; name one so in the "
            "first line."
        )
    return found[0]
