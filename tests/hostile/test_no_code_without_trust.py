"""No code of strangers is run, nothing is fetched and nobody is written to unless that was asked for."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any, Never

import pytest
from benchmarks.torture.alterations import forge

from pixelproof.errors import ModelError
from pixelproof.jobs.open import SPECS, open_job
from pixelproof.jobs.runner import run_job
from pixelproof.models import load_model
from pixelproof.runs import RunStore
from pixelproof.runs.database import FILE
from tiny_run import CLAIM, TINY_ARGUMENTS, run_tiny

CANARY = "import pathlib\npathlib.Path('canary').touch()\ndef load():\n    raise SystemExit('ran')\n"


def test_a_module_of_the_current_folder_is_not_imported_without_trust(tmp_path: Path) -> None:
    (tmp_path / "stranger.py").write_text(CANARY)
    words = [sys.executable, "-m", "pixelproof", "models", "check", "stranger:load", "--data", "pentomino:4"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Loading stranger can run code from there; expected your word" in done.stderr
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize("spec", ["os:abort", "builtins:exit", "antigravity:geohash", "maite:os:abort"])
def test_a_function_of_a_module_is_not_called_without_trust(spec: str) -> None:
    with pytest.raises(ModelError, match=r"can run code from there.*trust_code=True"):
        load_model(spec)


def named(folder: Path, model: str) -> Path:
    """The run in ``folder``, which now says that it is of ``model``, and not finished."""
    with closing(sqlite3.connect(folder / FILE, isolation_level=None)) as database:
        ((value,),) = database.execute("SELECT value FROM manifest WHERE key = 'spec'").fetchall()
        spec = {**json.loads(value), "model": model, "trust_code": True}
        database.execute("UPDATE manifest SET value = ? WHERE key = 'spec'", (json.dumps(spec),))
        database.execute("UPDATE manifest SET value = '\"running\"' WHERE key = 'status'")
    return folder


def sealed(folder: Path, data: str, status: str) -> Path:
    """The run in ``folder``, of which its manifest says these ``data`` and this ``status``, with digests that fit."""
    with RunStore.open(folder, write=True) as run:
        spec = {**run._manifest_values()["spec"], "data": data}
        rows = [(json.dumps(value), key) for key, value in (("spec", spec), ("status", status))]
        run._db.executemany("UPDATE manifest SET value = ? WHERE key = ?", rows)
        forge(run)
    return folder


def test_a_run_gives_no_trust_to_its_own_model(cli, run_copy: Path) -> None:
    """``verify`` opens no model of a run whose manifest was altered; of one that is whole, tests/verify say."""
    answer = cli("resume", named(run_copy, "os:abort"))
    assert answer.code == 2
    assert "Loading os can run code" in answer.err
    assert cli("verify", run_copy).code == 1


@pytest.mark.parametrize("model", ["http://127.0.0.1:9/steal", "hf:stranger/net", "timm:resnet18"])
def test_a_run_sends_images_and_tokens_nowhere_by_itself(
    cli, run_copy: Path, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _closed(monkeypatch)
    answer = cli("resume", named(run_copy, model))
    assert cli("verify", run_copy).code == 1
    assert answer.code == 2
    assert "to be reached over the network; expected your word, as a run may be another's, so name it again with" in (
        answer.err
    )


@pytest.fixture(scope="module")
def of_every_job(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Finished runs by their job; the transfer and the scores are those of the assessment's samples."""
    place = tmp_path_factory.mktemp("jobs")
    run_tiny(place / "assess").close()
    (place / "claim.toml").write_text(CLAIM.format(robust=20.0))
    few: dict[str, Any] = {"model": "zoo:lenet", "data": "bundled", "device": "cpu"}
    specs: dict[str, dict[str, Any]] = {
        "perturb": {**few, "samples": 3, "only": ("rotation",), "severities": (1,)},
        "clever": {**few, "samples": 2, "batches": 2, "batch_samples": 3},
        "audit": {**few, "claim": str(place / "claim.toml"), "range": (0, 20), "samples": 2, "only": (1,)},
    }
    for job, options in specs.items():
        run_job(open_job(SPECS[job](**options)), place / job).close()  # type: ignore[arg-type]
    return {job: place / job for job in ("assess", *specs)}


