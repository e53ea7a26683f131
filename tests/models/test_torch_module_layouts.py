"""Networks that flatten by view() need the plain memory layout, and get it."""

import pytest
import torch
from torch import Tensor, nn

from pixelproof.models import TorchClassifier


class ConvThenView(nn.Module):
    """What many a tutorial writes."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.head = nn.Linear(4 * 6 * 6, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x).relu()
        return self.head(x.view(x.size(0), -1))


class ViewFirst(nn.Module):
    """A perceptron on raw pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(3 * 8 * 8, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(x.view(len(x), -1))


@pytest.mark.parametrize("network", [ConvThenView(), ViewFirst()], ids=["conv", "perceptron"])
@pytest.mark.parametrize("dtype", [None, torch.bfloat16])
def test_a_network_that_flattens_by_view(network: nn.Module, dtype: torch.dtype | None) -> None:
    images = torch.rand(4, 8, 8, 3, generator=torch.Generator().manual_seed(0)).permute(0, 3, 1, 2)
    with torch.inference_mode():
        expected = network(images.contiguous())
    classifier = TorchClassifier(network)
    if dtype is not None:
        classifier.scores(images)
        classifier = classifier.at_precision(dtype)
    found = classifier.scores(images)
    assert torch.allclose(found, expected, atol=1e-5 if dtype is None else 5e-2)
    assert torch.equal(classifier.scores(images), found)
