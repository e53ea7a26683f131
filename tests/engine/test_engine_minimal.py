"""Minimal thresholds from end to end: against closed forms and brute force, and the same however a run is cut."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from pixelproof.data import ImageSet
from pixelproof.engine import Outcome
from pixelproof.models.query import VERIFY_ROWS
from watched import Attack, Attacked, Watched, labelled_by, small_network

SHAPE = (6, 5, 3)
Network = Callable[[Tensor], Tensor]
BOTH = {"minimal": 127, "max_queries": 120, "attacks": ["threshold", "few-pixel"]}


def linear(shape: tuple[int, int, int], seed: int) -> tuple[Network, np.ndarray]:
    """Two classes on either side of a hyperplane, and its normal in units of grey levels, flattened H×W×C."""
    weights = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    normal = torch.from_numpy(weights).flatten()

    def scores(images: Tensor) -> Tensor:
        value = images.permute(0, 2, 3, 1).flatten(1) @ normal
        return torch.stack([value, -value], 1)

    return scores, weights.astype(np.float64) / 255


def labelled(function: Network, images: np.ndarray) -> ImageSet:
    with torch.inference_mode():
        scores = function(torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255)
    names = tuple("abcdefgh"[: scores.shape[1]])
    return ImageSet(images, scores.argmax(1).numpy(), names)


def check_records(done: Attacked, data: ImageSet, network: Network, largest: int, max_queries: int) -> None:
    """One record a sample and attack; queries counted and capped; what was found fools the model at its distance."""
    attacks = {record.attack for record in done.records}
    keys = [(record.sample, record.attack) for record in done.records]
    assert len(keys) == len(set(keys)) == len(data) * len(attacks)
    assert sum(record.queries for record in done.records) == done.engine.queries
    for record, image in done.outcomes:
        assert record.threshold == largest
        assert record.queries <= max_queries
        assert record.inherited_from is None
        assert record.success == (image is not None)
        if image is None:
            assert (record.l0, record.linf) == (None, None)
            continue
        change = image.astype(int) - data.images[record.sample]
        assert record.linf == np.abs(change).max()
        assert record.l0 == (change != 0).any(2).sum()
        assert 1 <= (record.linf if record.attack == "threshold" else record.l0) <= largest
        pixels = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() / 255
        with torch.inference_mode():  # in four rows, as a batch of one has other bits
            assert int(network(pixels.expand(4, -1, -1, -1)).argmax(1)[0]) == record.predicted != record.label


def least_box(weights: np.ndarray, image: np.ndarray, value: float) -> int:
    """The smallest whole threshold that turns the sign of w·x: each pixel moves against it, to 0 or 255 at most."""
    against = -np.sign(value) * np.sign(weights)
    room = np.where(against > 0, 255 - image.astype(int), image.astype(int))
    return next((th for th in range(1, 256) if (np.abs(weights) * np.minimum(room, th)).sum() > abs(value)), 256)


@pytest.mark.slow
def test_thresholds_on_a_linear_model_are_those_of_the_closed_form(attack: Attack) -> None:
    """|f(x)| / ||w||₁, rounded up, wherever no bound clips it."""
    shape = (4, 4, 3)
    network, weights = linear(shape, 3)
    images = np.random.default_rng(3).integers(90, 166, (8, *shape), dtype=np.uint8)
    values = np.array([(weights * image).sum() for image in images])
    closed = np.abs(values) / np.abs(weights).sum()
    assert closed.max() < 90  # so that no bound clips it
    least = np.array([least_box(weights, image, value) for image, value in zip(images, values, strict=True)])
    assert (least == np.floor(closed) + 1).all()
    data = labelled(network, images)
    done = attack(Watched(network), data, attacks=["threshold"], minimal=127)
    check_records(done, data, network, 127, 1000)
    found = np.array([record.linf for record in done.records])
    assert (found >= least).all()
    assert (found <= np.maximum(1.1 * least, least + 1)).all(), (found, least)
    assert (found == least).mean() >= 0.7


@pytest.mark.slow
def test_thresholds_beyond_the_largest_are_not_found(attack: Attack) -> None:
    shape = (4, 4, 3)
    network, weights = linear(shape, 3)
    images = np.random.default_rng(4).integers(90, 166, (12, *shape), dtype=np.uint8)
    data = labelled(network, images)
    least = np.array([least_box(weights, image, float((weights * image).sum())) for image in images])
    largest = int(np.sort(least)[6])
    done = attack(Watched(network), data, attacks=["threshold"], minimal=largest, max_queries=400)
    check_records(done, data, network, largest, 400)
    assert not any(record.success for record in done.records if least[record.sample] > largest)
    assert all(record.success for record in done.records if least[record.sample] < 0.9 * largest)
    assert all(record.queries >= 399 for record in done.records if not record.success)


@pytest.mark.slow
def test_numbers_of_pixels_on_a_linear_model_are_those_of_the_closed_form(attack: Attack) -> None:
    """The fewest pixels whose greatest drops, added, exceed the margin."""
    shape = (5, 5, 1)
    network, weights = linear(shape, 5)
    images = np.random.default_rng(5).integers(0, 256, (24, *shape), dtype=np.uint8)
    data = labelled(network, images)
    done = attack(Watched(network), data, attacks=["few-pixel"], minimal=127, max_queries=200)
    check_records(done, data, network, 127, 200)
    exactly = 0
    for record in done.records:
        image = images[record.sample].astype(float)
        value = (weights * image).sum()
        against = -np.sign(value) * weights
        drops = np.sort(np.maximum(against * (255 - image), -against * image).flatten())[::-1]
        least = int((drops.cumsum() <= abs(value)).sum()) + 1
        assert least <= record.l0 <= least + 1, record.sample
        exactly += record.l0 == least
    assert exactly >= 20
    assert len({record.l0 for record in done.records}) >= 3


def fewest_corners(network: Network, image: np.ndarray, label: int, most: int) -> int | None:
    """The fewest pixels, each set to 0 or 255, that fool the network; None where ``most`` are not enough."""
    flat = torch.from_numpy(image.copy()).float().flatten()
    for count in range(1, most + 1):
        places = torch.tensor(list(itertools.combinations(range(len(flat)), count)))
        colours = torch.cartesian_prod(*[torch.tensor([0.0, 255.0])] * count).view(-1, count)
        variants = flat.expand(len(places), len(colours), -1).clone()
        variants.scatter_(2, places[:, None].expand(-1, len(colours), -1), colours.expand(len(places), -1, -1))
        with torch.inference_mode():
            if bool((network((variants / 255).view(-1, 1, *image.shape[:2])).argmax(1) != label).any()):
                return count
    return None


@pytest.mark.slow
def test_numbers_of_pixels_of_a_small_network_are_those_of_brute_force(attack: Attack) -> None:
    shape = (4, 4, 1)
    network = small_network(shape, 6, seed=2)
    images = np.random.default_rng(6).integers(0, 256, (24, *shape), dtype=np.uint8)
    data = labelled(network, images)
    least = [fewest_corners(network, image, int(y), 4) for image, y in zip(images, data.labels, strict=True)]
    assert len(set(least)) >= 3
    done = attack(Watched(network), data, attacks=["few-pixel"], minimal=127, max_queries=300)
    check_records(done, data, network, 127, 300)
    # The search tries the corners of the colour cube alone, so brute force over these is a bound for it.
    proved = [(record.l0, best) for record, best in zip(done.records, least, strict=True) if best is not None]
    assert len(proved) >= 18
    assert all(found is not None and found >= best for found, best in proved)
    assert sum(found == best for found, best in proved) >= 0.9 * len(proved), proved


@pytest.fixture(scope="module")
def network() -> Network:
    return small_network(SHAPE, 4)


@pytest.mark.slow
def test_both_attacks_of_one_run(attack: Attack, network: Network) -> None:
    data = labelled_by(network, SHAPE, 8)
    done = attack(Watched(network), data, **BOTH)
    check_records(done, data, network, 127, 120)
    assert {(r.attack, r.method) for r in done.records} == {
        ("threshold", "gradient-regression"),
        ("few-pixel", "pixel-process"),
    }
    assert sum(record.success for record in done.records) >= 14
    for record in done.records:
        if record.attack == "threshold":  # all queries go into one less, unless that is nothing
            assert record.queries >= 119 or record.linf == 1


@pytest.mark.slow
def test_more_queries_find_nearer_images(attack: Attack, network: Network) -> None:
    data = labelled_by(network, SHAPE, 8)
    few, many = (
        attack(Watched(network), data, attacks=["threshold"], minimal=127, max_queries=n).records for n in (20, 200)
    )
    nearer = [(a.linf or 128) - (b.linf or 128) for a, b in zip(few, many, strict=True)]
    assert np.mean(nearer) >= 1


def in_pieces(attack: Attack, network: Network, data: ImageSet, pieces: list[int], options: dict[str, Any]) -> Attacked:
    """A run that is killed after so many records each time, and at last is not."""
    done: list[Outcome] = []
    for piece in pieces:
        run = attack(Watched(network), data, done=[record for record, _ in done], **options)
        while run.outcomes[piece][0].inherited_from is not None:
            piece += 1  # what inherits is committed with its source
        done += run.outcomes[:piece]
    rest = attack(Watched(network), data, done=[record for record, _ in done], **options)
    assert rest.outcomes
    return Attacked(rest.engine, done + rest.outcomes)


def check_same(one: Attacked, two: Attacked) -> None:
    assert one.comparable() == two.comparable()
    images = {(r.sample, r.attack, r.threshold): image for r, image in one.outcomes}
    for record, image in two.outcomes:
        expected = images[record.sample, record.attack, record.threshold]
        assert image is expected is None or np.array_equal(image, expected)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["threshold", "few-pixel"])
def test_records_do_not_depend_on_how_often_a_run_was_cut(attack: Attack, network: Network, name: str) -> None:
    """Also in the midst of a cohort, of which there are two: what it does again it does alike."""
    data = labelled_by(network, SHAPE, 34)
    options = {**BOTH, "attacks": [name], "max_queries": 50}
    whole = attack(Watched(network), data, **options)
    check_records(whole, data, network, 127, 50)
    check_same(whole, in_pieces(attack, network, data, [1, 8], options))
    assert attack(Watched(network), data, done=whole.records, **options).records == []


@pytest.mark.slow
def test_a_whole_cohort_does_not_depend_on_the_next_one(attack: Attack, network: Network) -> None:
    data = labelled_by(network, SHAPE, 34)
    options = {**BOTH, "max_queries": 40}
    whole = attack(Watched(network), data, **options).comparable()
    first = attack(Watched(network), data.take(range(32)), **options).comparable()
    assert first == [record for record in whole if record.sample < 32]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["threshold", "few-pixel"])
def test_nested_cohorts_that_were_cut_end_with_the_same_records(attack: Attack, network: Network, name: str) -> None:
    """Levels, not minimal thresholds: a cohort climbs together, and resumes where it was cut."""
    data = labelled_by(network, SHAPE, 34)
    options = {"attacks": [name], "levels": [1, 4], "max_queries": 50}
    whole = attack(Watched(network), data, **options)
    assert any(record.inherited_from for record in whole.records)
    assert any(r.success and r.inherited_from is None and r.threshold > 1 for r in whole.records)
    check_same(whole, in_pieces(attack, network, data, [15, 20], options))


@pytest.mark.slow
def test_a_claim_that_does_not_stand_is_no_threshold(attack: Attack, network: Network) -> None:
    """A search model that is fooled by anything convinces nobody."""
    data = labelled_by(network, SHAPE, 6)
    liar = Watched(lambda images: torch.randn(len(images), 4, generator=torch.Generator().manual_seed(0)))
    done = attack(Watched(network), data, searcher=liar, **{**BOTH, "max_queries": 80})
    check_records(done, data, network, 127, 80)
    stubborn = Watched(
        lambda images: network(images) if len(images) == VERIFY_ROWS["cpu"] else torch.full((len(images), 4), torch.nan)
    )
    blind = attack(Watched(network), data, searcher=stubborn, **{**BOTH, "max_queries": 80})
    assert not any(record.success for record in blind.records)
    check_records(blind, data, network, 127, 80)


@pytest.mark.slow
def test_a_flat_landscape_spends_its_queries_and_finds_nothing(attack: Attack) -> None:
    def flat(images: Tensor) -> Tensor:
        return torch.tensor([1.0, 0.0]).expand(len(images), 2)

    data = labelled_by(flat, (4, 4, 1), 3)
    done = attack(Watched(flat), data, **{**BOTH, "max_queries": 300})
    check_records(done, data, flat, 127, 300)
    assert not any(record.success for record in done.records)
    assert all(record.queries >= 299 and not record.gave_up for record in done.records)
    given = attack(Watched(flat), data, **{**BOTH, "max_queries": 2_000}, give_up=True)
    assert all(record.gave_up == (record.attack == "few-pixel") for record in given.records)
