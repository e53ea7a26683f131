"""Sparse-PGD against the fewest pixels of a linear model, its ball of pixels, and others on a network."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import torch
from torch import Tensor

import pixelproof as pp
from attack_kit import answers, any_images, fewest_pixels, linear_classifier, run, streams
from pixelproof.attacks.goal import Goal
from pixelproof.attacks.gradient.jsma import JSMA
from pixelproof.attacks.gradient.sparse_pgd import SparsePGD
from pixelproof.attacks.named import parse_attack
from pixelproof.attacks.pixel_ball import PixelBall, changed_pixels, largest
from pixelproof.data import load_data
from pixelproof.engine.judge import Bound, project_and_quantise
from pixelproof.errors import InputError
from pixelproof.models import load_model
from pixelproof.units import to_levels, to_unit


@pytest.mark.parametrize("projected", [False, True])
def test_the_fewest_pixels_are_enough_and_fewer_never_are(projected: bool) -> None:
    model, images = linear_classifier(), any_images(16)
    model.module[1].bias.data[0] += 1  # some pixels to go
    fewest = fewest_pixels(model, images)
    fooled = torch.zeros(16, dtype=torch.bool)
    for pixels in fewest.unique().tolist():
        these = images[fewest == pixels]
        found, _ = run(SparsePGD(pixels, projected=projected), model, these, eight_bit=True)
        fooled[fewest == pixels] = answers(model, found) != answers(model, these)
        assert bool((changed_pixels(found - these) <= pixels).all())
        if pixels > 1:
            found, asked = run(SparsePGD(pixels - 1, iterations=50, projected=projected), model, these, eight_bit=True)
            assert torch.equal(answers(model, found), answers(model, these))
            assert bool((changed_pixels(found - these) <= pixels - 1).all())
            assert asked.gradient_steps.tolist() == [50] * len(these)
    assert len(fewest.unique()) > 2
    assert fooled.float().mean() >= 0.8


def test_images_are_8_bit_ones_in_their_ball() -> None:
    model, images = linear_classifier(), any_images(6)
    model.module[1].bias.data[0] += 100  # too far away to be fooled
    attack = SparsePGD(4, iterations=9)
    found, _ = run(attack, model, images, eight_bit=True)
    assert torch.equal((found * 255).round() / 255, found)
    assert found.min() >= 0
    assert found.max() <= 1
    assert bool(attack.ball.allows(found, images).all())
    assert torch.equal(project_and_quantise(attack, found, images), found)


def test_only_the_target_ends_the_search() -> None:
    model, images = linear_classifier(), any_images(12)
    targets = (answers(model, images) + 1) % 4
    attack = SparsePGD(5, iterations=60)
    found, asked = run(attack, model, images, targets, eight_bit=True)
    reached = answers(model, found) == targets
    assert reached.float().mean() >= 0.5
    assert bool((asked.queries[~reached] == 60).all())
    assert bool(Goal(answers(model, images), targets).reached(model.scores(found)).eq(reached).all())


def test_a_mask_that_stays_is_drawn_anew() -> None:
    """Where nothing has a slope the mask never moves: it is seen with one choice ``patience`` times, then another."""
    model, images = linear_classifier(), any_images(1)
    model.module[1].weight.data.zero_()
    seen: list[Tensor] = []
    model.module.register_forward_pre_hook(lambda _, asked: seen.append((asked[0].detach() != images).any(1)))
    run(SparsePGD(5, iterations=9, patience=3), model, images)
    chosen = seen[-9:]
    assert all(torch.equal(chosen[k], chosen[k // 3 * 3]) for k in range(9))
    assert not any(torch.equal(chosen[a], chosen[b]) for a, b in combinations((0, 3, 6), 2))


# Its ball, and the judge.


def test_the_judge_counts_pixels() -> None:
    bound, clean = Bound.of(SparsePGD(2)), to_levels(any_images(1))
    image = clean.clone()
    image[0, 3, 3], image[0, 5, 1, 2] = 255 - clean[0, 3, 3], 255 - clean[0, 5, 1, 2]
    assert bound.allows(image, clean).tolist() == [True]
    image[0, 0, 0, 0] = 255 - clean[0, 0, 0, 0]
    assert bound.allows(image, clean).tolist() == [False]


def test_balls_of_pixels_and_of_grey_levels_are_not_mixed() -> None:
    with pytest.raises(InputError, match="several budgets"):
        parse_attack("worst(sparse-pgd(pixels=3)|pgd(epsilon=3))")
    assert parse_attack("worst(sparse-pgd(pixels=3)|jsma|sparse-pgd(pixels=3,projected=true))").ball == PixelBall(3)


# A run, and a network.


def test_records_of_a_run_keep_to_the_pixels() -> None:
    images = to_levels(any_images(6)).to(torch.uint8).numpy()
    model = linear_classifier()
    labels = answers(model, to_unit(torch.from_numpy(images))).numpy()
    result = pp.assess(
        model.module, images, labels, attacks=["sparse-pgd(pixels=4,iterations=40)", "sigma-zero(iterations=40)"]
    )
    sparse = [record for record in result.run.records() if record.method == "sparse-pgd"]
    nearest = [record for record in result.run.records() if record.method == "sigma-zero"]
    assert {(record.constraint, record.threshold) for record in sparse} == {("l0", 4)}
    assert {(record.constraint, record.threshold) for record in nearest} == {(None, None)}
    assert any(record.success for record in sparse)
    assert all(record.success for record in nearest)
    assert all(1 <= record.l0 <= 4 for record in sparse if record.l0 is not None)
    for record in sparse:
        image = result.run.image(record)
        if image is not None:
            assert (image != result.run.clean(record.sample)).any(-1).sum() <= 4


@pytest.mark.slow
def test_on_a_network_it_fools_more_than_jsma_and_random_pixels_do() -> None:
    data, model = load_data("bundled"), load_model("zoo:lenet")
    images = to_unit(torch.from_numpy(np.array(data.images[:20])))
    labels = torch.from_numpy(np.array(data.labels[:20])).long()
    right = answers(model, images) == labels
    images, labels = images[right][:8], labels[right][:8]

    def fools(found: Tensor) -> Tensor:
        return (answers(model, found) != labels) & (changed_pixels(found - images) <= 3)

    by_gradients = fools(run(SparsePGD(3), model, images, eight_bit=True)[0])
    by_saliency = fools(run(JSMA(gamma=1), model, images, eight_bit=True)[0])
    by_chance = torch.zeros(8, dtype=torch.bool)
    for seed in range(50):
        drawn = streams(8, seed)
        corners = drawn.integers(2, *images.shape[1:]).float()
        places = largest(drawn.uniform(*images.shape[2:]), 3)[:, None]
        by_chance |= fools(torch.where(places, corners, images))
    assert by_gradients.sum() >= 6
    assert by_gradients.sum() > by_saliency.sum()
    assert by_gradients.sum() > by_chance.sum()
