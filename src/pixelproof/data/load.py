"""Data by spec strings, as on the command line."""

import re
from pathlib import Path

from pixelproof.data.bundled import load_bundled
from pixelproof.data.cifar10 import load_cifar10
from pixelproof.data.folder import load_folder
from pixelproof.data.idx import load_idx
from pixelproof.data.imageset import ImageSet
from pixelproof.data.npz import load_npz
from pixelproof.data.pentomino import load_pentomino
from pixelproof.errors import DataError

SPECS = "bundled, cifar10:ROOT, idx:DIR, pentomino:N, npz:FILE or folder:DIR"

_SIZED = re.compile(r"(.+),size=([1-9]\d*)")


def load_data(spec: str, *, allow_download: bool = True) -> ImageSet:
    """The images that ``spec`` names.

    ``bundled``: 1,000 CIFAR-10 test images that come with the package. ``cifar10:ROOT``: CIFAR-10's test split,
    downloaded into ROOT when it is not there and ``allow_download`` is true. ``idx:DIR``: the test split of MNIST or
    Fashion-MNIST in their official files. ``pentomino:N`` or ``pentomino:N,size=32,seed=0,channels=1``: N images made
    here. ``npz:FILE``: arrays in one NumPy archive. ``folder:DIR``: one subfolder of images a class;
    ``folder:DIR,size=N`` resizes their middle squares to N×N. Raises ``DataError`` when ``spec`` is unknown or the
    data are unusable.
    """
    kind, _, place = spec.partition(":")
    if kind == "bundled" and not place:
        return load_bundled()
    if kind not in ("cifar10", "idx", "pentomino", "npz", "folder"):
        raise DataError(f"Unknown data {spec!r}; expected {SPECS}, so spell it in one of these ways.")
    if not place:
        raise DataError(f"The data {spec!r} name no place or number; expected {SPECS}, so add it after the colon.")
    if kind == "pentomino":
        return load_pentomino(place)
    path = Path(place).expanduser()
    if kind == "cifar10":
        return load_cifar10(path, "test", allow_download=allow_download)
    if kind == "idx":
        return load_idx(path)
    if kind == "npz":
        return load_npz(path)
    sized = _SIZED.fullmatch(str(path))
    return load_folder(Path(sized[1]), int(sized[2])) if sized else load_folder(path)
