"""Pentomino images: three shapes, two of them alike; the class is the shape of the third.

Gülçehre & Bengio, "Knowledge Matters: Importance of Prior Information for Optimization", JMLR 17, 2016, whose
generator is Arcade Universe (github.com/caglar/Arcade-Universe): its ten shapes, its turns by right angles, its cells
of one or two pixels on a canvas of 64×64 cut into 4×4 patches, white on black.
"""

import numpy as np
import numpy.typing as npt

from pixelproof.data.imageset import ImageSet, Int64Array, UInt8Array
from pixelproof.data.limits import MOST_SIDE, check_bytes
from pixelproof.errors import DataError
from pixelproof.wording import shown

#: Five pentominoes, then their mirror images, in the source's order, so the number of a shape is its class.
SHAPES = {
    "L": "x. x. x. xx",
    "N": ".x .x xx x.",
    "P": "xx xx x.",
    "F": ".xx xx. .x.",
    "Y": ".x xx .x .x",
    "J": ".x .x .x xx",
    "N2": "x. x. xx .x",
    "Q": "xx xx .x",
    "F2": "xx. .xx .x.",
    "Y2": "x. xx x. x.",
}
SMALLEST, DEFAULT, MOST = 16, 32, 10_000_000
EXPECTED = "pentomino:N or pentomino:N,size=32,seed=0,channels=1"


def load_pentomino(spec: str) -> ImageSet:
    """The images that ``N`` or ``N,size=32,seed=0,channels=1`` names. Raises ``DataError`` for another spec."""
    number, *options = spec.split(",")
    try:
        settings = {name: int(value) for name, value in (each.split("=") for each in options)}
        return pentomino(int(number), **settings)
    except (ValueError, TypeError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"The data 'pentomino:{spec}' are not spelled as expected; write {EXPECTED} with whole numbers."
        ) from error


def pentomino(number: int, size: int = DEFAULT, seed: int = 0, channels: int = 1) -> ImageSet:
    """``number`` images uint8 ``size``×``size``×``channels``, white on black; image k follows from ``seed`` and k.

    The three shapes lie in patches of their own, a quarter of the canvas wide, or half where ``size`` is below 64, and
    never touch. RGB images (``channels`` 3) are grey. Raises ``DataError`` for numbers out of range.
    """
    _check(number, size, seed, channels)
    across = 4 if size >= 64 else 2
    patch = size // across
    draws = np.random.default_rng(seed).random((number, 14 + across**2))
    shapes, labels = _shapes(draws[:, 0], draws[:, 1])
    places = draws[:, 14:].argsort(1)[:, :3]
    low, high = max(1, patch // 16), patch // 8  # pixels of a cell to one side
    scales = low + _below(draws[:, 2:5], high - low + 1)
    cells, extents = _turned()
    poses = shapes, _below(draws[:, 5:8], 4)  # turns by right angles
    room = patch - extents[poses] * scales[..., None]  # number×3×2; one pixel of it stays between neighbours
    corners = np.stack([places // across, places % across], 2) * patch
    corners += (draws[:, 8:14].reshape(number, 3, 2) * room).astype(np.int64)
    images = _painted(size, corners, cells[poses], scales)
    images = images[..., None].repeat(channels, 3)
    images.setflags(write=False)  # so that the set takes it as it is
    return ImageSet(images, labels, tuple(SHAPES), f"pentomino-{size}-seed{seed}")


def _check(number: int, size: int, seed: int, channels: int) -> None:
    if not 1 <= number <= MOST or not SMALLEST <= size <= MOST_SIDE or seed < 0 or channels not in (1, 3):
        raise DataError(
            f"Pentomino needs 1 to {MOST} images of a size of at least {SMALLEST} and at most {MOST_SIDE}, "
            f"a seed of at least 0 and 1 "
            f"or 3 channels, not {shown(number)} of {shown(size)} with {shown(seed)} and {shown(channels)}; spell it "
            f"{EXPECTED}."
        )
    check_bytes(number * size * size * channels, f"pentomino:{number},size={size}")


def _shapes(odd: npt.NDArray[np.float64], pair: npt.NDArray[np.float64]) -> tuple[Int64Array, Int64Array]:
    """The numbers of three shapes an image, the last two alike, and its class, the first, from two draws an image."""
    first = _below(odd, len(SHAPES))
    other = (first + 1 + _below(pair, len(SHAPES) - 1)) % len(SHAPES)
    return np.stack([first, other, other], 1), first


def _below(draws: npt.NDArray[np.float64], count: int) -> Int64Array:
    return (draws * count).astype(np.int64)


def _turned() -> tuple[Int64Array, Int64Array]:
    """Cells (row, column) shapes×turns×5×2, and heights and widths in cells shapes×turns×2."""
    pictures = [np.array([list(row) for row in text.split()]) == "x" for text in SHAPES.values()]
    turned = [[np.rot90(picture, turns) for turns in range(4)] for picture in pictures]
    cells = np.array([[np.argwhere(each) for each in row] for row in turned])
    return cells, np.array([[each.shape for each in row] for row in turned])


def _painted(size: int, corners: Int64Array, cells: Int64Array, scales: Int64Array) -> UInt8Array:
    """Images ``size``×``size`` with the ``cells`` n×3×5×2 of shapes white whose upper left ``corners`` are n×3×2."""
    images = np.zeros((len(corners), size, size), np.uint8)
    # Steps beyond a shape's own scale fall on its last one: the same pixel again.
    steps = np.minimum(np.arange(scales.max()), scales[..., None, None] - 1)
    starts = corners[:, :, None, :] + cells * scales[..., None, None]
    rows, columns = (starts[..., axis, None] + steps for axis in (0, 1))
    images[np.arange(len(images))[:, None, None, None, None], rows[..., :, None], columns[..., None, :]] = 255
    return images
