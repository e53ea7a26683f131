"""Runs that a command is not for, and runs that say what none does, are refused in one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from benchmarks.torture.alterations import forge

from pixelproof.jobs.open import SPECS, open_job
from pixelproof.jobs.runner import run_job
from pixelproof.runs import RunStore

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def perturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run that is no assessment."""
    folder = tmp_path_factory.mktemp("perturbed") / "run"
    options = {"model": "zoo:lenet", "data": "bundled", "samples": 3, "only": ("rotation",), "severities": (1,)}
    run_job(open_job(SPECS["perturb"](**options)), folder).close()  # type: ignore[arg-type]
    return folder


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("transfer", "--model", "zoo:lenet", "--from"), "is of the job perturb; expected an assessment"),
        (("clever", "--model", "zoo:lenet", "--data", "bundled", "--with"), "is of the job perturb; expected an"),
        (("export",), "is of the job perturb, which keeps no records of attacks"),
        (("export", "--to", "png"), "is of the job perturb, which keeps no records of attacks"),
        (("merge", "--out", "OUT"), "only assessments have parts"),
    ],
    ids=lambda each: each[0] if isinstance(each, tuple) else "",
)
def test_a_run_of_another_job(cli, perturbed: Path, tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    answer = cli(*(str(tmp_path / "out") if word == "OUT" else word for word in words), perturbed)
    assert (answer.code, said in answer.err.replace("\n", " ")) == (2, True), answer.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("key", ["range", "samples"])
def test_parts_that_do_not_say_what_they_are_parts_of(cli, run_copy: Path, tmp_path: Path, key: str) -> None:
    with RunStore.open(run_copy, write=True) as run:
        spec = {name: value for name, value in run.manifest.spec.items() if name != key}
        run._db.execute("UPDATE manifest SET value = ? WHERE key = 'spec'", (json.dumps(spec),))
        forge(run)
    answer = cli("merge", run_copy, run_copy, "--out", tmp_path / "out")
    assert (answer.code, answer.err.count("error: ")) == (2, 1)
    assert not (tmp_path / "out").exists()


def test_a_run_merged_with_itself_is_itself(cli, run_copy: Path, tmp_path: Path) -> None:
    assert cli("merge", run_copy, run_copy, "--out", tmp_path / "out").code == 0
    with RunStore.open(run_copy) as one, RunStore.open(tmp_path / "out") as other:
        assert one.manifest.identity == other.manifest.identity
        assert len(one.records()) == len(other.records())


@pytest.mark.parametrize("value", [["cpu"], {"a": 1}, None, "1" * 5_000])
@pytest.mark.parametrize("command", ["verify", "resume", "export", "report", "status", "evidence"])
def test_settings_of_another_type(cli, run_copy: Path, tmp_path: Path, command: str, value: object) -> None:
    """With digests that fit, so that what they say is made sense of."""
    with RunStore.open(run_copy, write=True) as run:
        settings = dict.fromkeys(run.manifest.settings, value)
        run._db.execute("UPDATE manifest SET value = ? WHERE key = 'settings'", (json.dumps(settings),))
        forge(run)
    words = ("--out", tmp_path / "pack") if command == "evidence" else ()
    answer = cli(command, run_copy, *words)
    assert answer.code in (0, 1, 2)
    assert "Traceback" not in answer.out + answer.err
