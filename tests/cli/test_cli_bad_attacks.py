"""Attacks, targets and defences that cannot be: one sentence, exit code 2, and nothing left behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from tiny_run import Cli

MODELS = """
from torch import nn
from pixelproof.zoo.registry import load as of_zoo

class Blind(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = of_zoo("lenet")
    def forward(self, images):
        return self.inner(images.detach())

def blind():
    return Blind().eval()
"""
GRID = """
data = "bundled"
samples = 3
attacks = ["{attack}"]
targets = ["{target}"]
defences = ["none", "{defence}"]

[[models]]
model = "{model}"
"""
LENET = ("--model", "zoo:lenet", "--data", "bundled", "--range", "0:30", "--samples", "3")
#: Every attack with a budget, by what stands before its epsilon.
BUDGETED = (
    *("fgsm(", "bim(", "pgd(norm=l2,", "apgd(norm=l1,", "autoattack(", "fab(", "universal(", "virtual-adversarial("),
    *("square(", "nes("),
)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "run"


@pytest.fixture
def blind(tmp_path: Path) -> str:
    """The spelling of a model whose images are cut off from its scores."""
    path = tmp_path / "models.py"
    path.write_text(MODELS, "utf-8")
    return f"{path}:blind"


def refused(answer: object, *parts: str) -> None:
    assert answer.code == 2  # type: ignore[attr-defined]
    error = answer.err  # type: ignore[attr-defined]
    assert error.startswith("error: ")
    assert error.endswith(".\n")
    assert error.count("\n") == 1
    for part in parts:
        assert part in error


@pytest.mark.slow
def test_a_gradient_attack_on_a_model_without_gradients_names_those_that_work(cli: Cli, out: Path, blind: str) -> None:
    arguments = ("--model", blind, "--trust-code", *LENET[2:])
    answer = cli("assess", *arguments, "--attacks", "square(queries=9),pgd", "--out", out)
    refused(
        answer, "pgd(", "needs gradients", "few-pixel or threshold", "square, nes, zoo", "label-regression, boundary"
    )
    assert not out.parent.exists()
    assert cli("assess", *arguments, "--attacks", "square(queries=9),hop-skip-jump(queries=30)", "--out", out).code == 0


@pytest.mark.slow
def test_so_it_is_in_a_grid(cli: Cli, out: Path, blind: str, tmp_path: Path) -> None:
    path = tmp_path / "grid.toml"
    path.write_text(GRID.format(attack="deepfool", target="none", defence="bits(3)", model=blind), "utf-8")
    refused(cli("grid", path, "--trust-code", "--out", out), "deepfool(", "needs gradients", "label-regression")
    assert not out.parent.exists()


@pytest.mark.slow
@pytest.mark.parametrize("epsilon", ["0", "-8", "nan"])
@pytest.mark.parametrize("attack", BUDGETED)
def test_an_epsilon_that_is_not_above_zero(cli: Cli, out: Path, attack: str, epsilon: str) -> None:
    refused(cli("assess", *LENET, "--attacks", f"{attack}epsilon={epsilon})", "--out", out), "above 0", epsilon)
    assert not out.parent.exists()


def test_an_epsilon_in_a_grid(cli: Cli, out: Path, tmp_path: Path) -> None:
    path = tmp_path / "grid.toml"
    path.write_text(GRID.format(attack="fgsm(epsilon=0)", target="none", defence="bits(3)", model="zoo:lenet"), "utf-8")
    refused(cli("grid", path, "--out", out), "grid.toml", "above 0")
    assert not out.parent.exists()


def test_a_target_that_is_the_label_of_every_sample(cli: Cli, out: Path) -> None:
    """Samples of the class aimed at are passed over; here there are no others."""
    refused(
        cli("assess", *LENET[:4], "--range", "0:1", "--target", "3", "--attacks", "fgsm", "--out", out),
        "At least 1 sample is needed",
        "not of the target class",
    )
    assert not out.parent.exists()


@pytest.mark.parametrize("target", ["10", "cat", "-1"])
def test_a_target_that_is_no_class(cli: Cli, out: Path, target: str) -> None:
    refused(cli("assess", *LENET, "--target", target, "--attacks", "fgsm", "--out", out), "--target", target)


@pytest.mark.parametrize("command", ["assess", "clever"])
def test_a_defence_that_changes_the_shape(cli: Cli, out: Path, command: str) -> None:
    more = ("--attacks", "square(queries=9)", "--out", out) if command == "assess" else ()
    answer = cli(command, *LENET[:4], "--samples", "3", "--defence", "thermometer(16)", *more)
    refused(answer, "thermometer(", "3×32×32 (C×H×W) into 48×32×32", "trained behind it")
    assert not out.parent.exists()


def test_a_defence_that_changes_the_shape_in_a_grid(cli: Cli, out: Path, tmp_path: Path) -> None:
    path = tmp_path / "grid.toml"
    text = GRID.format(attack="fgsm", target="none", defence="thermometer(16)", model="zoo:lenet")
    path.write_text(text, "utf-8")
    refused(cli("grid", path, "--out", out), "thermometer(", "48×32×32")
    assert not out.parent.exists()  # found before the first run
