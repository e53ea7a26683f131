"""JSMA against a search over all pairs, and against the fewest values that a linear model allows."""

from __future__ import annotations

from itertools import combinations

import pytest
import torch
from torch import Tensor

from attack_kit import answers, grey_images, linear_classifier, run
from pixelproof.attacks.gradient.jsma import JSMA


def _slopes(model: object, image: Tensor, target: int | None, label: int) -> tuple[Tensor, Tensor]:
    """Of the wanted and of all other probabilities, for every channel value of one image, in double precision."""
    linear = model.module[1]  # type: ignore[attr-defined]
    x = image.flatten().double().requires_grad_()
    p = (linear.weight.detach().double() @ x + linear.bias.detach().double()).softmax(0)
    wanted = p[target] if target is not None else p.sum() - p[label]
    (alpha,) = torch.autograd.grad(wanted, x, retain_graph=True)
    (beta,) = torch.autograd.grad(p[label] if target is None else p.sum() - p[target], x)
    return alpha, beta


@pytest.mark.parametrize("targeted", [False, True])
@pytest.mark.parametrize("theta", [255, -60])
def test_a_step_takes_the_most_salient_of_all_pairs(targeted: bool, theta: float) -> None:
    model, images = linear_classifier((1, 4, 4)), grey_images(8, (1, 4, 4))
    labels = answers(model, images)
    targets = (labels + 1) % 4 if targeted else None
    found, _ = run(JSMA(theta, gamma=2 / 16), model, images, targets)
    sign = 1 if theta > 0 else -1
    for k in range(8):
        alpha, beta = _slopes(model, images[k], int(targets[k]) if targets is not None else None, int(labels[k]))
        saliency = {
            pair: float(-alpha[list(pair)].sum() * beta[list(pair)].sum())
            for pair in combinations(range(16), 2)
            if sign * alpha[list(pair)].sum() > 0 > sign * beta[list(pair)].sum()
        }
        assert tuple((found[k] != images[k]).flatten().nonzero().flatten().tolist()) == max(saliency, key=saliency.get)


@pytest.mark.parametrize("at_once", [1, 2])
def test_fewest_values_on_a_flat_image(at_once: int) -> None:
    model = linear_classifier(classes=2)
    images = (torch.tensor([90, 105, 150, 165.0]) / 255)[:, None, None, None].expand(-1, 3, 8, 8).contiguous()
    found, _ = run(JSMA(gamma=1, at_once=at_once), model, images)
    scores = model.scores(images).detach()
    weight = model.module[1].weight.detach()
    for k, label in enumerate(scores.argmax(1).tolist()):
        gain = ((weight[1 - label] - weight[label]) * (1 - images[k, 0, 0, 0])).sort(descending=True).values.cumsum(0)
        fewest = int((gain > scores[k, label] - scores[k, 1 - label]).int().argmax()) + 1
        assert fewest <= int((found[k] != images[k]).sum()) < fewest + at_once
    assert bool((answers(model, found) != scores.argmax(1)).all())


@pytest.mark.slow
def test_no_more_than_gamma_is_changed_even_in_small_steps() -> None:
    model, images = linear_classifier(), grey_images(4)
    model.module[1].bias.data[0] += 100  # too far away to be fooled
    found, asked = run(JSMA(theta=2, gamma=0.05), model, images)
    changed = (found != images).flatten(1).sum(1)
    assert bool(((changed == 8) | (changed == 9)).all())  # of 0.05 × 192 = 9.6, in pairs
    assert bool((found == 1).eq(found != images).all())  # and these go on to white, 2 grey levels at a time
    assert asked.gradient_steps.min() > 4 * 50
