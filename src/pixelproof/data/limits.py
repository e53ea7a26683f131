"""How much a file of a stranger may ask for, and what is said where reading it fails in any way at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pixelproof.errors import DataError
from pixelproof.wording import count, first_line

#: Classes that there may be: more than of any task known, few enough that a row of scores and all names are small.
MOST_CLASSES = 100_000
#: Pixels of one picture, and of one side that pictures may be brought to.
MOST_PIXELS, MOST_SIDE = 1 << 26, 1024
#: Bytes of what one file unpacks to, where all of it is held.
MOST_BYTES = 4 << 30
#: Bytes of a label or of a line of text.
MOST_TEXT = 1 << 12


@contextmanager
def decoding(what: object, kind: str, remedy: str) -> Iterator[None]:
    """Whatever goes wrong in reading ``what`` as ``kind`` becomes a ``DataError`` that ends in the ``remedy``.

    Decoders meet bytes that nobody wrote on purpose, or somebody did, and raise whatever these lead them to.
    """
    try:
        yield
    except DataError:
        raise
    except Exception as error:
        raise DataError(f"{what} cannot be read as {kind} ({first_line(error)}); {remedy}.") from error


def check_bytes(size: int, what: object) -> None:
    """Raise ``DataError`` where ``what`` unpacks to more than is held at once."""
    if size > MOST_BYTES:
        raise DataError(
            f"{what} unpacks to {count(size)} bytes, more than the {count(MOST_BYTES)} that are held; expected a "
            "smaller set, so cut it, or keep single pictures (folder:, csv:, webdataset:), which are read when asked "
            "for."
        )


def check_classes(classes: int) -> None:
    """Raise ``DataError`` where there are more than ``MOST_CLASSES``."""
    if classes > MOST_CLASSES:
        raise DataError(
            f"There would be {count(classes)} classes; expected {count(MOST_CLASSES)} at most, so number the labels "
            "from 0 without gaps."
        )


def regular_file(path: Path, expected: str) -> None:
    """Raise ``DataError`` where ``path`` is there but no file, as a pipe, which would never end."""
    if path.exists() and not path.is_file():
        raise DataError(f"{path} is no regular file; expected {expected}, so remove or replace it.")
