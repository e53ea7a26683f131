"""The spatial worst case against brute force on a network whose answer is known, and what its search promises."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from torch import Tensor

from pixelproof.corruptions.thesis import LogitBrightness, Rotation
from pixelproof.corruptions.worst_case import SpatialWorstCase
from pixelproof.errors import InputError

SMALL = SpatialWorstCase(rotation=90, translation=0.125, brightness=0.2, rotations=3, translations=3, brightnesses=3)


def _levels(*shape: int) -> Tensor:
    return torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(0)) / 255


class Counted:
    """``scores`` that counts the images it is asked about, and how many at once."""

    def __init__(self, weights: Tensor, bias: float = 0.0) -> None:
        self.weights, self.bias, self.asked, self.most = weights, bias, 0, 0

    def __call__(self, images: Tensor) -> Tensor:
        self.asked += len(images)
        self.most = max(self.most, len(images))
        # One image after another, so that sums do not depend on the batch.
        lead = torch.stack([(each * self.weights).sum() for each in images]) + self.bias
        return torch.stack([lead, torch.zeros_like(lead)], 1)


def _by_hand(image: Tensor, quarters: int, right: int, down: int, light: float) -> Tensor:
    """One image C×H×W turned to the left by right angles, moved by whole pixels into black, then lit."""
    turned = image.rot90(quarters, (1, 2))
    moved = torch.zeros_like(turned)
    height, width = turned.shape[1:]
    moved[:, max(0, down) : height + min(0, down), max(0, right) : width + min(0, right)] = turned[
        :, max(0, -down) : height + min(0, -down), max(0, -right) : width + min(0, -right)
    ]
    return LogitBrightness()(moved[None], 0.5 + light)[0]


def _weights() -> Tensor:
    return torch.randn(3, 16, 16, generator=torch.Generator().manual_seed(1)) / 10


def test_the_worst_of_a_grid_is_that_of_brute_force():
    images, labels = _levels(4, 3, 16, 16), torch.zeros(4, dtype=torch.int64)
    scores = Counted(_weights(), bias=100.0)  # nobody is fooled, so every candidate is asked about
    found = SMALL(scores, images, labels)
    everything = list(product((-1, 0, 1), (-2, 0, 2), (-2, 0, 2), (-0.2, 0, 0.2)))
    assert not found.wrong.any()
    assert found.queries.tolist() == [len(everything)] * 4
    for k, image in enumerate(images):
        tries = torch.stack([_by_hand(image, *each) for each in everything])
        leads = Counted(_weights())(tries)[:, 0]
        worst = int(leads.argmin())
        assert torch.allclose(found.images[k], tries[worst], atol=1.01 / 255)
        quarters, right, down, light = everything[worst]
        assert found.changes[k].tolist() == pytest.approx([90 * quarters, right, down, 0.5 + light], abs=1e-4)


def test_the_first_that_fools_is_kept_and_ends_the_search():
    images, labels = _levels(6, 1, 16, 16), torch.tensor([0, 0, 0, 1, 0, 1])
    bright = torch.ones(1, 16, 16)

    def answer(tries: Tensor) -> Tensor:  # class 1 when bright
        lead = (tries * bright).sum((1, 2, 3)) - 140
        return torch.stack([-lead, lead], 1)

    found = SpatialWorstCase(rotation=0, translation=0, rotations=1, translations=1)(answer, images, labels)
    clean = answer(images).argmax(1) != labels
    assert torch.equal(found.queries == 1, clean)  # taken for another class as they are
    assert torch.equal(found.images[clean], images[clean])
    assert found.wrong.all()
    assert found.changes[~clean, 3].tolist() == pytest.approx([0.7 if each == 0 else 0.3 for each in labels[~clean]])
    assert torch.equal(answer(found.images).argmax(1) != labels, found.wrong)


@pytest.mark.parametrize("adversary", [SMALL, SpatialWorstCase(draws=40, seed=5)], ids=["grid", "random"])
def test_neighbours_change_nothing_and_every_image_is_counted(adversary):
    images = _levels(7, 3, 16, 16)
    weights = _weights()
    labels = (Counted(weights)(images)[:, 0] < 0).long()
    scores = Counted(weights)
    found = adversary(scores, images, labels)
    assert int(found.wrong.sum()) > 0
    assert scores.asked == int(found.queries.sum())
    alone = adversary(Counted(weights), images[4:5], labels[4:5])
    backwards = adversary(Counted(weights), images.flip(0), labels.flip(0))
    for name in ("images", "wrong", "queries", "changes"):
        assert torch.equal(getattr(found, name)[4:5], getattr(alone, name))
        assert torch.equal(getattr(found, name).flip(0), getattr(backwards, name))
    assert torch.equal(found.wrong, Counted(weights)(found.images).argmax(1) != labels)
    assert torch.equal(found.images.mul(255).round().div(255), found.images)


def test_random_candidates_fill_their_range_and_follow_the_seed():
    images = _levels(50, 1, 16, 16)
    adversary = SpatialWorstCase(rotation=20, translation=0.25, brightness=0.3, draws=20, seed=1)
    anything = lambda tries: torch.stack([1 + tries.mean((1, 2, 3)), torch.zeros(len(tries))], 1)  # noqa: E731
    found = adversary(anything, images, torch.zeros(50, dtype=torch.int64))
    assert found.queries.tolist() == [21] * 50
    most = found.changes.abs().amax(0)
    assert most[0] <= 20
    assert most[1:3].max() <= 4
    assert (found.changes[:, 3] - 0.5).abs().max() <= 0.3
    assert most[0] > 15
    assert most[1:3].min() > 3
    assert (found.changes[:, 3] < 0.3).float().mean() > 0.8  # the darkest of 20
    other = SpatialWorstCase(20, 0.25, 0.3, draws=20, seed=2)(anything, images, torch.zeros(50, dtype=torch.int64))
    assert not torch.equal(other.changes, found.changes)


@pytest.mark.slow
def test_batches_stay_small_and_the_argument_untouched():
    images, scores = _levels(20, 3, 160, 160), Counted(torch.zeros(3, 160, 160), bias=1.0)
    before = images.clone()
    SpatialWorstCase(draws=20)(scores, images, torch.zeros(20, dtype=torch.int64))
    assert scores.asked == 20 * 21
    assert scores.most * images[0].numel() <= 1 << 22
    assert torch.equal(images, before)


def test_a_rotation_is_the_perturbation_of_that_name_inside_the_circle():
    images, labels = _levels(3, 3, 32, 32), torch.zeros(3, dtype=torch.int64)
    found = SpatialWorstCase(rotation=40, translation=0, rotations=2, translations=1, brightnesses=1)(
        Counted(torch.randn(3, 32, 32, generator=torch.Generator().manual_seed(2)), bias=500.0), images, labels
    )
    along = torch.arange(32) - 15.5
    inside = along.square() + along[:, None].square() < 15**2
    turned = found.changes[:, 0].abs() > 1
    assert turned.any()
    for image, changed, degrees in zip(images, found.images, found.changes[:, 0].tolist(), strict=True):
        expected = Rotation()(image[None], round(degrees, 3))[0]
        assert torch.allclose(changed[:, inside], expected[:, inside], atol=1.01 / 255)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"rotation": 181}, "not 181, 0.1 and 0.2"),
        ({"brightness": 0.6}, "not 30, 0.1 and 0.6"),
        ({"rotations": 0}, "not 0, 5, 3 and 0"),
        ({"draws": -1}, "not 31, 5, 3 and -1"),
    ],
)
def test_numbers_out_of_range_are_refused(settings, sentence):
    with pytest.raises(InputError, match=sentence):
        SpatialWorstCase(**settings)
