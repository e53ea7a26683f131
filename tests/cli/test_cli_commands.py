"""A happy path for every command."""

from __future__ import annotations

import csv
import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file

import pixelproof
from pixelproof.cli import demo
from pixelproof.jobs import train as training
from pixelproof.runs import RunStore
from pixelproof.zoo.registry import weights_file
from tiny_run import TINY_ARGUMENTS, TINY_RECORDS, contents, found_in

pytestmark = pytest.mark.slow

COMMANDS = [
    "assess",
    "demo",
    "resume",
    "verify",
    "report",
    "export",
    "train",
    "study",
    "compare",
    "transfer",
    "grid",
    "perturb",
    "thesis",
    "clever",
    "audit",
]


def _python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)


def test_version(cli):
    assert cli("--version") == (0, f"pixelproof {pixelproof.__version__}\n", "")


def test_help_lists_the_commands_without_importing_torch():
    done = _python(
        "import sys\n"
        "from pixelproof.cli import main\n"
        "try:\n    main()\n"
        "finally:\n    assert 'torch' not in sys.modules, 'torch was imported'\n",
        "--help",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert all(f" {command} " in done.stdout for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_help(cli, command):
    answer = cli(command, "--help")
    assert answer.code == 0
    assert "Usage: pixelproof" in answer.out


def test_report_and_export_do_not_import_torch(run_copy):
    code = (
        "import sys\n"
        "from pixelproof.cli import main\n"
        "for command in ('report', 'export'):\n"
        "    sys.argv = ['pixelproof', command, {!r}]\n"
        "    try:\n        main()\n"
        "    except SystemExit as end:\n        assert end.code == 0, end.code\n"
        "assert 'torch' not in sys.modules, 'torch was imported'\n"
    )
    done = _python(code.format(str(run_copy)))
    assert done.returncode == 0, done.stderr


def test_assess_as_a_process_ends_with_the_tables_the_report_and_a_run_that_verifies(tmp_path, cli):
    out = tmp_path / "run"
    command = [sys.executable, "-m", "pixelproof", "assess", *TINY_ARGUMENTS, "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Few-pixel (L0)" in done.stdout
    assert "Threshold (L∞)" in done.stdout
    assert f"report: {out / 'report.html'}" in done.stdout
    assert (out / "report.html").read_text("utf-8").startswith("<!DOCTYPE html>")
    assert {path.suffix for path in (out / "tables").iterdir()} == {".csv", ".md", ".tex"}
    with RunStore.open(out) as run:
        assert run.manifest.status == "finished"
        assert len(run.records()) == TINY_RECORDS
    assert cli("verify", out).code == 0


def test_assess_again_takes_up_the_same_run(cli, run_copy):
    with RunStore.open(run_copy) as run:
        before = contents(run)
    answer = cli("assess", *TINY_ARGUMENTS, "--out", run_copy)
    assert answer.code == 0
    assert "Few-pixel (L0)" in answer.out
    with RunStore.open(run_copy) as run:
        assert contents(run) == before


def test_assess_seeks_minimal_thresholds(cli, tmp_path):
    """One record a sample and attack; the levels are read off the distances; it verifies; it is taken up again."""
    out = tmp_path / "run"
    arguments = (*TINY_ARGUMENTS, "--samples", "3", "--max-queries", "50", "--minimal", "127")
    answer = cli("assess", *arguments, "--out", out)
    assert (answer.code, answer.err) == (0, "")
    assert "Few-pixel (L0) by pixel-process" in answer.out
    assert "Threshold (L∞) by gradient-regression" in answer.out
    assert "Minimal thresholds" in answer.out
    with RunStore.open(out) as run:
        assert run.manifest.status == "finished"
        before, records = contents(run), run.records()
    attacks = ("few-pixel", "threshold")
    assert sorted((r.sample, r.attack) for r in records) == sorted(
        (sample, attack) for sample in {r.sample for r in records} for attack in attacks
    )
    assert len(records) == 6
    assert {r.threshold for r in records} == {127}
    assert all(r.queries <= 50 for r in records)
    for attack, title in zip(attacks, ("Few-pixel (L0)", "Threshold (L∞)"), strict=True):
        distances = [r.l0 if attack == "few-pixel" else r.linf for r in records if r.attack == attack and r.success]
        table = answer.out[answer.out.index(f"{title} by") :]
        for level in (1, 10):
            row = next(line.split() for line in table.splitlines() if line.split()[:1] == [str(level)])
            assert row[1] == f"{sum(distance <= level for distance in distances)}/3"
    assert cli("verify", out).code == 0
    assert cli("report", out).code == 0
    assert cli("assess", *arguments, "--out", out).code == 0
    with RunStore.open(out) as run:
        assert contents(run) == before


def test_assess_prints_the_findings(cli, tmp_path):
    answer = cli("assess", *TINY_ARGUMENTS, "--range", "0:1000", "--samples", "1", "--out", tmp_path / "run")
    assert answer.code == 0
    assert "warning low-accuracy:" in answer.out


def test_resume_of_a_finished_run_shows_it(cli, run_copy):
    answer = cli("resume", run_copy)
    assert (answer.code, answer.err) == (0, "")
    assert "finished already" in answer.out
    assert "Few-pixel (L0)" in answer.out


def test_verify(cli, run_copy):
    answer = cli("verify", run_copy)
    assert (answer.code, answer.err) == (0, "")
    images = found_in(run_copy)
    assert f"verified: {TINY_RECORDS} records and {images} adversarial images of {run_copy} hold." in answer.out


def test_verify_says_when_the_data_is_not_at_hand(cli, run_copy, monkeypatch):
    def gone(_spec, **_):
        raise pixelproof.DataError("There are no such data.")

    monkeypatch.setattr("pixelproof.jobs.verify.strangers.load_data", gone)
    answer = cli("verify", run_copy)
    assert answer.code == 0
    assert "not checked: The data is not at hand" in answer.out


@pytest.mark.parametrize("command", ["verify", "resume"])
def test_a_model_file_that_has_moved(cli, tmp_path, command):
    (tmp_path / "net.py").write_text(
        "from torch import nn\n"
        "from pixelproof.zoo.registry import load\n"
        "class Net(nn.Sequential):\n    pass\n"
        "def build():\n    return Net(load('lenet')).eval()\n"
    )
    out = tmp_path / "run"
    model = ("--model", f"{tmp_path / 'net.py'}:build", "--trust-code")
    assert cli("assess", *TINY_ARGUMENTS, *model, "--out", out).code == 0
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "net.py").rename(tmp_path / "elsewhere" / "net.py")
    if command == "resume":
        with RunStore.open(out, write=True) as run:
            run.reopen({})
    moved = ("--model", f"{tmp_path / 'elsewhere' / 'net.py'}:build", "--trust-code")
    assert cli(command, out, *moved).code == 0


def test_report_with_figures(cli, run_copy):
    answer = cli("report", run_copy, "--figures", "svg")
    assert (answer.code, answer.err) == (0, "")
    assert "Few-pixel (L0)" in answer.out
    assert f"report: {run_copy / 'report.html'}" in answer.out
    figures = list((run_copy / "figures").iterdir())
    assert figures
    assert all(path.suffix == ".svg" and "<svg" in path.read_text("utf-8") for path in figures)


def test_paths_that_look_like_markup_are_printed_as_they_are(cli, run_copy):
    folder = run_copy.rename(run_copy.with_name("a[bold]b[green]"))
    assert f"report: {folder / 'report.html'}" in cli("report", folder).out
    assert f"records: {folder / 'records.csv'}" in cli("export", folder).out
    assert f"images of {folder} hold." in cli("verify", folder).out


def test_export_csv(cli, run_copy):
    answer = cli("export", run_copy)
    assert (answer.code, answer.err) == (0, "")
    assert f"records: {run_copy / 'records.csv'}" in answer.out
    with (run_copy / "records.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    with RunStore.open(run_copy) as run:
        expected = run.records()
    assert [(int(r["sample"]), r["constraint"], float(r["threshold"]), r["success"] == "True") for r in rows] == [
        (r.sample, r.constraint, r.threshold, r.success) for r in expected
    ]
    assert [r["l0"] for r in rows] == ["" if r.l0 is None else str(r.l0) for r in expected]


def test_export_parquet(cli, run_copy, tmp_path):
    duckdb = pytest.importorskip("duckdb")
    path = tmp_path / "records.parquet"
    assert cli("export", run_copy, "--to", "parquet", "--out", path).code == 0
    assert duckdb.read_parquet(str(path)).fetchall()
    assert [each.name for each in tmp_path.iterdir() if "partial" in each.name] == []


def test_export_parquet_names_the_extra(cli, run_copy, monkeypatch):
    monkeypatch.setitem(sys.modules, "duckdb", None)
    answer = cli("export", run_copy, "--to", "parquet")
    assert answer.code == 2
    assert "pip install 'pixelproof[export]'" in answer.err


def test_export_png_writes_every_image(cli, run_copy, tmp_path):
    answer = cli("export", run_copy, "--to", "png", "--out", tmp_path / "png")
    assert answer.code == 0
    with RunStore.open(run_copy) as run:
        successes = [r for r in run.records() if r.success]
        assert answer.out.startswith(f"{5 + len(successes)} images: ")
        for record in successes:
            name = f"{record.sample:05d}-{record.attack}-th{record.threshold}.png"
            with Image.open(tmp_path / "png" / name) as picture:
                assert np.array_equal(np.asarray(picture), run.image(record))


@pytest.mark.long
def test_demo_assesses_every_network_of_its_list(cli, tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "DEMO_SAMPLES", 2)
    if not weights_file("resnet20").exists():
        monkeypatch.setattr(demo, "DEMO_NETWORKS", ("lenet",))
    answer = cli("demo", "--out", tmp_path / "demo")
    assert (answer.code, answer.err) == (0, "")
    for network in demo.DEMO_NETWORKS:
        assert f"{network} on " in answer.out
        assert f"report: {tmp_path / 'demo' / network / 'report.html'}" in answer.out


@pytest.fixture
def sets(tmp_path):
    """Arguments for training on 300 images of noise around ten colours, and testing on 50."""
    rng = np.random.default_rng(0)
    for name, n in (("train", 300), ("test", 50)):
        labels = np.arange(n) % 10
        images = rng.integers(0, 40, (n, 32, 32, 3)) + 20 * labels[:, None, None, None]
        np.savez(tmp_path / f"{name}.npz", images=images.astype(np.uint8), labels=labels)
    return "--data", f"npz:{tmp_path / 'train.npz'}", "--test-data", f"npz:{tmp_path / 'test.npz'}"


def test_train_writes_weights_and_a_card(cli, tmp_path, sets):
    answer = cli("train", "lenet", *sets, "--epochs", "1", "--seed", "3", "--out", tmp_path / "out")
    assert (answer.code, answer.err) == (0, "")
    assert "epoch 1/1: loss " in answer.out
    assert f"weights: {tmp_path / 'out' / 'lenet.safetensors'}" in answer.out
    card = json.loads((tmp_path / "out" / "lenet.json").read_text("utf-8"))
    assert (card["name"], card["seed"], card["parameters"]) == ("lenet", 3, 62_006)
    assert (card["data"]["images"], card["test"]["images"], card["recipe"]["epochs"]) == (300, 50, 1)


def test_an_interrupted_training_ends_with_the_same_weights(cli, tmp_path, sets, monkeypatch):
    arguments = ("train", "lenet", *sets, "--epochs", "2", "--out")
    assert cli(*arguments, tmp_path / "whole").code == 0

    save = training._Trainer.save

    def save_and_stop(self, path, identity):
        save(self, path, identity)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(training._Trainer, "save", save_and_stop)
        assert cli(*arguments, tmp_path / "halves").code == 130
    assert {path.name for path in (tmp_path / "halves").iterdir()} == {".run.lock", "checkpoint.pt"}
    answer = cli(*arguments, tmp_path / "halves")
    assert answer.code == 0
    assert "epoch 1/2" not in answer.out
    whole, halves = (load_file(tmp_path / each / "lenet.safetensors") for each in ("whole", "halves"))
    assert whole.keys() == halves.keys()
    assert all(np.array_equal(whole[key], halves[key]) for key in whole)
