"""The attacks on masked models find what there is to find, keep inside one block, and never beat a certificate."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from benchmarks.proofs.mask_attacks import climb, random_fills, within
from torch import nn

from pixelproof.defences import MaskedClassifier, Masks
from pixelproof.models import TorchClassifier
from pixelproof.proofs.masks import prove_masks

pytestmark = pytest.mark.slow


def _model(masks: Masks) -> MaskedClassifier:
    """A small network with random weights and strong features, so that a block matters."""
    torch.manual_seed(3)
    module = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 64, 4))
    return MaskedClassifier(TorchClassifier(module, kind="logits"), masks)


@pytest.mark.parametrize("masks", [Masks(4), Masks(4, patch=2)])
def test_attacks_break_images_but_none_that_is_certified(masks):
    model, rng = _model(masks), np.random.default_rng(0)
    broken, certified = {"fills": 0, "climb": 0}, 0
    for _ in range(12):
        image = rng.integers(0, 256, (8, 8, 3)).astype(np.uint8)
        seen = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() / 255
        label = int(model.scores(seen).argmax())
        fills = random_fills(model, image, label, 192, rng).broken
        climbed = climb(model, image, label, 3, torch.Generator().manual_seed(0)).broken
        if prove_masks(model, image, label, 60).proved:
            certified += 1
            assert fills == climbed == 0
        else:
            broken["fills"] += fills > 0
            broken["climb"] += climbed > 0
    assert certified > 0
    assert min(broken.values()) > 0


def test_places_are_tiles_for_a_pixel_and_every_position_of_a_patch():
    assert len(within((8, 8), 4, 1)) == 4
    places = within((8, 8), 2, 3)
    assert len(places) == 36
    assert all(np.zeros((8, 8))[place].shape == (3, 3) for place in places)
