"""Steps of the nearest-image attacks against small implementations of their own, image by image, from the papers."""

from __future__ import annotations

from copy import deepcopy
from math import ceil

import pytest
import torch
from torch import Tensor

from attack_kit import answers, grey_images, linear_classifier, oracle, run
from nearest_kit import NORMS, learnt_network, lengths, nearest_boundary
from pixelproof.attacks.goal import Goal
from pixelproof.attacks.gradient.adam import Adam
from pixelproof.attacks.gradient.cw_l2 import CWL2
from pixelproof.attacks.gradient.cw_linf import CWLinf
from pixelproof.attacks.gradient.deepfool import DeepFool
from pixelproof.attacks.gradient.newtonfool import NewtonFool
from pixelproof.attacks.nearest import drawn_nearer
from pixelproof.models import TorchClassifier


def _gradient(value: Tensor, image: Tensor) -> Tensor:
    return torch.autograd.grad(value, image, retain_graph=True)[0]


@pytest.mark.parametrize("norm", NORMS)
def test_one_step_of_deepfool(norm: str) -> None:
    model, images = learnt_network()
    found, _ = run(DeepFool(norm, iterations=1, overshoot=0.02), model, images)  # type: ignore[arg-type]
    for image, stepped in zip(images, found, strict=True):
        assert torch.allclose(stepped, _deepfool_step(model, image, norm), atol=1e-4)


def _deepfool_step(model: TorchClassifier, image: Tensor, norm: str) -> Tensor:
    x = image.clone().requires_grad_()
    scores = model.scores(x[None])[0]
    label, steps = int(scores.argmax()), []
    for k in range(4):
        if k == label:
            continue
        w, f = _gradient(scores[k] - scores[label], x), float((scores[k] - scores[label]).detach().abs())
        if norm == "l2":
            steps.append((f / float(w.norm()), f * w / w.norm() ** 2))
        else:
            steps.append((f / float(w.abs().sum()), f * w.sign() / w.abs().sum()))
    return (image + 1.02 * min(steps, key=lambda step: step[0])[1]).clamp(0, 1)


@pytest.mark.parametrize("eta", [0.001, 0.01])
def test_one_step_of_newtonfool(eta: float) -> None:
    model, images = learnt_network()
    precise = deepcopy(model.module).double()  # a softmax near 1 has no gradient to speak of in float32
    found, _ = run(NewtonFool(1, eta), model, images)
    for image, stepped in zip(images, found, strict=True):
        x = image.double().requires_grad_()
        probability = precise(x[None])[0].softmax(0).max()
        slope = _gradient(probability, x)
        theta = min(eta * image.norm() * slope.norm(), probability.detach() - 1 / 4)
        expected = (image - theta * slope / slope.norm() ** 2).clamp(0, 1).float()
        assert model.scores(expected[None]).argmax() == model.scores(image[None]).argmax()  # too short to fool
        assert torch.allclose(stepped, expected, atol=1e-5)


def test_adam_is_that_of_torch_also_when_samples_leave() -> None:
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(4, 3, 2, 2, generator=generator)
    variables, theirs = start.clone(), start.clone().requires_grad_()
    ours, reference = Adam(variables), torch.optim.Adam([theirs], 0.1)
    rows = torch.arange(4)
    for step in range(6):
        gradient = torch.randn(4, 3, 2, 2, generator=generator)
        variables = variables + ours(gradient[rows], 0.1)
        theirs.grad = gradient
        reference.step()
        assert torch.allclose(variables, theirs[rows], atol=1e-6)
        if step == 2:
            keep = torch.tensor([True, False, True, True])
            ours.keep(keep)
            rows, variables = rows[keep], variables[keep]


@pytest.mark.slow
def test_descents_of_cw_l2() -> None:
    model, images = learnt_network()
    attack = CWL2(binary_search_steps=3, iterations=30, initial_constant=10)
    found, _ = run(attack, model, images[:5])
    for image, ours in zip(images[:5], found, strict=True):
        _is_drawn_from(ours - image, _cw_l2(model, image, attack) - image)


