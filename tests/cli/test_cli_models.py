"""pixelproof models check: what a model is like, before anything is attacked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tiny_run import Cli

MODELS = """
import torch
from pixelproof.zoo.registry import load as of_zoo

def labels():
    network = of_zoo("lenet").eval()
    return lambda x: torch.eye(10)[network(x).argmax(1)]

def random():
    network = of_zoo("lenet").eval()
    return lambda x: network(x) + 0.01 * torch.randn(len(x), 10)
"""


@pytest.fixture
def models(tmp_path: Path) -> Path:
    path = tmp_path / "models.py"
    path.write_text(MODELS)
    return path


def test_a_network_is_described(cli: Cli) -> None:
    answer = cli("models", "check", "zoo:lenet", "--data", "bundled", "--range", "0:200", "--json")
    assert answer.code == 0
    found = json.loads(answer.out)
    assert (found["kind"], found["classes"], found["images"]) == ("logits", 10, 200)
    assert 120 < found["right"] < 200
    assert (found["gradients"], found["same_twice"], found["speed"] > 0) == (True, True, True)
    assert "pgd" in found["may"]["attacks by gradients"]
    assert "square" in found["may"]["attacks by scores"]
    assert "boundary" in found["may"]["attacks by labels"]
    assert found["may"]["certify"] == ["bounds"]
    assert found["may"]["precision"] == ["float32", "bfloat16"]
    assert set(found["may_not"]) == {"certify sweep", "certify masks"}
    assert [finding["name"] for finding in found["findings"]] == ["low-accuracy"]


def test_it_is_said_in_lines_and_leaves_nothing(
    cli: Cli, models: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = cli("models", "check", "models.py:labels", "--data", "bundled", "--range", "0:200", "--trust-code")
    assert answer.code == 0
    lines = {line[:22].strip(): line[22:].strip() for line in answer.out.splitlines()}
    assert lines["output"] == "labels of 10 classes"
    assert lines["gradients"] == "no"
    assert lines["answers twice"] == "alike"
    assert "attacks by scores" not in lines
    assert lines["no attacks by scores"].startswith("the model gives labels alone")
    assert lines["attacks by labels"].startswith("boundary, hop-skip-jump, label-regression,")
    assert lines["precision"] == "float32"
    assert "labels-only" in answer.out
    assert {each.name for each in tmp_path.iterdir()} <= {"models.py", "__pycache__"}


def test_a_random_model_is_seen_as_one(cli: Cli, models: Path) -> None:
    words = ("models", "check", f"{models}:random", "--data", "bundled", "--range", "0:100", "--trust-code", "--json")
    assert json.loads(cli(*words).out)["same_twice"] is False


def test_a_defence_belongs_to_what_is_checked(cli: Cli) -> None:
    words = ("models", "check", "zoo:lenet", "--data", "bundled", "--range", "0:64", "--defence", "bits(5)", "--json")
    found = json.loads(cli(*words).out)
    assert found["gradients"] is False
    assert "attacks by gradients" not in found["may"]
