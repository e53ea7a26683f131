"""Bounds never exceed what the network does, on tiny networks of every known layer."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pixelproof.proofs import propagation, zonotope
from pixelproof.proofs.graph import simplified
from pixelproof.proofs.linf import ball
from pixelproof.proofs.margins import Margins
from pixelproof.proofs.reading import read_module
from pixelproof.proofs.window import period, place_numbers
from pixelproof.proofs.zonotope import Zonotope
from prover_nets import NETWORKS, SIZE, built, picture

LABEL = 1
ROUNDING = 1e-9


@pytest.fixture(autouse=True)
def without_gradients():
    with torch.no_grad():
        yield


def margins_of(network, seed) -> Margins:
    unit = torch.from_numpy(picture(seed)).permute(2, 0, 1).double() / 255
    return Margins(simplified(read_module(built(network, seed), SIZE)), unit, LABEL)


def margins_at(margins: Margins, images: Tensor) -> Tensor:
    scores = margins.graph(images)
    return scores[:, [LABEL]] - scores[:, [k for k in range(scores.shape[1]) if k != LABEL]]


def phases(margins: Margins):
    """All pixels by phase: its first pixel, and the places' rows and columns."""
    step = period(margins.graph)
    for row in range(min(step[0], SIZE[0])):
        for column in range(min(step[1], SIZE[1])):
            numbers = place_numbers((row, column), step, SIZE[:2])
            yield (row, column), torch.tensor((row, column)) + torch.tensor(step) * numbers


def boxes_for(count: int, generator: torch.Generator) -> Tensor:
    """Boxes from whole cubes to single colours."""
    ends = torch.randint(0, 256, (count, 2, 3), generator=generator).sort(1).values
    ends[::3] = torch.tensor([[0] * 3, [255] * 3])
    ends[1::5, 1] = ends[1::5, 0]
    return ends


def inside_box(boxes: Tensor, generator: torch.Generator) -> Tensor:
    """The corners of each box and 24 colours within it: B×32×3."""
    weights = torch.rand(len(boxes), 32, 3, generator=generator, dtype=torch.float64)
    weights[:, :8] = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * 3).double()
    return boxes[:, :1] + weights * (boxes[:, 1:] - boxes[:, :1])


def check_one_pixel(margins: Margins) -> None:
    """At every pixel, no sampled image has a margin below the bound."""
    generator = torch.Generator().manual_seed(0)
    for phase, positions in phases(margins):
        boxes = boxes_for(len(positions), generator)
        bounds = margins.one_pixel(torch.arange(len(positions)), phase, positions, boxes)
        colours = inside_box(boxes, generator) / 255
        images = margins.image.repeat(len(positions), 32, 1, 1, 1)
        for number, (row, column) in enumerate(positions.tolist()):
            images[number, :, :, row, column] = colours[number]
        found = margins_at(margins, images.flatten(0, 1)).unflatten(0, (len(positions), 32))
        assert (found.amin(1) >= bounds - ROUNDING).all()


def check_ball(margins: Margins, threshold: int) -> None:
    """No sampled image of the ball, its corners among them, has a margin below the bound."""
    start = ball(margins.image, threshold)
    bounds = margins.lowest(start, torch.zeros(1, dtype=torch.long), None)
    generator = torch.Generator().manual_seed(0)
    moves = torch.rand(400, start.symbols.shape[1], generator=generator, dtype=torch.float64) * 2 - 1
    moves[:200] = moves[:200].sign()
    images = margins.image + start.centre + torch.einsum("ns,schw->nchw", moves, start.symbols[0])
    assert images.min() >= 0
    assert images.max() <= 1
    assert (margins_at(margins, images) >= bounds - ROUNDING).all()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("network", NETWORKS)
def test_no_sampled_image_is_below_its_bound(network, seed):
    margins = margins_of(network, seed)
    check_one_pixel(margins)
    for threshold in (1, 20):
        check_ball(margins, threshold)


@pytest.mark.parametrize("network", NETWORKS)
def test_windows_change_nothing(network):
    """The bound of one changed pixel is the same when its differences are laid out in the whole picture."""
    margins = margins_of(network, 0)
    for phase, positions in phases(margins):
        boxes = boxes_for(len(positions), torch.Generator().manual_seed(1))
        windowed = margins.one_pixel(torch.arange(len(positions)), phase, positions, boxes)
        ends = boxes.double() / 255
        centre = torch.zeros(len(positions), *margins.image.shape, dtype=torch.float64)
        symbols = torch.zeros(len(positions), 3, *margins.image.shape, dtype=torch.float64)
        for number, (row, column) in enumerate(positions.tolist()):
            centre[number, :, row, column] = ends[number].mean(0) - margins.image[:, row, column]
            symbols[number, :, :, row, column] = torch.diag((ends[number, 1] - ends[number, 0]) / 2)
        whole = margins.lowest(Zonotope(centre, symbols), torch.zeros(len(positions), dtype=torch.long), None)
        torch.testing.assert_close(windowed, whole, rtol=0, atol=1e-9)


