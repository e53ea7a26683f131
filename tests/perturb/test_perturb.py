"""pixelproof perturb, from the command line to the page."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch

from html_page import Page, outside
from pixelproof.corruptions.thesis import Rotation
from pixelproof.data import load_data
from pixelproof.errors import InputError
from pixelproof.jobs.assess_spec import from_options
from pixelproof.jobs.job import choose_device
from pixelproof.jobs.perturb.job import PerturbJob, chosen_positions
from pixelproof.jobs.perturb.measure import AskedImages, cell, least_strengths
from pixelproof.jobs.perturb.spec import PERTURBATIONS, PerturbSpec  # type: ignore[attr-defined]
from pixelproof.jobs.runner import run_job
from pixelproof.models import load_model
from pixelproof.models.query import verifier
from pixelproof.report.perturb import perturb_summary, write_perturbations
from pixelproof.report.perturb_tables import all_perturb_tables
from pixelproof.results.perturb_view import PerturbView, perturb_view, read_perturbations
from pixelproof.results.perturbations import PerturbationRecord
from pixelproof.runs import RunStore
from tiny_run import Cli
from words import beyond

pytestmark = pytest.mark.slow

ONLY = ("rotation", "rgb-randomise", "gaussian-noise", "fog")
SPEC = {
    "model": "zoo:lenet",
    "data": "bundled",
    "samples": 24,
    "only": ONLY,
    "severities": (1, 3, 5),
    "minimal": 4,
    "worst_case": 3,
}
ARGUMENTS = ("--model", "zoo:lenet", "--data", "bundled", "--samples", "12", "--only", "rotation,fog")


def spec(**options: object) -> PerturbSpec:
    return from_options(PerturbSpec, {**SPEC, **options})


def job(**options: object) -> PerturbJob:
    return PerturbJob(spec(**options), load_model("zoo:lenet"), load_data("bundled"))


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, PerturbView]:
    out = tmp_path_factory.mktemp("perturbed") / "run"
    with run_job(job(), out) as run:
        view = perturb_view(run)
    write_perturbations(view, out)
    return out, view


def subject(count: int = 24) -> AskedImages:
    data = load_data("bundled").take(slice(0, count))
    images = torch.from_numpy(data.images.copy()).permute(0, 3, 1, 2).float() / 255
    scorer = verifier(load_model("zoo:lenet"), choose_device("cpu"))
    return AskedImages(scorer, images, torch.from_numpy(data.labels.copy()))


def test_every_setting_has_a_cell(measured: tuple[Path, PerturbView]):
    _, view = measured
    assert [(c.perturbation, c.strength) for c in view.cells] == [
        *(("rotation", s) for s in (-60.0, 20.0, 100.0, 180.0)),
        *(("rgb-randomise", s) for s in (0.2, 0.5, 0.99)),
        *(("gaussian-noise", float(s)) for s in (1, 3, 5)),
        *(("fog", float(s)) for s in (1, 3, 5)),
    ]
    assert view.finished
    assert view.worst_case is not None


def test_answers_and_distances_are_those_of_the_changed_images(measured: tuple[Path, PerturbView]):
    """Told again by hand for one cell: the model asked itself, distances by NumPy on whole grey levels."""
    _, view = measured
    asked = subject()
    turned = Rotation()(asked.images, 20.0)
    with torch.no_grad():
        answers = load_model("zoo:lenet").scores(turned).argmax(1).tolist()
    found = view.cells[1]
    assert found.strength == 20.0
    assert list(found.answers) == answers
    change = (turned - asked.images).mul(255).round().numpy().reshape(24, -1)
    assert found.l1 == pytest.approx(np.abs(change).sum(1))
    assert found.l2 == pytest.approx(np.sqrt((change**2).sum(1)), abs=1e-3)
    assert found.linf == pytest.approx(np.abs(change).max(1))


def test_a_sample_is_measured_alone_as_among_others():
    asked, noise = subject(), PERTURBATIONS["gaussian-noise"](table="cifar")  # type: ignore[call-arg]
    together = cell(asked, noise, 3.0, seed=1)
    alone = cell(AskedImages(asked.scorer, asked.images[7:8], asked.labels[7:8]), noise, 3.0, seed=1)
    assert alone.answers == together.answers[7:8]
    assert alone.l2 == together.l2[7:8]
    assert cell(asked, noise, 3.0, seed=2).l2 != together.l2


def test_least_strengths_are_the_first_that_make_wrong():
    """Against brute force: every strength asked of every sample."""
    asked, turn = subject(12), Rotation()
    found = least_strengths(asked, turn, 90.0, 6, seed=0)
    wrong = torch.stack([asked.answers(turn(asked.images, 15.0 * k)) != asked.labels for k in range(1, 7)])
    for sample, strength in enumerate(found):
        steps = wrong[:, sample].nonzero().flatten().tolist()
        assert strength == (15.0 * (steps[0] + 1) if steps else None)
    assert len(set(found)) > 2


def test_least_strengths_are_of_samples_right_when_clean(measured: tuple[Path, PerturbView]):
    _, view = measured
    right = [
        i
        for i, said, label in zip(view.manifest.selection.samples, view.clean_answers, view.labels, strict=True)
        if said == label
    ]
    assert {len(each.found) for each in view.least} == {len(right)}
    assert [(each.perturbation, each.towards) for each in view.least] == [
        ("rotation", -180.0),
        ("rotation", 180.0),
        ("rgb-randomise", 1.0),
        ("gaussian-noise", 5.0),
        ("fog", 5.0),
    ]


def test_interrupted_and_taken_up_it_is_the_same(measured: tuple[Path, PerturbView], tmp_path: Path):
    out, view = measured
    begun = shutil.copytree(out, tmp_path / "begun")
    with RunStore.open(begun, write=True) as run:  # as after a kill when five cells were through
        run._db.execute("DELETE FROM perturbations WHERE id > 5")
        run._db.execute("DELETE FROM images WHERE record > 5")
        run._db.execute("DELETE FROM least_strengths")
        run._db.execute("DELETE FROM worst_cases")
        run._db.execute("DELETE FROM steps WHERE rowid > 5")
        run.reopen({})
    with run_job(job(), begun) as run:
        again = perturb_view(run)
        assert run.altered() == []
    assert [c.seconds for c in again.cells[:5]] == [c.seconds for c in view.cells[:5]]  # not measured again
    assert [c.answers for c in again.cells] == [c.answers for c in view.cells]
    assert [c.l2 for c in again.cells] == [c.l2 for c in view.cells]
    assert again.least == view.least
    assert again.worst_case == view.worst_case


def test_the_page(measured: tuple[Path, PerturbView]):
    out, view = measured
    text = (out / "report.html").read_text("utf-8")
    page = Page(text)
    assert outside(text) == []
    assert beyond(page.text) == beyond(" ".join(perturb_summary(view))) == []
    assert re.search(r"on average, −?\d+\.\d points less", page.text)
    pictures = [each for each in page.all("img") if str(each["src"]).startswith("data:image/png")]
    assert len(pictures) == len(view.cells) + 4
    assert all(each["alt"] for each in pictures)
    for table in all_perturb_tables(view):
        assert (out / "tables" / f"{table.name}.csv").exists()
    assert (out / "figures" / "perturb-bars.svg").exists()
    assert read_perturbations(out).cells == view.cells


def test_on_the_command_line(cli: Cli, tmp_path: Path):
    answer = cli("perturb", *ARGUMENTS, "--out", tmp_path / "run")
    assert answer.code == 0
    assert "Rotation" in answer.out
    assert "report:" in answer.out
    manifest = read_perturbations(tmp_path / "run").manifest
    assert manifest.details["table"] == "cifar"
    assert len(manifest.selection.samples) == 12


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--suite", "nothing"), "--suite"),
        (("--only", "rain"), "it has rotation"),
        (("--severities", "1,6"), "severities lie from 1 to 5"),
        (("--severities", "much"), "a number was expected"),
        (("--samples", "5", "--per-class", "1"), "leave one out"),
        (("--samples", "5000"), "lower --samples"),
        (("--per-class", "500"), "lower --per-class"),
        (("--gate", "99.9"), "below the gate"),
        (("--range", "0:5000"), "reaches past"),
    ],
)
def test_mistakes_are_named(cli: Cli, tmp_path: Path, options: tuple[str, ...], said: str):
    answer = cli("perturb", "--model", "zoo:lenet", "--data", "bundled", *options, "--out", tmp_path / "run")
    assert answer.code == 2
    assert said in " ".join(answer.err.split())
    assert not (tmp_path / "run").exists()


def test_images_too_small_are_refused():
    with pytest.raises(InputError, match="16×16"):
        spec(only=("fog",)).settings((12, 12, 3))


def test_one_image_of_every_class():
    labels = np.array([2, 2, 0, 1, 0, 1])
    assert chosen_positions(labels, spec(samples=None, per_class=1)).tolist() == [2, 3, 0]


def test_the_table_follows_the_suite_and_the_size():
    def table(suite: str, size: int) -> str:
        (setting,) = spec(suite=suite, only=("fog",)).settings((size, size, 3))
        return str(setting.corruption.table)  # type: ignore[attr-defined]

    assert table("all", 32) == "cifar"
    assert table("all", 224) == "imagenet"
    assert table("imagenet-c", 32) == "imagenet"
    assert table("cifar-c", 224) == "cifar"


def test_all_of_a_suite_is_finite_json(tmp_path: Path):
    """Twenty-four perturbations on two images; nothing NaN."""
    whole = spec(samples=2, only=(), severities=(5,), minimal=None, worst_case=None)
    with run_job(PerturbJob(whole, load_model("zoo:lenet"), load_data("bundled")), None) as run:
        cells = run.of(PerturbationRecord)
    assert {each.perturbation for each in cells} == set(PERTURBATIONS)
    json.dumps([asdict(each) for each in cells], allow_nan=False)
