"""What a defence costs: the accuracy counted by hand, and time that is its own."""

from __future__ import annotations

import time

import pytest
import torch

from pixelproof.data import load_data
from pixelproof.defences import MedianFilter, defend, measure
from pixelproof.errors import InputError
from pixelproof.models import load_model

DEFENCES = [None, "bits(2)", "smooth+round(1)", "output-noise(0.5)", "masks(16)+bits(4)"]


@pytest.mark.parametrize("defence", DEFENCES)
def test_the_accuracy_is_that_of_the_defended_classifier(defence):
    data, lenet = load_data("bundled").take(slice(0, 128)), load_model("zoo:lenet")
    images, labels = (
        torch.from_numpy(data.images.copy()).permute(0, 3, 1, 2) / 255,
        torch.from_numpy(data.labels.copy()),
    )
    answers = torch.cat([defend(lenet, defence).scores(chunk).argmax(1) for chunk in images.split(64)])
    cost = measure(defence, lenet, images, labels)
    assert cost.accuracy == int((answers == labels).sum()) / 128
    assert (cost.milliseconds == pytest.approx(0, abs=0.1)) if defence is None else (cost.milliseconds > 0)


def test_the_time_is_the_defences_own(monkeypatch):
    """By a clock that stands still but in the defence: 64 ms for each of two calls, over 70 images."""
    clock = [0.0]
    filtered = MedianFilter.__call__

    def slow(self, images):
        clock[0] += 0.064
        return filtered(self, images)

    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(MedianFilter, "__call__", slow)
    cost = measure("median", load_model("zoo:lenet"), torch.rand(70, 3, 32, 32), torch.zeros(70, dtype=torch.int64))
    assert cost.milliseconds == pytest.approx(128 / 70)


def test_no_images():
    with pytest.raises(InputError, match="no images to measure"):
        measure("bits", load_model("zoo:lenet"), torch.zeros(0, 3, 32, 32), torch.zeros(0, dtype=torch.int64))
