"""Folders of images of many sizes, as Imagenette's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixelproof.data import load_data
from pixelproof.errors import DataError


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Two classes; a wide picture of three stripes, whose middle square is the middle stripe, and a tall flat one."""
    wide = np.zeros((40, 120, 3), np.uint8)
    wide[:, 40:80] = 200
    for name, pixels in (("a", wide), ("b", np.full((90, 60, 3), 50, np.uint8))):
        (tmp_path / "set" / name).mkdir(parents=True)
        Image.fromarray(pixels).save(tmp_path / "set" / name / "1.png")
    return tmp_path / "set"


def test_the_middle_square_is_taken(photographs: Path):
    data = load_data(f"folder:{photographs},size=20")
    assert data.shape == (20, 20, 3)
    assert (data.images[0] == 200).all()
    assert (data.images[1] == 50).all()


def test_without_a_size_they_must_be_alike(photographs: Path):
    with pytest.raises(DataError, match="size=N"):
        load_data(f"folder:{photographs}")


def test_images_of_the_size_are_left_alone(tmp_path: Path):
    pixels = np.random.default_rng(0).integers(0, 256, (24, 24, 3), np.uint8)
    for name in "ab":
        (tmp_path / name).mkdir()
        Image.fromarray(pixels).save(tmp_path / name / "1.png")
    assert (load_data(f"folder:{tmp_path},size=24").images == pixels).all()
