"""Data by spec strings, as on the command line."""

from collections.abc import Callable, Mapping
from pathlib import Path

from pixelproof.data.bundled import load_bundled
from pixelproof.data.cifar10 import load_cifar10
from pixelproof.data.folder import load_folder
from pixelproof.data.idx import load_idx
from pixelproof.data.imageset import ImageSet
from pixelproof.data.limits import MOST_SIDE
from pixelproof.data.npz import load_npz
from pixelproof.data.pentomino import load_pentomino
from pixelproof.data.table import load_csv
from pixelproof.data.webdataset import load_webdataset
from pixelproof.errors import DataError
from pixelproof.parameters import parsed, unknown
from pixelproof.wording import nearest_name, shown

SPECS = (
    "bundled, cifar10:ROOT, idx:DIR, pentomino:N, npz:FILE, folder:DIR, csv:FILE, webdataset:FILE or hf:NAME_OR_FOLDER"
)
#: Kinds of files whose pictures may be of any size, where ``size=N`` says to which they are brought.
_SIZED: Mapping[str, Callable[[Path, int | None], ImageSet]] = {
    "folder": load_folder,
    "csv": load_csv,
    "webdataset": load_webdataset,
}
_KINDS = ("cifar10", "idx", "pentomino", "npz", "hf", *_SIZED)


def load_data(spec: str, *, allow_download: bool = True) -> ImageSet:
    """The images that ``spec`` names.

    ``bundled``: 1,000 CIFAR-10 test images that come with the package. ``cifar10:ROOT``: CIFAR-10's test split,
    downloaded into ROOT when it is not there and ``allow_download`` is true. ``idx:DIR``: the test split of MNIST or
    Fashion-MNIST in their official files. ``pentomino:N`` or ``pentomino:N,size=32,seed=0,channels=1``: N images made
    here. ``npz:FILE``: arrays in one NumPy archive. ``folder:DIR``: one subfolder of images a class. ``csv:FILE``: a
    table with the columns path and label. ``webdataset:FILE``: pictures and labels in a tar file. These three take
    ``,size=N``, which resizes their middle squares to N×N. ``hf:NAME_OR_FOLDER``: a dataset of the datasets library,
    ``,split=test,image=COLUMN,label=COLUMN``, which is a folder where ``allow_download`` is false. Raises ``DataError``
    when ``spec`` is unknown or the data are unusable.
    """
    if not isinstance(spec, (str, Path)):
        raise DataError(f"Data are named by a text, not {shown(spec)}; expected {SPECS}.")
    spec = str(spec)
    kind, _, place = spec.partition(":")
    if kind == "bundled" and not place:
        return load_bundled()
    if kind not in _KINDS:
        raise DataError(f"Unknown data {spec!r}{_meant(spec, kind, place)}; expected {SPECS}.")
    if not place:
        raise DataError(f"The data {spec!r} name no place or number; expected {SPECS}, so add it after the colon.")
    if kind == "pentomino":
        return load_pentomino(place)
    if kind == "hf":
        return _of_hugging_face(spec, *parsed(place), allow_download)
    if kind in _SIZED:
        plain, parameters = parsed(place)
        return _SIZED[kind](Path(plain).expanduser(), _size(spec, parameters))
    path = Path(place).expanduser()
    if kind == "cifar10":
        return load_cifar10(path, "test", allow_download=allow_download)
    return load_idx(path) if kind == "idx" else load_npz(path)


def _meant(spec: str, kind: str, place: str) -> str:
    """What probably was: a kind misspelt, or the path of files that are there."""
    if Path(spec).is_dir():
        return f" (is folder:{spec} meant?)"
    suffix = Path(spec).suffix.removeprefix(".")
    if suffix in ("npz", "csv"):
        return f" (is {suffix}:{spec} meant?)"
    near = nearest_name(kind, ("bundled", *_KINDS))
    return f" (is {near}{f':{place}' if near != 'bundled' else ''} meant?)" if near else ""


def _size(spec: str, parameters: Mapping[str, str]) -> int | None:
    _check(spec, parameters, ("size",))
    if (text := parameters.get("size")) is None:
        return None
    if not text.isascii() or not text.isdecimal() or len(text) > 9 or not 1 <= int(text) <= MOST_SIDE:
        raise DataError(
            f"size={shown(text)[1:-1]} in {shown(spec)} is no size; expected a whole number of pixels up to "
            f"{MOST_SIDE}, as size=32."
        )
    return int(text)


def _of_hugging_face(spec: str, place: str, parameters: Mapping[str, str], allow_download: bool) -> ImageSet:
    from pixelproof.data.hugging_face import load_hf_dataset  # torch is read where a dataset is asked for

    _check(spec, parameters, ("split", "image", "label"))
    if not allow_download and not Path(place).is_dir():
        raise DataError(
            f"{spec} is no folder here and is not fetched unasked; name it yourself, as with --data, or give a folder "
            "written by save_to_disk."
        )
    return load_hf_dataset(place, **parameters)


def _check(spec: str, parameters: Mapping[str, str], known: tuple[str, ...]) -> None:
    if reason := unknown(spec, parameters, known):
        raise DataError(reason)
