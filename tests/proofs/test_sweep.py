"""The sweep asks about every image within one pixel, once, and stops at the first that breaks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from pixelproof.models import CallableClassifier
from pixelproof.models.query import Scorer
from pixelproof.proofs.sweep import neighbours, refusal, sweep
from proofs_kit import answer, breaks, classifier_of, convolutional, one_pixel_images, random_image
from watched import CPU

SHAPE = (4, 4, 1)


def _scorer(function: object, size: int = 64) -> Scorer:
    return Scorer(CallableClassifier(function, kind="logits"), size, CPU)


def _constant(images: Tensor) -> Tensor:
    return torch.tensor([[1.0, 0.0]]).repeat(len(images), 1)


def test_the_neighbours_are_all_images_within_one_pixel():
    image = random_image((2, 3, 1))
    image[0, 0], image[0, 1] = 0, 255
    batches = list(neighbours(image, 100, CPU))
    assert {len(batch) for batch in batches} == {100, 30}
    found = [batch.numpy().astype(np.uint8).tobytes() for batch in torch.cat(batches)]
    assert sorted(found) == sorted(each.tobytes() for each in one_pixel_images(image))


def test_what_stands_is_proved_by_as_many_queries_as_there_are_images():
    module, image = convolutional(SHAPE, gain=0.5), random_image(SHAPE)
    scorer, label = Scorer(classifier_of(module), 64, CPU), answer(module, image)
    attempt = sweep(scorer, image, label, 60)
    assert (attempt.proved, attempt.reason, attempt.found) == (True, "", None)
    assert attempt.body == {"format": 1, "label": label, "count": 4 * 4 * 255}
    assert attempt.size == attempt.queries == scorer.queries == 4 * 4 * 255


@pytest.mark.parametrize("seed", range(6))
def test_it_agrees_with_plain_loops(seed):
    module, image = convolutional(SHAPE, gain=2.0), random_image(SHAPE, seed)
    label = answer(module, image)
    attempt = sweep(Scorer(classifier_of(module), 64, CPU), image, label, 60)
    broken = breaks(module, image)
    assert attempt.proved != broken
    assert (attempt.found is not None) == broken
    if attempt.found is not None:
        assert (attempt.found != image).sum() == 1
        assert answer(module, attempt.found) != label
        assert attempt.body == {}


def test_it_stops_at_the_batch_that_breaks():
    image = np.zeros(SHAPE, np.uint8)

    def first_pixel(images: Tensor) -> Tensor:
        lit = (images[:, 0, 0, 1] == 100 / 255).float()
        return torch.stack([1 - lit, lit], 1)

    attempt = sweep(_scorer(first_pixel, 50), image, 0, 60)
    assert attempt.found is not None
    assert attempt.found[0, 1, 0] == 100
    assert attempt.found.sum() == 100
    assert attempt.queries == 400  # value 100 of the second pixel is the 355th image


def test_out_of_seconds_it_says_how_far_it_came():
    attempt = sweep(_scorer(_constant), random_image(SHAPE), 0, 0)
    assert not attempt.proved
    assert attempt.found is None
    assert attempt.reason == "out of seconds: 64 of 4,080 images asked about, none of them another class"
    assert attempt.body == {}


def test_a_sweep_that_ends_with_its_seconds_is_proved():
    attempt = sweep(_scorer(_constant, 255), np.zeros((1, 1, 1), np.uint8), 0, 0)
    assert attempt.proved


def test_scores_that_are_no_numbers_prove_nothing_and_break_nothing():
    def sometimes(images: Tensor) -> Tensor:
        scores = _constant(images)
        scores[images[:, 0, 0, 0] == 1] = torch.nan
        return scores

    attempt = sweep(_scorer(sometimes), np.zeros(SHAPE, np.uint8), 0, 60)
    assert (attempt.proved, attempt.found) == (False, None)
    assert attempt.reason == "the model's scores were no numbers"


def test_colours_are_refused_in_one_sentence():
    assert refusal((8, 8, 1)) is None
    assert "these images have 3 channels" in refusal((8, 8, 3))
