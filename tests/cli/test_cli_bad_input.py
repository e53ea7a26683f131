"""Every mistake gets one sentence and exit code 2, and leaves nothing behind."""

from __future__ import annotations

import os
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from one_sentence import one_sentence
from pixelproof.runs import database, store
from pixelproof.runs.database import FILE, LOCK
from tiny_run import TINY_ARGUMENTS, Answer, contents

pytestmark = pytest.mark.slow

FACTORIES = """
import torch
from torch import nn

class Scores(nn.Module):
    def __init__(self, answer):
        super().__init__()
        self.answer = answer
    def forward(self, x):
        return self.answer(x)

def nan():
    return Scores(lambda x: torch.full((len(x), 10), torch.nan))

def constant():
    return Scores(lambda x: torch.ones(len(x), 10))

def three_classes():
    return Scores(lambda x: x.mean((2, 3)))

def flat():
    return Scores(lambda x: x.flatten())

def sometimes_wrong_shape():
    return nn.Sequential(nn.Flatten(), nn.Linear(12, 10))

def raises():
    raise KeyError("weights")

def leaves():
    raise SystemExit(5)

def needs(path):
    return None

def gives_none():
    return None

number = 3
"""


def _refused(answer: Answer, *parts: str) -> None:
    """One sentence of ours, which holds ``parts``."""
    assert answer.code == 2
    assert answer.err.startswith("error: ")
    assert answer.err.endswith("\n")
    one_sentence(answer.err.removeprefix("error: ").removesuffix("\n"), *parts)


def _arguments(changes: dict[str, str], out: Path) -> list[str]:
    options = dict(zip(TINY_ARGUMENTS[::2], TINY_ARGUMENTS[1::2], strict=True))
    merged = {**options, "--out": str(out), **changes}
    return [word for option, value in merged.items() for word in (option, value)]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "run"


@pytest.fixture
def factories(tmp_path: Path) -> Path:
    path = tmp_path / "factories.py"
    path.write_text(FACTORIES)
    return path


def test_cuda_without_a_gpu(cli, out, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    _refused(cli("assess", *_arguments({"--device": "cuda"}, out)), "--device", "no CUDA device")
    assert not out.parent.exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("factory", "parts"),
    [
        ("nan", ["NaN or infinite scores"]),
        ("constant", ["the same scores"]),
        ("three_classes", ["scores 3 classes", "run up to 9"]),
        ("flat", ["expected scores N×K"]),
        ("sometimes_wrong_shape", ["failed on", "3×32×32"]),
        ("raises", ["raises() in", "failed with KeyError"]),
        ("leaves", ["leaves() in", "failed with SystemExit"]),
        ("needs", ["needs() in", "TypeError"]),
        ("gives_none", ["NoneType"]),
        ("number", ["number", "int"]),
        ("nothing", ["defines no nothing"]),
    ],
)
def test_factories(cli, out, factories, factory, parts):
    changes = {"--model": f"{factories}:{factory}"}
    _refused(cli("assess", *_arguments(changes, out), "--trust-code"), *parts)
    assert not out.parent.exists()


def test_a_file_of_code_needs_trust(cli, out, factories):
    _refused(cli("assess", *_arguments({"--model": f"{factories}:nan"}, out)), "--trust-code")


def test_a_file_that_is_no_program(cli, out, tmp_path):
    for name in ("text.pt", "text.pt2"):
        (tmp_path / name).write_text("not a program")
        answer = cli("assess", *_arguments({"--model": str(tmp_path / name)}, out), "--trust-code")
        _refused(answer, str(tmp_path / name))


def test_a_python_file_that_does_not_parse(cli, out, tmp_path):
    (tmp_path / "broken.py").write_text("def load(:\n")
    answer = cli("assess", *_arguments({"--model": f"{tmp_path / 'broken.py'}:load"}, out), "--trust-code")
    _refused(answer, "SyntaxError")


