"""The stranger's network: its published accuracy, and an assessment of it, where its checkpoint is at hand."""

import os
import runpy
from pathlib import Path

import pytest
import torch

import pixelproof as pp
from pixelproof.jobs.train import accuracy

EXAMPLE = Path(__file__).parent.parent / "examples" / "public_resnet20.py"

needs_checkpoint = pytest.mark.skipif(
    "PIXELPROOF_CHECKPOINT" not in os.environ, reason="PIXELPROOF_CHECKPOINT names no public ResNet-20 checkpoint"
)


@needs_checkpoint
def test_the_checkpoint_scores_about_what_was_published_and_can_be_assessed() -> None:
    network = runpy.run_path(str(EXAMPLE))["load"]()
    data = pp.load_data("bundled")
    # 91.73 % of 10,000; of 1,000 images a binomial share lies within 2.6 points of it in 99.7 % of draws.
    assert accuracy(network, data, torch.device("cpu")) == pytest.approx(0.9173, abs=0.026)
    result = pp.assess(network, data.images[:40], data.labels[:40], samples=4, levels=[10], max_queries=300)
    assert {row.fooled.total for row in result.levels} == {4}


@needs_checkpoint
@pytest.mark.skipif("PIXELPROOF_CIFAR10" not in os.environ, reason="PIXELPROOF_CIFAR10 names no CIFAR-10 root")
def test_the_checkpoint_scores_exactly_what_was_published_on_the_full_test_set() -> None:
    network = runpy.run_path(str(EXAMPLE))["load"]()
    data = pp.load_data(f"cifar10:{os.environ['PIXELPROOF_CIFAR10']}")
    assert accuracy(network, data, torch.device("cpu")) == pytest.approx(0.9173, abs=1e-9)
