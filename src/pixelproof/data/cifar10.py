"""CIFAR-10 in its official binary layout (Krizhevsky, 2009): a label, then 3,072 channel-first bytes."""

import hashlib
import http.client
import os
import tarfile
import tempfile
import urllib.request
from pathlib import Path
from typing import Literal

import numpy as np

from pixelproof.data.imageset import ImageSet, UInt8Array
from pixelproof.errors import DataError

CLASS_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
_MD5 = "c32a1d4ab5d03f1284b67883e8d87530"  # published beside the archive
_FOLDER = "cifar-10-batches-bin"
_RECORD = 1 + 3 * 32 * 32
_FILES = {"train": [f"data_batch_{k}.bin" for k in range(1, 6)], "test": ["test_batch.bin"]}
_SILENCE = 60.0  # seconds without a byte after which a download is given up

Split = Literal["train", "test"]


def load_cifar10(root: Path, split: Split = "test", *, allow_download: bool = True) -> ImageSet:
    """CIFAR-10's ``train`` (50,000) or ``test`` (10,000) images from ``root``, in file order.

    ``root`` is the folder that holds ``cifar-10-batches-bin`` (or is that folder). When neither is there and
    ``allow_download`` is true, the official archive (170 MB) is downloaded into ``root`` and its published
    MD5 checked. Raises ``DataError`` when the files are absent and cannot be fetched, or are no CIFAR-10
    batches.
    """
    folder = _folder(root, split)
    if folder is None:
        if not allow_download:
            raise DataError(
                f"CIFAR-10 is not in {root} and is not fetched unasked; name it yourself, as with --data, or "
                f"{_remedy(root)}."
            )
        _download(root)
        folder = root / _FOLDER
    records = np.concatenate([_read(folder / name) for name in _FILES[split]])
    images = np.ascontiguousarray(records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
    images.setflags(write=False)
    return ImageSet(images, records[:, 0].astype(np.int64), CLASS_NAMES, f"cifar10-{split}")


def _folder(root: Path, split: Split) -> Path | None:
    """Where every file of ``split`` lies: in ``root`` itself or in the official folder below it."""
    for folder in (root, root / _FOLDER):
        if all((folder / name).is_file() for name in _FILES[split]):
            return folder
    return None


def _remedy(root: Path) -> str:
    return f"unpack cifar-10-binary.tar.gz there, so that {root / _FOLDER} exists"


def _read(path: Path) -> UInt8Array:
    data = np.fromfile(path, np.uint8)
    if data.size == 0 or data.size % _RECORD:
        raise DataError(
            f"{path} is not a CIFAR-10 binary batch: its {data.size} bytes are no multiple of {_RECORD}; "
            "remove it and fetch the official archive again."
        )
    records: UInt8Array = data.reshape(-1, _RECORD)
    if records[:, 0].max() >= len(CLASS_NAMES):
        raise DataError(
            f"{path} is not a CIFAR-10 binary batch: it holds the label {records[:, 0].max()}, beyond 0..9; "
            "CIFAR-100 and the Python version of CIFAR-10 have other layouts, fetch the binary version."
        )
    return records


def _download(root: Path) -> None:
    """Fetch and unpack the official archive into ``root``; nothing is left behind when that fails."""
    made = _missing_folders(root)
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=root) as scratch:
            archive = Path(scratch, "cifar-10-binary.tar.gz")
            found = _fetch(archive)
            if found != _MD5:
                raise DataError(
                    f"The CIFAR-10 archive from {_URL} has the MD5 {found}, not the published {_MD5}; try again later."
                )
            unpacked = _unpack(archive, Path(scratch, _FOLDER))
            (root / _FOLDER).mkdir(exist_ok=True)
            for path in unpacked:
                os.replace(path, root / _FOLDER / path.name)
    except (OSError, http.client.HTTPException, tarfile.TarError) as error:
        _remove_empty(made)
        raise DataError(f"CIFAR-10 is not in {root} and could not be downloaded ({error}); {_remedy(root)}.") from error
    except DataError:
        _remove_empty(made)
        raise


def _fetch(archive: Path) -> str:
    """Download the archive to ``archive`` and return the MD5 of what came."""
    digest = hashlib.md5(usedforsecurity=False)
    with urllib.request.urlopen(_URL, timeout=_SILENCE) as source, archive.open("wb") as target:
        while block := source.read(1 << 20):
            digest.update(block)
            target.write(block)
    return digest.hexdigest()


def _unpack(archive: Path, folder: Path) -> list[Path]:
    """The archive's files, whatever folder they name, in ``folder``: Python 3.11.0 to 3.11.3 extract with no filter."""
    folder.mkdir()
    with tarfile.open(archive) as tar:
        for member in tar:
            content = tar.extractfile(member)  # None of a folder
            if content is not None:
                (folder / Path(member.name).name).write_bytes(content.read())
    return sorted(folder.iterdir())


def _missing_folders(root: Path) -> list[Path]:
    """``root`` and its parents that do not exist, innermost first."""
    return [folder for folder in (root, *root.parents) if not folder.exists()]


def _remove_empty(folders: list[Path]) -> None:
    for folder in folders:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