@pytest.mark.slow
@pytest.mark.parametrize("data", ["cifar10:nowhere", "hf:stranger/images"])
@pytest.mark.parametrize("job", ["assess", "perturb", "clever", "audit"])
def test_a_runs_data_are_not_fetched(
    cli, of_every_job: dict[str, Path], tmp_path: Path, job: str, data: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is done with a run, as long as nobody names the data again; an assessment needs only its own images."""
    _closed(monkeypatch)
    monkeypatch.chdir(tmp_path)
    run = sealed(Path(shutil.copytree(of_every_job[job], tmp_path / "run")), data, "running")
    for command in ("status", "report", "export"):
        answer = cli(command, run)
        assert answer.code == 0 or ((command, job) != ("export", "assess") and "keeps no records of" in answer.err)
    assert cli("verify", run).code in (0, 1)
    answer = cli("resume", run)
    if job == "assess":
        assert answer.code == 0
    else:
        assert (answer.code, "is not fetched unasked" in answer.err) == (2, True), answer.err
    assert not Path("nowhere").exists()


@pytest.mark.slow
def test_data_of_parts_that_are_merged_are_not_fetched(cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, part in (("a", (0, 10)), ("b", (10, 20))):
        run_tiny(tmp_path / name, range=part, samples="all", attacks=("fgsm(epsilon=3)",)).close()
        sealed(tmp_path / name, "cifar10:nowhere", "finished")
    _closed(monkeypatch)
    monkeypatch.chdir(tmp_path)
    answer = cli("merge", "a", "b", "--out", "whole")
    assert (answer.code, "is not fetched unasked" in answer.err) == (2, True), answer.err
    assert "did no step of the whole" in cli("merge", "a", "b", "--out", "whole", "--data", "bundled").err  # it got on


def test_what_is_to_be_typed_names_a_model_on_the_network_again(cli, run_copy: Path) -> None:
    found = json.loads(cli("status", named(run_copy, "http://127.0.0.1:9/x"), "--json").out)[0]["next"]
    assert "--model http://127.0.0.1:9/x" in found


def test_a_variable_of_another_program_is_sent_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("httpx")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cr3t")
    with pytest.raises(ModelError, match="token=AWS_SECRET_ACCESS_KEY names a variable that another program") as caught:
        load_model("http://127.0.0.1:9/steal,token=AWS_SECRET_ACCESS_KEY")
    assert "s3cr3t" not in str(caught.value)


def _closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every connection, and every question for an address, is an error that nothing of ours catches."""

    class Connected(BaseException):
        pass

    def refused(*_: object, **__: object) -> Never:
        raise Connected

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    monkeypatch.setattr(socket, "create_connection", refused)


@pytest.mark.slow
def test_main_jobs_need_no_network(cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _closed(monkeypatch)
    monkeypatch.chdir(tmp_path)
    few = ("--model", "zoo:lenet", "--data", "bundled")
    Path("claim.toml").write_text(
        'clean_accuracy = 76.0\nrobust_accuracy = 20.0\nthreat = { goal = "untargeted", knowledge = "white-box", '
        'norm = "linf", epsilon = 1 }\nevaluation = { attack = "pgd" }\n'
    )
    for words, codes in (
        (("assess", *TINY_ARGUMENTS, "--out", "run"), (0,)),
        (("status", "run"), (0,)),
        (("report", "run", "--figures", "svg"), (0,)),
        (("export", "run"), (0,)),
        (("perturb", *few, "--samples", "4", "--only", "rotation", "--severities", "1", "--out", "perturbed"), (0,)),
        (("models", "check", *few[1:]), (0,)),
        (("models", "check", "zoo:lenet", "--data", "pentomino:9"), (0,)),
        (("list",), (0,)),
    ):
        answer = cli(*words)
        assert answer.code in codes, answer.err


#: The moment is chosen by an import hook, as the imports take a fraction of a second, or by what reads the options.
MOMENTS = {
    "imported": (
        "class Finder:\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name == 'typer': stop()\n"
        "sys.meta_path.insert(0, Finder())\n"
    ),
    "read": (
        "from pixelproof.cli import app\n"
        "real = app._Commands.parse_args\n"
        "app._Commands.parse_args = lambda *words: (stop(), real(*words))[1]\n"
    ),
}


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize(("signal", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_while_a_command_is_imported_or_read_ends_it_in_one_line(moment: str, signal: str, code: int) -> None:
    program = (
        "import os, signal, sys\n"
        f"stop = lambda: os.kill(os.getpid(), signal.{signal})\n"
        f"{MOMENTS[moment]}"
        "from pixelproof.cli import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", program, "list"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr == "Interrupted; nothing finished is lost. Continue with: pixelproof list\n"


def test_pipes_are_not_waited_for(cli, tmp_path: Path) -> None:
    """A pipe that nobody writes to would be read for ever; the alarm makes a hang a failure."""

    def ring(*_: object) -> Never:
        raise AssertionError("it waits for a pipe")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(60)
    try:
        for name in (
            "d/cat/a.png",
            "d/dog/b.png",
            "spec.toml",
            "run/run.sqlite",
            "images.npz",
            "t10k-images-idx3-ubyte",
        ):
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            os.mkfifo(path)
        for words in (
            ("models", "check", "zoo:lenet", "--data", f"folder:{tmp_path}/d"),
            ("models", "check", "zoo:lenet", "--data", f"npz:{tmp_path}/images.npz"),
            ("models", "check", "zoo:lenet", "--data", f"idx:{tmp_path}"),
            ("assess", tmp_path / "spec.toml", "--out", tmp_path / "out"),
            ("status", tmp_path / "run"),
        ):
            assert cli(*words).code == 2
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
