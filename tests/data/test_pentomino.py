"""Pentomino images: what is drawn is read back by an independent search for shapes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import find_objects, label

from pixelproof.data import load_data
from pixelproof.data.pentomino import SHAPES, pentomino
from pixelproof.errors import DataError


def _turns(cells: np.ndarray) -> list[bytes]:
    """What every turn of a shape looks like, in cells."""
    return [bytes(turned.shape) + turned.tobytes() for turned in (np.rot90(cells, k) for k in range(4))]


NAMES = {
    look: name
    for name, text in SHAPES.items()
    for look in _turns(np.array([[cell == "x" for cell in row] for row in text.split()]))
}


def _found(image: np.ndarray) -> list[tuple[str, int]]:
    """The shapes in one image H×W, by name and pixels a cell; diagonal neighbours count as touching."""
    parts, _ = label(image, np.ones((3, 3)))
    found = []
    for k, place in enumerate(find_objects(parts), 1):
        part = parts[place] == k
        scale = round(np.sqrt(part.sum() / 5))
        cells = part[::scale, ::scale]
        assert np.array_equal(cells.repeat(scale, 0).repeat(scale, 1), part)
        found.append((NAMES[bytes(cells.shape) + np.ascontiguousarray(cells).tobytes()], scale))
    return found


def test_the_ten_shapes_are_different_pentominoes_and_not_their_turns():
    assert len(NAMES) == 40  # none of the ten is the same after a turn
    assert [sum(text.count("x") for text in each.split()) for each in SHAPES.values()] == [5] * 10


@pytest.mark.parametrize(
    ("size", "scales"), [(16, {1}), (31, {1}), (32, {1, 2}), (40, {1, 2}), (64, {1, 2}), (130, {2, 3, 4})]
)
def test_three_shapes_two_alike_and_the_class_is_the_third(size, scales):
    data = pentomino(200, size)
    assert data.shape == (size, size, 1)
    assert data.class_names == tuple(SHAPES)
    assert set(np.unique(data.images)) == {0, 255}
    seen = set()
    for image, number in zip(data.images[..., 0], data.labels, strict=True):
        names, sizes = zip(*_found(image), strict=True)
        assert len(names) == 3
        assert sorted(map(names.count, set(names))) == [1, 2]
        assert names.count(data.class_names[number]) == 1
        seen.update(sizes)
    assert seen == scales


def test_classes_pairs_and_places_are_even():
    data = pentomino(4000)
    assert np.bincount(data.labels).min() > 300  # 400 expected, standard deviation 19
    filled = (data.images[..., 0] > 0).mean(0)
    quarters = filled.reshape(2, 16, 2, 16).mean((1, 3))
    assert quarters.min() > 0.95 * quarters.max()
    assert filled[[0, 16]].sum() > 0  # up to the border of a patch
    assert filled[[15, 31]].sum() == 0  # but for the pixel between neighbours


@pytest.mark.slow
def test_an_image_follows_from_the_seed_and_its_place():
    few, many, other = pentomino(5), pentomino(50), pentomino(50, seed=1)
    assert np.array_equal(few.images, many.images[:5])
    assert np.array_equal(few.labels, many.labels[:5])
    assert not np.array_equal(many.images, other.images)
    assert len(np.unique(pentomino(5000).images.reshape(5000, -1), axis=0)) == 5000


def test_the_spelling():
    plain = load_data("pentomino:7")
    assert plain.content_hash == pentomino(7, 32, 0, 1).content_hash
    full = load_data("pentomino:7,size=64,seed=3,channels=3")
    assert full.shape == (64, 64, 3)
    assert full.name == "pentomino-64-seed3"
    assert np.array_equal(full.images, pentomino(7, 64, 3).images.repeat(3, 3))


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("pentomino", "name no place or number"),
        ("pentomino:many", "write pentomino:N or pentomino:N,size=32"),
        ("pentomino:5,size", "write pentomino:N or"),
        ("pentomino:5,colour=1", "write pentomino:N or"),
        ("pentomino:0", "not 0 of 32"),
        ("pentomino:5,size=15", "at least 16.*not 5 of 15"),
        ("pentomino:5,channels=2", "1 or 3 channels, not .* and 2"),
        ("pentomino:5,seed=-1", "a seed of at least 0 and"),
    ],
)
def test_other_spellings_are_refused_in_one_sentence(spec, sentence):
    with pytest.raises(DataError, match=sentence) as caught:
        load_data(spec)
    assert "\n" not in str(caught.value)
