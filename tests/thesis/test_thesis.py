"""The protocol on small data sets, from its file to its page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from html_page import Page
from pixelproof.data import load_data
from pixelproof.data.imageset import in_colour
from pixelproof.plans.thesis.plan import run_thesis
from pixelproof.plans.thesis.spec import read_thesis
from pixelproof.runs import RunStore
from plan_cases import THESIS
from tiny_run import Cli
from words import beyond

pytestmark = pytest.mark.slow

DIGITS = """
[[subjects]]
name = "Digits"
model = "zoo:lenet"
data = "idx:nowhere"
"""
TOML = THESIS + DIGITS


@pytest.fixture
def spec_file(tmp_path: Path) -> Path:
    path = tmp_path / "thesis.toml"
    path.write_text(TOML, "utf-8")
    return path


def test_from_the_command_line_to_the_page(cli: Cli, spec_file: Path, tmp_path: Path):
    out = tmp_path / "run"
    answer = cli("thesis", spec_file, "--out", out)
    assert answer.code == 0
    said = " ".join(answer.out.split())
    assert "Digits is left out" in said
    assert "published" in said
    page = Page((out / "report.html").read_text("utf-8"))
    assert "Imagewoof-160" in page.text
    assert beyond(page.text) == beyond(said) == []
    assert (out / "cifar-10" / "perturbations" / "report.html").exists()
    with RunStore.open(out / "cifar-10" / "pgd") as run:
        assert run.manifest.status == "finished"
    again = cli("thesis", spec_file, "--out", out, "--json")
    assert again.code == 0
    assert "Digits is left out" in again.err
    found = json.loads(again.out)
    assert found == json.loads((out / "results.json").read_text("utf-8"))
    (row,) = (each for each in found["rows"] if each["claim"] == "perturbed: CIFAR-10")
    with RunStore.open(out / "cifar-10" / "pgd") as run:
        assert row["pgd"] == 10 * sum(not record.success for record in run.records())  # per cent of ten samples


def test_rates_are_over_all_samples(spec_file: Path, tmp_path: Path):
    """PGD is tried on those right when clean; the others count as wrong after it."""
    view = run_thesis(read_thesis(spec_file), tmp_path / "run")
    (subject,) = view.subjects
    assert subject.clean.total == 10
    with RunStore.open(tmp_path / "run" / "cifar-10" / "pgd") as run:
        stood = sum(not record.success for record in run.records())
        assert len(run.manifest.selection.samples) == subject.clean.successes
    assert (subject.pgd.successes, subject.pgd.total) == (stood, 10)
    assert {row.perturbation for row in subject.standings} == {
        "rotation",
        "logit-brightness",
        "logit-contrast",
        "rgb-randomise",
        "jitter",
    }
    assert not subject.grey


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        (("gate = 50", "gate = 99"), (), "below the gate of 99 %"),
        (("per_class = 1", "per_class = 0"), (), "per_class"),
        (("iterations=3", "iterations=x"), (), "pgd"),
        (("", ""), ("--data", "Shapes=bundled"), "no subject 'Shapes'"),
        (("", ""), ("--data", "bundled"), "NAME=DATA"),
    ],
)
def test_mistakes_are_named(
    cli: Cli, spec_file: Path, tmp_path: Path, change: tuple[str, str], options: tuple[str, ...], said: str
):
    spec_file.write_text(TOML.replace(*change), "utf-8")
    answer = cli("thesis", spec_file, *options, "--out", tmp_path / "run")
    assert answer.code == 2
    assert said in " ".join((answer.out + answer.err).split())


def test_grey_images_in_colour():
    grey = load_data("pentomino:3")
    coloured = in_colour(grey)
    assert coloured.shape == (32, 32, 3)
    assert (coloured.images == grey.images).all()
    assert (coloured.labels == grey.labels).all()
