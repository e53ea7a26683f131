"""Attacks on labels against the nearest images of a linear model, which are known in closed form."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from attack_kit import answers, grey_images, linear_classifier, run
from pixelproof.attacks.attack import Attack
from pixelproof.attacks.labels.boundary import Boundary
from pixelproof.attacks.labels.hop_skip_jump import HopSkipJump
from pixelproof.attacks.labels.label_pixels import ASKED, PASSES, LabelPixels
from pixelproof.attacks.labels.label_regression import FIRST_FREQUENCIES, FIRST_RADII, LabelRegression
from pixelproof.errors import InputError
from pixelproof.models import TorchClassifier
from pixelproof.units import to_8_bit

SHAPE = (1, 6, 6)
MODEL = linear_classifier(SHAPE, classes=2)
ORDER = {"l2": 2.0, "linf": torch.inf}


def nearest_possible(images: Tensor, norm: str) -> Tensor:
    """|margin| over the dual norm of the difference of weights."""
    margin = MODEL.scores(images).diff(dim=1).squeeze(1).abs()
    dual = {"l2": 2, "linf": 1}[norm]
    return margin / torch.linalg.vector_norm(MODEL.module[1].weight.detach().diff(dim=0), dual)


def images_far_off(samples: int) -> Tensor:
    """Images whose boundary is many grey levels away, so that 8 bits can come near it."""
    images = grey_images(200, SHAPE)
    return images[nearest_possible(images, "l2").argsort(descending=True)[:samples]]


def distance(found: Tensor, images: Tensor, norm: str) -> Tensor:
    return torch.linalg.vector_norm((found - images).flatten(1), ORDER[norm], dim=1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("attack", "norm", "within"),
    [
        (HopSkipJump("l2", 5000), "l2", 1.05),
        (HopSkipJump("linf", 8000), "linf", 1.05),
        (LabelRegression(4000), "linf", 1.1),
        (Boundary(1000), "l2", 1.2),
    ],
    ids=["hop-skip-jump-l2", "hop-skip-jump-linf", "label-regression", "boundary"],
)
@pytest.mark.parametrize("targeted", [False, True])
def test_the_nearest_image_of_a_linear_model_is_found(attack: Attack, norm: str, within: float, targeted: bool) -> None:
    images = images_far_off(4)
    right = answers(MODEL, images)
    found, _ = run(attack, MODEL, images, 1 - right if targeted else None)
    assert (answers(MODEL, found) == 1 - right).all()
    ratio = distance(found, images, norm) / nearest_possible(images, norm)
    assert ratio.min() > 0.999
    assert ratio.max() < within


@pytest.mark.slow
@pytest.mark.parametrize(
    ("attack", "within"), [(HopSkipJump("l2", 4000), 1.1), (Boundary(1200), 1.3)], ids=["hop-skip-jump", "boundary"]
)
def test_in_8_bits_the_image_that_is_handed_over_fools_and_is_near(
    attack: HopSkipJump | Boundary, within: float
) -> None:
    images = images_far_off(4)
    found, _ = run(attack, MODEL, images, eight_bit=True)
    rounded = to_8_bit(found)
    assert (answers(MODEL, rounded) != answers(MODEL, images)).all()
    assert (distance(rounded, images, "l2") / nearest_possible(images, "l2")).max() < within


@pytest.mark.slow
def test_in_8_bits_hop_skip_jump_finds_the_least_whole_grey_levels_of_a_box_but_one() -> None:
    images = images_far_off(4)
    found, _ = run(HopSkipJump("linf", 4000), MODEL, images, eight_bit=True)
    assert (answers(MODEL, to_8_bit(found)) != answers(MODEL, images)).all()
    levels = (distance(to_8_bit(found), images, "linf") * 255).round()
    assert (levels <= (nearest_possible(images, "linf") * 255).ceil() + 1).all()


@pytest.mark.parametrize("targeted", [False, True])
def test_label_regression_finds_the_least_whole_grey_levels_of_a_box(targeted: bool) -> None:
    images = images_far_off(4)
    right = answers(MODEL, images)
    found, asked = run(LabelRegression(1000), MODEL, images, 1 - right if targeted else None, eight_bit=True)
    assert torch.equal(to_8_bit(found), found)
    assert (answers(MODEL, found) == 1 - right).all()
    levels = (distance(found, images, "linf") * 255).round()
    least = (nearest_possible(images, "linf") * 255).ceil()
    assert (levels >= least).all()
    assert (levels <= least + 1).all()
    assert (asked.queries <= 1000).all()


def fewest_possible(model: TorchClassifier, images: Tensor) -> Tensor:
    """How many pixels it takes: those that, black or white, take most of the margin away."""
    margin = model.scores(images).diff(dim=1).squeeze(1)
    slopes = model.module[1].weight.detach().diff(dim=0) * -margin.sign()[:, None]
    most = torch.maximum(slopes * -images.flatten(1), slopes * (1 - images.flatten(1)))
    reached = most.sort(dim=1, descending=True).values.cumsum(1)
    return (reached <= margin.abs()[:, None]).sum(1) + 1


@pytest.mark.parametrize("targeted", [False, True])
def test_label_pixels_finds_the_fewest_pixels_of_a_linear_model(targeted: bool) -> None:
    model, images = linear_classifier(SHAPE, classes=2), grey_images(6, SHAPE)
    with torch.no_grad():
        model.module[1].bias += torch.tensor([0.5, -0.5])
    targets = torch.ones(6, dtype=torch.long) if targeted else None
    found, asked = run(LabelPixels(2000), model, images, targets, eight_bit=True)
    assert torch.equal(to_8_bit(found), found)
    assert (answers(model, found) == 1).all()
    pixels, fewest = (found != images).any(1).flatten(1).sum(1), fewest_possible(model, images)
    assert fewest.min() > 2
    assert torch.equal(pixels, fewest)
    assert (asked.queries <= 2000).all()


@pytest.mark.slow
@pytest.mark.parametrize("attack", [HopSkipJump("l2", 300), Boundary(300), LabelRegression(300), LabelPixels(300)])
def test_one_hot_answers_serve_as_well_as_scores(attack: Attack) -> None:
    class OneHot(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return nn.functional.one_hot(MODEL.module(images).argmax(1), 2).float()

    images = images_far_off(3)
    assert torch.equal(run(attack, TorchClassifier(OneHot(), kind="labels"), images)[0], run(attack, MODEL, images)[0])


@pytest.mark.slow
@pytest.mark.parametrize("attack", [HopSkipJump("l2", 1000), Boundary(1000), LabelRegression(1000)])
def test_targets_are_reached_from_noise(attack: Attack) -> None:
    model, images = linear_classifier(SHAPE, classes=4), grey_images(6, SHAPE)
    targets = (answers(model, images) + 1) % 4
    found, _ = run(attack, model, images, targets)
    assert torch.equal(answers(model, found), targets)
    start = torch.rand(200, *SHAPE, generator=torch.Generator().manual_seed(0))
    typical = (start[:, None] - images).flatten(2).norm(dim=2).mean()
    assert (distance(found, images, "l2") < typical / 3).all()


def unfoolable() -> TorchClassifier:
    """One that answers class 0 to every image."""
    model = linear_classifier(SHAPE, classes=2)
    with torch.no_grad():
        model.module[1].bias += torch.tensor([1e3, -1e3])
    return model


@pytest.mark.parametrize("attack", [HopSkipJump("l2", 1000), Boundary(1000)])
def test_where_no_noise_fools_the_clean_images_come_back(attack: HopSkipJump | Boundary) -> None:
    found, asked = run(attack, unfoolable(), images := grey_images(3, SHAPE))
    assert torch.equal(found, images)
    assert asked.queries.tolist() == [101] * 3  # the image and each noise


@pytest.mark.parametrize("attack", [LabelRegression(1000), LabelPixels(1000)])
def test_where_nothing_fools_the_first_images_are_all_that_is_asked(attack: Attack) -> None:
    found, asked = run(attack, unfoolable(), images := grey_images(3, SHAPE))
    assert torch.equal(found, images)
    first = (
        len(FIRST_RADII) * len(FIRST_FREQUENCIES) if isinstance(attack, LabelRegression) else 7 * PASSES * ASKED
    )  # 1 to 36
    assert asked.queries.tolist() == [1 + first] * 3


def test_parameters_out_of_range_are_refused() -> None:
    with pytest.raises(InputError, match="norms l2 and linf"):
        HopSkipJump("l1")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="theta below 1"):
        HopSkipJump(theta=1)
    with pytest.raises(InputError, match="initial_evaluations above 0"):
        HopSkipJump(initial_evaluations=0)
    with pytest.raises(InputError, match="queries above 0"):
        Boundary(queries=0)
    with pytest.raises(InputError, match="source_step between 0 and 1"):
        Boundary(source_step=1)
