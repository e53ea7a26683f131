"""FAB's projection beside a general solver, and its distances beside closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import linprog, minimize
from torch import Tensor, nn

from attack_kit import answers, grey_images, linear_classifier, run
from pixelproof.attacks.goal import wrong_classes
from pixelproof.attacks.gradient.fab import FAB, to_hyperplane
from pixelproof.attacks.norm_ball import Norm
from pixelproof.errors import InputError
from pixelproof.models import TorchClassifier

DUAL = {"linf": 1, "l2": 2, "l1": torch.inf}
ORDER = {"linf": torch.inf, "l2": 2, "l1": 1}
NORMS = pytest.mark.parametrize("norm", ["linf", "l2", "l1"])


def lengths(found: Tensor, images: Tensor, norm: Norm) -> Tensor:
    return 255 * torch.linalg.vector_norm((found - images).flatten(1), ORDER[norm], dim=1)


def distances(model: TorchClassifier, images: Tensor, norm: Norm, targets: Tensor | None = None) -> Tensor:
    """Grey levels to the nearest boundary of a linear model, |margin| / dual norm; or to that of the target."""
    weight, scores = model.module[1].weight.detach(), model.scores(images)
    label = scores.argmax(1)
    gaps = scores.gather(1, label[:, None]) - scores
    slopes = torch.linalg.vector_norm(weight[label][:, None] - weight[None], DUAL[norm], dim=2)
    each = 255 * (gaps / slopes.clamp(min=1e-12)).scatter(1, label[:, None], torch.inf)
    return each.amin(1) if targets is None else each.gather(1, targets[:, None]).squeeze(1)


def shortest(point: np.ndarray, normal: np.ndarray, gap: float, norm: Norm) -> float:
    """The length of the shortest change in the box that adds ``gap``, from a linear or a quadratic programme."""
    size = len(point)
    low, high = -point, 1 - point
    if norm == "l2":
        best = minimize(
            lambda d: d @ d,
            np.zeros(size),
            jac=lambda d: 2 * d,
            bounds=list(zip(low, high, strict=True)),
            constraints={"type": "eq", "fun": lambda d: normal @ d - gap, "jac": lambda d: normal},
            options={"maxiter": 500, "ftol": 1e-12},
        )
        assert best.success
        return float(np.linalg.norm(best.x))
    # Variables: the change, and bounds on its values (one for all in L∞, one each in L1).
    bounds = size if norm == "l1" else 1
    spread = np.eye(size) if norm == "l1" else np.ones((size, 1))
    limits = np.block([[np.eye(size), -spread], [-np.eye(size), -spread]])
    best = linprog(
        np.concatenate([np.zeros(size), np.ones(bounds)]),
        A_ub=limits,
        b_ub=np.zeros(2 * size),
        A_eq=np.concatenate([normal, np.zeros(bounds)])[None],
        b_eq=[gap],
        bounds=[*zip(low, high, strict=True), *[(0, None)] * bounds],
    )
    assert best.status == 0
    return float(best.fun)


@NORMS
@pytest.mark.parametrize("share", [-0.9, -0.2, 0.05, 0.5, 0.99])
def test_the_nearest_point_of_a_hyperplane_in_the_box(norm: Norm, share: float) -> None:
    """``share`` of what the box lets the image gain at all, so that few or nearly all values end at its walls."""
    generator = torch.Generator().manual_seed(3)
    point, normal = torch.rand(4, 12, generator=generator), torch.randn(4, 12, generator=generator)
    normal[0, :3] = 0
    point[1, :4] = torch.tensor([0.0, 1.0, 0.0, 1.0])
    most = torch.where(normal * share > 0, 1 - point, point).mul(normal.abs()).sum(1)
    change = to_hyperplane(point, normal, share * most, norm)
    assert torch.allclose((change * normal).sum(1), share * most, atol=1e-5)
    assert (point + change).min() >= -1e-6
    assert (point + change).max() <= 1 + 1e-6
    for k in range(4):
        expected = shortest(point[k].double().numpy(), normal[k].double().numpy(), float(share * most[k]), norm)
        assert float(torch.linalg.vector_norm(change[k], ORDER[norm])) == pytest.approx(expected, rel=1e-3, abs=1e-5)


@NORMS
def test_a_hyperplane_out_of_reach_is_approached_as_far_as_the_box_allows(norm: Norm) -> None:
    point, normal = torch.tensor([[0.2, 0.7, 0.4]]), torch.tensor([[1.0, -2.0, 0.0]])
    change = to_hyperplane(point, normal, torch.tensor([99.0]), norm)
    assert (point + change)[0, :2].tolist() == pytest.approx([1, 0])
    assert to_hyperplane(point, 0 * normal, torch.tensor([1.0]), norm).tolist() == [[0, 0, 0]]


@pytest.mark.slow
@NORMS
@pytest.mark.parametrize("classes", [2, 3, 5])
def test_distances_are_those_of_the_closed_form(norm: Norm, classes: int) -> None:
    model, images = linear_classifier(classes=classes), grey_images(6)
    found, _ = run(FAB(norm, iterations=30), model, images)
    assert (answers(model, found) != answers(model, images)).all()
    assert (lengths(found, images, norm) < 1.05 * distances(model, images, norm) + 1e-3).all()


@pytest.mark.slow
@NORMS
def test_targeted_distances_too(norm: Norm) -> None:
    model, images = linear_classifier(classes=2), grey_images(6)
    targets = 1 - answers(model, images)
    found, _ = run(FAB(norm, iterations=30), model, images, targets)
    assert answers(model, found).equal(targets)
    assert (lengths(found, images, norm) < 1.05 * distances(model, images, norm, targets) + 1e-3).all()
    model = linear_classifier(classes=4)
    targets = (answers(model, images) + 2) % 4
    found, _ = run(FAB(norm), model, images, targets)
    assert answers(model, found).equal(targets)


@NORMS
def test_eight_bit_images_fool_from_near_boundaries_too(norm: Norm) -> None:
    """Some boundaries lie within half a grey level, where a walk in floats changes nothing that the model is shown."""
    model, images = linear_classifier(), grey_images(6)
    needed = distances(model, images, norm)
    assert norm != "linf" or needed.min() < 0.5
    found, _ = run(FAB(norm, iterations=30), model, images, eight_bit=True)
    assert (found * 255 - (found * 255).round()).abs().max() < 1e-4
    assert (answers(model, found) != answers(model, images)).all()
    moved = lengths(found, images, norm)
    if norm == "l2":  # rounding adds a twelfth of a squared level a value
        assert (moved < 1.1 * (needed.square() + 192 / 12).sqrt()).all()
    else:
        assert (moved <= 1.05 * needed.ceil() + 1).all()


def test_a_budget_ends_the_walk_of_a_sample_and_leaves_the_rest_clean() -> None:
    model, images = linear_classifier(classes=2), grey_images(6)
    needed = distances(model, images, "linf")
    epsilon = float(needed.median()) * 1.1
    found, asked = run(FAB("linf", epsilon, iterations=20), model, images)
    near = needed <= epsilon
    assert (answers(model, found) != answers(model, images)).equal(near)
    assert (lengths(found, images, "linf") <= epsilon + 1e-3).all()
    assert found[~near].equal(images[~near])
    assert (asked.gradient_steps[near] < 20).all()
    assert asked.gradient_steps[~near].eq(20).all()
    assert asked.queries[~near].eq(41).all()


@NORMS
def test_neighbours_change_nothing(norm: Norm) -> None:
    model, images = linear_classifier(), grey_images(6)
    among, _ = run(FAB(norm, iterations=7), model, images)
    alone, _ = run(FAB(norm, iterations=7), model, images[:3])
    assert torch.allclose(among[:3], alone, atol=1e-6)


def test_a_model_without_slope_is_survived() -> None:
    flat = nn.Sequential(nn.Flatten(), nn.Linear(192, 3))
    with torch.no_grad():
        flat[1].weight.zero_()
        flat[1].bias.copy_(torch.tensor([1.0, 0.0, 0.0]))
    images = grey_images(2)
    for eight_bit in (False, True):
        found, _ = run(FAB(iterations=3), TorchClassifier(flat, kind="logits"), images, eight_bit=eight_bit)
        assert found.equal(images)


def test_the_likeliest_wrong_classes_come_first() -> None:
    scores = torch.tensor([[5.0, 1.0, 3.0], [0.0, 2.0, 1.0]])
    assert wrong_classes(scores, torch.tensor([0, 0]), 9).tolist() == [[2, 1], [1, 2]]
    assert wrong_classes(scores, torch.tensor([0, 1]), 1).tolist() == [[2], [2]]


@pytest.mark.parametrize(
    "make", [lambda: FAB("l3"), lambda: FAB(epsilon=0), lambda: FAB(iterations=0), lambda: FAB(classes=0)]
)
def test_bad_parameters_are_refused(make) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError):
        make()
