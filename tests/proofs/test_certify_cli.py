"""Certificates on the command line: asked for, verified, exported, refused."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from pixelproof.runs import RunStore
from proofs_kit import answers, convolutional, random_image
from tiny_run import Cli

pytestmark = pytest.mark.slow

NETWORK = """
from torch import nn
import torch

def network():
    torch.manual_seed(0)
    layers = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16, 3)
    )
    with torch.no_grad():
        for parameter in layers.parameters():
            parameter.mul_(1.5)
    return layers
"""


@pytest.fixture
def arguments(tmp_path: Path) -> list[object]:
    """A grey network of a file, and eight images that it gets right."""
    (tmp_path / "grey.py").write_text(NETWORK)
    images = np.stack([random_image((4, 4, 1), seed) for seed in range(8)])
    labels = np.array(answers(convolutional((4, 4, 1), gain=1.5), images))
    np.savez(tmp_path / "grey.npz", images=images, labels=labels)
    model = ["--model", f"{tmp_path}/grey.py:network", "--trust-code", "--data", f"npz:{tmp_path}/grey.npz"]
    return ["assess", *model, "--attacks", "few-pixel", "--levels", "1", "--search", "sparse-random", "--device", "cpu"]


def test_certified_verified_and_exported(cli: Cli, arguments, tmp_path):
    run = tmp_path / "run"
    assert cli(*arguments, "--max-queries", "2", "--certify", "sweep", "--out", run).code == 0
    with RunStore.open(run) as store:
        certificates = store.certificates()
        proved = sum(each.proved for each in certificates)
    assert proved
    verified = cli("verify", run, "--trust-code")
    assert verified.code == 0
    assert f"{proved} certificate" in verified.out
    exported = cli("export", run)
    assert exported.code == 0
    assert "certificates.csv" in exported.out
    with (run / "certificates.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["sample"] for row in rows] == [str(each.sample) for each in certificates]
    assert {row["method"] for row in rows} == {"sweep"}
    assert "body" not in rows[0]
    with RunStore.open(run, write=True) as store:
        store._db.execute("UPDATE certificates SET body = replace(body, '4080', '4081')")
    failed = cli("verify", run, "--trust-code")
    assert failed.code == 1
    assert "differ in one pixel" in failed.out


def test_nothing_is_said_of_what_was_not_certified(cli: Cli, arguments, tmp_path):
    run = tmp_path / "run"
    assert cli(*arguments, "--max-queries", "2", "--out", run).code == 0
    assert "among them" not in cli("verify", run, "--trust-code").out
    assert "certificates: " not in cli("export", run).out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--certify", "words"), "--certify: "),
        (("--certify-seconds", "0"), "--certify-seconds: input should be greater than 0 (given: 0.0)."),
        (("--certify-seconds", "-1"), "--certify-seconds: input should be greater than 0 (given: -1.0)."),
        (("--certify", "masks"), "add --defence masks(4)"),
        (("--certify", "sweep", "--levels", "3"), "--certify sweep: it proves one pixel"),
    ],
    ids=str,
)
def test_bad_input_is_one_sentence(cli: Cli, arguments, tmp_path, options, words):
    answer = cli(*arguments, *options, "--out", tmp_path / "run")
    assert answer.code == 2
    assert words in " ".join(answer.err.split())
    assert not (tmp_path / "run").exists()


def test_colour_images_cannot_be_swept(cli: Cli, tmp_path):
    options = ("--model", "zoo:lenet", "--data", "bundled", "--range", "0:30", "--samples", "2", "--certify", "sweep")
    answer = cli("assess", *options, "--out", tmp_path / "run")
    assert answer.code == 2
    assert "--certify sweep: " in answer.err
    assert "3 channels" in " ".join(answer.err.split())
    assert not (tmp_path / "run").exists()
