"""What a small file may ask for is bounded, and said in one sentence where it asks for more."""

from __future__ import annotations

import gzip
import io
import json
import socket
import sqlite3
import zipfile
import zlib
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import torch
from benchmarks.torture import corpus

from pixelproof.data import limits, load_data
from pixelproof.data.imageset import default_class_names
from pixelproof.errors import DataError, InputError, RunError
from pixelproof.jobs import preflight
from pixelproof.jobs.spec_file import read_toml
from pixelproof.jobs.train import CHECKPOINT, train
from pixelproof.runs import RunStore
from pixelproof.runs.database import FILE


def refused(spec: str, *parts: str) -> None:
    with pytest.raises(DataError) as caught:
        load_data(spec)
    text = str(caught.value)
    assert "\n" not in text
    assert text.endswith(".")
    for part in parts:
        assert part in text


def test_one_large_label_names_no_millions_of_classes(tmp_path: Path) -> None:
    labels = corpus.LABELS.copy()
    labels[-1] = 30_000_000
    (tmp_path / "set").write_bytes(corpus.arrays(corpus.images(), labels))
    refused(f"npz:{tmp_path}/set", "There would be 30,000,001 classes; expected 100,000 at most")
    assert len(default_class_names(np.array([limits.MOST_CLASSES - 1]))) == limits.MOST_CLASSES


@pytest.mark.parametrize("size", ["20000", "1025", "0", "9" * 5000, "٣", "1.5", "-1"])
def test_pictures_are_brought_to_no_huge_size(tmp_path: Path, size: str) -> None:
    refused(f"folder:{tmp_path},size={size}", "is no size; expected a whole number of pixels up to 1024")


def test_a_preflight_holds_few_large_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "HELD", 32 * 32 * 3 * 25)
    data = load_data("bundled")
    seen = []

    class Model:
        name, kind, differentiable, fingerprint = "m", "logits", False, "f"

        def scores(self, images: torch.Tensor) -> torch.Tensor:
            seen.append(len(images))
            return torch.randn(len(images), 10)

    found = preflight.preflight(Model(), data, batch_size=25, device=torch.device("cpu"), refuse_chance=False)
    assert found.checked == 25


@pytest.mark.parametrize("number", range(1, len(corpus.npz())))
def test_odd_archives(tmp_path: Path, number: int) -> None:
    (tmp_path / "set").write_bytes(corpus.npz()[number])
    if number == 4:  # one image of one pixel: small, and nothing wrong with it
        assert len(load_data(f"npz:{tmp_path}/set")) == 1
    else:
        refused(f"npz:{tmp_path}/set")


def test_an_archive_that_unpacks_to_more_than_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_BYTES", 1 << 15)
    (tmp_path / "set").write_bytes(corpus.arrays(corpus.images(), corpus.LABELS))
    refused(f"npz:{tmp_path}/set", "unpacks to", "more than the 32,768 that are held")


@pytest.mark.parametrize("number", range(1, 6))
def test_idx_files_whose_sizes_overflow(tmp_path: Path, number: int) -> None:
    """2^31 × 2^31 × 4 is 0 in 64 bits, which is as many bytes as an empty file holds."""
    content = corpus.idx_images()[number]
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(content if number != 2 else content[:16])
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(corpus.idx(corpus.LABELS.astype("u1")))
    refused(f"idx:{tmp_path}")


def test_a_packed_idx_file_is_read_no_further_than_it_says(tmp_path: Path) -> None:
    whole = corpus.idx(corpus.images(12, 32, 1)[..., 0])
    (tmp_path / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(whole + bytes(1 << 24)))
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(corpus.idx(corpus.LABELS.astype("u1")))
    refused(f"idx:{tmp_path}", "says that it holds 12×32×32 bytes, but holds more")


def test_a_picture_whose_head_promises_gigabytes(tmp_path: Path) -> None:
    for name, content in (("cat/a.png", corpus.pictures()[8]), ("dog/b.png", corpus.picture())):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(content)
    refused(f"folder:{tmp_path},size=32", "cat/a.png")


def test_sockets_are_no_pictures(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.png").write_bytes(corpus.picture())
    with closing(socket.socket(socket.AF_UNIX)) as pipe:
        pipe.bind(str(tmp_path / "cat" / "b.png"))
        refused(f"folder:{tmp_path}", "cat/b.png is no regular file")


@pytest.mark.parametrize(
    "content",
    [f"a = {'9' * 5000}", f"a = [0x{'f' * 5000}]", f"a = {'[' * 9999}{']' * 9999}", "a = \x00", "a = 1\na = 2"],
)
def test_toml_that_cannot_be_read(tmp_path: Path, content: str) -> None:
    (tmp_path / "spec.toml").write_text(content)
    with pytest.raises(InputError, match="cannot be read as TOML"):
        read_toml(tmp_path / "spec.toml", "spec")


def test_toml_of_a_megabyte_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "spec.toml").write_bytes(b"# \n" * 400_000)
    with pytest.raises(InputError, match="more than 1,048,576 bytes"):
        read_toml(tmp_path / "spec.toml", "spec")


