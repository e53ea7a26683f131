"""CLEVER where the Lipschitz constant is known in closed form, and where it means nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from attack_kit import answers, grey_images, linear_classifier
from pixelproof.attacks.norm_ball import Norm
from pixelproof.errors import InputError
from pixelproof.jobs.clever import clever
from pixelproof.models import TorchClassifier
from pixelproof.models.classifier import ScoreKind

FEW = {"batches": 4, "samples": 6}
DUAL = {"l1": torch.inf, "l2": 2, "linf": 1}


class Function(nn.Module):
    """Scores from a function of images."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, images: Tensor) -> Tensor:
        return self.function(images)


def function(of: Callable[[Tensor], Tensor], kind: ScoreKind = "logits") -> TorchClassifier:
    return TorchClassifier(Function(of), kind=kind)


def distances(model: TorchClassifier, images: Tensor, norm: Norm) -> Tensor:
    """To the boundary with each class, N×K in grey levels; infinite for the class of the image itself."""
    weight, scores = model.module[1].weight.detach(), model.scores(images)
    own = scores.argmax(1)
    margins = scores.amax(1, keepdim=True) - scores
    slopes = torch.linalg.vector_norm(weight[own][:, None] - weight[None], DUAL[norm], dim=2)
    return (255 * margins / slopes).nan_to_num(torch.inf)


@pytest.mark.parametrize("norm", ["l1", "l2", "linf"])
def test_on_a_linear_model_the_score_is_the_distance_to_the_boundary(norm: Norm) -> None:
    model, images = linear_classifier(), grey_images(5)
    labels, expected = answers(model, images), distances(model, images, norm)
    found = clever(model, images, labels, norm=norm, radius=1e5, **FEW)
    assert [each.score for each in found] == pytest.approx(expected.amin(1).tolist(), rel=1e-4)
    assert [each.nearest for each in found] == expected.argmin(1).tolist()
    for each, row in zip(found, expected, strict=True):
        assert each.meaningful
        assert each.scores == pytest.approx({j: row[j].item() for j in each.scores}, rel=1e-4)
        assert len(each.scores) == 3
        assert [score for _, score in each.curve] == pytest.approx([each.score] * len(each.curve))
        assert each.curve[-1][0] == 4


def test_no_score_exceeds_the_radius() -> None:
    model, images = linear_classifier(), grey_images(5)
    expected = distances(model, images, "l2").amin(1)
    radius = expected.median().item()
    found = clever(model, images, answers(model, images), radius=radius, **FEW)
    assert [each.score for each in found] == pytest.approx(expected.clamp(max=radius).tolist(), rel=1e-4)


def test_the_distance_to_a_target() -> None:
    model, images = linear_classifier(), grey_images(5)
    labels, expected = answers(model, images), distances(model, images, "l2")
    targets = (labels + 1) % 4
    found = clever(model, images, labels, targets=targets, radius=1e5, **FEW)
    assert [each.score for each in found] == pytest.approx(expected.gather(1, targets[:, None])[:, 0].tolist(), 1e-4)
    assert [each.nearest for each in found] == targets.tolist()
    assert [each.gradient_steps for each in found] == [4 * 6] * 5


def test_an_image_that_is_classified_otherwise_has_the_score_zero() -> None:
    model, images = linear_classifier(), grey_images(2)
    found = clever(model, images, (answers(model, images) + 1) % 4, **FEW)
    assert [each.score for each in found] == [0, 0]


def test_of_a_quadratic_function_the_largest_slope_in_the_ball_is_found() -> None:
    """Of g = a − ‖x − m‖², ∇g at distance r from x₀ is at most 2(‖x₀ − m‖ + r) long, whatever the dimension."""
    centre = torch.full((1, 1, 1, 2), 0.5)
    model = function(lambda x: torch.stack([0.05 - (x - centre).square().sum((1, 2, 3)), x.sum((1, 2, 3)) * 0], 1))
    image = torch.tensor([0.5, 0.7]).view(1, 1, 1, 2)
    (found,) = clever(model, image, torch.tensor([0]), radius=25.5, batches=60, samples=60)
    largest = 2 * (0.2 + 0.1) / 255
    assert found.lipschitz[1] == pytest.approx(largest, rel=0.02)
    assert found.score == pytest.approx(0.01 / largest, rel=0.02)


def test_probabilities_are_put_back_on_the_scale_of_logits() -> None:
    model, images = linear_classifier(), grey_images(3)
    steep = 40 / (model.scores(images).amax(1) - model.scores(images).amin(1)).max()
    logits = function(lambda x: steep * model.module(x))
    softmax = function(lambda x: (steep * model.module(x)).softmax(1), "probabilities")
    labels = answers(model, images)
    expected = clever(logits, images, labels, radius=50, **FEW)
    found = clever(softmax, images, labels, radius=50, **FEW)
    assert [each.score for each in found] == pytest.approx([each.score for each in expected], rel=1e-3)


def test_images_are_not_rounded_and_points_stay_images() -> None:
    seen: list[Tensor] = []

    def watch(images: Tensor) -> Tensor:
        seen.append(images.detach())
        return images.flatten(1)[:, :3]

    clever(function(watch), torch.tensor([1.0, 0.0, 0.3]).view(1, 3, 1, 1), torch.tensor([0]), radius=5, **FEW)
    points = torch.cat(seen)
    assert points.min() >= 0
    assert points.max() <= 1
    assert ((points * 255) % 1 > 0.01).any()


