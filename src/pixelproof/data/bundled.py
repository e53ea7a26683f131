"""The images that come with the package: 100 a class of CIFAR-10's test set, lossless in a WebP."""

import json
from importlib.resources import files
from typing import Any

import numpy as np
from PIL import Image

from pixelproof.data.imageset import ImageSet, UInt8Array
from pixelproof.errors import DataError

FOLDER = "bundled"
SPRITE, CARD = "cifar10-test-1000.webp", "cifar10-test-1000.json"


def load_bundled() -> ImageSet:
    """1,000 images 32×32×3, 100 a class: the first 100 of each class of CIFAR-10's test set, in file order.

    ``indices`` are their positions in the test set. Raises ``DataError`` when the installed files are
    damaged.
    """
    folder = files("pixelproof.data").joinpath(FOLDER)
    card: dict[str, Any] = json.loads(folder.joinpath(CARD).read_text("utf-8"))
    with folder.joinpath(SPRITE).open("rb") as stream, Image.open(stream, formats=("WEBP",)) as sprite:
        images = cut_sprite(np.asarray(sprite.convert("RGB")), int(card["size"]))
    images.setflags(write=False)
    data = ImageSet(
        images,
        np.array(card["labels"], np.int64),
        tuple(card["class_names"]),
        card["name"],
        np.array(card["indices"], np.int64),
    )
    if data.content_hash != card["sha256"]:
        raise DataError(
            f"The bundled images are damaged: their SHA-256 is {data.content_hash}, not {card['sha256']}; "
            "install pixelproof again."
        )
    return data


def cut_sprite(sprite: UInt8Array, size: int) -> UInt8Array:
    """The images N×size×size×C of ``sprite`` (rows·size × columns·size × C), row by row; a fresh array."""
    rows, columns = sprite.shape[0] // size, sprite.shape[1] // size
    tiles = sprite.reshape(rows, size, columns, size, -1).transpose(0, 2, 1, 3, 4)
    return np.array(tiles.reshape(rows * columns, size, size, -1), order="C")


def make_sprite(images: UInt8Array, columns: int) -> UInt8Array:
    """``images`` N×S×S×C side by side, ``columns`` (a divisor of N) in a row; undone by ``cut_sprite``."""
    n, size, _, channels = images.shape
    tiles = images.reshape(n // columns, columns, size, size, channels).transpose(0, 2, 1, 3, 4)
    return np.ascontiguousarray(tiles.reshape(n // columns * size, columns * size, channels))