@pytest.mark.parametrize("number", range(len(corpus.weights())))
def test_checkpoints_without_their_keys(tmp_path: Path, number: int) -> None:
    (tmp_path / CHECKPOINT).write_bytes(corpus.weights()[number])
    data = load_data("pentomino:12,channels=3")
    with pytest.raises(RunError):
        train("lenet", data, data, tmp_path, epochs=1)
    assert not (tmp_path / "canary").exists()
    assert not Path("canary").exists()


def test_a_checkpoint_of_this_training_without_its_states(tmp_path: Path) -> None:
    data = load_data("pentomino:12,channels=3")
    train("lenet", data, data, tmp_path, epochs=1)
    state = torch.load(tmp_path / CHECKPOINT, weights_only=True)
    for key in ("epoch", "network", "optimiser", "schedule"):
        torch.save({name: value for name, value in state.items() if name != key}, tmp_path / CHECKPOINT)
        with pytest.raises(RunError, match="is no checkpoint of a training, or it is damaged"):
            train("lenet", data, data, tmp_path, epochs=1)


def forged(folder: Path, key: str, value: object) -> None:
    with closing(sqlite3.connect(folder / FILE, isolation_level=None)) as database:
        database.execute("UPDATE manifest SET value = ? WHERE key = ?", (json.dumps(value), key))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("findings", [{"name": "x", "severity": "deadly", "message": "x"}]),
        ("selection", {"rule": "x", "considered": "many", "samples": [], "labels": []}),
        ("data", {"name": 1, "sha256": "", "images": 1, "shape": [32, 32, 3], "class_names": []}),
        ("model", []),
        ("timings", {"seconds": "long"}),
        ("status", "ready"),
        ("spec", "x"),
    ],
)
def test_a_manifest_of_other_types_is_damaged(run_copy: Path, key: str, value: object) -> None:
    forged(run_copy, key, value)
    with RunStore.open(run_copy) as run, pytest.raises(RunError, match=f"manifest of .* is damaged .{key}"):
        _ = run.manifest


def test_what_goes_wrong_in_making_sense_of_a_run_is_one_sentence(run_copy: Path) -> None:
    with RunStore.open(run_copy) as run:
        for error in (KeyError("x"), IndexError(), TypeError("no"), ZeroDivisionError()):
            expected = f"says what no run of pixelproof does .{type(error).__name__}"
            with pytest.raises(RunError, match=expected), run.reading():
                raise error
        with pytest.raises(MemoryError), run.reading():
            raise MemoryError


def test_an_image_that_unpacks_to_gigabytes(run_copy: Path) -> None:
    with closing(sqlite3.connect(run_copy / FILE, isolation_level=None)) as database:
        database.execute("UPDATE clean SET pixels = ?", (zlib.compress(bytes(1 << 26), 9),))
    with RunStore.open(run_copy) as run, pytest.raises(RunError, match="is damaged"):
        run.clean(run.manifest.selection.samples[0])


def test_table_names_are_no_statements(run_copy: Path) -> None:
    with closing(sqlite3.connect(run_copy / FILE, isolation_level=None)) as database:
        database.execute("INSERT INTO kinds VALUES ('records\" UNION SELECT 1 --')")
    with RunStore.open(run_copy) as run, pytest.raises(RunError, match="no such table"):
        run.sizes()


def test_members_are_counted_in_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tar file that is packed is held as a whole, so all of it counts."""
    monkeypatch.setattr(limits, "MOST_BYTES", 5000)
    (tmp_path / "set.tar").write_bytes(corpus.tar(compressed=True))
    refused(f"webdataset:{tmp_path}/set.tar", "more than the 5,000 that are held")
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w"):
        pass
    (tmp_path / "empty").write_bytes(stream.getvalue())
    refused(f"npz:{tmp_path}/empty", "has no array")


@pytest.mark.parametrize(("number", "part"), [("2", "There is no file none"), ("0", "samples"), ("9" * 400, "64 bits")])
def test_a_number_of_samples_in_a_spec(cli, tmp_path: Path, number: str, part: str) -> None:
    """An option that also takes a word is given a number by a file, and text by people."""
    (tmp_path / "spec.toml").write_text(f'model = "onnx:none"\ndata = "pentomino:9"\nsamples = {number}\n')
    answer = cli("assess", tmp_path / "spec.toml", "--out", tmp_path / "out")
    assert answer.code == 2
    assert part in answer.err
    assert cli("assess", "--model", "x", "--data", "x", "--out", "x", "--samples", "9" * 5000).code == 2
