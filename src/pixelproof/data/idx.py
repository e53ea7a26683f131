"""MNIST, Fashion-MNIST and their like: pairs of idx files, plain or gzipped, under their official names."""

import gzip
import struct
from math import prod
from pathlib import Path
from typing import BinaryIO

import numpy as np

from pixelproof.data.imageset import ImageSet, UInt8Array, default_class_names
from pixelproof.data.limits import check_bytes, decoding
from pixelproof.errors import DataError

#: Before ``-images-idx3-ubyte`` and ``-labels-idx1-ubyte``.
PREFIXES = {"test": "t10k", "train": "train"}
_BYTES = 8  # the code of unsigned bytes in the header


def load_idx(folder: Path, split: str = "test") -> ImageSet:
    """The images uint8 N×H×W×1 of ``split`` (``test`` or ``train``) in ``folder``, classes numbered.

    The files are ``t10k-images-idx3-ubyte`` and ``t10k-labels-idx1-ubyte`` (``train-…``), with or without ``.gz``; in
    old copies a dot stands before ``idx``. Raises ``DataError`` when one is missing, damaged or of another kind.
    """
    prefix = PREFIXES[split]
    images = _read(_find(folder, f"{prefix}-images", "idx3-ubyte"), 3)
    labels = _read(_find(folder, f"{prefix}-labels", "idx1-ubyte"), 1)
    numbers = labels.astype(np.int64)
    name = f"{folder.resolve().name}-{split}"
    try:
        return ImageSet(images[..., np.newaxis], numbers, default_class_names(numbers), name)
    except DataError as error:
        raise DataError(f"The idx files in {folder} cannot be used: {error}") from error


def _find(folder: Path, start: str, end: str) -> Path:
    for name in (f"{start}-{end}", f"{start}.{end}"):
        for path in (folder / name, folder / f"{name}.gz"):
            if path.is_file():
                return path
    raise DataError(f"{folder} has no {start}-{end} or {start}-{end}.gz; put the four official files of MNIST there.")


def _read(path: Path, dimensions: int) -> UInt8Array:
    """The array in the idx file ``path``: a magic number, the sizes as big-endian integers, then bytes."""
    with decoding(path, "an idx file", "fetch it again"), _opened(path) as stream:
        head = stream.read(4 + 4 * dimensions)
        if len(head) < 4 + 4 * dimensions or head[:4] != bytes([0, 0, _BYTES, dimensions]):
            raise DataError(f"{path} is no idx file of bytes in {dimensions} dimensions; expected one of MNIST's.")
        sizes = struct.unpack(f">{dimensions}I", head[4:])
        check_bytes(wanted := prod(sizes), path)
        content = stream.read(wanted + 1)  # and no more, as a packed file may hold without end
    if len(content) != wanted:
        shape = "×".join(map(str, sizes))
        held = f"{len(content)}" if len(content) < wanted else "more"
        raise DataError(f"{path} says that it holds {shape} bytes, but holds {held}; fetch it again.")
    found: UInt8Array = np.frombuffer(content, np.uint8).reshape(sizes)
    return found


def _opened(path: Path) -> BinaryIO:
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]
