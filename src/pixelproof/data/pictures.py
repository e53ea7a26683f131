"""Picture files read one by one, whatever list they come from, all to one size."""

from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from pixelproof.data.imageset import UInt8Array
from pixelproof.errors import DataError

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp")
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "WEBP")
GREY = ("1", "L", "LA")
_COLOUR = ("P", "PA", "RGB", "RGBA")


def read_pictures(files: Iterable[tuple[str, Path | BinaryIO]], size: int | None) -> UInt8Array:
    """The pictures, each by its name, as uint8 N×H×W×C: grey (C = 1) when all are, otherwise RGB.

    They are all of one size, or, with a ``size``, of any, and then the middle square of each is resized to
    ``size``×``size`` (bilinear, antialiased). Raises ``DataError`` naming the file when one is corrupt, of another
    size, of more than 8 bits, or transparent.
    """
    names, images = [], []
    for name, file in files:
        names.append(name)
        images.append(read_picture(name, file, size))
    if not images:
        raise DataError("There are no pictures; expected one at least.")
    for name, image in zip(names, images, strict=True):
        if image.size != images[0].size:
            raise DataError(
                f"All images must have one size, but {names[0]} is {images[0].width}×{images[0].height} and {name} is "
                f"{image.width}×{image.height}; resize them to what the model expects, or add ,size=N."
            )
    grey = all(image.mode == "L" for image in images)
    found = np.empty((len(images), images[0].height, images[0].width, 1 if grey else 3), np.uint8)
    for place in found[::-1]:  # each picture is let go of as it is copied, so that there are never two of all
        pixels = np.asarray(images.pop().convert("L" if grey else "RGB"))
        place[...] = pixels[..., None] if grey else pixels
    found.setflags(write=False)
    return found


def read_picture(name: str, file: Path | BinaryIO, size: int | None = None) -> Image.Image:
    """One picture, grey (mode L) or RGB; its middle square at ``size``, if that is given. Raises ``DataError``."""
    try:
        with Image.open(file, formats=FORMATS) as image:
            if image.mode not in GREY + _COLOUR:
                raise DataError(
                    f"{name} has {image.mode} pixels; expected grey or RGB with 8 bits a channel, so convert it."
                )
            image.load()
            if image.has_transparency_data and image.convert("RGBA").getchannel("A").getextrema() != (255, 255):
                raise DataError(f"{name} has transparent pixels; expected opaque images, so flatten it.")
            plain = image.convert("L" if image.mode in GREY else "RGB")
    except (OSError, SyntaxError, ValueError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"{name} cannot be read as an image ({error}); expected a whole image, so replace or remove it."
        ) from error
    return plain if size is None else middle(plain, (size, size))


def middle(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """``image`` as it is where it has ``size`` (W, H), else its middle square resized to that."""
    if image.size == size:
        return image
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side)).resize(size, Image.Resampling.BILINEAR)
