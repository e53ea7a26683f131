"""Images from a folder with one subfolder a class."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from pixelproof.data import load_data, load_folder
from pixelproof.errors import DataError


def _pixels(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape or (6, 8, 3), np.uint8)


def _save(path, pixels, **options) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)


@pytest.fixture
def pictures(tmp_path):
    """Two classes, three colour images of 8×6."""
    root = tmp_path / "pictures"
    _save(root / "dog" / "b.png", _pixels(1))
    _save(root / "cat" / "z.PNG", _pixels(2))
    _save(root / "cat" / "a.bmp", _pixels(3))
    return root


def test_sorted_classes_and_files(pictures):
    data = load_data(f"folder:{pictures}")
    assert data.class_names == ("cat", "dog")
    assert data.labels.tolist() == [0, 0, 1]
    assert data.name == "pictures"
    assert np.array_equal(data.images, np.stack([_pixels(3), _pixels(2), _pixels(1)]))


def test_every_format_is_read(pictures):
    _save(pictures / "dog" / "c.jpg", _pixels(4), quality=95)
    _save(pictures / "dog" / "d.webp", _pixels(5), lossless=True)
    _save(pictures / "dog" / "e.gif", _pixels(6) // 128 * 255)
    data = load_folder(pictures)
    assert len(data) == 6
    assert np.array_equal(data.images[4], _pixels(5))
    assert np.array_equal(data.images[5], _pixels(6) // 128 * 255)


def test_first_frame_of_an_animation(pictures):
    frames = [Image.fromarray(np.full((6, 8, 3), value, np.uint8)) for value in (0, 255)]
    frames[0].save(pictures / "dog" / "a.gif", save_all=True, append_images=frames[1:])
    assert not load_folder(pictures).images[2].any()


def test_grey_stays_grey_only_when_all_are(tmp_path):
    for name in ("a", "b"):
        _save(tmp_path / name / "x.png", _pixels(1, 6, 8))
    assert load_folder(tmp_path).shape == (6, 8, 1)
    assert np.array_equal(load_folder(tmp_path).images[0, ..., 0], _pixels(1, 6, 8))
    _save(tmp_path / "b" / "y.png", _pixels(2))
    data = load_folder(tmp_path)
    assert data.shape == (6, 8, 3)
    assert np.array_equal(data.images[0], np.repeat(_pixels(1, 6, 8)[..., None], 3, 2))


def test_hidden_and_other_files_are_passed_over(pictures):
    (pictures / ".cache").mkdir()
    (pictures / "cat" / ".DS_Store").write_text("x")
    (pictures / "cat" / "._a.png").write_text("x")
    (pictures / "cat" / "notes.txt").write_text("x")
    (pictures / "README.md").write_text("x")
    assert len(load_folder(pictures)) == 3


def test_two_sizes_name_both_files(pictures):
    _save(pictures / "dog" / "big.png", _pixels(1, 7, 9, 3))
    with pytest.raises(DataError, match=r"a\.bmp is 8×6 and .*big\.png is 9×7"):
        load_folder(pictures)


def test_corrupt_files_are_named(pictures):
    whole = (pictures / "dog" / "b.png").read_bytes()
    for content in (b"no image", whole[:-30], b""):
        (pictures / "dog" / "broken.png").write_bytes(content)
        with pytest.raises(DataError, match=r"broken\.png cannot be read"):
            load_folder(pictures)


def test_opaque_alpha_is_dropped_and_transparency_refused(pictures):
    opaque = np.dstack([_pixels(1), np.full((6, 8), 255, np.uint8)])
    _save(pictures / "dog" / "alpha.png", opaque)
    assert np.array_equal(load_folder(pictures).images[2], _pixels(1))
    opaque[0, 0, 3] = 254
    _save(pictures / "dog" / "alpha.png", opaque)
    with pytest.raises(DataError, match=r"alpha\.png has transparent"):
        load_folder(pictures)


def test_deeper_pixels_and_other_kinds_are_refused(pictures):
    _save(pictures / "dog" / "deep.png", _pixels(1, 6, 8).astype(np.uint16) * 256)
    with pytest.raises(DataError, match=r"deep\.png has I"):
        load_folder(pictures)
    (pictures / "dog" / "deep.png").rename(pictures / "dog" / "deep.tiff")
    with pytest.raises(DataError, match=r"deep\.tiff is of a kind"):
        load_folder(pictures)


def test_misplaced_images(pictures):
    _save(pictures / "stray.png", _pixels(1))
    with pytest.raises(DataError, match=r"stray\.png belongs to no class"):
        load_folder(pictures)
    (pictures / "stray.png").unlink()
    _save(pictures / "cat" / "deeper" / "x.png", _pixels(1))
    with pytest.raises(DataError, match="inside a class"):
        load_folder(pictures)


def test_empty_places(pictures, tmp_path):
    (pictures / "emu").mkdir()
    with pytest.raises(DataError, match=r"emu has no images"):
        load_folder(pictures)
    (tmp_path / "empty" / "one").mkdir(parents=True)
    with pytest.raises(DataError, match="1 class folders"):
        load_folder(tmp_path / "empty")
    with pytest.raises(DataError, match="no folder"):
        load_folder(tmp_path / "nowhere")