@pytest.mark.parametrize("network", NETWORKS)
def test_large_layers_are_no_matrices_and_the_bounds_are_the_same(network, monkeypatch):
    boxes = boxes_for(3, torch.Generator().manual_seed(2))
    bounds = []
    for largest in (propagation.MATRIX, 0):
        monkeypatch.setattr(propagation, "MATRIX", largest)
        margins = margins_of(network, 0)
        phase, positions = next(phases(margins))
        bounds.append(margins.one_pixel(torch.arange(3), phase, positions[:3], boxes))
    torch.testing.assert_close(*bounds, rtol=0, atol=1e-9)


def too_steep(centre, radius):
    """Half of what an unstable ReLU loses is forgotten."""
    slope, shift = SLOPES(centre, radius)
    return slope, shift / 2


def too_flat(centre, radius):
    """An unstable ReLU is taken for what it is at its centre."""
    return (centre > 0).double(), torch.zeros_like(radius)


SLOPES = zonotope.slopes


@pytest.mark.parametrize("wrong", [too_steep, too_flat])
def test_a_planted_unsound_slope_is_noticed(wrong, monkeypatch):
    margins = margins_of(NETWORKS[0], 0)
    check_one_pixel(margins)
    monkeypatch.setattr(propagation, "slopes", wrong)
    with pytest.raises(AssertionError):
        check_one_pixel(margins)


class TwoWays(nn.Module):
    """(relu(x₁ − ½) − ½ x₁) − (relu(x₂ − ½) − ½ x₂), each bracket on a way of its own, and 0 as the other score."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.ModuleList(nn.Conv2d(1, 2, (1, 2)) for _ in range(2))
        self.second = nn.ModuleList(nn.Conv2d(2, 2, 1, bias=False) for _ in range(2))
        for way, sign in enumerate((1.0, -1.0)):
            self.first[way].weight.zero_()[:, :, :, way] = 1
            self.first[way].bias.copy_(torch.tensor([-0.5, 0.0]))
            self.second[way].weight.zero_()[0, :, 0, 0] = sign * torch.tensor([1.0, -0.5])

    def forward(self, x: Tensor) -> Tensor:
        left, right = (second(torch.relu(first(x))) for first, second in zip(self.first, self.second, strict=True))
        return torch.flatten(left + right, 1)


def test_symbols_of_two_ways_are_never_taken_for_one(monkeypatch):
    """The lowest value is −¼, where x₁ is ½ and x₂ is 0 or 1; were both ReLUs' symbols one, they would cancel."""

    def bound() -> float:
        margins = Margins(simplified(read_module(TwoWays(), (1, 2, 1))), torch.full((1, 1, 2), 127 / 255).double(), 0)
        return float(margins.lowest(ball(margins.image, 128), torch.zeros(1, dtype=torch.long), None))

    def numbered_anew(self, values):
        self.count = values.symbols.shape[1]
        return settled(self, values)

    assert bound() == pytest.approx(-0.25)
    settled = propagation._Batch._without_fresh
    monkeypatch.setattr(propagation._Batch, "_without_fresh", numbered_anew)
    assert bound() > -0.2


def test_a_point_is_bounded_by_itself():
    margins = margins_of(NETWORKS[1], 0)
    colours = torch.from_numpy(picture(0)).long()
    for phase, positions in phases(margins):
        own = colours[positions[:, 0], positions[:, 1]][:, None].expand(-1, 2, -1)
        bounds = margins.one_pixel(torch.arange(len(positions)), phase, positions, own)
        torch.testing.assert_close(bounds, margins.clean.expand_as(bounds), rtol=0, atol=1e-9)


def test_the_ball_ends_at_black_and_white():
    image = torch.tensor([[[0, 3, 128, 255]]]).double() / 255
    start = ball(image, 5)
    half = start.symbols[0].sum(0)
    low, high = (image + start.centre[0] - half) * 255, (image + start.centre[0] + half) * 255
    np.testing.assert_allclose(low.flatten(), [0, 0, 123, 250], atol=1e-9)
    np.testing.assert_allclose(high.flatten(), [5, 8, 133, 255], atol=1e-9)