def test_only_a_module_has_another_precision(cli, out, tmp_path):
    (tmp_path / "call.py").write_text("def load():\n    return lambda x: x.mean((2, 3))\n")
    changes = {"--model": f"{tmp_path / 'call.py'}:load", "--precision": "bfloat16"}
    _refused(cli("assess", *_arguments(changes, out), "--trust-code"), "--precision", "bfloat16")
    assert not out.parent.exists()


IMAGES = np.random.default_rng(0).integers(0, 256, (40, 32, 32, 3)).astype(np.uint8)
LABELS = np.arange(40) % 10


@pytest.mark.parametrize(
    ("arrays", "parts"),
    [
        ({"images": IMAGES[:, :9, :7], "labels": LABELS}, ["failed on", "3×9×7"]),
        ({"images": IMAGES, "labels": LABELS + 5}, ["scores 10 classes", "run up to 14"]),
        ({"images": IMAGES, "labels": LABELS - 1}, ["from -1 to 8"]),
        ({"images": IMAGES, "labels": LABELS, "class_names": np.array(["a", "b"])}, ["0..1", "from 0 to 9"]),
        ({"images": IMAGES, "labels": LABELS[:5]}, ["40 images but 5 labels"]),
        ({"images": IMAGES, "labels": LABELS / 2}, ["integers", "float64"]),
        ({"images": IMAGES / 255, "labels": LABELS}, ["uint8", "float64"]),
        ({"images": IMAGES[:0], "labels": LABELS[:0]}, ["no images"]),
        ({"images": IMAGES}, ["labels"]),
        ({"images": IMAGES, "labels": np.array(["a"] * 40)}, ["integers"]),
        ({"images": IMAGES, "labels": np.array([None] * 40)}, ["cannot be read"]),
        ({"images": IMAGES, "labels": LABELS}, ["no better than chance"]),
    ],
)
def test_arrays(cli, out, tmp_path, arrays, parts):
    np.savez(tmp_path / "set.npz", **arrays)
    changes = {"--data": f"npz:{tmp_path / 'set.npz'}", "--range": "0:40" if len(arrays["images"]) else "0:1"}
    _refused(cli("assess", *_arguments(changes, out)), *parts)
    assert not out.parent.exists()


def test_empty_folders(cli, out, tmp_path):
    empty = tmp_path / "images"
    empty.mkdir()
    _refused(cli("assess", *_arguments({"--data": f"folder:{empty}"}, out)), str(empty), "0 class folders")
    (empty / "cat").mkdir()
    (empty / "dog").mkdir()
    _refused(cli("assess", *_arguments({"--data": f"folder:{empty}"}, out)), "no images")
    assert not out.parent.exists()


# Places for the run.


def test_out_holds_another_run(cli, run_copy):
    before = (run_copy / FILE).read_bytes()
    _refused(cli("assess", *_arguments({"--seed": "1"}, run_copy)), str(run_copy), "another run", "--out")
    assert (run_copy / FILE).read_bytes() == before
    assert {path.name for path in run_copy.iterdir()} <= {FILE, LOCK}


@pytest.mark.parametrize("below", ["", "run"])
def test_out_is_a_file(cli, tmp_path, below):
    file = tmp_path / "file"
    file.write_text("precious")
    _refused(cli("assess", *_arguments({}, file / below)), str(file), "cannot be written", "--out")
    assert file.read_text() == "precious"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_out_is_not_writable(cli, tmp_path):
    tmp_path.chmod(0o500)
    try:
        _refused(cli("assess", *_arguments({}, tmp_path / "run")), "cannot be written", "--out")
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="there is no /proc to fail in")
def test_out_cannot_be_made(cli):
    _refused(cli("assess", *_arguments({}, Path("/proc/run"))), "/proc/run cannot be written", "--out")


def test_a_full_disk_when_the_run_begins(cli, out, monkeypatch):
    connect = database.connect

    def small(path):
        connection = connect(path)
        connection.execute("PRAGMA max_page_count = 4")
        return connection

    monkeypatch.setattr(store, "connect", small)
    _refused(cli("assess", *_arguments({}, out)), str(out), "cannot be written", "full")
    assert not out.parent.exists()


