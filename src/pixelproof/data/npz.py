"""Images from one NumPy archive: arrays ``images`` and ``labels``, if wanted ``class_names``."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pixelproof.data.imageset import ImageSet, UInt8Array, default_class_names
from pixelproof.data.limits import check_bytes, decoding
from pixelproof.errors import DataError

_CHANNELS = (1, 2, 3, 4)  # what a last axis of channels may count, when telling H×W×C from C×H×W


def load_npz(path: Path) -> ImageSet:
    """The images of an ``.npz`` file with ``images`` (uint8 N×H×W×C or N×H×W) and ``labels`` (N integers).

    ``class_names`` (K strings) is optional; without it the classes are numbered. Nothing in the file is
    unpickled. Raises ``DataError`` when the file is no such archive, lacks an array, or holds floats or
    channel-first images.
    """
    arrays = _arrays(path)
    images, labels = _channels_last(arrays["images"], path), arrays["labels"]
    images.setflags(write=False)
    try:
        names = arrays.get("class_names")
        class_names = default_class_names(labels) if names is None else _names(names)
        return ImageSet(images, labels, class_names, path.stem)
    except DataError as error:
        raise DataError(f"{path} cannot be used: {error}") from error


def _arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    """The arrays we know by name, without unpickling anything."""
    if not path.is_file():
        raise DataError(f"There is no file {path}; expected a NumPy archive (.npz) with images and labels.")
    if not zipfile.is_zipfile(path):
        raise DataError(f"{path} is not a NumPy archive; write it with numpy.savez(file, images=…, labels=…).")
    remedy = "write plain arrays with numpy.savez, class names as an array of strings"
    with decoding(path, "a NumPy archive", remedy), np.load(path, allow_pickle=False) as archive:
        missing = [key for key in ("images", "labels") if key not in archive]
        if missing:
            raise DataError(
                f"{path} has no array {' and no array '.join(map(repr, missing))}, only "
                f"{', '.join(map(repr, archive.files)) or 'nothing'}; write it with numpy.savez(file, "
                "images=…, labels=…)."
            )
        check_bytes(sum(member.file_size for member in archive.zip.infolist()), path)
        found = {key: archive[key] for key in ("images", "labels", "class_names") if key in archive}
        for key, array in found.items():
            if not isinstance(array, np.ndarray):
                raise DataError(f"{key!r} of {path} is no array; {remedy}.")
        return found


def _channels_last(images: UInt8Array, path: Path) -> UInt8Array:
    if images.ndim == 3:
        return images[..., np.newaxis]
    if images.ndim == 4 and images.shape[1] in _CHANNELS and images.shape[3] not in _CHANNELS:
        raise DataError(
            f"The images of {path} look channel-first: their shape is {images.shape}, expected N×H×W×C; "
            "store images.transpose(0, 2, 3, 1)."
        )
    return images


def _names(names: npt.NDArray[Any]) -> tuple[str, ...]:
    if names.ndim != 1 or names.dtype.kind not in "US":
        raise DataError(
            f'class_names must be K strings, not {names.dtype} of shape {names.shape}; store numpy.array(["cat", …]).'
        )
    return tuple(name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name) for name in names.tolist())
