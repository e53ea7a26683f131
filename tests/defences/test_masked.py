"""The masked classifier: the double-masking rule against one written down again, its scores, counts and identity."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
import torch
from torch import nn

from masked_kit import image_of, models, ragged, smooth
from pixelproof.defences import MaskedClassifier, Masks, PreprocessedClassifier, defend, make_adaptive, undefended
from pixelproof.defences.fill import fill
from pixelproof.defences.masked import LEAD
from pixelproof.models import CallableClassifier, TorchClassifier, load_model
from pixelproof.models.query import classes
from pixelproof.units import to_unit

pytestmark = pytest.mark.slow


def _rule(classifier, masks, image):
    """Algorithm 1 of the paper in plain loops: the label, and which of its three cases it was."""
    blocks = masks.blocks(*image.shape[2:])
    regions = [blocks[list(some)].any(0) for some in combinations(range(len(blocks)), masks.pixels)]

    def said(hidden):
        return int(classifier.scores(fill(image, hidden[None])).argmax())

    first = [said(region) for region in regions]
    if len(set(first)) == 1:
        return first[0], "agreement"
    majority = min(set(first), key=lambda label: (-first.count(label), label))
    for region, label in zip(regions, first, strict=True):
        if label != majority and all(said(region | other) == label for other in regions):
            return label, "disagreer"
    return majority, "majority"


@pytest.mark.parametrize("masks", [Masks(2), Masks(2, pixels=2), Masks(1, patch=2)])
def test_the_rule_is_that_of_the_paper(masks):
    cases: Counter[str] = Counter()
    images = torch.cat([to_unit(torch.from_numpy(image_of(seed)[None])) for seed in range(6)])
    for masked in models(ragged, masks, 12):
        found = masked.scores(images).argmax(1).tolist()
        for image, label in zip(images, found, strict=True):
            expected, case = _rule(masked.classifier, masks, image[None])
            assert label == expected
            cases[case] += 1
    assert len(cases) >= 2
    assert masks != Masks(2) or min(cases[case] for case in ("agreement", "disagreer", "majority")) >= 2, cases


def test_answers_do_not_depend_on_the_batch():
    masked = next(models(smooth, Masks(2), 1))
    images = torch.rand(9, 1, 4, 4)
    each = torch.cat([masked.scores(image[None]) for image in images])
    assert torch.equal(masked.scores(images), each)
    assert torch.equal(masked.scores(images.to(memory_format=torch.channels_last)), each)


def test_what_fills_a_batch_costs_nothing():
    masked = next(models(smooth, Masks(2), 1))
    images = torch.rand(3, 1, 4, 4)
    expected = masked.scores(images)
    before = masked.asked["queries"]
    found = masked.scores(torch.cat([images, images[-1:].repeat(50, 1, 1, 1)]))
    assert masked.asked["queries"] == 2 * before
    assert torch.equal(found, expected[[0, 1, 2, *[2] * 50]])


class _ByMask:
    """Says for each of four masks of a black image what ``table`` has, and for pairs class 0."""

    name, kind, differentiable, fingerprint = "by mask", "logits", False, "by mask"

    def __init__(self, table):
        self.table = torch.tensor(table)

    def scores(self, images):
        return self.table[images[:, 0, 0, 0].long()]


class _FourMasks(MaskedClassifier):
    """Shows the model the number of the mask in place of an image, and of pairs the fifth row."""

    def masked_scores(self, images, rows, blocks):
        number = torch.where(blocks.amin(1) == blocks.amax(1), blocks[:, 0], 4)
        return self.classifier.scores(number[:, None, None, None].float())


@pytest.mark.parametrize(
    ("table", "label"),
    [
        ([[2.0, 1], [2, 1], [2, 1], [0, 9], [1, 0]], 0),  # most say 0, the mean says 1
        ([[2.0, 1], [2, 1], [2, 1], [0, 9], [0, 1]], 1),  # the one that says 1 is confirmed
        ([[2.0, 1], [2, 1], [2, 1], [2, 1.5], [1, 0]], 0),  # all agree
    ],
)
def test_the_first_score_is_the_rules_class(table, label):
    mean = torch.tensor(table)[:4].mean(0)
    found = _FourMasks(_ByMask(table), Masks(2)).scores(torch.zeros(1, 1, 4, 4))[0]
    assert int(found.argmax()) == label
    assert found[1 - label] == mean[1 - label]
    if int(mean.argmax()) == label:
        assert torch.equal(found, mean)
    else:
        behind = mean[1 - label] - mean[label]
        assert torch.allclose(found[label] - mean[1 - label], LEAD / (1 + behind), atol=1e-6)


def test_a_huge_score_is_still_led():
    table = [[2.0, 1], [2, 1], [2, 1], [0, 1e12], [1, 0]]
    assert int(_FourMasks(_ByMask(table), Masks(2)).scores(torch.zeros(1, 1, 4, 4)).argmax()) == 0


def test_masks_without_numbers_count_as_no_class():
    nan = float("nan")
    one = _FourMasks(_ByMask([[nan, 1.0], [2, 1], [3, 1], [2, 1], [1, 0]]), Masks(2)).scores(torch.zeros(1, 1, 4, 4))
    most = _FourMasks(_ByMask([[nan, 1.0], [nan, 1], [nan, 1], [2, 1], [0, 1]]), Masks(2))
    assert classes(one).tolist() == [0]
    assert torch.allclose(one[0], torch.tensor([7 / 3, 1]))
    assert classes(most.scores(torch.zeros(1, 1, 4, 4))).tolist() == [-1]


def test_every_image_behind_a_mask_is_counted_and_calls_are_of_one_size():
    sizes = []

    def answer(images):
        sizes.append(len(images))
        return torch.tensor([[1.0, 0.0]]).repeat(len(images), 1)

    masked = MaskedClassifier(CallableClassifier(answer, kind="logits"), Masks(2))
    masked.scores(torch.rand(3, 1, 6, 6))
    assert set(sizes) == {32}
    assert masked.asked["queries"] == 3 * 9
    assert masked.asked["padding"] == 5
    again = masked.around(masked.classifier)
    again.scores(torch.rand(1, 1, 6, 6))
    assert masked.asked["queries"] == 4 * 9


def test_gradients_are_those_of_the_mean_behind_masks():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Flatten(), nn.Linear(16, 3)).double()
    masked = defend(TorchClassifier(module, kind="logits"), "masks(2)")
    image = torch.rand(1, 1, 4, 4, requires_grad=True)
    scores = masked.scores(image)
    first = int(scores.argmax())
    scores[0, first].backward()
    assert image.grad is not None
    moved = image.detach().clone()
    moved[0, 0, 1, 1] += 0.25  # linear, so a large step will do
    change = masked.scores(moved)[0, first] - scores[0, first].detach()
    assert float(image.grad[0, 0, 1, 1]) * 0.25 == pytest.approx(float(change), abs=1e-5)


def test_defences_behind_masks_and_none_before_them():
    lenet = load_model("zoo:lenet")
    images = torch.rand(2, 3, 32, 32)
    found = defend(lenet, "masks(8)+bits(3)+round(2)")
    assert isinstance(found, MaskedClassifier)
    assert isinstance(found.classifier, PreprocessedClassifier)
    assert found.classifier.preprocessor.spec == "bits(3)+round(2)"
    assert undefended(found, "masks(8)+bits(3)+round(2)") is lenet
    assert undefended(defend(lenet, "bits(3)"), "bits(3)") is lenet
    assert found.scores(images).shape == (2, 10)


def test_the_adaptive_view_has_gradients_past_what_stands_behind_masks():
    module = nn.Sequential(nn.Flatten(), nn.Linear(48, 3))
    model = TorchClassifier(module, kind="logits")
    assert not defend(model, "masks(2)+bits(3)").differentiable
    adaptive = make_adaptive(model, "masks(2)+bits(3)")
    image = torch.rand(1, 3, 4, 4, requires_grad=True)
    adaptive.scores(image)[0, 0].backward()
    assert image.grad is not None
    assert image.grad.any()


def test_identity():
    lenet, specs = load_model("zoo:lenet"), ["masks(4)", "masks(2)", "masks(4,pixels=2)", "masks(4,patch=2)", "bits(4)"]
    prints = {defend(lenet, spec).fingerprint for spec in specs}
    assert len(prints | {lenet.fingerprint}) == 6
    assert defend(lenet, "masks( block = 4 )").fingerprint == defend(lenet, "masks").fingerprint
    assert defend(lenet, "masks(4)").name == "zoo:lenet + masks(4)"
    assert np.isfinite(defend(lenet, "masks(16)").scores(torch.rand(1, 3, 32, 32)).numpy()).all()
