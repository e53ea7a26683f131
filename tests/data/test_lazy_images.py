"""Sets too big to be held: their images are read when asked for, and are the same."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixelproof.corruptions.suites import perturbed
from pixelproof.data import ImageSet, lazy, load_data
from pixelproof.data.lazy import LazyImages
from pixelproof.errors import DataError
from pixelproof.runs import RunStore

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 17, 16, 3), dtype=np.uint8)


def png(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def folder(place: Path) -> str:
    for k, pixels in enumerate(PIXELS):
        (place / "set" / f"class {k // 3}").mkdir(parents=True, exist_ok=True)
        (place / "set" / f"class {k // 3}" / f"{k}.png").write_bytes(png(pixels))
    return f"folder:{place / 'set'}"


def table(place: Path) -> str:
    folder(place)
    rows = "".join(f"set/class {k // 3}/{k}.png,{k // 3}\n" for k in range(6))
    (place / "set.csv").write_text(f"path,label\n{rows}")
    return f"csv:{place / 'set.csv'}"


def tar(place: Path, compression: str = "") -> str:
    with tarfile.open(place / "set.tar", f"w:{compression}") as archive:  # type: ignore[call-overload]
        for k, pixels in enumerate(PIXELS):
            for name, content in ((f"{k}.png", png(pixels)), (f"{k}.cls", str(k // 3).encode())):
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    return f"webdataset:{place / 'set.tar'}"


def compressed(place: Path) -> str:
    return tar(place, "gz")


@pytest.fixture(params=[folder, table, tar, compressed])
def spec(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    made: Callable[[Path], str] = request.param
    return made(tmp_path)


@pytest.fixture
def nothing_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lazy, "HELD", 0)


def lazily(spec: str, monkeypatch: pytest.MonkeyPatch) -> ImageSet:
    with monkeypatch.context() as patch:
        patch.setattr(lazy, "HELD", 0)
        data = load_data(spec)
    assert isinstance(data.images, LazyImages)
    return data


def test_they_are_the_images_that_are_held(spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    held, unread = load_data(spec), lazily(spec, monkeypatch)
    assert isinstance(held.images, np.ndarray)
    assert (unread.shape, len(unread), unread.images.shape) == (held.shape, len(held), held.images.shape)
    assert unread.content_hash == held.content_hash
    for key in (2, -1, slice(1, 4), [5, 0, 0], np.array([3, 1])):
        assert np.array_equal(unread.images[key], held.images[key])
    assert np.array_equal(np.array(unread.images), held.images)
    assert np.array_equal(list(unread.images), list(held.images))


def test_a_part_is_lazy_too(spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    held, unread = (data.take([5, 2]).take(slice(1, 2)) for data in (load_data(spec), lazily(spec, monkeypatch)))
    assert isinstance(unread.images, LazyImages)
    assert unread.content_hash == held.content_hash
    assert unread.indices.tolist() == held.indices.tolist() == [2]
    with pytest.raises(IndexError):
        unread.images[1]


def test_perturbed_images_are_lazy_and_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = folder(tmp_path)
    for name in ("rotation(20)", "jpeg-compression(2)+gaussian-noise(2)"):
        held, unread = (perturbed(data, name, 3) for data in (load_data(spec), lazily(spec, monkeypatch)))
        assert isinstance(unread.images, LazyImages)
        assert unread.name == held.name
        assert unread.content_hash == held.content_hash


def test_they_are_read_when_they_are_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = lazily(folder(tmp_path), monkeypatch)
    whole = (tmp_path / "set/class 1/4.png").read_bytes()
    (tmp_path / "set/class 1/4.png").write_bytes(whole[:-40])
    assert np.array_equal(data.images[3], PIXELS[3])
    for read in (lambda: data.images[4], lambda: data.take([3, 4]).content_hash, lambda: np.array(data.images)):
        with pytest.raises(DataError, match=r"4\.png cannot be read"):
            read()


@pytest.mark.usefixtures("nothing_held")
def test_what_their_heads_say_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    spec = folder(tmp_path)
    Image.fromarray(PIXELS[0, :5]).save(tmp_path / "set/class 1/4.png")
    with pytest.raises(DataError, match=r"0\.png is 16×17 and .*4\.png is 16×5"):
        load_data(spec)
    assert load_data(f"{spec},size=6").images[4].shape == (6, 6, 3)


@pytest.mark.usefixtures("nothing_held")
def test_grey_only_where_all_are(tmp_path: Path) -> None:
    spec = folder(tmp_path)
    for k, pixels in enumerate(PIXELS):
        Image.fromarray(pixels[..., 0]).save(tmp_path / f"set/class {k // 3}/{k}.png")
    assert load_data(spec).shape == (17, 16, 1)
    assert np.array_equal(load_data(spec).images[1], PIXELS[1, ..., :1])
    Image.fromarray(PIXELS[5]).save(tmp_path / "set/class 1/5.png")
    assert np.array_equal(load_data(spec).images[1], np.repeat(PIXELS[1, ..., :1], 3, 2))


@pytest.mark.slow
def test_an_assessment_of_them_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli) -> None:
    pixels = load_data("bundled")
    for k in range(12):
        place = tmp_path / "set" / f"{pixels.labels[k]} {pixels.class_names[pixels.labels[k]]}"
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.images[k]).save(place / f"{k}.png")
    for k, name in enumerate(pixels.class_names):
        (tmp_path / "set" / f"{k} {name}").mkdir(exist_ok=True)
        Image.fromarray(pixels.images[20 + k]).save(tmp_path / "set" / f"{k} {name}" / "z.png")
    told = []
    for held in (lazy.HELD, 0):
        monkeypatch.setattr(lazy, "HELD", held)
        out = tmp_path / str(held)
        options = ("--samples", 2, "--attacks", "threshold", "--search", "de", "--levels", 3, "--max-queries", 40)
        assert cli("assess", "--model", "zoo:resnet20", "--data", f"folder:{tmp_path / 'set'}", *options, "--out", out)
        assert cli("verify", out, "--data", f"folder:{tmp_path / 'set'}").code == 0
        with RunStore.open(out) as run:
            told.append((run.manifest.identity, [replace(each, seconds=0.0) for each in run.records()]))
    assert told[0] == told[1]
