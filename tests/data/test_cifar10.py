"""CIFAR-10's binary layout, on tiny fake batches; the download from a local archive."""

from __future__ import annotations

import hashlib
import tarfile

import numpy as np
import pytest

from pixelproof.data import cifar10, load_cifar10, load_data
from pixelproof.errors import DataError

FOLDER = "cifar-10-batches-bin"


def _records(n: int, seed: int = 0) -> np.ndarray:
    records = np.random.default_rng(seed).integers(0, 256, (n, 3073), np.uint8)
    records[:, 0] = np.arange(n) % 10
    return records


def _write(folder, names) -> None:
    folder.mkdir(parents=True)
    for seed, name in enumerate(names):
        _records(4, seed).tofile(folder / name)


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """An archive of fake batches at a file:// address, with its MD5 as the published one."""
    _write(tmp_path / "source" / FOLDER, [*cifar10._FILES["train"], *cifar10._FILES["test"]])
    path = tmp_path / "archive.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        tar.add(tmp_path / "source" / FOLDER, FOLDER)
    monkeypatch.setattr(cifar10, "_URL", path.as_uri())
    monkeypatch.setattr(cifar10, "_MD5", hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest())
    return path


@pytest.mark.parametrize("inside", ["", FOLDER])
def test_pixels_labels_and_order(tmp_path, inside):
    _write(tmp_path / "root" / inside, ["test_batch.bin"])
    data = load_cifar10(tmp_path / "root", "test", allow_download=False)
    assert data.shape == (32, 32, 3)
    assert data.labels.tolist() == [0, 1, 2, 3]
    assert data.class_names[3] == "cat"
    red_row_1_column_2 = _records(4)[2, 1 + 1 * 32 + 2]
    blue_row_0_column_5 = _records(4)[2, 1 + 2 * 1024 + 5]
    assert data.images[2, 1, 2, 0] == red_row_1_column_2
    assert data.images[2, 0, 5, 2] == blue_row_0_column_5


def test_train_is_five_files_in_order(tmp_path):
    _write(tmp_path / "root", cifar10._FILES["train"])
    data = load_cifar10(tmp_path / "root", "train", allow_download=False)
    assert len(data) == 20
    assert data.images[8, 0, 0, 0] == _records(4, seed=2)[0, 1]


def test_wrong_size_names_the_file(tmp_path):
    (tmp_path / "test_batch.bin").write_bytes(b"\0" * 3072)
    with pytest.raises(DataError, match=r"test_batch\.bin.*3072 bytes"):
        load_cifar10(tmp_path)


def test_another_layout_names_the_label(tmp_path):
    records = _records(4)
    records[1, 0] = 10
    records.tofile(tmp_path / "test_batch.bin")
    with pytest.raises(DataError, match="label 10"):
        load_cifar10(tmp_path)


def test_absent_without_download(tmp_path):
    with pytest.raises(DataError, match="is not fetched unasked"):
        load_data(f"cifar10:{tmp_path / 'nowhere'}", allow_download=False)
    assert not (tmp_path / "nowhere").exists()


def test_download_unpacks_and_leaves_only_the_folder(tmp_path, archive):
    root = tmp_path / "new" / "root"
    assert len(load_cifar10(root)) == 4
    assert [path.name for path in root.iterdir()] == [FOLDER]
    archive.unlink()
    assert len(load_cifar10(root, "train")) == 20  # not fetched again


def test_download_completes_a_partial_folder(tmp_path, archive):
    _write(tmp_path / "root" / FOLDER, ["data_batch_1.bin"])
    assert len(load_cifar10(tmp_path / "root")) == 4


def test_wrong_md5_leaves_nothing_behind(tmp_path, archive, monkeypatch):
    monkeypatch.setattr(cifar10, "_MD5", "0" * 32)
    with pytest.raises(DataError, match="MD5"):
        load_cifar10(tmp_path / "new" / "root")
    assert not (tmp_path / "new").exists()


def test_unreachable_server_leaves_nothing_behind(tmp_path, archive):
    archive.unlink()
    with pytest.raises(DataError, match=r"could not be downloaded.*unpack"):
        load_cifar10(tmp_path / "new" / "root")
    assert not (tmp_path / "new").exists()


def test_root_that_is_a_file(tmp_path, archive):
    (tmp_path / "root").write_text("")
    with pytest.raises(DataError):
        load_cifar10(tmp_path / "root")
