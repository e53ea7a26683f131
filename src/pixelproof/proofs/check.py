"""The checker: whether a certificate proves what it says, by nothing that proved it.

Beside this file stand ``check_network`` (the module as steps), ``check_bounds`` (zonotopes), ``check_backward`` (closer
bounds), ``check_allowance`` (float32) and ``check_masks``. What must be believed of a proof is these files, torch, and
``models/query.py``, the way of asking.
"""

import base64
import math
import zlib
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pixelproof.data.imageset import UInt8Array
from pixelproof.models import Classifier, TorchClassifier
from pixelproof.models.query import Scorer, classes
from pixelproof.proofs.check_allowance import allowance
from pixelproof.proofs.check_bounds import lowest_margins
from pixelproof.proofs.check_masks import check_masks
from pixelproof.proofs.check_network import Network, UncheckableError
from pixelproof.runs.record import Certificate

#: Colours that a box may have at most to be decided by asking the network about each.
ASKABLE = 64
#: By how much a certificate's own allowance may fall short of that computed here, which counts a rounding or two more.
SHORT = 0.02
#: Cells of the colours' grid at one position, beyond which covering is not looked at.
LARGEST_GRID = 1 << 26
#: Rows of a call to the model, and boxes bounded together; the side of the squares of positions these are taken from.
ROWS, TILE = 64, 4

Integers = npt.NDArray[np.int64]
Boxes = npt.NDArray[np.int16]  # n×(1 + 2C): position, lowest colour, highest colour


class _FlawError(Exception):
    """What is wrong with a certificate, without a full stop."""


class _Asked:
    """Where the model itself decides."""

    def __init__(self, classifier: Classifier, device: torch.device, label: int) -> None:
        self._scorer, self._label = Scorer(classifier, ROWS, device), label

    def check(self, images: Tensor, what: str) -> None:
        """Raise where ``images``, n×H×W×C whole numbers, do not all get the label."""
        for part in torch.split(images, 1 << 14):
            for answer in classes(self._scorer(part.to(self._scorer.device).float())).tolist():
                if answer != self._label:
                    raise _FlawError(f"the model answers {answer} to {what}, not {self._label}")


def check(
    certificate: Certificate,
    image: UInt8Array,
    label: int,
    classifier: Classifier,
    device: torch.device | None = None,
) -> str | None:
    """Why ``certificate`` does not prove that ``classifier`` answers ``label`` all around ``image``, H×W×C; else None.

    The reason is a clause without a full stop.
    """
    try:
        if not certificate.proved:
            raise _FlawError("it proves nothing")
        if certificate.method not in _CHECKS:
            raise _FlawError(f"there is no checker of the method {certificate.method}")
        if certificate.body.get("label") != label:
            raise _FlawError(f"it is about the class {certificate.body.get('label')}, not {label}")
        asked = _Asked(classifier, device or torch.device("cpu"), label)
        asked.check(torch.from_numpy(image.copy())[None], "the clean image")
        _CHECKS[certificate.method](certificate, image, label, classifier, asked)
    except (_FlawError, UncheckableError) as error:
        return str(error)
    return None


# A sweep: asked again.


def _check_sweep(
    certificate: Certificate, image: UInt8Array, label: int, classifier: Classifier, asked: _Asked
) -> None:
    if (certificate.constraint, certificate.threshold) != ("few-pixel", 1) or image.shape[2] != 1:
        raise _FlawError("a sweep proves one pixel of a grey image only")
    if certificate.body.get("count") != image.size * 255:
        raise _FlawError(
            f"it counts {certificate.body.get('count')} images, but {image.size * 255} differ in one pixel"
        )
    values = torch.arange(256, dtype=torch.uint8)
    for row, column in np.ndindex(*image.shape[:2]):
        images = torch.from_numpy(image.copy()).repeat(256, 1, 1, 1)
        images[:, row, column, 0] = values
        asked.check(images, f"a grey level at row {row}, column {column}")


# Bounds: computed again.


def _check_bounds(
    certificate: Certificate, image: UInt8Array, label: int, classifier: Classifier, asked: _Asked
) -> None:
    if not isinstance(classifier, TorchClassifier) or classifier.dtype not in (torch.float32, torch.float64):
        raise _FlawError("bounds are of a torch module in float32, without a defence before it")
    network = Network(classifier.module, image)
    needed = allowance(network, label)
    given = _number(certificate.body, "allowance")
    if given < (1 - SHORT) * needed:
        raise _FlawError(f"it allows {given:.3g} for float32, but {needed:.3g} is needed")
    if certificate.constraint == "few-pixel" and certificate.threshold == 1:
        _check_one_pixel(certificate.body, image, label, network, max(given, needed), asked)
    elif certificate.constraint == "threshold":
        _check_threshold(certificate, image, label, network, max(given, needed))
    else:
        raise _FlawError("bounds prove one pixel, or a threshold of all channel values, only")


def _check_threshold(certificate: Certificate, image: UInt8Array, label: int, network: Network, needed: float) -> None:
    """One box: every channel value moves by as much as the threshold."""
    closer = certificate.body.get("closer")
    if not isinstance(closer, list) or not all(isinstance(each, int) for each in closer):
        raise _FlawError("it does not say which ReLUs are bounded backwards")
    clean, threshold = torch.from_numpy(image.astype(np.int64)).permute(2, 0, 1)[None], int(certificate.threshold)
    low, high = (clean - threshold).clamp(min=0), (clean + threshold).clamp(max=255)
    bound = float(lowest_margins(network, label, low, high, closer))
    if not bound > needed:
        raise _FlawError(f"the margin is bounded by {bound:.4g}, which is not above the allowance {needed:.3g}")


