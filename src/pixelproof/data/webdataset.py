"""``webdataset:FILE``: samples in a tar file, each some files of one name (the WebDataset convention)."""

import io
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pixelproof.data.imageset import ImageSet
from pixelproof.data.labels import read_texts
from pixelproof.data.limits import MOST_TEXT, check_bytes, decoding
from pixelproof.data.pictures import SUFFIXES, read_pictures
from pixelproof.errors import DataError

#: How the file with a sample's label ends.
LABELS = ("cls", "label", "txt")


def load_webdataset(path: Path, size: int | None = None) -> ImageSet:
    """The pictures of a tar file in its order, at ``size`` (see ``read_pictures``).

    A sample is what has one name up to its first dot: a picture, and a label in a file that ends in one of ``LABELS``,
    a class number or a name. Raises ``DataError`` where it is no tar file, and for a sample without one of the two.
    """
    if not path.is_file():
        raise DataError(f"There is no file {path}; expected a tar file of pictures and labels.")
    samples: dict[str, dict[str, _Part]] = {}
    held = 0
    with decoding(path, "a tar file", "expected a whole one"):
        plain = _is_plain(path)
        with tarfile.open(path) as archive:
            for member in archive:
                stream = archive.extractfile(member) if member.isfile() else None
                if stream is not None:
                    held += 0 if plain else member.size
                    check_bytes(held, path)
                    folder, _, name = member.name.rpartition("/")
                    key, _, suffix = name.partition(".")
                    content = None if plain else stream.read()
                    part = _Part(f"{member.name} of {path}", path, member.offset_data, member.size, content)
                    samples.setdefault(f"{folder}/{key}", {})[suffix.lower()] = part
    pictures, texts = [], []
    for key, parts in samples.items():
        picture = next((suffix for suffix in parts if f".{suffix.rpartition('.')[2]}" in SUFFIXES), None)
        label = next((suffix for suffix in LABELS if suffix in parts), None)
        if picture is None or label is None:
            raise DataError(
                f"The sample {key.strip('/')} of {path} has {', '.join(parts)}; expected a picture "
                f"({', '.join(SUFFIXES)}) and a label ({', '.join(LABELS)})."
            )
        pictures.append(parts[picture])
        texts.append(parts[label].open("rb").read(MOST_TEXT).decode("utf-8", "replace").strip())
    if not pictures:
        raise DataError(f"{path} is empty; expected pictures and labels.")
    labels, names = read_texts(texts)
    return ImageSet(read_pictures(pictures, size), labels, names, path.stem)


@dataclass(frozen=True, slots=True)
class _Part:
    """A file in an archive: ``size`` bytes from ``start`` on, or its ``content`` where the archive is compressed."""

    name: str
    archive: Path
    start: int
    size: int
    content: bytes | None

    def __str__(self) -> str:
        return self.name

    def open(self, mode: str) -> BinaryIO:
        if self.content is not None:
            return io.BytesIO(self.content)
        with self.archive.open(mode) as stream:
            stream.seek(self.start)
            return io.BytesIO(stream.read(self.size))


def _is_plain(path: Path) -> bool:
    """Whether the archive is not compressed: its magic number is where it is in a tar file."""
    with path.open("rb") as stream:
        stream.seek(257)
        return stream.read(5) == b"ustar"
