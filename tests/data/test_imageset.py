"""The one form of images at rest."""

from __future__ import annotations

import numpy as np
import pytest

from pixelproof.data import ImageSet, default_class_names
from pixelproof.errors import DataError

NAMES = ("cat", "dog")


def _images(n: int = 4) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, 3, 5, 3), np.uint8)


def test_shape_classes_and_indices():
    data = ImageSet(_images(), np.array([0, 1, 1, 0]), NAMES)
    assert (len(data), data.shape, data.classes) == (4, (3, 5, 3), 2)
    assert data.indices.tolist() == [0, 1, 2, 3]
    assert data.labels.dtype == np.int64


def test_writable_arrays_are_copied_and_ours_are_read_only():
    images, labels = _images(), np.array([0, 1, 1, 0])
    data = ImageSet(images, labels, NAMES)
    images[:], labels[:] = 0, 0
    assert data.images.any()
    assert data.labels.any()
    with pytest.raises(ValueError, match="read-only"):
        data.images[0] = 0


def test_read_only_view_of_writable_memory_is_copied():
    images = _images()
    view = images[:]
    view.setflags(write=False)
    data = ImageSet(view, np.array([0, 1, 1, 0]), NAMES)
    images[:] = 0
    assert data.images.any()


def test_read_only_arrays_and_slices_are_shared():
    images = _images()
    images.setflags(write=False)
    data = ImageSet(images, np.array([0, 1, 1, 0]), NAMES)
    assert data.images is images
    assert np.shares_memory(data.take(slice(1, 3)).images, images)


def test_images_are_contiguous_whatever_came():
    data = ImageSet(_images().transpose(0, 2, 1, 3), np.array([0, 1, 1, 0]), NAMES)
    assert data.images.flags.c_contiguous
    assert data.shape == (5, 3, 3)


def test_take_remembers_the_source():
    data = ImageSet(_images(), np.array([0, 1, 1, 0]), NAMES, "x").take([3, 1]).take([1])
    assert data.indices.tolist() == [1]
    assert data.labels.tolist() == [1]
    assert np.array_equal(data.images[0], _images()[1])


def test_content_hash_tells_pixels_labels_and_names_apart():
    images, labels = _images(), np.array([0, 1, 1, 0])
    changed = images.copy()
    changed[0, 0, 0, 0] ^= 1
    hashes = {
        ImageSet(images, labels, NAMES).content_hash,
        ImageSet(changed, labels, NAMES).content_hash,
        ImageSet(images, labels[::-1] * 0, NAMES).content_hash,
        ImageSet(images, labels, ("cat", "cow")).content_hash,
    }
    assert len(hashes) == 4
    assert ImageSet(images, labels.astype(np.uint8), NAMES, "other name").content_hash in hashes


@pytest.mark.parametrize(
    ("images", "labels", "names", "words"),
    [
        (_images().astype(float), [0, 1, 1, 0], NAMES, "float64"),
        (_images()[0], [0, 1, 1], NAMES, "N×H×W×C"),
        (_images()[:0], [], NAMES, "no images"),
        (_images(), [0, 1], NAMES, "4 images but 2 labels"),
        (_images(), [0, 1, 2, 0], NAMES, "0..1"),
        (_images(), [0, -1, 1, 0], NAMES, "-1"),
        (_images(), [0.0, 1.0, 1.0, 0.0], NAMES, "integers"),
        (_images(), [[0], [1], [1], [0]], NAMES, "integers"),
        (_images(), [0, 0, 0, 0], ("cat",), "at least 2"),
    ],
)
def test_what_does_not_fit_is_said(images, labels, names, words):
    with pytest.raises(DataError, match=words):
        ImageSet(images, np.array(labels), names)


def test_one_index_an_image():
    with pytest.raises(DataError, match="indices"):
        ImageSet(_images(), np.array([0, 1, 1, 0]), NAMES, "x", np.array([1, 2]))


def test_default_class_names():
    assert default_class_names(np.array([0, 2])) == ("class 0", "class 1", "class 2")
    assert default_class_names(np.array([0, 0])) == ("class 0", "class 1")
    assert default_class_names(np.array([0]), 4)[-1] == "class 3"
    with pytest.raises(DataError):
        default_class_names(np.array(["a"]))
