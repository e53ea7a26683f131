"""MNIST, Fashion-MNIST and their like: pairs of idx files, plain or gzipped, under their official names."""

import gzip
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pixelproof.data.imageset import ImageSet, UInt8Array, default_class_names
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
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read ({error}); fetch it again.") from error
    head = 4 + 4 * dimensions
    if len(content) < head or content[:4] != bytes([0, 0, _BYTES, dimensions]):
        raise DataError(f"{path} is no idx file of bytes in {dimensions} dimensions; expected one of MNIST's.")
    sizes: npt.NDArray[np.int64] = np.frombuffer(content[4:head], ">u4").astype(np.int64)
    if len(content) - head != int(sizes.prod()):
        shape = "×".join(map(str, sizes.tolist()))
        raise DataError(f"{path} says that it holds {shape} bytes, but holds {len(content) - head}; fetch it again.")
    found: UInt8Array = np.frombuffer(content[head:], np.uint8).reshape(sizes)
    return found
