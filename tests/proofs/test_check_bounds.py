"""The checker's bounds: exact where a box is one image, never above what is found inside, and refused by name."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pixelproof.proofs.check_allowance import allowance
from pixelproof.proofs.check_bounds import lowest_margins
from pixelproof.proofs.check_network import Network, UncheckableError
from pixelproof.zoo import registry
from proofs_kit import answer, convolutional, every_layer, random_image

SHAPE = (8, 8, 3)


def _images(image: np.ndarray, place: tuple[int, int], colours: np.ndarray) -> Tensor:
    images = np.repeat(image[None], len(colours), 0)
    images[:, place[0], place[1]] = colours
    return torch.from_numpy(images).permute(0, 3, 1, 2)


def _margins(module: nn.Module, images: Tensor, label: int) -> Tensor:
    with torch.inference_mode():
        scores = module.double()(images.double().contiguous() / 255)
    module.float()
    others = torch.arange(scores.shape[1]) != label
    return (scores[:, label, None] - scores)[:, others].amin(1)


@pytest.mark.parametrize("seed", range(4))
def test_a_box_of_one_image_is_bounded_by_its_own_margin(seed):
    module, image = every_layer(seed), random_image(SHAPE, seed)
    label, network = answer(module, image), Network(module, image)
    colours = np.random.default_rng(seed).integers(0, 256, (5, 3), dtype=np.uint8)
    for place in ((0, 0), (3, 7), (7, 4)):
        images = _images(image, place, colours)
        bounds = lowest_margins(network, label, images, images)
        torch.testing.assert_close(bounds, _margins(module, images, label), rtol=0, atol=1e-10)


@pytest.mark.parametrize("seed", range(4))
def test_no_image_of_a_box_lies_below_its_bound(seed):
    module, image = every_layer(seed), random_image(SHAPE, seed)
    label, network, rng = answer(module, image), Network(module, image), np.random.default_rng(seed)
    for place in ((0, 0), (2, 5), (7, 7)):
        corners = np.sort(rng.integers(0, 256, (2, 3), dtype=np.uint8), 0)
        low, high = (_images(image, place, corner[None]) for corner in corners)
        bound = float(lowest_margins(network, label, low, high))
        inside = np.stack([rng.integers(a, int(b) + 1, 300, dtype=np.uint8) for a, b in corners.T], 1)
        assert float(_margins(module, _images(image, place, inside), label).min()) >= bound


def test_boxes_are_bounded_alike_alone_and_together():
    module, image = every_layer(), random_image(SHAPE)
    label, network = answer(module, image), Network(module, image)
    corners = np.sort(np.random.default_rng(3).integers(0, 256, (2, 6, 3), dtype=np.uint8), 0)
    low, high = (_images(image, (4, 4), each) for each in corners)
    together = lowest_margins(network, label, low, high)
    alone = [lowest_margins(network, label, low[k : k + 1], high[k : k + 1]) for k in range(6)]
    torch.testing.assert_close(together, torch.cat(alone), rtol=0, atol=1e-12)


def test_a_threshold_box_holds_random_images_and_corners():
    module, image = every_layer(2), random_image(SHAPE, 2)
    label, clean = answer(module, image), torch.from_numpy(image.copy()).long().permute(2, 0, 1)[None]
    low, high = (clean - 2).clamp(min=0), (clean + 2).clamp(max=255)
    bound = float(lowest_margins(Network(module, image), label, low, high))
    torch.manual_seed(0)
    for change in (torch.randint(-2, 3, (400, *clean.shape[1:])), 2 * torch.randn(400, *clean.shape[1:]).sign()):
        images = (clean + change).clamp(0, 255)
        assert float(_margins(module, images, label).min()) >= bound


def test_a_relu_by_hand():
    """y = relu(x − 0.5) against 0.1, x in [0.25, 1]: slope ⅔, so the bound is at x = 0.25, where the line is at 0."""
    layers = nn.Sequential(nn.Flatten(), nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 2))
    with torch.no_grad():
        layers[1].weight[:], layers[1].bias[:] = 1, -0.5
        layers[3].weight[:], layers[3].bias[:] = torch.tensor([[1.0], [0.0]]), torch.tensor([0.0, 0.1])
    image = np.full((1, 1, 1), 255, np.uint8)
    low, high = torch.full((1, 1, 1, 1), 63.75), torch.full((1, 1, 1, 1), 255.0)
    bound = lowest_margins(Network(layers, image), 0, low, high)
    # Between the lines λ(v + ¼) and λ(v + ¼) − λ¼ with v = x − ½ and λ = ½ / ¾: the lower one at v = −¼ is −⅙.
    assert float(bound) == pytest.approx(-1 / 6 - 0.1, abs=1e-7)


class _Branches(nn.Module):
    """relu(x) in score 1 less 4/3 relu(x − ½) in score 0, of x in [−1, 1]: the new symbols are of one size."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other, self.head = nn.Linear(1, 1), nn.Linear(1, 1), nn.Linear(2, 2)
        with torch.no_grad():
            for layer, bias in ((self.one, -1.0), (self.other, -1.5)):
                layer.weight[:], layer.bias[:] = 2.0, bias
            self.head.weight[:], self.head.bias[:] = torch.tensor([[0.0, 4 / 3], [1.0, 0]]), 0.0

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(1)
        return self.head(torch.cat([torch.relu(self.one(x)), torch.relu(self.other(x))], 1))


def test_symbols_of_two_branches_are_two():
    """The margin is −½ at x = ½; were the two remainders one, they would cancel and the bound would be −⅓."""
    image = np.zeros((1, 1, 1), np.uint8)
    low, high = torch.zeros(1, 1, 1, 1), torch.full((1, 1, 1, 1), 255.0)
    assert float(lowest_margins(Network(_Branches(), image), 0, low, high)) <= -0.5


