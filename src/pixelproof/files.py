"""Files: written so that a reader sees the old one or the new one, never half of it; and their names."""

import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from pixelproof.errors import InputError

_UNSAFE = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|\ud800-\udfff]')
_LONGEST = 150  # bytes of a name, which with a digest and an ending no file system finds too long


def write_whole(path: Path, content: str | bytes) -> Path:
    """Write ``content`` (text as UTF-8) to ``path`` by way of a neighbour and a rename; makes the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
    _put_in_place(handle, Path(name), content, path)
    return path


@contextmanager
def writing_whole(path: Path) -> Iterator[TextIO]:
    """As ``write_whole``, of a text that is written piece by piece to the file that this gives."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
    with _in_place(Path(name), path), os.fdopen(handle, "w", newline="", encoding="utf-8", errors="replace") as file:
        yield file


def write_durably(path: Path, content: str | bytes) -> Path:
    """As ``write_whole``, for what cannot be made again: after a power cut too there is the old one or the new one.

    For one writer at a time, as the neighbour has one name; what a writer that was killed left there is written over.
    """
    beside = path.with_name(f".{path.name}.partial")
    beside.unlink(missing_ok=True)  # which might be a link
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    _put_in_place(handle, beside, content, path, synced=True)
    return path


def _put_in_place(handle: int, beside: Path, content: str | bytes, path: Path, *, synced: bool = False) -> None:
    with _in_place(beside, path), os.fdopen(handle, "wb") as file:
        file.write(content.encode("utf-8", "replace") if isinstance(content, str) else content)
        if synced:
            file.flush()
            os.fsync(file.fileno())


@contextmanager
def _in_place(beside: Path, path: Path) -> Iterator[None]:
    """Once ``beside`` is written, it takes the place of ``path``; where that fails, nothing is left of it."""
    try:
        yield
        os.chmod(beside, 0o644)
        os.replace(beside, path)
    except BaseException as error:
        beside.unlink(missing_ok=True)
        if isinstance(error, OSError):  # which of a full disk names no file, or our neighbour's
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def file_name(text: str) -> str:
    """``text`` as the name of one file in one folder: what a name made of others' words must be, whatever they are.

    Names that are so already stay; others end in a digest, so that two stay two.
    """
    plain = _UNSAFE.sub("_", text).lstrip(".")
    if plain == text and 0 < len(text.encode()) <= _LONGEST:
        return text
    safe = plain.encode()[: _LONGEST - 9].decode("utf-8", "ignore")
    return f"{safe}-{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def folder_in(folder: Path, *names: str) -> Path:
    """The folder below ``folder`` that ``names`` lead to.

    Raises ``InputError`` where one on the way is a link: it would be written elsewhere.
    """
    inside = folder
    for name in names:
        inside /= name
        if inside.is_symlink():
            raise InputError(
                f"{inside} is a link to {inside.resolve()}; expected a folder, as nothing is written outside {folder}, "
                "so remove the link."
            )
    return inside


def slug(text: str) -> str:
    """``text`` as the name of a folder: small letters, digits, ``.``, ``_`` and ``-``, safe on every file system."""
    return re.sub(r"[^a-z0-9._]+", "-", text.lower()).strip("-.") or "unnamed"
