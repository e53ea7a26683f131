"""MNIST's files: what is written is read, and what is wrong is said."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from pixelproof.data import load_data
from pixelproof.data.idx import load_idx
from pixelproof.errors import DataError

IMAGES = np.random.default_rng(0).integers(0, 256, (7, 28, 28), dtype=np.uint8)
LABELS = np.array([3, 1, 4, 1, 5, 9, 2], np.uint8)


def idx(array: np.ndarray) -> bytes:
    """``array`` as its bytes in an idx file, by the format's description."""
    return bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape) + array.tobytes()


def write(folder: Path, images: bytes | None = None, labels: bytes | None = None, prefix: str = "t10k") -> Path:
    (folder / f"{prefix}-images-idx3-ubyte").write_bytes(idx(IMAGES) if images is None else images)
    (folder / f"{prefix}-labels-idx1-ubyte").write_bytes(idx(LABELS) if labels is None else labels)
    return folder


def test_plain_and_gzipped_files_are_read_alike(tmp_path: Path) -> None:
    plain = load_data(f"idx:{write(tmp_path)}")
    assert plain.shape == (28, 28, 1)
    assert np.array_equal(plain.images[..., 0], IMAGES)
    assert plain.labels.tolist() == LABELS.tolist()
    other = tmp_path / "zipped"
    other.mkdir()
    (other / "t10k-images.idx3-ubyte.gz").write_bytes(gzip.compress(idx(IMAGES)))
    (other / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(LABELS)))
    assert load_idx(other).content_hash == plain.content_hash


def test_the_training_split_has_its_own_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no t10k-images"):
        load_idx(write(tmp_path, prefix="train"))
    assert len(load_idx(tmp_path, "train")) == 7


@pytest.mark.parametrize(
    ("images", "labels", "sentence"),
    [
        (b"GIF89a", None, "is no idx file of bytes in 3 dimensions"),
        (idx(LABELS), None, "is no idx file of bytes in 3 dimensions"),
        (idx(IMAGES)[:-1], None, "holds 7×28×28 bytes, but holds 5487"),
        (None, idx(LABELS[:5]), "cannot be used"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(
    images: bytes | None, labels: bytes | None, sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=sentence) as caught:
        load_idx(write(tmp_path, images, labels))
    assert "\n" not in str(caught.value)


def test_a_damaged_archive_is_said(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "t10k-images-idx3-ubyte").unlink()
    (tmp_path / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(IMAGES))[:-9])
    with pytest.raises(DataError, match="cannot be read"):
        load_idx(tmp_path)