class _Pool(nn.Module):
    def __init__(self, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.first, self.pool, self.head = nn.Linear(1, 18), nn.MaxPool2d(3, 2, 1), nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.pool(torch.relu(4 * self.first(x.flatten(1))).view(x.size(0), 2, 3, 3)).flatten(1))


@pytest.mark.parametrize("seed", range(12))
def test_a_maximum_of_lines_lies_above_its_bound(seed):
    module, image = _Pool(seed), np.full((1, 1, 1), 99, np.uint8)
    values = torch.arange(256.0).view(-1, 1, 1, 1)
    network = Network(module, image)
    for low, high in ((0, 255), (30, 90), (100, 230), (128, 129)):
        for label in (0, 1):
            lowest = float(_margins(module, values[low : high + 1], label).min())
            bound = float(lowest_margins(network, label, values[low : low + 1], values[high : high + 1]))
            assert bound <= lowest + 1e-12


class _Strange(nn.Module):
    def __init__(self, layer: str) -> None:
        super().__init__()
        self.layer, self.head = layer, nn.Linear(12, 3)
        self.sigmoid = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(1)
        if self.layer == "sigmoid":
            return self.head(self.sigmoid(x))
        if self.layer == "product":
            return self.head(x * x)
        if self.layer == "quotient":
            return self.head(1 / (1 + x))
        if self.layer == "power":
            return self.head(x) ** 2
        if self.layer == "branch":
            return self.head(x) if x.sum() > 0 else -self.head(x)
        if self.layer == "softmax":
            return F.softmax(self.head(x), 1)
        return (self.head(x), x)  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("layer", "named"),
    [
        ("sigmoid", "sigmoid (Sigmoid)"),
        ("product", "mul"),
        ("quotient", "truediv"),
        ("power", "pow"),
        ("softmax", "softmax"),
        ("branch", "cannot trace"),
        ("tuple", "something else than one row of scores"),
    ],
)
def test_what_is_not_known_is_refused_by_name(layer, named):
    with pytest.raises(UncheckableError, match=named.replace("(", r"\(").replace(")", r"\)")):
        Network(_Strange(layer), random_image((2, 2, 3)))


def test_one_number_an_image_is_refused():
    """Without another class everything would be proved."""
    with pytest.raises(UncheckableError, match="something else than one row of scores"):
        Network(nn.Sequential(nn.Flatten(), nn.Linear(12, 1)), random_image((2, 2, 3)))


def test_a_relu_that_overwrites_what_is_read_again_is_noticed():
    class Overwrites(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.relu, self.head = nn.Linear(12, 8), nn.ReLU(inplace=True), nn.Linear(8, 3)

        def forward(self, x: Tensor) -> Tensor:
            y = self.first(x.flatten(1))
            z = self.relu(y)
            return self.head(y + z)

    torch.manual_seed(0)
    with pytest.raises(UncheckableError, match="answers otherwise"):
        Network(Overwrites(), random_image((2, 2, 3)))


@pytest.mark.parametrize("seed", range(3))
def test_the_allowance_covers_the_float32_error_of_the_margins(seed):
    module, image = every_layer(seed), random_image(SHAPE, seed)
    label = answer(module, image)
    with torch.inference_mode():
        single = module(torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() / 255)[0].double()
    exact = Network(module, image).scores
    error = ((single - single[label]) - (exact - exact[label])).abs().max()
    assert 0 < float(error) < allowance(Network(module, image), label)


def test_the_allowance_of_one_product_by_hand():
    """m = (w₀ − w₁)·x: the input's error u|x| and the sums' γ₃(|w||x| + |b|), each as far as the margin sees it."""
    module = nn.Sequential(nn.Flatten(), nn.Linear(2, 2)).double()
    with torch.no_grad():
        module[1].weight[:] = torch.tensor([[3.0, 1.0], [-1.0, 2.0]])
        module[1].bias[:] = torch.tensor([0.5, -0.25])
    image, unit = np.array([[[51], [102]]], np.uint8), 2.0**-24
    x = np.array([0.2, 0.4])
    gamma = [n * unit / (1 - n * unit) for n in (1, 3)]
    expected = gamma[0] * np.abs([4, -1]) @ x + gamma[1] * (3 * 0.2 + 0.4 + 0.5 + 0.2 + 2 * 0.4 + 0.25)
    assert allowance(Network(module, image), 0) == pytest.approx(expected, rel=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lenet", "resnet20", "strided-cnn", "preact-resnet20", "all-cnn", "nin"])
def test_networks_of_the_zoo_can_be_walked(name):
    module = registry.entry(name).build(10).eval()
    image = random_image((32, 32, 3))
    label, network = answer(module, image), Network(module, image)
    images = torch.from_numpy(image.copy()).permute(2, 0, 1)[None]
    bound = lowest_margins(network, label, images, images)
    torch.testing.assert_close(bound, _margins(module, images, label), rtol=0, atol=1e-9)
    assert allowance(network, label) > 0


def test_the_order_of_pools_and_relus_does_not_change_what_is_bounded():
    module, image = convolutional((4, 4, 3)), random_image((4, 4, 3))
    swapped = nn.Sequential(module[0], module[2], module[1], *module[3:])
    label = answer(module, image)
    low, high = (_images(image, (1, 1), np.full((1, 3), value, np.uint8)) for value in (0, 255))
    bounds = [lowest_margins(Network(each, image), label, low, high) for each in (module, swapped)]
    torch.testing.assert_close(bounds[0], bounds[1], rtol=0, atol=1e-12)
