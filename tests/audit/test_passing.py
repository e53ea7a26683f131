"""Gradients pass operations that have none, and values stay what they are."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.ndimage import median_filter, uniform_filter
from torch import Tensor, nn
from torch.nn import functional

from pixelproof.jobs.audit.passing import by_image, passing

CLASSES = 5
WEIGHT = torch.randn(CLASSES, 3 * 8 * 8, generator=torch.Generator().manual_seed(0))
IMAGES = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def scored(images: Tensor) -> Tensor:
    return torch.tanh(images.flatten(1) @ WEIGHT.T / 10)


def by_numpy(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Tensor], Tensor]:  # type: ignore[type-arg]
    """The scores of what ``change`` makes of the pixels where no gradient goes."""

    def answer(images: Tensor) -> Tensor:
        pixels = np.ascontiguousarray(change(images.detach().cpu().numpy()))
        return scored(torch.from_numpy(pixels).to(images))

    return answer


def gradient(answer: Callable[[Tensor], Tensor], position: int = -1) -> Tensor:
    """Of the first score, with whatever stands in for what has none."""
    leaf = IMAGES.clone().requires_grad_()
    noted = passing(answer, leaf, CLASSES).noted[position]
    (found,) = torch.autograd.grad(noted[:, 0].sum(), leaf)
    return found


def true_gradient(answer: Callable[[Tensor], Tensor]) -> Tensor:
    leaf = IMAGES.clone().requires_grad_()
    (found,) = torch.autograd.grad(answer(leaf)[:, 0].sum(), leaf)
    return found


def alike(one: Tensor, other: Tensor) -> float:
    return float(functional.cosine_similarity(one.flatten(), other.flatten(), dim=0))


def unrolled(images: Tensor) -> Tensor:
    """Image by image, as with a library for pictures, through bytes."""
    parts = [torch.from_numpy((image.permute(1, 2, 0) * 255).byte().numpy()) for image in images]
    return scored(torch.stack(parts).permute(0, 3, 1, 2).float() / 255)


@torch.no_grad()
def hidden(images: Tensor) -> Tensor:
    return scored(images.data)


@pytest.mark.parametrize(
    "answer",
    [
        lambda images: scored(torch.round(images * 63) / 63),
        lambda images: scored(images.mul(63).round_().div(63)),
        lambda images: scored((images * 255).to(torch.uint8).float() / 255),
        lambda images: scored((images * 255).byte() / 255),
        lambda images: scored(torch.div(images * 63, 1, rounding_mode=None).floor() / 63),
        lambda images: scored(images // 0.01 * 0.01),
        by_numpy(lambda pixels: np.round(pixels * 63) / np.float32(63)),
        unrolled,
        hidden,
    ],
)
def test_what_is_nearly_the_identity_passes_its_gradient_and_keeps_its_values(
    answer: Callable[[Tensor], Tensor],
) -> None:
    assert alike(gradient(answer), true_gradient(scored)) > 0.98
    assert torch.allclose(
        passing(answer, IMAGES.clone().requires_grad_(), CLASSES).noted[-1], answer(IMAGES), atol=1e-6
    )


def test_a_median_passes_its_gradient_to_the_values_that_it_takes() -> None:
    def median(images: Tensor) -> Tensor:
        windows = functional.pad(images, (1, 1, 1, 1), mode="replicate").unfold(2, 3, 1).unfold(3, 3, 1)
        return scored(windows.flatten(-2).median(-1).values)

    answer = by_numpy(lambda pixels: median_filter(pixels, size=(1, 1, 3, 3), mode="nearest"))
    assert alike(gradient(answer), true_gradient(median)) > 0.99
    assert alike(true_gradient(scored), true_gradient(median)) < 0.7, "the identity would not do"


def test_a_blur_passes_its_gradient_through_the_filter_that_comes_nearest() -> None:
    answer = by_numpy(lambda pixels: uniform_filter(pixels, size=(0, 0, 3, 3), mode="nearest"))
    blurred = lambda images: scored(functional.avg_pool2d(functional.pad(images, (1,) * 4, mode="replicate"), 3, 1))  # noqa: E731
    assert alike(gradient(answer), true_gradient(blurred)) > 0.99


def test_comparisons_pass_as_a_thermometer_needs() -> None:
    levels = torch.linspace(0, 0.9, 10)[None, :, None, None, None]
    code = lambda images: scored((images[:, None] > levels).float().mean(1))  # noqa: E731
    assert alike(gradient(code), true_gradient(scored)) > 0.98


def test_scores_are_noted_before_they_are_made_flat() -> None:
    answer = lambda images: functional.one_hot(scored(images).argmax(1), CLASSES).float()  # noqa: E731
    assert alike(gradient(answer), true_gradient(scored)) > 0.99


def test_steps_that_the_program_takes_are_counted() -> None:
    def purified(images: Tensor) -> Tensor:
        with torch.enable_grad():
            seen = images.detach().requires_grad_()
            for _ in range(3):
                (slope,) = torch.autograd.grad(scored(seen).square().sum(), seen)
                seen = (seen - 0.01 * slope.sign()).detach().requires_grad_()
        return scored(seen).detach()

    mode = passing(purified, IMAGES.clone().requires_grad_(), CLASSES)
    assert mode.steps == 3
    assert alike(gradient(purified), true_gradient(scored)) > 0.9


def test_scores_of_several_views_of_an_image_are_brought_together() -> None:
    beside = torch.arange(12.0).view(6, 2)
    assert torch.equal(by_image(beside, 3, interleaved=True), torch.tensor([[1.0, 2], [5, 6], [9, 10]]))
    assert torch.equal(by_image(beside, 3, interleaved=False), torch.tensor([[3.0, 4], [5, 6], [7, 8]]))
    assert by_image(beside, 6, interleaved=True) is beside


def test_outside_nothing_has_changed() -> None:
    before = torch.from_numpy
    with pytest.raises(ValueError, match="of its own"):
        passing(_failing, IMAGES, CLASSES)
    assert torch.from_numpy is before
    assert torch.round(IMAGES.clone().requires_grad_()).sum().grad_fn is not None
    leaf = IMAGES.clone().requires_grad_()
    (found,) = torch.autograd.grad(torch.round(leaf).sum(), leaf)
    assert not found.any()


def _failing(images: Tensor) -> Tensor:
    raise ValueError("a failure of its own")


def test_a_module_is_called_as_it_is() -> None:
    layer = nn.Linear(192, CLASSES).eval()
    assert torch.equal(passing(lambda x: layer(x.flatten(1)), IMAGES, CLASSES).noted[-1], layer(IMAGES.flatten(1)))
