"""Checkpoint 18: the images stand for what the model will meet."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from torch import Tensor, nn

from audit_kit import TINY, ask, bundled, case, claim
from pixelproof.data import ImageSet
from pixelproof.jobs.audit.checkpoints.distribution import duplicates, fewer_runs, imbalance

SMALL = replace(TINY, clean=50, samples=5, perturbed=40)


def chosen(positions: object) -> ImageSet:
    return bundled().take(np.asarray(positions))


def test_even_images_and_a_modest_claim_pass() -> None:
    answer = ask(18, case(told=claim(evaluation={"samples": 500}), effort=SMALL))
    assert (answer["verdict"], answer["notes"]) == ("pass", ())
    assert dict(answer["numbers"])["Images of a class"] == "100 to 100"
    assert [row["name"] for row in answer["plots"][0]["rows"]][:2] == ["none", "gaussian-noise(1)"]
    assert answer["plots"][0]["rule"] == (25, "claimed under attack")


def test_copies_are_counted() -> None:
    answer = ask(18, case(effort=SMALL, data=chosen([*range(200), 3, 3, 7])))
    assert answer["verdict"] == "warn"
    assert "Of 203 images 3 are copies of another" in answer["finding"]
    images = np.arange(24, dtype=np.uint8).reshape(3, 2, 2, 2)
    assert duplicates(images) == 0
    assert duplicates(images[[0, 1, 0, 2, 0]]) == 2


def test_uneven_classes_are_told() -> None:
    labels = bundled().labels
    data = chosen(np.concatenate([np.flatnonzero(labels == 0), np.flatnonzero(labels == 1)[:40]]))
    answer = ask(18, case(effort=SMALL, data=data))
    assert answer["verdict"] == "warn"
    assert "0 to 100 images, and 8 classes without any" in answer["finding"]


def test_blocks_of_a_class_are_information() -> None:
    ordered = chosen(np.argsort(bundled().labels, kind="stable"))
    answer = ask(18, case(told=claim(evaluation={"samples": 500}), effort=SMALL, data=ordered))
    assert answer["verdict"] == "pass"
    assert "blocks of a class" in answer["notes"][0]


@pytest.mark.slow
def test_too_few_samples_of_the_claim_are_told() -> None:
    few = ask(18, case(told=claim(evaluation={"samples": 50}), effort=SMALL))
    assert few["verdict"] == "warn"
    assert "On 50 samples the claimed 25 % has a 95 % interval of [" in few["finding"]
    more = ask(18, case(told=claim(evaluation={"samples": 5_000}), effort=SMALL))
    assert "more than the 1,000 images here" in more["notes"][0]


@pytest.mark.slow
def test_an_accident_worse_than_the_attacker_warns() -> None:
    answer = ask(18, case(told=claim(robust_accuracy=76), effort=replace(SMALL, perturbed=200)))
    assert answer["verdict"] == "warn"
    assert "than the attacker is said to do" in answer["finding"]


def test_images_that_cannot_be_perturbed_are_judged_without() -> None:
    class Tiny(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return images.flatten(1)[:, :4] * 9

    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (80, 6, 6, 1), np.uint8)
    labels = images.reshape(80, -1)[:, :4].argmax(1).astype(np.int64)
    data = ImageSet(images, labels, ("a", "b", "c", "d"))
    answer = ask(18, case(Tiny(), claim(evaluation={"samples": 500}), SMALL, data=data))
    assert answer["verdict"] == "pass"
    assert any("could not be measured" in note for note in answer["notes"])
    assert answer["plots"] == ()


def test_the_runs_test_agrees_with_all_orders() -> None:
    """Mean and variance of the number of runs over all orders of eight labels, by brute force."""
    labels = (0, 0, 0, 1, 1, 1, 2, 2)
    orders = np.array(sorted(set(permutations(labels))))
    runs = 1 + (orders[:, 1:] != orders[:, :-1]).sum(1)
    for row, number in zip(orders[::37], runs[::37], strict=True):
        exact = float((runs <= number).mean())
        assert fewer_runs(row) == pytest.approx(exact, abs=0.03)


def test_runs_and_counts_at_their_ends() -> None:
    assert fewer_runs(np.zeros(5, np.int64)) == 1
    assert fewer_runs(np.arange(5)) == 1
    assert fewer_runs(np.zeros(1, np.int64)) == 1
    assert fewer_runs(np.repeat(np.arange(10), 100)) < 1e-9
    assert fewer_runs(np.random.default_rng(0).permutation(np.repeat(np.arange(10), 100))) > 0.01
    assert imbalance(np.repeat(np.arange(4), 25), 4) == 1
    assert imbalance(np.zeros(100, np.int64), 4) < 1e-9
