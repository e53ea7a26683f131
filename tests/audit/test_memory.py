"""Models that know the given images, rather than what is on them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import audit_kit
from audit_kit import TINY, Noisy, ask, bundled, claim, lenet
from pixelproof.jobs.audit.memory import memory
from pixelproof.models import load_model

pytestmark = pytest.mark.slow

case = partial(audit_kit.case, effort=replace(TINY, samples=10, clean=300))


class Lookup(nn.Module):
    """The label of a stored image that lies near; else, or as ``network`` of that image, what LeNet says."""

    def __init__(self, distance: float, denoised: bool = False) -> None:
        super().__init__()
        self.inner, self.distance, self.denoised = lenet(), distance, denoised
        data = bundled()
        self.register_buffer("known", torch.from_numpy(data.images.copy()).permute(0, 3, 1, 2).float() / 255)
        self.labels = torch.from_numpy(data.labels.copy())

    def forward(self, images: Tensor) -> Tensor:
        far, nearest = torch.cdist(images.flatten(1), self.known.flatten(1)).min(1)
        stored = 20.0 * functional.one_hot(self.labels[nearest], 10)
        stored = self.inner(self.known[nearest]) if self.denoised else stored
        return torch.where((far < self.distance)[:, None], stored, self.inner(images))


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (lambda: Lookup(2.0), "remembers the given images"),
        (lambda: Lookup(1e-6), "remembers the given images"),  # by heart, to the last bit
        (lambda: Lookup(2.0, denoised=True), "looks its images up"),
        (lambda: Lookup(1e9), "looks its images up"),  # whatever it is shown
    ],
    ids=["near", "exact", "denoised", "always"],
)
def test_what_looks_images_up_fails(model, said):
    answer = ask(18, case(model().eval(), claim(clean_accuracy=100, robust_accuracy=100)))
    assert answer["verdict"] == "fail"
    assert said in answer["finding"]


@pytest.mark.parametrize(
    "model",
    [
        lambda: load_model("zoo:lenet"),
        lambda: load_model("zoo:strided-cnn"),
        lambda: nn.Sequential(Quantised(), lenet()),
        lambda: nn.Sequential(lenet(), nn.Softmax(1), Decimals()),
        lambda: Noisy(),
    ],
    ids=["lenet", "strided-cnn", "quantised", "rounded-scores", "noisy"],
)
def test_honest_models_do_not(model):
    found = memory(case(model()))
    assert not found.remembers
    assert not found.looks_up


class Quantised(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return torch.round(images * 7) / 7


class Decimals(nn.Module):
    """Probabilities to one decimal, which noise often leaves alone."""

    def forward(self, scores: Tensor) -> Tensor:
        rounded = torch.round(scores * 10) / 10
        return rounded / rounded.sum(1, keepdim=True)
