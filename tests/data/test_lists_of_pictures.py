"""Pictures by a table, in a tar file, and as a dataset of the datasets library."""

from __future__ import annotations

import io
import tarfile
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixelproof.data import ImageSet, lazy, load_data
from pixelproof.errors import DataError

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3), dtype=np.uint8)
NAMES = ("ant", "bee")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six pictures, 0.png to 5.png."""
    for k, each in enumerate(PIXELS):
        Image.fromarray(each).save(tmp_path / f"{k}.png")
    return tmp_path


def table(folder: Path, text: str) -> str:
    (folder / "table.csv").write_text(text)
    return f"csv:{folder / 'table.csv'}"


def tar(folder: Path, files: dict[str, bytes]) -> str:
    with tarfile.open(folder / "shard.tar", "w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return f"webdataset:{folder / 'shard.tar'}"


def png(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def is_all(data: ImageSet, names: tuple[str, ...]) -> None:
    assert np.array_equal(data.images, PIXELS)
    assert data.labels.tolist() == [0, 1] * 3
    assert data.class_names == names


@pytest.mark.parametrize("heads", ["path,label", "File, class ", "\ufefffilename,target"])
def test_a_table(folder: Path, heads: str) -> None:
    rows = "".join(f"{k}.png,{NAMES[k % 2]}\n" for k in range(6))
    is_all(load_data(table(folder, f"{heads}\n{rows}")), NAMES)
    numbers = "".join(f"{k}.png,{k % 2}\n" for k in range(6))
    is_all(load_data(table(folder, f"{heads}\n{numbers}")), ("class 0", "class 1"))


def test_pictures_of_several_sizes_take_a_size(folder: Path) -> None:
    Image.fromarray(PIXELS[0][:4]).save(folder / "0.png")
    spec = table(folder, "path,label\n0.png,a\n1.png,b\n")
    with pytest.raises(DataError, match=r"must have one size, but .*0.png is 8×4 and .*1.png is 8×8; .* add ,size=N"):
        load_data(spec)
    assert load_data(f"{spec},size=4").images.shape == (2, 4, 4, 3)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("path,what\n0.png,a\n", "has no column label or class or target, only path, what"),
        ("", "has no column path or file or filename or image, only nothing"),
        ("path,label\n", "has no rows"),
        ("path,label\n0.png,a\n1.png,\n", "Line 3 of .* has no label"),
        ("path,label\n0.png,a\n9.png,b\n", "Line 3 of .* names .*9.png, which is not there"),
    ],
)
def test_a_table_that_lacks_something_is_said(folder: Path, text: str, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        load_data(table(folder, text))


def test_a_tar_file(folder: Path) -> None:
    files: dict[str, bytes] = {}
    for k, each in enumerate(PIXELS):
        files |= {f"shard/{k}.png": png(each), f"shard/{k}.cls": str(k % 2).encode(), f"shard/{k}.json": b"{}"}
    is_all(load_data(tar(folder, files)), ("class 0", "class 1"))
    named = {
        name: content.replace(b"0", b"ant").replace(b"1", b"bee") for name, content in files.items() if "cls" in name
    }
    is_all(load_data(tar(folder, files | named)), NAMES)
    assert load_data(tar(folder, files) + ",size=5").images.shape == (6, 5, 5, 3)


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({"a.png": b"x"}, r"The sample a of .* has png; expected a picture .* and a label"),
        ({"a.cls": b"1"}, r"The sample a of .* has cls"),
        ({"a.png": b"x", "a.cls": b"1"}, r"a.png of .* cannot be read as an image"),
        ({}, "is empty"),
    ],
)
def test_a_tar_file_that_lacks_something_is_said(folder: Path, files: dict[str, bytes], sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        load_data(tar(folder, files))


def test_a_dataset_that_was_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        features = datasets.Features({"img": datasets.Image(), "kind": datasets.ClassLabel(names=list(NAMES))})
        rows = {"img": [Image.fromarray(each) for each in PIXELS], "kind": [0, 1] * 3}
        saved = datasets.Dataset.from_dict(rows, features)
        saved.save_to_disk(tmp_path / "plain")
        datasets.DatasetDict({"test": saved}).save_to_disk(tmp_path / "split")
        for name in ("plain", "split"):
            held = load_data(f"hf:{tmp_path / name},label=kind")
            is_all(held, NAMES)
            with monkeypatch.context() as patch:
                patch.setattr(lazy, "HELD", 0)
                unread = load_data(f"hf:{tmp_path / name},label=kind")
            assert isinstance(unread.images, lazy.LazyImages)
            assert unread.content_hash == held.content_hash
        with pytest.raises(DataError, match="has no split train, only test; add ,split=NAME"):
            load_data(f"hf:{tmp_path / 'split'},split=train,label=kind")
        with pytest.raises(DataError, match=r"There is no parameter column for .*; expected split, image, label"):
            load_data(f"hf:{tmp_path / 'plain'},column=kind")


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("csv:none.csv", "There is no file none.csv"),
        ("webdataset:none.tar", "There is no file none.tar"),
        ("csv:none.csv,size=big", "size=big in .* is no size"),
        ("folder:DIR,width=3", "There is no parameter width for .*; expected size"),
        ("parquet:x", "Unknown data 'parquet:x'; expected bundled, .* csv:FILE"),
    ],
)
def test_what_is_no_data_is_said(spec: str, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        load_data(spec)
