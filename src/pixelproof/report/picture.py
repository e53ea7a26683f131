"""Small pictures inside the page: uint8 arrays as PNG data with their words, and the difference of two made visible."""

import base64
import io
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from pixelproof.data.imageset import UInt8Array

Int16Array = npt.NDArray[np.int16]

SIDE = 160  # px on the page, about
_LARGEST = 256  # stored side; larger images are reduced
_SMALL = 128  # the same where all broken images are stored
_FACTORS = (100, 50, 20, 10, 5, 2, 1)


@dataclass(frozen=True)
class Picture:
    """A picture of ``width`` × ``height`` px with its words: ``title`` and ``facts`` stand below it.

    ``rings`` holds (x, y) centres in percent of the picture, for marks on a few changed pixels; ``wrong``: whether the
    answer to it was.
    """

    title: str
    source: str
    alt: str
    width: int
    height: int
    facts: tuple[str, ...] = ()
    rings: tuple[tuple[float, float], ...] = ()
    wrong: bool = False


def data_uri(image: UInt8Array, largest: int = _LARGEST) -> str:
    """``image`` (H×W×C, C of 1 or 3; of any other C the first channel) as a PNG in a ``data:`` address.

    Its longer side is reduced to ``largest`` px where it is longer.
    """
    picture = _drawn(image)
    if max(picture.size) > largest:
        picture.thumbnail((largest, largest), Image.Resampling.BOX)
    return "data:image/png;base64," + _encoded(picture)


def png(image: UInt8Array) -> str:
    """``image`` as it is, a PNG in base 64; channels as in ``data_uri``."""
    return _encoded(_drawn(image))


def _drawn(image: UInt8Array) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(image if image.shape[2] == 3 else image[:, :, 0]))


def _encoded(picture: Image.Image) -> str:
    out = io.BytesIO()
    picture.save(out, "PNG", optimize=True)
    return base64.b64encode(out.getvalue()).decode()


def shown_size(height: int, width: int) -> tuple[int, int]:
    """Width and height in px on the page: a whole multiple of the image's, near ``SIDE`` or below."""
    longest = max(height, width)
    scale = max(1, round(SIDE / longest)) if longest <= SIDE else SIDE / longest
    return max(1, round(width * scale)), max(1, round(height * scale))


def amplified(clean: UInt8Array, adversarial: UInt8Array) -> tuple[UInt8Array, str]:
    """The difference about mid-grey and the factor it was scaled by (``× 20``; ``÷ 2`` where it is large).

    A large image is pooled by its largest change, so that a single pixel does not vanish as it shrinks.
    """
    change = adversarial.astype(np.int16) - clean.astype(np.int16)
    largest = int(np.abs(change).max(initial=0))
    factor = next((f for f in _FACTORS if f * largest <= 127), 0)
    scaled = change * factor if factor else np.sign(change) * (np.abs(change) // 2)
    picture = np.clip(_pooled(scaled, _LARGEST) + 128, 0, 255).astype(np.uint8)
    return picture, f"× {factor}" if factor else "÷ 2"


def changed_pixels(clean: UInt8Array, adversarial: UInt8Array) -> list[tuple[int, int]]:
    """(column, row) of every pixel that differs in any channel, in reading order."""
    rows, columns = np.nonzero((clean != adversarial).any(axis=2))
    return [(int(x), int(y)) for y, x in zip(rows, columns, strict=True)]


def small_pair(clean: UInt8Array, adversarial: UInt8Array) -> tuple[UInt8Array, UInt8Array]:
    """``clean`` and the change to ``adversarial``, from which a page makes both pictures and their difference.

    The change is added modulo 256 and stands about 128. Sides are at most ``_SMALL``: of a larger image the mean of
    each block and the largest change in it, so that a changed pixel stays as bright as it is.
    """
    blocks = _blocks(clean, _SMALL)
    small = clean if blocks is None else blocks.mean(axis=(1, 3)).round().astype(np.uint8)
    change = _pooled(adversarial.astype(np.int16) - clean.astype(np.int16), _SMALL)
    moved = np.clip(small + change, 0, 255) - small
    return small, ((moved + 128) % 256).astype(np.uint8)


def _blocks(values: npt.NDArray[Any], largest: int) -> npt.NDArray[Any] | None:
    """``values`` (H×W×C) as blocks (H', b, W', b, C), H' and W' at most ``largest``; None where a block is a pixel."""
    block = ceil(max(values.shape[:2]) / largest)
    if block == 1:
        return None
    height, width, channels = values.shape
    padded = np.pad(values, ((0, -height % block), (0, -width % block), (0, 0)), mode="edge")
    return padded.reshape(padded.shape[0] // block, block, padded.shape[1] // block, block, channels)


def _pooled(change: Int16Array, largest: int) -> Int16Array:
    blocks = _blocks(change, largest)
    if blocks is None:
        return change
    high, low = blocks.max(axis=(1, 3)), blocks.min(axis=(1, 3))
    pooled: Int16Array = np.where(high >= -low, high, low)
    return pooled
