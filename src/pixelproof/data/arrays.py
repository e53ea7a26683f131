"""Arrays of images in any usual order of axes and range of values, as uint8 N×H×W×C."""

from typing import Any

import numpy as np
import numpy.typing as npt

from pixelproof.data.imageset import UInt8Array
from pixelproof.errors import DataError

#: What an axis of channels may count.
CHANNELS = (1, 3, 4)


def read_images(images: object) -> UInt8Array:
    """``images`` as uint8 N×H×W×C: whole numbers 0–255, or floats in [0, 1], which are rounded to 8 bits.

    The channels may come first or last, and grey images N×H×W have none. Raises ``DataError`` for other values and
    shapes.
    """
    array = np.asarray(images)
    if array.dtype.kind not in "biuf":
        raise DataError(
            f"Images are {array.dtype} of shape {array.shape}; expected one array of numbers N×H×W×C, so bring all "
            "images to one size."
        )
    if array.ndim not in (3, 4) or 0 in array.shape:
        raise DataError(
            f"Images have the shape {array.shape}; expected N×H×W×C or N×C×H×W, or N×H×W where they are grey, N at "
            "least 1."
        )
    array = array[..., None] if array.ndim == 3 else array
    return _as_bytes(channels_last(array))


def channels_last(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """N×H×W×C, where only the second axis of N×C×H×W can be one of channels."""
    first = array.shape[1] in CHANNELS and array.shape[3] not in CHANNELS
    return array.transpose(0, 2, 3, 1) if first else array


def _as_bytes(array: npt.NDArray[Any]) -> UInt8Array:
    if array.dtype == np.uint8:
        return array
    if array.dtype.kind in "biu":
        if array.min() < 0 or array.max() > 255:
            raise DataError(
                f"Images of {array.dtype} run from {array.min()} to {array.max()}; expected whole numbers from 0 to "
                "255."
            )
        return array.astype(np.uint8)
    low, high = float(array.min()), float(array.max())
    if not np.isfinite(array).all() or low < 0 or high > 1:
        hint = "divide them by 255" if low >= 0 and 1 < high <= 255 else "normalisation belongs inside the model"
        raise DataError(
            f"Float images must lie in [0, 1], but these run from {low:.3g} to {high:.3g}; {hint}"
            f"{'' if hint.startswith('divide') else ' (pp.Normalize)'}."
        )
    return (array * 255).round().astype(np.uint8)