def _cw_l2(model: TorchClassifier, image: Tensor, attack: CWL2) -> Tensor:
    label = int(model.scores(image[None]).argmax())
    best, c, low, high = image + 1e3, attack.initial_constant, 0.0, torch.inf
    tenth = ceil(attack.iterations / 10)
    for _ in range(attack.binary_search_steps):
        w = ((2 * image - 1) * 0.999999).atanh().requires_grad_()
        start = (w.detach().tanh() + 1) / 2
        adam = torch.optim.Adam([w])
        losses: list[float] = []
        fooled: list[bool] = []
        for step in range(attack.iterations):
            x = (w.tanh() + 1) / 2
            scores = model.scores(x[None])[0]
            margin = scores[label] - scores[torch.arange(4) != label].max()
            loss = (x - start).square().sum() + c * margin.clamp(min=0)
            losses.append(float(loss.detach()))
            fooled.append(bool(margin < 0))
            if fooled[-1] and (x - image).norm() < (best - image).norm():
                best = x.detach()
            w.grad = _gradient(loss, w)
            adam.param_groups[0]["lr"] = attack.learning_rate * (1 - step / attack.iterations)
            adam.step()
            done = step + 1
            if done % tenth == 0 and done > tenth and sum(losses[-tenth:]) >= 0.99 * sum(losses[-2 * tenth : -tenth]):
                break
        low, high = (low, c) if any(fooled[-tenth:]) else (c, high)
        c = 10 * c if high == torch.inf else (low + high) / 2
    return best


def test_the_search_of_cw_linf() -> None:
    model, images = learnt_network()
    attack = CWLinf(iterations=5)
    found, _ = run(attack, model, images[:5])
    for image, ours in zip(images[:5], found, strict=True):
        _is_drawn_from(ours - image, _cw_linf(model, image, attack) - image)


def _cw_linf(model: TorchClassifier, image: Tensor, attack: CWLinf) -> Tensor:
    label = int(model.scores(image[None]).argmax())
    share = torch.zeros_like(image, requires_grad=True)
    adam = torch.optim.Adam([share], attack.learning_rate)
    best, limit, failures = image, 1.0, 0
    while failures < attack.iterations:
        x = (image + limit * share.detach()).clamp(0, 1).requires_grad_()
        scores = model.scores(x[None])[0]
        margin = scores[label] - scores[torch.arange(4) != label].max()
        share.grad = _gradient(margin, x)
        x = x.detach()
        adam.step()
        with torch.no_grad():
            share.clamp_(-1, 1)
        failures += 1
        if margin < 0:
            reach = float((x - image).abs().max())
            if best is image or reach < float((best - image).abs().max()):
                best = x
            limit, failures = attack.decrease * float((best - image).abs().max()), 0
    return best


def _is_drawn_from(ours: Tensor, reference: Tensor) -> None:
    """``ours`` points where ``reference`` does, and is no longer."""
    assert torch.cosine_similarity(ours.flatten(), reference.flatten(), 0) > 0.9999
    assert 0 < ours.norm() <= reference.norm() * 1.0001


@pytest.mark.parametrize("eight_bit", [False, True])
def test_an_image_beyond_the_boundary_is_drawn_back_to_it(eight_bit: bool) -> None:
    model, images = linear_classifier((3, 16, 16), classes=2), grey_images(4, (3, 16, 16))
    goal, asked = Goal(answers(model, images)), oracle(model, 4, eight_bit)
    nearest = nearest_boundary(model, images, "l2")
    away = (1 - 2 * goal.labels.float())[:, None] * (model.module[1].weight[1] - model.module[1].weight[0]).detach()
    way = (away / away.norm(dim=1, keepdim=True)).view_as(images)
    factor = torch.tensor([0.5, 3.0, 3.0, 3.0])[:, None, None, None]
    far = images + factor * nearest[:, None, None, None] * way
    drawn = drawn_nearer(asked, far, images, goal)
    assert torch.equal(drawn[0], far[0])  # which does not fool
    assert asked.queries[0] == 1
    assert (asked.labels(drawn, goal.rows)[1:] != goal.labels[1:]).all()
    if not eight_bit:
        assert torch.allclose(lengths(drawn, images, "l2")[1:], nearest[1:], rtol=0.005)
