"""Picture files read one by one, whatever list they come from, all to one size."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import BinaryIO, Literal, Protocol

import numpy as np
from PIL import Image

from pixelproof.data.imageset import UInt8Array
from pixelproof.data.lazy import LazyImages, fits
from pixelproof.data.limits import MOST_PIXELS, decoding
from pixelproof.errors import DataError

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp")
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "WEBP")
GREY = ("1", "L", "LA")
_COLOUR = ("P", "PA", "RGB", "RGBA")


class PictureFile(Protocol):
    """A path, or what is like one: ``str`` of it names it to people."""

    def open(self, mode: Literal["rb"], /) -> BinaryIO: ...


def read_pictures(files: Sequence[PictureFile], size: int | None) -> UInt8Array | LazyImages:
    """The pictures as uint8 N×H×W×C: grey (C = 1) when all are, otherwise RGB; lazy where that does not fit.

    They are all of one size, or, with a ``size``, of any, and then the middle square of each is resized to
    ``size``×``size`` (bilinear, antialiased). Raises ``DataError`` naming the file when one is corrupt, of another
    size, of more than 8 bits, or transparent; of what is lazy only the heads are looked at now, the rest when read.
    """
    shape = _shape(files, size)
    lazy = LazyImages(partial(_pixels, files, shape[2] == 1, size), np.arange(len(files)), shape)
    if not fits(lazy.shape):
        return lazy
    found = lazy[:]
    found.setflags(write=False)
    return found


def _shape(files: Sequence[PictureFile], size: int | None) -> tuple[int, int, int]:
    """Height, width and channels of all pictures, by their heads."""
    if not len(files):
        raise DataError("There are no pictures; expected one at least.")
    grey, first = True, (0, 0)
    for k, file in enumerate(files):
        with _opened(file) as image:
            grey &= image.mode in GREY
            first = first if k else image.size
            if size is None and image.size != first:
                raise DataError(
                    f"All images must have one size, but {files[0]} is {first[0]}×{first[1]} and {file} is "
                    f"{image.width}×{image.height}; resize them to what the model expects, or add ,size=N."
                )
    width, height = first if size is None else (size, size)
    return height, width, 1 if grey else 3


def _pixels(files: Sequence[PictureFile], grey: bool, size: int | None, k: int) -> UInt8Array:
    """Picture ``k`` as uint8 H×W×C."""
    pixels: UInt8Array = np.asarray(read_picture(files[k], size).convert("L" if grey else "RGB"))
    return pixels[..., None] if grey else pixels


def read_picture(file: PictureFile, size: int | None = None) -> Image.Image:
    """One picture, grey (mode L) or RGB; its middle square at ``size``, if that is given. Raises ``DataError``."""
    with _opened(file) as image:
        image.load()
        if image.has_transparency_data and image.convert("RGBA").getchannel("A").getextrema() != (255, 255):
            raise DataError(f"{file} has transparent pixels; expected opaque images, so flatten it.")
        plain = image.convert("L" if image.mode in GREY else "RGB")
    return plain if size is None else middle(plain, (size, size))


@contextmanager
def _opened(file: PictureFile) -> Iterator[Image.Image]:
    """A picture whose head is read; what is wrong with it then or later is a ``DataError``."""
    with decoding(file, "an image", "expected a whole image, so replace or remove it"), warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with file.open("rb") as stream, Image.open(stream, formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                raise DataError(f"{file} is {image.width}×{image.height}; expected fewer pixels, so make it smaller.")
            if image.mode not in GREY + _COLOUR:
                raise DataError(
                    f"{file} has {image.mode} pixels; expected grey or RGB with 8 bits a channel, so convert it."
                )
            yield image


def middle(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """``image`` as it is where it has ``size`` (W, H), else its middle square resized to that."""
    if image.size == size:
        return image
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side)).resize(size, Image.Resampling.BILINEAR)
