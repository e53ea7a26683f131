"""Perturbations beside an assessment, and attacks on perturbed images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import pixelproof
from html_page import Page
from pixelproof.corruptions.suites import PERTURBATIONS, perturbed
from pixelproof.data import load_data
from pixelproof.errors import InputError
from pixelproof.models import load_model
from pixelproof.results.perturb_view import read_perturbations
from pixelproof.runs import RunStore
from tiny_run import TINY_ARGUMENTS, Cli

pytestmark = pytest.mark.slow

FOLDER = "perturbations"


def test_perturbations_beside_an_assessment(cli: Cli, tmp_path: Path):
    out = tmp_path / "run"
    answer = cli("assess", *TINY_ARGUMENTS, "--with", "perturbations", "--out", out)
    assert answer.code == 0
    view = read_perturbations(out / FOLDER)
    assert {each.perturbation for each in view.cells} == set(PERTURBATIONS)
    assert len(view.manifest.selection.samples) == 30  # all in range, not only those attacked
    assert cli("verify", out / FOLDER).code == 0
    page = Page((out / "report.html").read_text("utf-8"))
    assert {"href": f"{FOLDER}/report.html"} in page.all("a")
    assert "Common perturbations" in page.text
    assert cli("verify", out).code == 0


def test_other_things_cannot_be_measured_besides(cli: Cli, tmp_path: Path):
    answer = cli("assess", *TINY_ARGUMENTS, "--with", "music", "--out", tmp_path / "run")
    assert answer.code == 2
    assert "only perturbations" in answer.err
    assert not (tmp_path / "run").exists()


def test_attacks_on_perturbed_images(cli: Cli, tmp_path: Path):
    """The samples are the perturbed images that are still right; verify finds them so again."""
    out = tmp_path / "run"
    assert cli("assess", *TINY_ARGUMENTS, "--corruption", "fog(2)+rotation(10)", "--out", out).code == 0
    changed = perturbed(load_data("bundled").take(slice(0, 30)), "fog(2)+rotation(10)", 0)
    with RunStore.open(out) as run:
        assert run.manifest.data.name.endswith("fog(2)+rotation(10)")
        for sample in run.manifest.selection.samples:
            assert np.array_equal(run.clean(sample), changed.images[sample])
    assert cli("verify", out).code == 0


def test_perturbed_images_from_python():
    data = load_data("bundled").take(slice(0, 30))
    result = pixelproof.assess(
        load_model("zoo:lenet"),
        data.images,
        data.labels,
        samples=3,
        attacks=("fgsm(epsilon=2)",),
        corruption="gaussian-noise(1)",
    )
    assert result.run.manifest.data.name == "arrays, gaussian-noise(1)"


@pytest.mark.parametrize(
    ("spelling", "said"),
    [
        ("rain(3)", "There is no perturbation 'rain'"),
        ("fog", "NAME(STRENGTH)"),
        ("fog(9)", "a severity of 1 to 5"),
        ("rotation(200)", "degrees"),
    ],
)
def test_misspelt_perturbations(spelling: str, said: str):
    with pytest.raises(InputError, match=said.replace("(", r"\(").replace(")", r"\)")):
        perturbed(load_data("bundled").take(slice(0, 2)), spelling, 0)


def test_perturbed_is_each_step_in_order():
    data = load_data("bundled").take(slice(0, 4))
    images = torch.from_numpy(data.images.copy()).permute(0, 3, 1, 2).float() / 255
    turn, fog = PERTURBATIONS["rotation"](), PERTURBATIONS["fog"](table="cifar")  # type: ignore[call-arg]
    expected = turn(fog(images, 2.0, 5), 10.0, 5).mul(255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    assert np.array_equal(perturbed(data, "fog(2)+rotation(10)", 5).images, expected)


def test_perturbations_from_python(tmp_path: Path):
    data = load_data("bundled").take(slice(0, 10))
    view = pixelproof.perturb(
        load_model("zoo:lenet"),
        data.images,
        data.labels,
        only=("fog", "rotation"),
        severities=(5,),
        out=tmp_path / "run",
    )
    assert [cell.perturbation for cell in view.cells] == ["fog", *["rotation"] * 4]
    assert (tmp_path / "run" / "report.html").exists()
    with pytest.raises(InputError, match="no option data"):
        pixelproof.perturb(load_model("zoo:lenet"), data.images, data.labels, data="bundled")  # type: ignore[call-arg]
    with pytest.raises(InputError, match="suite"):
        pixelproof.perturb(load_model("zoo:lenet"), data.images, data.labels, suite="none")
