"""How far every corruption moves CIFAR-10's images, beside the reference's code with CIFAR's constants."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image
from scipy import ndimage

from pixelproof.corruptions.severity import SEVERITIES
from pixelproof.corruptions.suites import CORRUPTIONS
from pixelproof.data import load_data

pytestmark = pytest.mark.slow

Array = npt.NDArray[Any]
IMAGES = 300
WITHIN = 0.03
#: How often each image is drawn anew, where 300 draws leave the mean unsure by more than 1 %.
DRAWS = {"frost": 5, "motion-blur": 4}


@pytest.mark.parametrize("severity", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("name", CORRUPTIONS)
def test_the_mean_distance_is_the_published_ones(name: str, severity: int) -> None:
    """Within 3 %."""
    corrupt = _reference(name, SEVERITIES[name]["cifar"][severity - 1])
    pixels = load_data("bundled").images[:IMAGES].copy()
    np.random.seed(severity)  # noqa: NPY002 - the reference draws from it
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous() / 255
    ours, theirs = [], []
    for seed in range(DRAWS.get(name, 1)):
        theirs.append(_distance([np.asarray(corrupt(Image.fromarray(each))) for each in pixels], pixels))
        changed = CORRUPTIONS[name](table="cifar")(images, severity, seed)
        ours.append(_distance(changed.mul(255).permute(0, 2, 3, 1).numpy(), pixels))
    assert np.mean(ours) == pytest.approx(np.mean(theirs), rel=WITHIN)


def _distance(changed: npt.ArrayLike, pixels: Array) -> float:
    """The mean root-mean-square change in grey levels; ``changed`` is cut off to 8 bits, as images are stored."""
    levels = (np.asarray(changed, float) + 1e-3).astype(np.uint8).astype(float)
    return float(np.sqrt(((levels - pixels) ** 2).mean((1, 2, 3))).mean())


def _reference(name: str, row: list[float]) -> Callable[[Image.Image], Array]:
    """imagecorruptions' function, with CIFAR's constants in place of ImageNet's.

    Three differ from those of CIFAR-10-C and are written here: frost takes smaller photographs and never the sixth,
    elastic transform has an affine part, and what is magnified is trimmed evenly.
    """
    library = pytest.importorskip("imagecorruptions.corruptions")
    if name == "frost":
        return lambda image: _frosted(library, np.asarray(image), *row)
    if name == "elastic-transform":
        return lambda image: _bent(np.asarray(image) / 255, *(32 * share for share in row))
    function: Callable[[Image.Image], Array] = _with_constants(library, name.replace("-", "_"), _as_theirs(name, row))
    return function


def _as_theirs(name: str, row: list[float]) -> Any:
    """``row`` as the library's function writes it."""
    if name == "zoom-blur":
        step, count = row
        return np.arange(count - 1 + 0.5) * step + 1
    if name == "jpeg-compression":
        return int(row[0])
    whole = tuple(int(value) if value == int(value) and value >= 1 else value for value in row)
    return whole if len(whole) > 1 else row[0]


def _with_constants(library: Any, name: str, constants: Any) -> Any:
    tree = ast.parse(inspect.getsource(getattr(library, name)))
    for each in ast.walk(tree):
        if isinstance(each, ast.Assign) and ast.unparse(each.targets[0]) == "c":
            each.value = ast.copy_location(ast.Name("CONSTANTS", ast.Load()), each.value)
    space = {**vars(library), "CONSTANTS": constants}
    if name == "snow":
        space["clipped_zoom"] = _magnified
    exec(compile(ast.fix_missing_locations(tree), name, "exec"), space)
    return space[name]


def _magnified(layer: Array, factor: float) -> Array:
    side = len(layer)
    taken = int(np.ceil(side / factor))
    first = (side - taken) // 2
    larger = ndimage.zoom(layer[first : first + taken, first : first + taken], (factor, factor, 1), order=1)
    above = (len(larger) - side) // 2
    trimmed: Array = larger[above : above + side, above : above + side]
    return trimmed


@cache
def _photographs(folder: Path) -> list[Array]:
    cv2 = pytest.importorskip("cv2")
    read = [cv2.imread(str(folder / name)) for name in ("frost1.png", "frost2.png", "frost3.png")]
    read += [cv2.imread(str(folder / name)) for name in ("frost4.jpg", "frost5.jpg")]
    return [cv2.resize(each, (0, 0), fx=0.2, fy=0.2)[..., ::-1] for each in read]


def _frosted(library: Any, image: Array, kept: float, frost: float) -> Array:
    known = _photographs(Path(library.__file__).parent / "frost")
    photograph = known[int(image.sum()) % len(known)]  # all about as often, in place of by chance
    top, left = (np.random.randint(size - 32) for size in photograph.shape[:2])  # noqa: NPY002
    return np.clip(kept * image + frost * photograph[top : top + 32, left : left + 32], 0, 255)


def _bent(image: Array, alpha: float, sigma: float, jolt: float) -> Array:
    """Three corners around the middle move; then every pixel by a smooth random field."""
    here = np.array([[26.0, 26.0], [26.0, 6.0], [6.0, 6.0]])
    there = here + np.random.uniform(-jolt, jolt, (3, 2))  # noqa: NPY002
    back = np.linalg.solve(np.column_stack([there, np.ones(3)]), here)  # from where each pixel comes, in x and y
    x, y = np.meshgrid(np.arange(32.0), np.arange(32.0))
    places = np.stack([x, y, np.ones_like(x)], -1) @ back
    moved = np.stack([_sampled(each, places[..., 1], places[..., 0], "mirror") for each in image.transpose(2, 0, 1)])
    noise = np.random.uniform(-1, 1, (2, 32, 32))  # noqa: NPY002
    right, down = (ndimage.gaussian_filter(each, sigma, mode="reflect", truncate=3) * alpha for each in noise)
    bent = np.stack([_sampled(each, y + down, x + right, "reflect") for each in moved], -1)
    return bent.clip(0, 1) * 255


def _sampled(plane: Array, rows: Array, columns: Array, mode: str) -> Array:
    found: Array = ndimage.map_coordinates(plane, [rows, columns], order=1, mode=mode)
    return found
