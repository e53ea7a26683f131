"""The published figures of an adversarially trained MNIST network, where its checkpoint and MNIST are at hand."""

import os
import runpy
from pathlib import Path

import pytest
import torch

from pixelproof.attacks.named import parse_attack

EXAMPLE = runpy.run_path(str(Path(__file__).parent.parent / "examples" / "mnist_checkpoint.py"))
GIVEN = {"PIXELPROOF_MNIST_CHECKPOINT", "PIXELPROOF_MNIST"} <= set(os.environ)


@pytest.mark.skipif(not GIVEN, reason="PIXELPROOF_MNIST_CHECKPOINT and PIXELPROOF_MNIST name no checkpoint and no data")
def test_the_published_figures_within_a_point() -> None:
    found = EXAMPLE["measure"](os.environ["PIXELPROOF_MNIST"])
    assert found == pytest.approx(EXAMPLE["PUBLISHED"], abs=1)


@pytest.mark.parametrize("attack", ["PGD", "AUTOATTACK"])
def test_the_budget_is_what_the_example_says(attack: str) -> None:
    """0.3 is 76.5 grey levels; 8-bit images move by 76 at most."""
    budget = parse_attack(EXAMPLE[attack]).ball
    assert budget is not None
    assert (budget.norm, budget.epsilon) == ("linf", pytest.approx(76.5))  # type: ignore[comparison-overlap]
    clean = torch.full((1, 1, 2, 2), 100 / 255)
    assert budget.to_8_bit(clean + 0.3, clean).sub(clean).mul(255).round().tolist() == [[[[76.0] * 2] * 2]]


def test_the_network_has_the_names_of_the_checkpoint() -> None:
    """A ``Sequential`` of convolutions at 0 and 2 and linear layers at 5 and 7, for 28×28 grey images."""
    network = EXAMPLE["network"]()
    assert {name: tuple(each.shape) for name, each in network.state_dict().items() if name.endswith("weight")} == {
        "0.weight": (16, 1, 4, 4),
        "2.weight": (32, 16, 4, 4),
        "5.weight": (100, 32 * 7 * 7),
        "7.weight": (10, 100),
    }
    assert network(torch.zeros(2, 1, 28, 28)).shape == (2, 10)
