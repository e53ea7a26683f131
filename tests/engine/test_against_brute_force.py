"""The attacks against what can be proved: exhaustive search, and a closed form."""

import numpy as np
import pytest
import torch
from torch import Tensor

from pixelproof.data import ImageSet
from watched import Attack, Watched, small_network

SHAPE = (5, 5, 1)


def exists_adversarial_pixel(network: torch.nn.Module, image: np.ndarray, label: int) -> bool:
    """Try all 25 positions × 256 values."""
    variants = torch.from_numpy(np.repeat(image[None], 25 * 256, 0)).float().view(-1, 25)
    rows = torch.arange(25 * 256)
    variants[rows, rows // 256] = (rows % 256).float()
    with torch.inference_mode():
        predicted = network((variants / 255).view(-1, 1, 5, 5)).argmax(1)
    return bool((predicted != label).any())


@pytest.mark.slow
def test_one_pixel_attack_finds_what_exhaustive_search_proves(attack: Attack) -> None:
    network = small_network(SHAPE, 6, seed=0)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (150, *SHAPE), dtype=np.uint8)
    with torch.inference_mode():
        labels = network(torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255).argmax(1).numpy()
    provable = [exists_adversarial_pixel(network, image, int(y)) for image, y in zip(images, labels, strict=True)]
    assert 30 <= sum(provable) <= 140  # neither trivial nor infeasible
    data = ImageSet(images, labels, tuple("abcdef"))
    for search in ("cma-es", "de"):
        done = attack(Watched(network), data, attacks=["few-pixel"], levels=[1], search=search, max_queries=2000)
        found = {record.sample for record in done.records if record.success}
        possible = {k for k, yes in enumerate(provable) if yes}
        assert found <= possible
        assert len(found) >= 0.95 * len(possible), (search, len(found), len(possible))


@pytest.mark.slow
def test_minimal_threshold_on_a_linear_model_is_near_the_closed_form(attack: Attack) -> None:
    """For f(x) = w·x + b the smallest L∞ change that flips the sign is |f(x)| / ||w||₁, wherever no bound clips it."""
    rng = np.random.default_rng(3)
    weights = torch.from_numpy(rng.normal(size=48)).float()
    images = rng.integers(90, 166, (12, 4, 4, 3), dtype=np.uint8)

    def linear(pixels: Tensor) -> Tensor:
        value = pixels.permute(0, 2, 3, 1).flatten(1) @ weights
        return torch.stack([value, -value], 1)

    with torch.inference_mode():
        scores = linear(torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255)
    optimum = (255 * scores[:, 0].abs() / weights.abs().sum()).numpy()
    assert optimum.max() < 60  # so that 90..165 ± 1.25 × optimum stays within 0..255
    data = ImageSet(images, scores.argmax(1).numpy(), ("plus", "minus"))
    levels = list(range(1, 75))
    done = attack(Watched(linear), data, attacks=["threshold"], levels=levels)
    for k in range(len(images)):
        minimal = min(record.threshold for record in done.records if record.sample == k and record.success)
        least = int(np.floor(optimum[k])) + 1 if optimum[k] % 1 else int(optimum[k])
        assert optimum[k] <= minimal <= max(1.25 * optimum[k], least), (k, optimum[k], minimal)
