"""Images from a NumPy archive."""

from __future__ import annotations

import numpy as np
import pytest

from pixelproof.data import load_data
from pixelproof.errors import DataError

IMAGES = np.random.default_rng(0).integers(0, 256, (4, 8, 6, 3), np.uint8)
LABELS = np.array([0, 2, 1, 2])


def _load(tmp_path, **arrays):
    np.savez(tmp_path / "set.npz", **arrays)
    return load_data(f"npz:{tmp_path / 'set.npz'}")


def test_images_labels_and_default_names(tmp_path):
    data = _load(tmp_path, images=IMAGES, labels=LABELS)
    assert np.array_equal(data.images, IMAGES)
    assert data.labels.tolist() == LABELS.tolist()
    assert data.class_names == ("class 0", "class 1", "class 2")
    assert data.name == "set"


def test_class_names_are_kept(tmp_path):
    data = _load(tmp_path, images=IMAGES, labels=LABELS.astype(np.uint8), class_names=np.array(["a", "b", "c", "d"]))
    assert data.class_names == ("a", "b", "c", "d")


def test_grey_images_get_a_channel(tmp_path):
    data = _load(tmp_path, images=IMAGES[..., 0], labels=LABELS)
    assert data.shape == (8, 6, 1)
    assert np.array_equal(data.images[..., 0], IMAGES[..., 0])


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"images": IMAGES / 255, "labels": LABELS}, "uint8"),
        ({"images": IMAGES.transpose(0, 3, 1, 2), "labels": LABELS}, "channel-first"),
        ({"images": IMAGES}, "no array 'labels'"),
        ({"x": IMAGES, "y": LABELS}, "no array 'images' and no array 'labels'.*'x', 'y'"),
        ({"images": IMAGES, "labels": np.eye(4, dtype=int)}, "integers"),
        ({"images": IMAGES, "labels": np.array(["a"] * 4)}, "integers"),
        ({"images": IMAGES, "labels": LABELS[:2]}, "4 images but 2 labels"),
        ({"images": IMAGES, "labels": LABELS, "class_names": np.array(["a", "b"])}, "0..1"),
        ({"images": IMAGES, "labels": LABELS, "class_names": np.array([1, 2, 3])}, "strings"),
        ({"images": IMAGES, "labels": LABELS - 1}, "-1"),
        ({"images": IMAGES, "labels": np.array([0, 1, 2, None])}, "cannot be read"),
    ],
)
def test_what_is_wrong_names_file_and_fault(tmp_path, arrays, words):
    with pytest.raises(DataError, match=words) as caught:
        _load(tmp_path, **arrays)
    assert "set.npz" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"no archive", b"\x93NUMPY"])
def test_not_an_archive(tmp_path, content):
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(DataError, match="not a NumPy archive"):
        load_data(f"npz:{tmp_path / 'a.npz'}")


def test_damaged_archive(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, images=IMAGES, labels=LABELS)
    content = bytearray(path.read_bytes())
    content[300:340] = b"\xff" * 40
    path.write_bytes(content)
    with pytest.raises(DataError, match="cannot be read"):
        load_data(f"npz:{path}")


def test_missing_file(tmp_path):
    with pytest.raises(DataError, match="no file"):
        load_data(f"npz:{tmp_path / 'a.npz'}")


@pytest.mark.parametrize("spec", ["", "cifar", "cifar10", "npz:", "folder", "bundled:x", "https://x"])
def test_unknown_spellings_name_the_known(spec):
    with pytest.raises(DataError, match="folder:DIR"):
        load_data(spec)
