"""The published figures of an adversarially trained MNIST network, where its checkpoint and MNIST are at hand."""

import json
import os
import runpy
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

import pixelproof as pp
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


def _digits(folder: Path, images: int) -> None:
    """Noise as MNIST's two official files of test images."""
    pixels = np.random.default_rng(0).integers(0, 256, (images, 28, 28), np.uint8)
    for name, head, content in (
        ("t10k-images-idx3-ubyte", (0x803, images, 28, 28), pixels),
        ("t10k-labels-idx1-ubyte", (0x801, images), np.zeros(images, np.uint8)),
    ):
        (folder / name).write_bytes(struct.pack(f">{len(head)}i", *head) + content.tobytes())


@pytest.mark.slow
def test_it_goes_on_where_it_was_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of four batches it is stopped after the first; then three more are attacked, to the same figures as at once."""
    _digits(tmp_path, 8)
    network = EXAMPLE["network"]()
    torch.nn.init.zeros_(network[7].weight)
    with torch.no_grad():
        network[7].bias.copy_(torch.eye(10)[0])  # says 0 to everything, whatever is done to it
    torch.save(network.state_dict(), tmp_path / "net.pth")
    monkeypatch.setenv("PIXELPROOF_MNIST_CHECKPOINT", str(tmp_path / "net.pth"))
    names = EXAMPLE["measure"].__globals__
    for name in ("PGD", "AUTOATTACK"):
        monkeypatch.setitem(names, name, "fgsm(epsilon=76.5)")
    monkeypatch.setitem(names, "BATCH", 2)
    attacked, attack = [], names["_stood"]

    def stop_after_one(*arguments: object) -> int:
        attacked.append(arguments)
        if len(attacked) == 2:
            raise KeyboardInterrupt
        return int(attack(*arguments))

    monkeypatch.setitem(names, "_stood", stop_after_one)
    kept = tmp_path / "kept.json"
    with pytest.raises(KeyboardInterrupt):
        EXAMPLE["measure"](str(tmp_path), 8, kept)
    assert json.loads(kept.read_text())["stood"] == {"pgd": [2]}
    assert EXAMPLE["measure"](str(tmp_path), 8, kept) == {"clean": 100, "pgd": 100, "autoattack": 100}
    assert len(attacked) == 2 + 3 + 4
    with pytest.raises(pp.RunError, match="other weights, images or attacks"):
        EXAMPLE["measure"](str(tmp_path), 6, kept)
