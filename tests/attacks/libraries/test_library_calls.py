"""What a library gets to see and to change, how its questions are counted, and what becomes of its answers."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from torch import nn

from attack_kit import CPU, answers, grey_images, linear_classifier, oracle, run, streams
from pixelproof.attacks.goal import Goal
from pixelproof.attacks.libraries import library_attack
from pixelproof.attacks.libraries.adapter import seeded
from pixelproof.attacks.libraries.counted import CountedModel
from pixelproof.errors import InputError
from pixelproof.models import CallableClassifier, TorchClassifier

pytestmark = pytest.mark.usefixtures("tiny")


def test_the_model_answers_and_has_the_gradients_of_the_oracle():
    classifier, images = linear_classifier(), grey_images(5) + 0.3 / 255
    weights = torch.linspace(1, 2, 4)
    asked = oracle(classifier, 5, eight_bit=True)
    expected, gradient = asked.gradient(images, torch.arange(5), lambda scores, _: (scores * weights).sum(1))
    model, seen = CountedModel(oracle(classifier, 5, eight_bit=True, batch_size=2)), images.double().requires_grad_()
    found = model(seen)
    (found * weights).sum().backward()
    assert torch.allclose(found, expected, atol=1e-6)
    assert seen.grad.dtype == torch.float64
    assert torch.allclose(seen.grad.float(), gradient, atol=1e-6)
    assert (model.forwards, model.backwards) == (5, 5)


def test_every_pass_is_counted_also_several_through_one_graph():
    model, images = CountedModel(oracle(linear_classifier(), 3)), grey_images(3).requires_grad_()
    scores = model(images)
    rows = [torch.autograd.grad(scores[:, k].sum(), images, retain_graph=True)[0] for k in range(4)]
    weight = linear_classifier().module[1].weight
    assert torch.allclose(torch.stack(rows)[:, 0].flatten(1), weight, atol=1e-6)
    with torch.no_grad():
        model(images)
    assert (model.forwards, model.backwards) == (6, 12)


def test_probabilities_arrive_as_their_logarithms():
    inner = linear_classifier().module
    classifier = TorchClassifier(nn.Sequential(inner, nn.Softmax(1)), kind="probabilities")
    images = grey_images(3)
    expected = inner(images).log_softmax(1)
    assert torch.allclose(CountedModel(oracle(classifier, 3))(images), expected, atol=1e-5)


def test_no_library_reaches_the_networks_weights_or_mode():
    classifier = linear_classifier()
    classifier.module.train()
    run(library_attack("torchattacks:Step"), classifier, grey_images(3))
    assert all(weight.grad is None for weight in classifier.module.parameters())
    assert classifier.module.training
    assert list(CountedModel(oracle(classifier, 1)).modules())[1:] == []


def test_what_a_batch_asks_is_divided_evenly():
    _, asked = run(library_attack("torchattacks:Step(steps=3)"), linear_classifier(), grey_images(5))
    assert asked.queries.tolist() == [4] * 5  # three steps and one look
    assert asked.gradient_steps.tolist() == [3] * 5


def test_what_does_not_divide_evenly_is_rounded_up():
    _, asked = run(library_attack("torchattacks:Part"), linear_classifier(), grey_images(5))
    assert asked.queries.tolist() == [2] * 5  # six in all


def test_what_images_ask_alone_is_counted_exactly():
    images = grey_images(4)
    _, asked = run(library_attack("torchattacks:DeepFool(std=0.1)"), linear_classifier(), images)
    assert asked.queries.tolist() == (images > 0.5).flatten(1).sum(1).tolist()


def test_alone_an_image_does_not_depend_on_its_neighbours():
    attack, images = library_attack("torchattacks:DeepFool(std=0.1)"), grey_images(6)
    among, _ = run(attack, linear_classifier(), images)
    apart, _ = run(attack, linear_classifier(), images[:3])
    assert torch.equal(among[:3], apart)


def test_gradients_lead_away_from_the_label_or_to_the_target():
    classifier, images = linear_classifier(), grey_images(6)
    labels = answers(classifier, images)
    away, _ = run(library_attack("torchattacks:Step(eps=0.2)"), classifier, images)
    assert (answers(classifier, away) != labels).all()
    targets = (labels + 1) % 4
    towards, _ = run(library_attack("torchattacks:Step(eps=0.2)"), classifier, images, targets)
    assert torch.equal(answers(classifier, towards), targets)


def test_what_leaves_the_budget_is_brought_back():
    found, _ = run(library_attack("torchattacks:Step(eps=8/255,steps=9)"), linear_classifier(), grey_images(4))
    change = (found - grey_images(4)).abs() * 255
    assert torch.allclose(change.amax((1, 2, 3)), torch.full((4,), 8.0), atol=1e-3)


def test_random_numbers_follow_from_the_streams_and_from_nothing_else():
    attack, classifier, images = library_attack("torchattacks:Noise(std=0.1)"), linear_classifier(), grey_images(3)
    first, _ = run(attack, classifier, images)
    random.random(), np.random.rand(), torch.rand(3)  # noqa: NPY002
    again, _ = run(attack, classifier, images)
    other = attack(oracle(classifier, 3), images, Goal(answers(classifier, images)), streams(3, seed=9))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other, atol=1e-3)


def test_global_random_states_are_put_back():
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()  # noqa: NPY002
    generator = np.random.RandomState
    with seeded(7, CPU):
        random.random(), np.random.rand(), torch.rand(3)  # noqa: NPY002
    assert random.getstate() == before[0]
    assert np.random.get_state()[1].tolist() == before[1]  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), before[2])
    assert np.random.RandomState is generator


def test_an_image_that_is_lost_stays_as_it_is_and_is_told():
    images = grey_images(4)
    images[1, 0, 0, 0], images[2, 0, 0, 0] = 0, 1
    with pytest.warns(RuntimeWarning, match=r"failed on 1 \(IndexError: out of range\) and returned NaN for 1 of 4"):
        found, _ = run(library_attack("torchattacks:Square"), linear_classifier(), images)
    kept = torch.tensor([False, True, True, False])
    assert torch.equal(found[kept], images[kept])
    assert torch.allclose(found[~kept], 1 - images[~kept])


def test_a_library_that_fails_on_every_image_is_no_attack():
    images = grey_images(3)
    images[:, 0, 0, 0] = 1
    with pytest.raises(InputError, match="failed on every image with IndexError: out of range"):
        run(library_attack("torchattacks:Square"), linear_classifier(), images)


def test_what_returns_no_images_is_no_attack():
    with pytest.raises(InputError, match="does not return an image for each image"):
        run(library_attack("torchattacks:Patch"), linear_classifier(), grey_images(3))


def test_parameters_that_the_library_refuses_are_told():
    with pytest.raises(
        InputError, match=r"refuses torchattacks:Step\(steps=0\): ValueError: steps must be positive\.$"
    ):
        run(library_attack("torchattacks:Step(steps=0)"), linear_classifier(), grey_images(2))


def test_targets_that_it_knows_nothing_of_are_refused():
    with pytest.raises(InputError, match="knows no targets"):
        run(library_attack("torchattacks:Noise(std=1)"), linear_classifier(), grey_images(2), torch.tensor([1, 2]))


def test_gradients_of_a_model_without_any_are_refused_and_scores_are_not():
    inner = linear_classifier()
    images = grey_images(2)
    blind = CallableClassifier(lambda batch: inner.scores(batch).numpy(), kind="logits")
    with pytest.raises(InputError, match="needs gradients"):
        run(library_attack("torchattacks:Step"), blind, images)
    found, _ = run(library_attack("torchattacks:Square"), blind, images)
    assert torch.allclose(found, 1 - images)
