"""FGSM and PGD where the answer is known, and what they must leave alone."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from pixelproof.defences import fast, pgd
from pixelproof.errors import InputError


class Linear(nn.Module):
    """Two classes; the loss of class 0 grows along ``w``, so every sign step has one direction."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.randn(shape, generator=torch.Generator().manual_seed(1)))

    def forward(self, images):
        score = (images * self.w).flatten(1).sum(1, keepdim=True)
        return torch.cat([torch.zeros_like(score), score], 1)


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _batch(count: int = 6, size: int = 8) -> tuple[torch.Tensor, torch.Tensor]:
    images = torch.rand(count, 3, size, size, generator=_generator(2))
    return images, torch.arange(count) % 2


def _network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(512, 4),
    )


def _corner(images, labels, w, epsilon):
    """Where the loss of a linear model is largest inside the box."""
    direction = w.sign() * (1 - 2 * labels).view(-1, 1, 1, 1)
    return (images + epsilon / 255 * direction).clamp(0, 1)


def test_pgd_ends_in_the_corner_of_a_linear_model():
    images, labels = _batch()
    module = Linear((3, 8, 8))
    found = pgd(8, 2, 8)(module, images, labels, _generator())  # 8 steps of 2 cross the box from any start
    assert torch.allclose(found, _corner(images, labels, module.w, 8), atol=1e-6)


def test_fast_takes_one_step_from_the_start():
    images, labels = _batch()
    module = Linear((3, 8, 8))
    noise = torch.empty(images.shape).uniform_(-8 / 255, 8 / 255, generator=_generator(5))
    start = (images + noise).clamp(0, 1)
    direction = module.w.sign() * (1 - 2 * labels).view(-1, 1, 1, 1)
    expected = (start + 10 / 255 * direction).clamp(images - 8 / 255, images + 8 / 255).clamp(0, 1)
    assert torch.allclose(fast(8, 10)(module, images, labels, _generator(5)), expected, atol=1e-6)
    corner = _corner(images, labels, module.w, 8)
    assert torch.allclose(fast(8, 16)(module, images, labels, _generator(5)), corner, atol=1e-6)


@pytest.mark.parametrize("adversary", [fast(), pgd()], ids=lambda each: each.name)
def test_images_stay_inside_the_box_and_raise_the_loss(adversary):
    images, labels = _batch(16)
    module = _network().eval()
    found = adversary(module, images, labels, _generator())
    assert found.shape == images.shape
    assert found.dtype == torch.float32
    assert not found.requires_grad
    assert float(found.min()) >= 0
    assert float(found.max()) <= 1
    assert float((found - images).abs().max()) <= 8 / 255 + 1e-6
    assert functional.cross_entropy(module(found), labels) > functional.cross_entropy(module(images), labels) + 0.02


def test_the_generator_decides():
    images, labels = _batch()
    module = _network().eval()
    one, same, other = (fast()(module, images, labels, _generator(seed)) for seed in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_gradients_of_parameters_are_left_alone():
    images, labels = _batch()
    module = _network()
    module(images).sum().backward()
    before = [parameter.grad.clone() for parameter in module.parameters()]
    pgd()(module, images, labels, _generator())
    assert all(torch.equal(p.grad, old) for p, old in zip(module.parameters(), before, strict=True))
    assert all(p.requires_grad for p in module.parameters())
    assert not images.requires_grad


@pytest.mark.parametrize("training", [True, False])
def test_the_module_is_asked_in_its_own_mode(training):
    images, labels = _batch()
    module = _network().train(training)
    pgd(iterations=3)(module, images, labels, _generator())
    assert all(each.training == training for each in module.modules())
    assert int(module[1].num_batches_tracked) == (3 if training else 0)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_inside_autocast_a_training_step_goes_on_as_usual(device):
    """Autocast keeps the weights that it has cast; those of the adversary's calls must serve the step's too."""
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    images, labels = (each.to(device) for each in _batch())
    module = _network().to(device)
    with torch.autocast(device, torch.bfloat16):
        found = pgd(iterations=2)(module, images, labels, _generator())
        loss = functional.cross_entropy(module(found), labels)
    loss.backward()
    inside = [parameter.grad.clone() for parameter in module.parameters()]
    module.zero_grad()
    with torch.autocast(device, torch.bfloat16):
        loss = functional.cross_entropy(module(found), labels)
    loss.backward()
    assert found.dtype == torch.float32
    assert float((found - images).abs().max()) <= 8 / 255 + 1e-6
    assert all(torch.equal(p.grad, old) for p, old in zip(module.parameters(), inside, strict=True))


def test_works_where_gradients_are_switched_off():
    images, labels = _batch()
    with torch.no_grad():
        found = fast()(_network().eval(), images, labels, _generator())
    assert not torch.equal(found, images)


def test_names():
    assert fast().name == "fast(epsilon=8,step=10)"
    assert pgd(4, 1.5, 3).name == "pgd(epsilon=4,step=1.5,iterations=3)"


@pytest.mark.parametrize("wrong", [(0, 1, 1), (8, 0, 1), (8, 2, 0), (float("nan"), 2, 1)])
def test_numbers_out_of_range(wrong):
    with pytest.raises(InputError, match="An adversary needs"):
        pgd(*wrong)
