"""What is proved is true, on networks whose lowest margin is known in closed form or by trying every image."""

from __future__ import annotations

import base64
import itertools
import zlib

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pixelproof.proofs import branch_and_bound, propagation
from pixelproof.proofs.allowance import allowance
from pixelproof.proofs.bounds import prove_bounds
from pixelproof.proofs.reading import read_module
from prover_nets import NETWORKS, SIZE, built, picture


def rectified(channels: int, shape: tuple[int, int], hidden: int, seed: int) -> nn.Module:
    """One convolution, ReLU and a full layer, to two classes."""
    torch.manual_seed(seed)
    height, width = shape
    network = nn.Sequential(
        nn.Conv2d(channels, hidden, 2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(hidden * (height + 1) * (width + 1), 2),
    )
    for layer in (network[0], network[3]):
        nn.init.normal_(layer.weight)
        nn.init.normal_(layer.bias, std=0.3)
    return network.eval()


def shifted(network: nn.Module, by: float) -> nn.Module:
    """The network with its margin of class 0 over class 1 higher by so much."""
    with torch.no_grad():
        network[-1].bias[0] += by
    return network


def margins(network: nn.Module, images: Tensor) -> Tensor:
    """Of class 0 over class 1 for uint8 images N×H×W×C, in float64."""
    with torch.no_grad():
        scores = network.double()(images.permute(0, 3, 1, 2).double() / 255)
    network.float()
    return scores[:, 0] - scores[:, 1]


def one_pixel_images(image: np.ndarray) -> Tensor:
    """Every image that differs in one pixel, uint8 N×H×W×C."""
    height, width, channels = image.shape
    colours = torch.cartesian_prod(*[torch.arange(256, dtype=torch.uint8)] * channels).view(-1, channels)
    images = torch.from_numpy(image).repeat(height * width * len(colours), 1, 1, 1)
    for number, (row, column) in enumerate(itertools.product(range(height), range(width))):
        images[number * len(colours) : (number + 1) * len(colours), row, column] = colours
    return images


def leaves(attempt) -> np.ndarray:
    raw = zlib.decompress(base64.b64decode(attempt.body["leaves"]))
    return np.frombuffer(raw, "<i2").reshape(attempt.body["count"], -1).astype(int)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("channels", [1, 2])
def test_one_pixel_is_decided_as_by_trying_every_image(channels, seed):
    """The margin is moved to just above, and just below, the lowest one: proved, and broken."""
    shape = (3, 2) if channels == 1 else (1, 2)
    image = picture(seed, (*shape, channels))
    network = rectified(channels, shape, 4, seed)
    lowest = float(margins(network, one_pixel_images(image)).min())
    for wanted in (2e-5, 0.01, 0.5):
        attempt = prove_bounds(shifted(network, wanted - lowest), image, 0, "few-pixel", 1, 60.0)
        lowest = wanted
        assert attempt.proved
        assert attempt.found is None
    for wanted in (-2e-5, -0.01):
        attempt = prove_bounds(shifted(network, wanted - lowest), image, 0, "few-pixel", 1, 60.0)
        lowest = wanted
        assert not attempt.proved
        if attempt.found is None:  # so close to zero, one colour may be the only one
            continue
        assert (attempt.found != image).any(2).sum() == 1
        assert margins(network, torch.from_numpy(attempt.found)[None]) <= 1e-6


@pytest.mark.parametrize("seed", range(6))
def test_an_l_inf_proof_is_never_beyond_the_truth(seed):
    """Every image of the ball is tried; a margin just below zero is never proved, one well above is."""
    image, threshold = picture(seed, (2, 2, 1)), 3
    moves = torch.cartesian_prod(*[torch.arange(-threshold, threshold + 1)] * 4).view(-1, 2, 2, 1)
    images = (torch.from_numpy(image).int() + moves).clamp(0, 255).to(torch.uint8)
    network = rectified(1, (2, 2), 4, seed)
    lowest = float(margins(network, images).min())
    for wanted, proved in ((-1e-6, False), (-0.01, False), (0.2, True)):
        attempt = prove_bounds(shifted(network, wanted - lowest), image, 0, "threshold", threshold, 60.0)
        lowest = wanted
        assert attempt.proved == proved
        if proved:
            assert attempt.body["count"] == 1
        if attempt.found is not None:
            assert margins(network, torch.from_numpy(attempt.found)[None]) <= 1e-6


@pytest.mark.parametrize("constraint", ["few-pixel", "threshold"])
def test_a_linear_network_is_proved_up_to_its_closed_form(constraint):
    """Its lowest margin is at a corner: the proof holds up to the allowance, and never beyond it."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(4 * 4 * 3, 2))
    image, threshold = picture(1, (4, 4, 3)), 1 if constraint == "few-pixel" else 7
    weight = (network[1].weight[0] - network[1].weight[1]).detach().view(3, 4, 4).double()
    unit = torch.from_numpy(image).permute(2, 0, 1).double() / 255
    if constraint == "few-pixel":
        down = torch.minimum(-weight * unit, weight * (1 - unit)).sum(0).min()
    else:
        levels = unit * 255
        low, high = (levels - threshold).clamp_min(0), (levels + threshold).clamp_max(255)
        down = torch.minimum(weight * (low - levels), weight * (high - levels)).sum() / 255
    lowest = float(margins(network, torch.from_numpy(image)[None]) + down)
    for wanted, proved in ((1e-4, True), (-1e-7, False), (-0.1, False)):
        attempt = prove_bounds(shifted(network, wanted - lowest), image, 0, constraint, threshold, 60.0)
        lowest = wanted
        assert attempt.proved == proved


@pytest.mark.parametrize("network", NETWORKS)
def test_leaves_tile_the_colours_of_every_position(network):
    """Their colours add up to all there are at every position, and no random colour is outside of them."""
    module, image = built(network, 3, scale=1.0), picture(3)
    head = [each for each in module.modules() if isinstance(each, nn.Linear)][-1]
    with torch.no_grad():
        head.bias[0] += 5
    attempt = prove_bounds(module, image, 0, "few-pixel", 1, 60.0)
    assert attempt.proved
    boxes = leaves(attempt)
    low, high = boxes[:, 1:4], boxes[:, 4:]
    for position in range(SIZE[0] * SIZE[1]):
        here = boxes[:, 0] == position
        assert (high[here] - low[here] + 1).prod(1).sum() == 256**3
        for colour in np.random.default_rng(position).integers(0, 256, (10, 3)):
            assert ((low[here] <= colour) & (colour <= high[here])).all(1).sum() == 1
    assert boxes[:, 0].max() < SIZE[0] * SIZE[1]


def test_a_proof_survives_memory_for_one_box_or_none(monkeypatch):
    """Boxes whose symbols do not fit are halved until they do, or asked about colour by colour."""
    module, image = rectified(1, (3, 2), 4, 0), picture(0, (3, 2, 1))
    lowest = float(margins(module, one_pixel_images(image)).min())
    monkeypatch.setattr(propagation, "LIMIT", 1)
    attempt = prove_bounds(shifted(module, 0.5 - lowest), image, 0, "few-pixel", 1, 60.0)
    assert attempt.proved
    assert (leaves(attempt)[:, 2] - leaves(attempt)[:, 1]).max() < branch_and_bound.ENUMERATED
    attempt = prove_bounds(module, image, 0, "threshold", 1, 60.0)
    assert (attempt.proved, attempt.reason) == (False, "the symbols of the box would not fit in memory")


def test_what_ends_an_attempt_is_said():
    network, image = built(NETWORKS[0], 0, scale=1.0), picture(0)
    with torch.no_grad():
        label = int(network(torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255).argmax())
    attempt = prove_bounds(network, image, label, "few-pixel", 1, 0.0)
    assert (attempt.proved, attempt.found, attempt.reason) == (False, None, "0.0% was proved when the 0 s were over")
    assert attempt.body == {}


def test_an_image_that_is_answered_otherwise_is_found_at_once():
    network, image = rectified(1, (3, 2), 4, 0), picture(0, (3, 2, 1))
    other = 0 if float(margins(network, torch.from_numpy(image)[None])) < 0 else 1
    attempt = prove_bounds(network, image, other, "threshold", 1, 60.0)
    assert attempt.found is not None


@pytest.mark.parametrize("network", NETWORKS)
def test_float32_stays_within_the_allowance(network):
    module = built(network, 0)
    for seed in range(5):
        image = torch.from_numpy(picture(seed)).permute(2, 0, 1)
        tau = allowance(read_module(module, SIZE), image.double() / 255, 0)
        with torch.no_grad():
            single = module.float()(image.float()[None] / 255).double()[0]
            double = module.double()(image.double()[None] / 255)[0]
        module.float()
        assert ((single[0] - single) - (double[0] - double)).abs().max() <= tau
        assert tau < 0.01


def test_the_allowance_of_a_linear_layer_by_hand():
    """γ_{n+1} (|w||x| + |b|) for both scores; the division by 255 counts by the difference of the weights."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(2, 2))
    with torch.no_grad():
        network[1].weight.copy_(torch.tensor([[1.0, -2.0], [0.5, 1.0]]))
        network[1].bias.copy_(torch.tensor([0.25, -1.0]))
    image = torch.tensor([[[0.5, 1.0]]], dtype=torch.float64)
    unit = 2.0**-24
    gamma1, gamma3 = unit / (1 - unit), 3 * unit / (1 - 3 * unit)
    by_hand = gamma3 * ((0.5 + 2 + 0.25) + (0.25 + 1 + 1)) + gamma1 * (0.5 * 0.5 + 3 * 1.0)
    assert allowance(read_module(network, (1, 2, 1)), image, 0) == pytest.approx(by_hand, rel=1e-12)


def test_equal_scores_are_neither_proved_nor_broken():
    network = nn.Sequential(nn.Flatten(), nn.Linear(2, 2))
    nn.init.zeros_(network[1].weight)
    nn.init.zeros_(network[1].bias)
    attempt = prove_bounds(network, picture(0, (1, 2, 1)), 0, "few-pixel", 1, 60.0)
    assert (attempt.proved, attempt.found) == (False, None)
    assert attempt.reason == "the two highest scores are equal at an image within the constraint"
