"""The one form in which images travel at rest: 8-bit, channels last, with integer labels."""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from pixelproof.data.lazy import LazyImages
from pixelproof.data.limits import check_classes
from pixelproof.errors import DataError

UInt8Array = npt.NDArray[np.uint8]
Int64Array = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Labelled images in file order.

    ``images`` is uint8 N×H×W×C with C = 1 or 3 (any C is kept), ``labels`` int64 N in 0..K−1, ``class_names``
    K names, ``indices`` the N positions of the images in the source they were cut from. The arrays are
    read-only and contiguous; they are copied unless nobody can write to what was given (a read-only array
    over read-only memory), so loaders hand over big sets without a second copy, and a slice shares memory.
    Of sets that are bigger still, ``images`` are ``LazyImages``, which are read when they are asked for.
    Raises ``DataError`` when shapes, types or labels do not fit.
    """

    images: UInt8Array | LazyImages
    labels: Int64Array
    class_names: tuple[str, ...]
    name: str = "images"
    indices: Int64Array = field(default_factory=lambda: np.empty(0, np.int64))

    def __post_init__(self) -> None:
        images = self.images
        if not isinstance(images, LazyImages):
            images = _frozen(_checked_images(images))
        labels = _checked_labels(self.labels)
        if len(images) != len(labels):
            raise DataError(f"There are {len(images)} images but {len(labels)} labels; give one label an image.")
        _check_classes(labels, self.class_names)
        indices = np.arange(len(images)) if len(self.indices) == 0 else np.array(self.indices, np.int64)
        if indices.shape != labels.shape:
            raise DataError(
                f"There are {len(images)} images but source indices of shape {indices.shape}; give one "
                "index an image, or none at all."
            )
        object.__setattr__(self, "images", images)
        object.__setattr__(self, "labels", _frozen(labels))
        object.__setattr__(self, "indices", _frozen(indices))
        object.__setattr__(self, "class_names", tuple(str(name) for name in self.class_names))

    def __len__(self) -> int:
        return len(self.images)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of every image."""
        h, w, c = self.images.shape[1:]
        return int(h), int(w), int(c)

    @property
    def classes(self) -> int:
        """K, the number of classes."""
        return len(self.class_names)

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 over shape, pixels, labels and names: what identifies the data, from whatever file.

        Each image is read once for it. Raises ``DataError`` when one cannot be.
        """
        digest = hashlib.sha256(repr((self.images.shape, self.class_names)).encode())
        for image in self.images:
            digest.update(image.data)
        digest.update(self.labels.data)
        return digest.hexdigest()

    def take(self, positions: Sequence[int] | Int64Array | slice) -> ImageSet:
        """The images at ``positions``, in that order, remembering where they stood in the source."""
        labels, indices = self.labels[positions], self.indices[positions]
        if isinstance(self.images, LazyImages):
            return ImageSet(self.images.take(positions), labels, self.class_names, self.name, indices)
        images = self.images[positions]
        images.setflags(write=False)  # fresh from indexing, or a view of read-only memory: no second copy needed
        return ImageSet(images, labels, self.class_names, self.name, indices)


def in_colour(data: ImageSet) -> ImageSet:
    """Grey images as three equal channels."""
    images = np.repeat(data.images, 3, axis=3)
    images.setflags(write=False)
    return ImageSet(images, data.labels, data.class_names, data.name, data.indices)


def default_class_names(labels: Int64Array, classes: int | None = None) -> tuple[str, ...]:
    """``class 0`` … ``class K−1``, with K given or one more than the largest label (at least 2).

    Raises ``DataError`` when ``labels`` are not N integers, or tell of too many classes.
    """
    largest = int(_checked_labels(labels).max(initial=0))
    return _default_names(max(2, largest + 1) if classes is None else classes)


def all_class_names(class_names: tuple[str, ...], classes: int) -> tuple[str, ...]:
    """``class_names``, and where they are the default ones those of the other of a model's ``classes`` as well.

    Labels do not tell of a class that has no image.
    """
    unnamed = class_names == _default_names(len(class_names))
    return _default_names(classes) if unnamed and classes > len(class_names) else class_names


def _default_names(classes: int) -> tuple[str, ...]:
    check_classes(classes)
    return tuple(f"class {k}" for k in range(classes))


def _checked_images(images: UInt8Array) -> UInt8Array:
    array = np.asarray(images)
    if array.dtype != np.uint8:
        raise DataError(
            f"Images must be uint8 with values 0 to 255, not {array.dtype}; multiply [0, 1] floats by 255, "
            "round, and convert."
        )
    if array.ndim != 4:
        raise DataError(f"Images must have the shape N×H×W×C, not {array.shape}; grey images have C = 1.")
    if 0 in array.shape:
        raise DataError(f"There are no images: the array has the shape {array.shape}; give at least one image.")
    return array


def _checked_labels(labels: Int64Array) -> Int64Array:
    array = np.asarray(labels)
    if array.ndim != 1 or not np.issubdtype(array.dtype, np.integer):
        raise DataError(
            f"Labels must be N integers, not {array.dtype} of shape {array.shape}; give the class number of each image."
        )
    return array.astype(np.int64)


def _check_classes(labels: Int64Array, class_names: Sequence[str]) -> None:
    if len(class_names) < 2:
        raise DataError(
            f"A classifier needs at least 2 classes, but the data name {len(class_names)}; name every class."
        )
    check_classes(len(class_names))
    if labels.min() < 0 or labels.max() >= len(class_names):
        raise DataError(
            f"Labels must lie in 0..{len(class_names) - 1} for {len(class_names)} classes, but they run "
            f"from {labels.min()} to {labels.max()}; name every class, or number the labels from 0."
        )


def _frozen(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """``array`` contiguous and read-only: itself when nobody can write to its memory, otherwise a copy."""
    if not (array.flags.c_contiguous and _nobody_writes(array)):
        array = np.array(array, order="C")
    array.setflags(write=False)
    return array


def _nobody_writes(array: npt.NDArray[Any]) -> bool:
    owner: object = array
    while isinstance(owner, np.ndarray):
        if owner.flags.writeable:
            return False
        owner = owner.base
    return owner is None or isinstance(owner, (bytes, mmap.mmap))
