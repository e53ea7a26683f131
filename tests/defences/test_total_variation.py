"""The solver against closed forms, against SciPy on the same objective, and against itself with patience."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from pixelproof.data import load_data
from pixelproof.defences import TotalVariation
from pixelproof.defences.total_variation import kept_values, minimiser
from pixelproof.errors import InputError

pytestmark = pytest.mark.slow


def _random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def bundled() -> torch.Tensor:
    return torch.from_numpy(load_data("bundled").images[:8].copy()).permute(0, 3, 1, 2) / 255


def _objective(z, x, kept, weight, blur=0.0):
    """Of one channel, H×W arrays, written out; ``blur`` rounds the tip of |∇z|."""
    down, right = np.zeros_like(z), np.zeros_like(z)
    down[:-1], right[:, :-1] = z[1:] - z[:-1], z[:, 1:] - z[:, :-1]
    return 0.5 * (kept * (z - x) ** 2).sum() + weight * np.sqrt(down**2 + right**2 + blur**2).sum()


def _slow_minimiser(x, kept, weight):
    """Least of the objective over H×W arrays by L-BFGS with numerical gradients, the tip made sharper step by step."""
    z = np.full(x.size, 0.5)
    for blur in (1e-1, 1e-2, 1e-3, 1e-4):
        found = minimize(
            lambda flat, blur=blur: _objective(flat.reshape(x.shape), x, kept, weight, blur),
            z,
            method="L-BFGS-B",
            options={"maxiter": 2000, "maxfun": 10**6, "ftol": 1e-13, "gtol": 1e-9},
        )
        z = found.x
    return z.reshape(x.shape)


@pytest.mark.parametrize("weight", [0.03, 0.2])
def test_against_a_slow_independent_minimiser(weight):
    image, kept = _random(1, 1, 6, 6), _random(1, 1, 6, 6, seed=1) < 0.6
    x, mask = image[0, 0].double().numpy(), kept[0, 0].double().numpy()
    ours = minimiser(image, kept, weight, 2000)[0, 0].double().numpy()
    slow = _slow_minimiser(x, mask, weight)
    best = _objective(slow, x, mask, weight)
    assert _objective(ours, x, mask, weight) <= best * 1.0001
    assert np.abs(mask * (ours - slow)).max() < 0.01  # the kept values of a minimiser are unique


@pytest.mark.parametrize(("weight", "expected"), [(0.03, (0.23, 0.77)), (0.2, (0.4, 0.6)), (0.3, (0.5, 0.5))])
def test_two_values_move_towards_each_other_by_the_weight(weight, expected):
    image = torch.tensor([[[[0.2, 0.8]]]])
    kept = torch.ones(1, 1, 1, 2, dtype=torch.bool)
    for each, mask in ((image, kept), (image.mT, kept.mT)):
        found = minimiser(each, mask, weight, 1000).flatten()
        assert torch.allclose(found, torch.tensor(expected), atol=1e-4)


def test_a_dropped_value_between_equal_ones_becomes_theirs():
    image = torch.full((1, 1, 5, 5), 0.3)
    image[0, 0, 2, 2] = 1.0
    kept = torch.ones(1, 1, 5, 5, dtype=torch.bool)
    kept[0, 0, 2, 2] = False
    assert torch.allclose(minimiser(image, kept, 0.03, 500), torch.tensor(0.3), atol=1e-4)


def test_a_constant_image_stays():
    image = torch.full((2, 3, 8, 8), 0.3)
    kept = _random(2, 3, 8, 8) < 0.5
    assert torch.allclose(minimiser(image, kept, 0.03, 300), image, atol=1e-3)


def test_with_everything_kept_and_hardly_any_weight_the_image_comes_back():
    images = _random(2, 3, 8, 8)
    kept = torch.ones_like(images, dtype=torch.bool)
    assert torch.allclose(minimiser(images, kept, 1e-5, 500), images, atol=1e-4)


def test_with_a_large_weight_each_channel_becomes_the_mean_of_what_is_kept():
    images, kept = _random(2, 3, 6, 6), _random(2, 3, 6, 6, seed=1) < 0.5
    means = (images * kept).sum((2, 3), keepdim=True) / kept.sum((2, 3), keepdim=True)
    assert torch.allclose(minimiser(images, kept, 3.0, 5000), means.expand_as(images), atol=1e-3)


def test_sixty_iterations_are_within_a_quarter_of_a_grey_level(bundled):
    kept = kept_values(bundled, 0.5, 0)
    difference = minimiser(bundled, kept, 0.03, 60) - minimiser(bundled, kept, 0.03, 3000)
    assert float(difference.square().mean().sqrt()) * 255 < 0.25


def test_what_is_dropped_has_no_say(bundled):
    defence = TotalVariation()
    kept = kept_values(bundled, defence.keep, defence.seed)
    other = torch.where(kept, bundled, 1 - bundled)
    assert torch.equal(minimiser(other, kept, 0.03, 20), minimiser(bundled, kept, 0.03, 20))
    assert torch.equal(defence(bundled), minimiser(bundled, kept, defence.weight, defence.iterations))


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 7, 5), (3, 1, 1)])
def test_bits_depend_neither_on_the_place_in_the_batch_nor_on_its_size(shape):
    defence = TotalVariation(iterations=20)
    images = (_random(9, *shape) * 255).round() / 255
    found = defence(images)
    assert torch.equal(defence(images.roll(4, 0)).roll(-4, 0), found)
    assert all(torch.equal(defence(images[i : i + 1]), found[i : i + 1]) for i in range(9))
    assert torch.equal(defence(images.contiguous(memory_format=torch.channels_last)), found)


def test_images_stay_images_and_the_argument_as_it_was(bundled):
    images = bundled.clone().requires_grad_()
    found = TotalVariation()(images)
    assert found.shape == images.shape
    assert found.dtype == torch.float32
    assert not found.requires_grad
    assert float(found.min()) >= 0
    assert float(found.max()) <= 1
    assert torch.equal(images, bundled)


def test_parameters_show_in_the_spelling():
    assert TotalVariation().name == "tvm"
    assert TotalVariation().spec == "tvm(keep=0.5,weight=0.03,iterations=60,seed=0)"
    others = [{"keep": 0.4}, {"weight": 0.1}, {"iterations": 9}, {"seed": 1}]
    assert len({replace(TotalVariation(), **other).spec for other in others} | {TotalVariation().spec}) == 5
    assert TotalVariation(seed=1).name == TotalVariation(seed=1).spec


@pytest.mark.parametrize(
    "wrong", [{"keep": 0.0}, {"keep": 1.1}, {"weight": 0.0}, {"weight": float("nan")}, {"iterations": 0}, {"seed": -1}]
)
def test_numbers_out_of_range(wrong):
    with pytest.raises(InputError, match=r"expected|needs"):
        TotalVariation(**wrong)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_bits_are_the_same_on_a_gpu(bundled):
    defence = TotalVariation()
    assert torch.equal(defence(bundled.cuda()).cpu(), defence(bundled))
