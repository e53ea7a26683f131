"""The images: CIFAR-10 by position, correctly classified ones, and foolbox's twenty ImageNet pictures."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import nn

import pixelproof as pp
from benchmarks.check import predicted
from benchmarks.missing import MissingError, optional

UInt8 = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Pictures:
    """uint8 images N×H×W×C, integer labels, the number of classes, and where each stood in its source."""

    images: UInt8
    labels: npt.NDArray[np.int64]
    classes: int
    indices: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.images)

    def first(self, count: int) -> "Pictures":
        """The first ``count``."""
        return Pictures(self.images[:count], self.labels[:count], self.classes, self.indices[:count])


@cache
def _source(data: str) -> Any:
    try:
        return pp.load_data(data)
    except pp.DataError as error:
        raise MissingError(str(error)) from error


def correct(network: nn.Module, data: str, count: int, start: int = 0) -> Pictures:
    """The first ``count`` images from position ``start`` on that ``network`` classifies correctly.

    Raises ``MissingError`` where ``data`` has too few.
    """
    source = _source(data)
    kept: list[int] = []
    for begin in range(start, len(source), 50):
        part = slice(begin, min(begin + 50, len(source)))
        right = predicted(network, source.images[part]) == torch.from_numpy(source.labels[part].copy())
        kept += [begin + k for k, good in enumerate(right.tolist()) if good]
        if len(kept) >= count:
            break
    if len(kept) < count:
        raise MissingError(
            f"{data} has only {len(kept)} correctly classified images from {start} on, {count} are needed; give "
            "--data cifar10:ROOT."
        )
    kept = kept[:count]
    return Pictures(source.images[kept], source.labels[kept], source.classes, tuple(kept))


def later(data: str) -> int:
    """Where the images begin that no choice of ours has seen: 5,000 of 10,000, or the second half."""
    return len(_source(data)) // 2


def imagenet(network: nn.Module, size: int = 224) -> Pictures:
    """Those of foolbox's twenty ImageNet pictures, scaled to ``size``, that ``network`` classifies correctly."""
    return _right(network, _photographs(size, 1.0))


def photographs(network: nn.Module, size: int, count: int) -> Pictures:
    """Those, and then those of their middles, three quarters of each side, up to ``count``.

    Raises ``MissingError`` where there are fewer.
    """
    whole, middle = _photographs(size, 1.0), _photographs(size, 0.75)
    both = Pictures(
        np.concatenate([whole.images, middle.images]),
        np.concatenate([whole.labels, middle.labels]),
        1000,
        (*whole.indices, *(len(whole) + k for k in middle.indices)),
    )
    right = _right(network, both)
    if len(right) < count:
        raise MissingError(f"Only {len(right)} of foolbox's pictures are correctly classified, {count} are needed.")
    return right.first(count)


def _photographs(size: int, share: float) -> Pictures:
    """The middle of each of foolbox's ImageNet pictures, a ``share`` of its sides, at ``size``."""
    folder = Path(optional("foolbox").__file__).parent / "data"
    paths = sorted(folder.glob("imagenet_*.jpg"))
    images = []
    for path in paths:
        picture = Image.open(path).convert("RGB")
        width, height = picture.size
        rest = (1 - share) / 2
        box = (rest * width, rest * height, (1 - rest) * width, (1 - rest) * height)
        images.append(np.asarray(picture.resize((size, size), Image.Resampling.BICUBIC, box)))
    labels = np.array([int(path.stem.split("_")[2]) for path in paths])
    return Pictures(np.stack(images), labels, 1000, tuple(range(len(paths))))


def _right(network: nn.Module, pictures: Pictures) -> Pictures:
    """Those that ``network`` classifies correctly."""
    right = predicted(network, pictures.images) == torch.from_numpy(pictures.labels)
    kept = right.nonzero().flatten().tolist()
    return Pictures(
        pictures.images[kept], pictures.labels[kept], pictures.classes, tuple(pictures.indices[k] for k in kept)
    )


def enlarged(pictures: Pictures, size: int) -> Pictures:
    """The same pictures, ``size``×``size``, each pixel a square of pixels, so that a mean over them gives it back."""
    factor = size // pictures.images.shape[1]
    grown = pictures.images.repeat(factor, axis=1).repeat(factor, axis=2)
    return Pictures(grown, pictures.labels, pictures.classes, pictures.indices)
