"""Files: written so that a reader sees the old one or the new one, never half of it; and their names."""

import os
import re
import tempfile
from pathlib import Path


def write_whole(path: Path, content: str | bytes) -> Path:
    """Write ``content`` (text as UTF-8) to ``path`` by way of a neighbour and a rename; makes the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    _put_in_place(handle, Path(name), content, path)
    return path


def write_durably(path: Path, content: str | bytes) -> Path:
    """As ``write_whole``, for what cannot be made again: after a power cut too there is the old one or the new one.

    For one writer at a time, as the neighbour has one name; what a writer that was killed left there is written over.
    """
    beside = path.with_name(f".{path.name}.partial")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    _put_in_place(handle, beside, content, path, synced=True)
    return path


def _put_in_place(handle: int, beside: Path, content: str | bytes, path: Path, *, synced: bool = False) -> None:
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            if synced:
                file.flush()
                os.fsync(file.fileno())
        os.chmod(beside, 0o644)
        os.replace(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def slug(text: str) -> str:
    """``text`` as the name of a folder: small letters, digits, ``.``, ``_`` and ``-``, safe on every file system."""
    return re.sub(r"[^a-z0-9._]+", "-", text.lower()).strip("-.") or "unnamed"
