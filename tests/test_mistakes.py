"""Every mistake is told in one helpful sentence: from Python by an ``InputError``, else with exit code 2."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import mistakes_cli
import mistakes_python
import pixelproof as pp
from one_sentence import one_sentence
from pixelproof.jobs.open import open_job
from pixelproof.jobs.perturb.spec import PerturbSpec
from pixelproof.jobs.runner import run_job
from tiny_run import Cli

PYTHON, COMMAND_LINE = mistakes_python.MISTAKES, mistakes_cli.MISTAKES


def test_the_mistakes_are_many_and_all_different() -> None:
    said = [parts for table in (PYTHON, COMMAND_LINE) for _, parts in table.values()]
    called = [words for words, _ in COMMAND_LINE.values()]
    assert len(PYTHON) >= 80
    assert len(COMMAND_LINE) >= 80
    assert len(set(called)) == len(called)
    assert min(max(map(len, parts)) for parts in said) > 3


@pytest.mark.parametrize("mistake", PYTHON)
def test_a_mistake_in_python(mistake: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    call, parts = PYTHON[mistake]
    with pytest.raises(pp.InputError) as caught:
        call()
    one_sentence(str(caught.value), *parts)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def perturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that another command than assess left."""
    folder = tmp_path_factory.mktemp("perturbed") / "run"
    spec = PerturbSpec(
        model="zoo:lenet", data="bundled", samples=2, suite="thesis", only=("rotation",), severities=(1,)
    )
    run_job(open_job(spec), folder).close()
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("mistake", COMMAND_LINE)
def test_a_mistake_on_the_command_line(
    cli: Cli, mistake: str, tmp_path: Path, finished: Path, perturbed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in mistakes_cli.FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    shutil.copytree(finished, tmp_path / "run")
    shutil.copytree(perturbed, tmp_path / "perturbed")
    before = sorted(tmp_path.rglob("*"))
    words, parts = COMMAND_LINE[mistake]
    answer = cli(*words)
    assert answer.code == 2
    assert answer.out == ""
    assert answer.err.startswith("error: ")
    one_sentence(answer.err.removeprefix("error: ").removesuffix("\n"), *parts)
    assert [each for each in sorted(tmp_path.rglob("*")) if "__pycache__" not in str(each)] == before