def _check_one_pixel(
    body: dict[str, Any], image: UInt8Array, label: int, network: Network, needed: float, asked: _Asked
) -> None:
    """Boxes of colours: at every position they cover all colours, and each is bounded or small enough to be asked."""
    boxes = _boxes(body, image.shape)
    boxes = boxes[np.argsort(boxes[:, 0], kind="stable")]
    ends = np.searchsorted(boxes[:, 0], np.arange(image.shape[0] * image.shape[1] + 1))
    for place, (start, stop) in enumerate(pairwise(ends)):
        if not _covers(boxes[start:stop, 1:]):
            raise _FlawError(f"its boxes leave out colours at {_where(place, image)}")
    row, column = np.divmod(boxes[:, 0], image.shape[1])
    boxes = boxes[np.lexsort((column // TILE, row // TILE))]
    for part in np.split(boxes, range(ROWS, len(boxes), ROWS)):
        _check_part(part, image, label, network, needed, asked)


def _check_part(boxes: Boxes, image: UInt8Array, label: int, network: Network, needed: float, asked: _Asked) -> None:
    places, *corners = np.split(boxes.astype(np.int64), [1, 1 + image.shape[2]], axis=1)
    low, high = (_coloured(image, places[:, 0], corner) for corner in corners)
    bounds = lowest_margins(network, label, low.permute(0, 3, 1, 2), high.permute(0, 3, 1, 2)).numpy()
    for k in np.flatnonzero(~(bounds > needed)):
        place, lowest, highest, bound = int(places[k, 0]), corners[0][k], corners[1][k], bounds[k]
        if np.prod(highest - lowest + 1) > ASKABLE:
            raise _FlawError(
                f"the margin of the colours {lowest.tolist()} to {highest.tolist()} at {_where(place, image)} is "
                f"bounded by {bound:.4g}, which is not above the allowance {needed:.3g}"
            )
        colours = np.stack(np.meshgrid(*map(np.arange, lowest, highest + 1), indexing="ij"), -1).reshape(
            -1, len(lowest)
        )
        same = np.full(len(colours), place)
        asked.check(_coloured(image, same, colours), f"a colour at {_where(place, image)}")


def _boxes(body: dict[str, Any], shape: tuple[int, ...]) -> Boxes:
    """The boxes n×(1 + 2C) that ``body`` holds, all of them at positions and of colours that there are."""
    width = 1 + 2 * shape[2]
    try:
        boxes = np.frombuffer(zlib.decompress(base64.b64decode(body["leaves"], validate=True)), "<i2")
        boxes = boxes.reshape(-1, width)
    except (KeyError, TypeError, ValueError, zlib.error) as error:
        raise _FlawError("its boxes cannot be read") from error
    low, high = np.split(boxes[:, 1:], 2, axis=1)
    inside = (boxes[:, 0] >= 0).all() and (boxes[:, 0] < shape[0] * shape[1]).all()
    if body.get("format") != 1 or body.get("count") != len(boxes) or not inside:
        raise _FlawError("its boxes are not as many as it says, or of another image size")
    if (low < 0).any() or (high > 255).any() or (low > high).any():
        raise _FlawError("one of its boxes has no colours, or some that there are not")
    return boxes


def _covers(boxes: Boxes) -> bool:
    """Whether ``boxes`` n×2C leave no colour out: all cells between their faces are marked, in whole numbers."""
    low, high = np.split(boxes.astype(np.int64), 2, axis=1)
    faces = [np.unique([0, 256, *low[:, k], *(high[:, k] + 1)]) for k in range(low.shape[1])]
    cells = [len(each) - 1 for each in faces]
    if np.prod(cells, dtype=np.float64) > LARGEST_GRID:
        raise _FlawError("it cuts the colours of one position too finely to be looked at")
    marked = np.zeros(cells, np.bool_)
    starts = [np.searchsorted(each, low[:, k]) for k, each in enumerate(faces)]
    stops = [np.searchsorted(each, high[:, k] + 1) for k, each in enumerate(faces)]
    for start, stop in zip(zip(*starts, strict=True), zip(*stops, strict=True), strict=True):
        marked[tuple(map(slice, start, stop))] = True
    return bool(marked.all())


def _coloured(image: UInt8Array, places: Integers, colours: Integers) -> Tensor:
    """``image`` n times with the n×C ``colours`` at the n positions ``places``: n×H×W×C whole numbers."""
    images = np.repeat(image[None].astype(np.int64), len(colours), 0)
    images[np.arange(len(colours)), places // image.shape[1], places % image.shape[1]] = colours
    return torch.from_numpy(images)


def _where(place: int, image: UInt8Array) -> str:
    return f"row {place // image.shape[1]}, column {place % image.shape[1]}"


def _number(body: dict[str, Any], name: str) -> float:
    value = body.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise _FlawError(f"its {name} is no number")
    return float(value)


def _check_masks(
    certificate: Certificate, image: UInt8Array, label: int, classifier: Classifier, asked: _Asked
) -> None:
    reason = check_masks(certificate, image, label, classifier)
    if reason is not None:
        raise _FlawError(reason)


_CHECKS: dict[str, Callable[[Certificate, UInt8Array, int, Classifier, _Asked], None]] = {
    "sweep": _check_sweep,
    "bounds": _check_bounds,
    "masks": _check_masks,
}
