"""Whole runs against a model behind a defence: they repeat, verify, resume, and know what they were about."""

from __future__ import annotations

import sqlite3

import numpy as np
import pytest

import pixelproof as pp
from pixelproof.data import load_data
from pixelproof.jobs.assess_spec import make_spec
from pixelproof.models import load_model
from pixelproof.runs import RunStore
from pixelproof.runs.database import FILE
from tiny_run import contents, run_tiny

pytestmark = pytest.mark.slow

TVM = "tvm(iterations=5)"
ARGUMENTS = (
    *("--model", "zoo:lenet", "--data", "bundled", "--range", "0:30", "--samples", "2", "--levels", "3"),
    *("--attacks", "threshold", "--search", "square", "--max-queries", "20"),
)
OPTIONS = {"samples": 2, "levels": (5,), "attacks": ("threshold",), "search": "square", "max_queries": 20}


@pytest.fixture(scope="module")
def assessed(tmp_path_factory):
    """The folder of a finished run against TVM: look, do not touch."""
    folder = tmp_path_factory.mktemp("defended") / "run"
    run_tiny(folder, defence=TVM, **OPTIONS).close()
    return folder


def _contents(folder):
    with RunStore.open(folder) as run:
        return contents(run)


def test_the_run_says_what_was_attacked(assessed):
    with RunStore.open(assessed) as run:
        manifest = run.manifest
        successes = sum(record.success for record in run.records())
    assert manifest.model.name == "zoo:lenet + tvm(keep=0.5,weight=0.03,iterations=5,seed=0)"
    assert manifest.spec["defence"] == TVM
    assert "random-output" not in {finding.name for finding in manifest.findings}
    assert "batch-dependent" not in {finding.name for finding in manifest.findings}
    assert successes > 0


def test_the_same_records_twice_and_others_with_another_seed(assessed, tmp_path):
    run_tiny(tmp_path / "again", defence="tvm( iterations = 5 )", **OPTIONS).close()
    run_tiny(tmp_path / "other", defence="tvm(iterations=5,seed=1)", **OPTIONS).close()
    assert _contents(tmp_path / "again") == _contents(assessed)
    with RunStore.open(assessed) as run, RunStore.open(tmp_path / "again") as again:
        assert run.manifest.identity == again.manifest.identity
        with RunStore.open(tmp_path / "other") as other:
            assert run.manifest.identity != other.manifest.identity


def test_verify(cli, assessed):
    answer = cli("verify", assessed)
    assert (answer.code, answer.err) == (0, "")
    assert "verified" in answer.out


def test_bfloat16_searches_behind_the_defence_and_verifies(cli, tmp_path):
    run_tiny(tmp_path / "run", defence="squeeze", precision="bfloat16", **OPTIONS).close()
    assert cli("verify", tmp_path / "run").code == 0


def test_a_combination_with_a_defence_of_the_output_runs_and_verifies(cli, tmp_path):
    defence = "jpeg(75)+smooth(3)+noise(2)+round(2)"
    run_tiny(tmp_path / "run", defence=defence, precision="bfloat16", **OPTIONS).close()
    assert cli("verify", tmp_path / "run").code == 0
    with RunStore.open(tmp_path / "run") as run:
        assert run.manifest.model.name == "zoo:lenet + jpeg(75) + smooth(3) + noise(2) + round(2)"
        assert run.manifest.model.kind == "probabilities"
        assert not {"random-output", "batch-dependent"} & {finding.name for finding in run.manifest.findings}


def test_a_model_that_cannot_read_a_thermometer_is_one_sentence_before_anything_is_run(cli, tmp_path):
    answer = cli("assess", *ARGUMENTS, "--defence", "thermometer", "--out", tmp_path / "run")
    assert answer.code == 2
    assert "thermometer(16) turns 3×32×32 (C×H×W) into 48×32×32, which the model zoo:lenet cannot" in answer.err
    assert answer.err.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_bfloat16_needs_a_torch_module_inside():
    images, labels = np.zeros((2, 8, 8, 3), np.uint8), np.array([0, 1])
    with pytest.raises(pp.InputError, match="only a torch module can be searched in bfloat16"):
        pp.assess(lambda x: x.flatten(1)[:, :3], images, labels, defence="bits", precision="bfloat16")


def test_on_the_command_line(cli, tmp_path):
    out = tmp_path / "run"
    answer = cli("assess", *ARGUMENTS, "--defence", "squeeze", "--out", out)
    assert (answer.code, answer.err) == (0, "")
    with RunStore.open(out) as run:
        assert run.manifest.model.name == "zoo:lenet + bits(5) + median(2)"
    assert cli("verify", out).code == 0
    assert "zoo:lenet + bits(5) + median(2)" in (out / "report.html").read_text("utf-8")
    assert cli("assess", *ARGUMENTS, "--out", out).code == 2  # another run: without the defence


def test_resume(cli, tmp_path):
    out = tmp_path / "run"
    assert cli("assess", *ARGUMENTS, "--defence", "bits", "--out", out).code == 0
    before = _contents(out)
    with RunStore.open(out, write=True) as run:
        run.reopen({})
    connection = sqlite3.connect(out / FILE, isolation_level=None)
    connection.execute("DELETE FROM records WHERE rowid = (SELECT max(rowid) FROM records)")
    connection.close()
    answer = cli("resume", out)
    assert (answer.code, answer.err) == (0, "")
    assert _contents(out) == before


def test_a_bad_spelling_is_one_sentence_and_leaves_nothing_behind(cli, tmp_path):
    answer = cli("assess", *ARGUMENTS, "--defence", "blur", "--out", tmp_path / "run")
    assert answer.code == 2
    assert answer.err.startswith("error: There is no defence 'blur'; expected bits(5), ")
    assert answer.err.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_from_python_the_same_records(assessed):
    data = load_data("bundled").take(slice(0, 30))
    result = pp.assess(load_model("zoo:lenet"), data.images, data.labels, defence=TVM, **OPTIONS)
    assert contents(result.run) == _contents(assessed)
    assert result.run.manifest.model.name.startswith("zoo:lenet + tvm(")


def test_runs_of_before_there_were_defences_are_still_read():
    spec = make_spec(model="m", data="d").model_dump(mode="json")
    assert spec.pop("defence") is None
    assert make_spec(**spec).defence is None


def test_a_masked_model_is_attacked_as_one_thing_and_its_images_are_counted(tmp_path, cli):
    options = ("--samples", "1", "--range", "0:10", "--levels", "1", "--attacks", "few-pixel", "--max-queries", "20")
    place = tmp_path / "run"
    answer = cli(
        "assess", "--model", "zoo:lenet", "--data", "bundled", *options, "--defence", "masks(8)", "--out", place
    )
    assert answer.code == 0
    assert "masked" in (place / "report.html").read_text("utf-8")
    with RunStore.open(place) as run:
        timings, manifest = run.manifest.timings, run.manifest
    assert manifest.model.name == "zoo:lenet + masks(8)"
    whole = sum(timings[key] for key in ("queries", "preflight", "selection"))
    assert timings["masked"] >= 16 * whole
    assert cli("verify", place).code == 0


def test_masks_that_do_not_suit_the_images_are_said_in_one_sentence(cli):
    for spec in ("masks(40)", "masks(0)", "masks(4,pixels=9)"):
        answer = cli("assess", "--model", "zoo:lenet", "--data", "bundled", "--samples", "1", "--defence", spec)
        assert answer.code == 2
        assert "Traceback" not in answer.err
