"""Masks: what is certified stands against every image there is, and planted mistakes do not.

Of tiny images with three grey levels every image within the certificate's reach is asked about.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from masked_kit import answers, changed_inside, image_of, models, ragged, smooth
from pixelproof.data.imageset import UInt8Array
from pixelproof.defences import MaskedClassifier, Masks, defend
from pixelproof.defences import masks as layout
from pixelproof.models import CallableClassifier, load_model
from pixelproof.proofs import masks as proving
from pixelproof.proofs.attempt import Attempt
from pixelproof.proofs.check_masks import check_masks
from pixelproof.proofs.masks import prove_masks, refusal
from pixelproof.runs.record import Certificate

pytestmark = pytest.mark.slow

ONE_PIXEL = Masks(2)
PATCH = Masks(1, patch=2)


def _attempts(masks: Masks, number: int) -> list[tuple[MaskedClassifier, UInt8Array, int, Attempt]]:
    """One for each of ``number`` models, of both kinds: the answer to an image, and whether it is certified."""
    found = []
    for make in (smooth, lambda seed: ragged(seed, common=0.85)):
        for seed, masked in enumerate(models(make, masks, number)):
            image = image_of(seed)
            label = answers(masked, image[None])[0]
            found.append((masked, image, label, prove_masks(masked, image, label, 60)))
    return found


def _broken(masked: MaskedClassifier, image: UInt8Array, label: int, starts: range) -> bool:
    """Whether any content of any 2×2 square that begins at ``starts`` gets another answer than ``label``."""
    return any(set(answers(masked, many)) != {label} for many in changed_inside(image, 2, starts))


def _certificate(attempt: Attempt, pixels: int = 1) -> Certificate:
    return Certificate(
        0,
        "few-pixel",
        pixels,
        "masks",
        "",
        attempt.proved,
        attempt.reason,
        attempt.size,
        attempt.queries,
        0.0,
        attempt.body,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("masks", "starts"),
    [(ONE_PIXEL, range(0, 4, 2)), (PATCH, range(3))],  # whatever happens in a tile; any 2×2 patch anywhere
)
def test_no_image_within_reach_breaks_what_is_certified(masks, starts):
    attempts = _attempts(masks, 24)
    certified = [each[:3] for each in attempts if each[3].proved]
    assert len(certified) >= 3
    assert not any(_broken(*each, starts) for each in certified)
    rest = [each[:3] for each in attempts if not each[3].proved]
    assert all(_broken(*each, starts) for each in rest[:4])  # so there was something to find


def test_disjoint_tiles_do_not_certify_a_patch_across_their_border():
    """Why masks for patches are larger: a patch that begins anywhere breaks what is certified for one pixel."""
    certified = [each[:3] for each in _attempts(ONE_PIXEL, 24) if each[3].proved]
    assert any(_broken(*each, range(1, 2)) for each in certified)


@pytest.mark.slow
def test_two_pixels_anywhere():
    """Every two of 16 pixels, one black and one white, on a model certified for two."""
    certified = [each[:3] for each in _attempts(Masks(1, pixels=2), 6) if each[3].proved]
    assert certified
    for masked, image, label in certified[:1]:
        found = []
        for first in range(16):
            for second in range(first):
                for levels in ((0, 255), (255, 0)):
                    changed = image.copy()
                    changed.reshape(-1)[[first, second]] = levels
                    found.append(changed)
        assert set(answers(masked, np.stack(found))) == {label}


_BLOCKS = layout._blocks


def _leaking(masks, height, width):
    """Blocks, the first of which leaves its last pixel in sight."""
    blocks = _BLOCKS(masks, height, width).clone()
    row, column = blocks[0].nonzero()[-1].tolist()
    blocks[0, row, column] = False
    return blocks


def test_a_mask_that_leaks_a_pixel_is_found(monkeypatch):
    monkeypatch.setattr(layout, "_blocks", _leaking)
    certified = [each for each in _attempts(ONE_PIXEL, 24) if each[3].proved]
    assert any(_broken(*each[:3], range(0, 4, 2)) for each in certified)
    flaws = [check_masks(_certificate(attempt), image, label, masked) for masked, image, label, attempt in certified]
    assert "the masked model still sees what block 0 hides" in flaws


def test_a_pair_that_was_not_asked_about_is_found(monkeypatch):
    """A model that only that pair gives away: the checker asks about it, and brute force breaks it."""
    masked, image = MaskedClassifier(smooth(23), ONE_PIXEL), image_of(23)
    label = answers(masked, image[None])[0]
    assert not prove_masks(masked, image, label, 60).proved
    every = proving._unions
    monkeypatch.setattr(
        proving, "_unions", lambda *given: [[one for one in some if one != (0, 3)] for some in every(*given)]
    )
    attempt = prove_masks(masked, image, label, 60)
    assert attempt.proved
    assert "without the blocks 0, 3 the model answers" in str(check_masks(_certificate(attempt), image, label, masked))
    assert _broken(masked, image, label, range(0, 4, 2))


def test_certificates_hold_and_say_what_they_are_about():
    for masked, image, label, attempt in _attempts(PATCH, 8):
        assert attempt.proved == (attempt.reason == "")
        assert attempt.size == attempt.queries
        if attempt.proved:
            assert attempt.queries == 9 * 10 // 2
            assert attempt.body["certified"] == "any one patch of 2×2 pixels"
            assert check_masks(_certificate(attempt), image, label, masked) is None
        else:
            assert "hidden" in attempt.reason


def _proved() -> tuple[MaskedClassifier, UInt8Array, int, Attempt]:
    return next(each for each in _attempts(ONE_PIXEL, 24) if each[3].proved)


def test_certificates_of_something_else_do_not_hold():
    masked, image, label, attempt = _proved()
    mine = _certificate(attempt)
    assert check_masks(mine, image, label, masked) is None
    assert "the model answers" in str(check_masks(mine, image, 1 - min(label, 1), masked))
    assert "the model is not masked" in str(check_masks(mine, image, label, masked.classifier))
    assert "not those of the model" in str(check_masks(mine, image, label, MaskedClassifier(masked.classifier, PATCH)))
    assert "do not reach" in str(check_masks(replace(mine, threshold=2), image, label, masked))
    assert "do not reach" in str(check_masks(replace(mine, constraint="threshold"), image, label, masked))


def test_another_model_or_another_image_does_not_hold():
    found = [each for each in _attempts(ONE_PIXEL, 24) if each[3].proved]
    masked, image, label, attempt = found[0]
    others = [MaskedClassifier(each[0].classifier, ONE_PIXEL) for each in _attempts(ONE_PIXEL, 24)]
    assert any(check_masks(_certificate(attempt), image, label, other) for other in others)
    assert any(check_masks(_certificate(attempt), each[1], label, masked) for each in found)


def test_blocks_that_leave_a_patch_uncovered_are_found(monkeypatch):
    from pixelproof.proofs import check_masks as checking

    masked, image, label, attempt = _proved()
    monkeypatch.setattr(checking, "_blocks", lambda *_: [frozenset({(0, 0)})])
    assert check_masks(_certificate(attempt), image, label, masked) == "no block holds the patch at row 0, column 1"


def test_time_runs_out_and_scores_that_are_no_numbers():
    masked, image, label, _ = _proved()
    assert "out of seconds: 0 masked images" in prove_masks(masked, image, label, -1).reason
    silent = CallableClassifier(lambda images: torch.full((len(images), 3), torch.nan), kind="logits")
    found = prove_masks(MaskedClassifier(silent, ONE_PIXEL), image, label, 60)
    assert "the model says no class" in found.reason
    assert not found.proved


def test_what_masks_cannot_certify():
    lenet = load_model("zoo:lenet")
    assert "add --defence masks" in str(refusal(lenet, 1))
    assert refusal(defend(lenet, "masks(4)"), 1) is None
    assert "certifies any one pixel, not 3 pixels" in str(refusal(defend(lenet, "masks(4)"), 3))
    assert refusal(defend(lenet, "masks(8,pixels=3)"), 3) is None