def test_queries_and_gradient_steps_are_counted() -> None:
    model, images = linear_classifier(), grey_images(3)
    found = clever(model, images, answers(model, images), batch_size=7, **FEW)
    assert [each.queries for each in found] == [1 + 4 * 6] * 3
    assert [each.gradient_steps for each in found] == [4 * 4 * 6] * 3


@pytest.fixture
def curved() -> TorchClassifier:
    """A model whose gradient differs from point to point."""
    linear = linear_classifier(seed=3).module
    return function(lambda x: (6 * linear(x)).sin())


@pytest.mark.parametrize("norm", ["l1", "l2", "linf"])
def test_the_neighbours_in_the_batch_do_not_matter(curved: TorchClassifier, norm: Norm) -> None:
    images = grey_images(6)
    labels = answers(curved, images)
    together = clever(curved, images, labels, norm=norm, batch_size=16, **FEW)
    alone = clever(curved, images[3:], labels[3:], norm=norm, batch_size=5, **FEW)
    for one, other in zip(together[3:], alone, strict=True):
        assert one.score == pytest.approx(other.score, rel=1e-5)
        assert one.lipschitz == pytest.approx(other.lipschitz, rel=1e-5)


def test_a_seed_gives_the_same_score_and_another_one_another(curved: TorchClassifier) -> None:
    images = grey_images(2)
    labels = answers(curved, images)
    first = clever(curved, images, labels, **FEW)
    assert clever(curved, images, labels, **FEW) == first
    other = clever(curved, images, labels, seed=1, **FEW)
    assert all(a.score != b.score for a, b in zip(first, other, strict=True))


def test_more_batches_go_on_where_fewer_ended(curved: TorchClassifier) -> None:
    images = grey_images(1)
    labels = answers(curved, images)
    (short,) = clever(curved, images, labels, batches=5, samples=6)
    (long,) = clever(curved, images, labels, batches=10, samples=6)
    assert dict(long.curve)[5] == pytest.approx(short.score)


def _rounded(images: Tensor) -> Tensor:
    return (images * 255).round() / 255


@pytest.mark.parametrize(
    ("change", "kind", "name"),
    [
        (lambda x, net: net(_rounded(x)), "logits", "zero-gradient"),
        (lambda x, net: (1e4 * net(x)).softmax(1), "probabilities", "saturated|zero-gradient|not-finite"),
        (lambda x, net: net(x).detach(), "logits", "no-gradient"),
        (lambda x, net: nn.functional.one_hot(net(x).argmax(1), 4).float(), "labels", "labels-only"),
        (lambda x, net: net(x) + (x.sum((1, 2, 3), keepdim=True) * 0)[..., 0, 0].sqrt(), "logits", "not-finite"),
    ],
    ids=["rounded", "saturated", "detached", "labels", "infinite"],
)
def test_where_gradients_say_nothing_there_is_a_finding_and_no_score(
    change: Callable[[Tensor, nn.Module], Tensor], kind: ScoreKind, name: str
) -> None:
    linear, images = linear_classifier(), grey_images(3)
    model = function(lambda x: change(x, linear.module), kind)
    for each in clever(model, images, answers(linear, images), **FEW):
        assert not each.meaningful
        assert each.score is None
        assert each.finding is not None
        assert each.finding.name in name.split("|")
        assert each.finding.message.endswith(".")


def test_a_classifier_that_is_not_differentiable_is_asked_once() -> None:
    model, images = linear_classifier(), grey_images(3)
    model.differentiable = False
    found = clever(model, images, answers(model, images), **FEW)
    assert {each.finding.name for each in found if each.finding} == {"no-gradient"}
    assert [each.queries for each in found] == [1] * 3


def test_a_gradient_hidden_from_one_class_alone_leaves_no_score() -> None:
    model = function(lambda x: torch.stack([x.sum((1, 2, 3)), x.sum((1, 2, 3)) - 1, x.sum((1, 2, 3)) * 0], 1))
    (found,) = clever(model, grey_images(1), torch.tensor([0]), **FEW)
    assert found.finding is not None
    assert found.finding.name == "zero-gradient"
    assert "1 of 2 classes" in found.finding.message


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"norm": "l3"}, "norm"),
        ({"radius": 0}, "radius above 0"),
        ({"radius": float("nan")}, "radius above 0"),
        ({"batches": 1}, "2 batches"),
        ({"samples": 0}, "1 sample"),
        ({"targets": torch.tensor([0, 0])}, "label"),
        ({"targets": torch.tensor([4, 4])}, "classes 0..3"),
        ({"targets": torch.tensor([1])}, "targets"),
        ({"labels": torch.tensor([0.0, 0.0])}, "labels"),
        ({"images": torch.full((2, 3, 8, 8), 1.5)}, r"\[0, 1\]"),
        ({"images": torch.full((2, 3, 8), 0.5)}, "N×C×H×W"),
    ],
)
def test_what_cannot_be_done_is_refused(options: dict[str, object], part: str) -> None:
    usual = {"images": grey_images(2), "labels": torch.tensor([0, 0]), **FEW, **options}
    with pytest.raises(InputError, match=part):
        clever(linear_classifier(), usual.pop("images"), usual.pop("labels"), **usual)  # type: ignore[arg-type]


def test_results_of_meaningless_and_meaningful_images_are_told_apart() -> None:
    model, images = linear_classifier(), grey_images(1)
    (found,) = clever(model, images, answers(model, images), **FEW)
    assert found.meaningful
    assert not replace(found, score=None, finding=object()).meaningful  # type: ignore[arg-type]