@pytest.mark.slow
def test_a_full_disk_while_it_runs_keeps_what_is_finished(cli, out, monkeypatch):
    real = store.RunStore.commit

    def commit(self, outcomes, step=None):
        real(self, _full(outcomes) if self.records() else outcomes, step)

    def _full(outcomes):
        yield from outcomes
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(store.RunStore, "commit", commit)
        answer = cli("assess", *_arguments({}, out))
    said, further = answer.err.splitlines(keepends=True)
    _refused(answer._replace(err=said), str(out), "cannot be written", "full")
    assert further == f"Nothing finished is lost. Continue with: pixelproof resume {out}\n"
    with store.RunStore.open(out) as run:
        assert run.manifest.status == "running"
        assert run.records()
    assert cli("resume", out).code == 0


@pytest.mark.slow
def test_documents_that_cannot_be_written(cli, run_copy):
    (run_copy / "tables").write_text("a file in the way")
    _refused(cli("report", run_copy), "tables")


@pytest.mark.parametrize("format_", ["csv", "png"])
def test_exports_that_cannot_be_written(cli, run_copy, format_):
    _refused(cli("export", run_copy, "--to", format_, "--out", run_copy / FILE / "x"), FILE)


# Runs that cannot be read.

COMMANDS = ["resume", "verify", "report", "export"]


def _database(folder: Path, *statements: str) -> None:
    folder.mkdir(exist_ok=True)
    connection = sqlite3.connect(folder / FILE, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()


@pytest.mark.parametrize("command", COMMANDS)
def test_no_run(cli, tmp_path, command):
    for folder in (tmp_path / "nowhere", tmp_path):
        _refused(cli(command, folder), str(folder), "holds no run")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("content", [b"not a database at all", b"SQLite format 3\0" + b"\1" * 5000, b""])
def test_a_file_that_is_no_run(cli, tmp_path, command, content):
    (tmp_path / FILE).write_bytes(content)
    _refused(cli(command, tmp_path), FILE)


@pytest.mark.parametrize("command", COMMANDS)
def test_another_database(cli, tmp_path, command):
    _database(tmp_path, "CREATE TABLE people (name)")
    _refused(cli(command, tmp_path), FILE, "is not a pixelproof run")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_newer_run(cli, run_copy, command):
    _database(run_copy, "UPDATE manifest SET value = '5' WHERE key = 'format_version'")
    _refused(cli(command, run_copy), "format version 5", "reads 4")


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE manifest SET value = '{' WHERE key = 'settings'",
        "UPDATE manifest SET value = '7' WHERE key = 'selection'",
        "UPDATE manifest SET value = x'ff00' WHERE key = 'data'",
        "DELETE FROM manifest WHERE key = 'model'",
        "DROP TABLE records",
        "UPDATE records SET threshold = 'three' WHERE id = 1",
        "UPDATE records SET label = NULL WHERE id = 1",
    ],
)
def test_a_damaged_run(cli, run_copy, command, statement):
    _database(run_copy, "UPDATE manifest SET value = '\"running\"' WHERE key = 'status'", statement)
    answer = cli(command, run_copy)
    if command == "verify" and statement.startswith("UPDATE records"):  # what it is there to find
        assert answer.code == 1
        assert "damaged" in answer.out
    else:
        _refused(answer, "damaged")


@pytest.mark.slow
@pytest.mark.parametrize("page", range(1, 14))
def test_an_overwritten_page_never_ends_in_a_traceback(cli, finished, tmp_path, page):
    """A page of an index is not missed; with any other, nothing may be said to hold."""
    size = 4096
    content = bytearray((finished / FILE).read_bytes())
    if (page + 1) * size > len(content):
        pytest.skip("the file is shorter")
    content[page * size : (page + 1) * size] = np.random.default_rng(page).bytes(size)
    folder = tmp_path / "run"
    for command in ("verify", "export"):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        (folder / FILE).write_bytes(content)
        answer = cli(command, folder)
        assert "Traceback" not in answer.err
        assert answer.code in ((0, 1, 2) if command == "verify" else (0, 2))
        if command == "verify" and answer.code == 0:
            with store.RunStore.open(folder) as run, store.RunStore.open(finished) as original:
                assert (run.manifest, contents(run)) == (original.manifest, contents(original))


