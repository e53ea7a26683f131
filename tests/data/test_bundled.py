"""The images that come with the package."""

from __future__ import annotations

import json
import os
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from pixelproof.data import bundled, load_bundled, load_cifar10, load_data
from pixelproof.errors import DataError


def test_balanced_in_file_order_and_as_recorded():
    data = load_data("bundled")
    card = json.loads(files("pixelproof.data").joinpath("bundled", bundled.CARD).read_text("utf-8"))
    assert data.shape == (32, 32, 3)
    assert np.bincount(data.labels).tolist() == [100] * 10
    assert (np.diff(data.indices) > 0).all()
    assert data.content_hash == card["sha256"]
    assert data.content_hash == "9c11899df3b678a6cd615fa289d608cf9f7fe2e61f0b2d616f7f78063c0d3dfc"
    assert data.class_names[0] == "airplane"


@pytest.mark.skipif("PIXELPROOF_CIFAR10" not in os.environ, reason="PIXELPROOF_CIFAR10 names no CIFAR-10 root")
def test_equals_the_official_images():
    official = load_cifar10(Path(os.environ["PIXELPROOF_CIFAR10"]), "test", allow_download=False)
    data = load_bundled()
    firsts = [np.flatnonzero(official.labels == label)[:100] for label in range(10)]
    assert data.indices.tolist() == np.sort(np.concatenate(firsts)).tolist()
    assert np.array_equal(data.images, official.images[data.indices])
    assert np.array_equal(data.labels, official.labels[data.indices])
    assert data.class_names == official.class_names


def test_damage_is_noticed(tmp_path, monkeypatch):
    source = files("pixelproof.data").joinpath("bundled")
    target = tmp_path / "bundled"
    target.mkdir()
    (target / bundled.SPRITE).write_bytes(source.joinpath(bundled.SPRITE).read_bytes())
    card = json.loads(source.joinpath(bundled.CARD).read_text("utf-8"))
    card["labels"][0] = (card["labels"][0] + 1) % 10
    (target / bundled.CARD).write_text(json.dumps(card), "utf-8")
    monkeypatch.setattr(bundled, "files", lambda _: tmp_path)
    with pytest.raises(DataError, match="damaged"):
        load_bundled()


def test_sprite_round_trip():
    images = np.random.default_rng(0).integers(0, 256, (6, 4, 4, 3), np.uint8)
    sprite = bundled.make_sprite(images, 3)
    assert sprite.shape == (8, 12, 3)
    assert np.array_equal(bundled.cut_sprite(sprite, 4), images)