# Runs, and models that are not theirs.


@pytest.fixture
def other_model(tmp_path: Path) -> str:
    path = tmp_path / "other.py"
    path.write_text(
        "import torch\n"
        "from pixelproof.zoo.registry import load\n"
        "def load_other():\n"
        "    network = load('lenet')\n"
        "    torch.nn.init.zeros_(network.classifier[-1].bias)\n"
        "    return network\n"
        "def small():\n"
        "    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 10))\n"
    )
    return str(path)


def test_verifying_with_another_model_fails(cli, run_copy, other_model):
    answer = cli("verify", run_copy, "--model", f"{other_model}:load_other", "--trust-code")
    assert answer.code == 1
    assert "The model is not the one of the run" in answer.out
    assert answer.err.startswith("error: ")
    assert "do not hold" in answer.err


def test_verifying_with_a_model_for_other_images(cli, run_copy, other_model):
    _refused(cli("verify", run_copy, "--model", f"{other_model}:small", "--trust-code"), "3×32×32")


def test_verifying_with_other_data_fails(cli, run_copy, tmp_path):
    np.savez(tmp_path / "set.npz", images=IMAGES, labels=LABELS)
    answer = cli("verify", run_copy, "--data", f"npz:{tmp_path / 'set.npz'}")
    assert answer.code == 1
    assert "The data is not that of the run" in answer.out


def test_verifying_with_data_that_is_not_there(cli, run_copy):
    _refused(cli("verify", run_copy, "--data", "npz:nowhere.npz"), "nowhere.npz")


def test_resuming_with_another_model(cli, run_copy, other_model):
    connection = sqlite3.connect(run_copy / FILE, isolation_level=None)
    connection.execute("UPDATE manifest SET value = '\"running\"' WHERE key = 'status'")
    connection.close()
    answer = cli("resume", run_copy, "--model", f"{other_model}:load_other", "--trust-code")
    _refused(answer, "not the one of the run")


@pytest.mark.parametrize("command", ["resume", "verify"])
def test_a_run_from_python_needs_its_model_named(cli, run_copy, command):
    with store.RunStore.open(run_copy, write=True) as run:
        spec = {**run.manifest.spec, "model": "python:net", "data": "arrays"}
        run._update(replace(run.manifest, spec=spec, status="running"))
    _refused(cli(command, run_copy), "begun from Python", "--model")


# Training.


def _train(cli, tmp_path, **arrays):
    for name in ("train", "test"):
        np.savez(tmp_path / f"{name}.npz", **{"images": IMAGES, "labels": LABELS, **arrays})
    sets = ("--data", f"npz:{tmp_path / 'train.npz'}", "--test-data", f"npz:{tmp_path / 'test.npz'}")
    return cli("train", "lenet", *sets, "--epochs", "1", "--out", tmp_path / "out")


def test_training_on_images_of_another_shape(cli, tmp_path):
    _refused(_train(cli, tmp_path, images=IMAGES[:, :9, :7]), "32×32", "9×7")
    assert not (tmp_path / "out").exists()


def test_training_an_unknown_network(cli, tmp_path):
    np.savez(tmp_path / "set.npz", images=IMAGES, labels=LABELS)
    data = f"npz:{tmp_path / 'set.npz'}"
    _refused(cli("train", "vgg", "--data", data, "--test-data", data, "--out", tmp_path / "out"), "vgg", "lenet")
    assert not (tmp_path / "out").exists()


def test_training_without_held_out_data(cli, tmp_path):
    _refused(cli("train", "lenet", "--data", "npz:x.npz", "--out", tmp_path / "out"), "--test-data")


def test_training_over_another_checkpoint(cli, tmp_path):
    assert _train(cli, tmp_path).code == 0
    _refused(_train(cli, tmp_path, images=IMAGES[::-1]), "checkpoint.pt", "another training")
    (tmp_path / "out" / "checkpoint.pt").write_bytes(b"not a checkpoint")
    _refused(_train(cli, tmp_path), "checkpoint.pt", "damaged")
