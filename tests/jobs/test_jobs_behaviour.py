"""What jobs do with models that give NaN, with devices by another name, and with what they need not load."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from kinds import KINDS, job_of_kind, said
from pixelproof.data import load_data
from pixelproof.jobs.assess import AssessJob
from pixelproof.jobs.assess_spec import from_options, make_spec
from pixelproof.jobs.job import Job
from pixelproof.jobs.perturb.job import PerturbJob
from pixelproof.jobs.perturb.spec import PerturbSpec
from pixelproof.jobs.runner import begin, run_job
from pixelproof.jobs.transfer import TransferJob, TransferSpec, sources_in
from pixelproof.models import Classifier, wrap_model
from pixelproof.results.perturb_view import perturb_view
from pixelproof.results.perturbations import PerturbationRecord
from pixelproof.results.study.transfer import CleanRecord, TransferRecord
from pixelproof.runs import Finding, RunStore
from pixelproof.zoo.registry import load
from tiny_run import TINY_ARGUMENTS, Cli

ARGUMENTS = ("--model", "zoo:lenet", "--data", "bundled", "--samples", "10", "--only", "rotation,fog")


class Failing(nn.Module):
    """LeNet that gives nothing but NaN from its ``after``-th call on, as one that overflows does."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.calls, self.after = load("lenet").eval(), 0, 10**9

    def forward(self, images: Tensor) -> Tensor:
        self.calls += 1
        scores: Tensor = self.inner(images)
        return scores * torch.nan if self.calls > self.after else scores


def failing() -> tuple[Failing, Classifier]:
    module = Failing()
    return module, wrap_model(module, name="failing", kind="logits")


def fail_once_begun(job: Job, module: Failing) -> None:
    """Preflight and the choice of samples get answers, what is measured gets none."""
    begin = job.begin

    def begun() -> object:
        found = begin()
        module.after = module.calls
        return found

    job.begin = begun  # type: ignore[method-assign,assignment]


def invalid(findings: tuple[Finding, ...]) -> list[str]:
    return [each.message for each in findings if each.name == "invalid-scores"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "options", [{"levels": (10,)}, {"attacks": ("pgd(epsilon=9,iterations=3)",)}, {"minimal": 127}], ids=str
)
def test_an_assessment_of_nan_can_be_read_and_fools_nobody(tmp_path: Path, options: dict[str, object]):
    module, model = failing()
    data = load_data("bundled").take(slice(0, 30))
    spec = make_spec(model="python:failing", data="arrays", samples=4, max_queries=60, device="cpu", **options)
    job = AssessJob(spec, model, data)

    fail_once_begun(job, module)
    run_job(job, tmp_path / "run").close()
    with RunStore.open(tmp_path / "run") as run:
        assert run.manifest.status == "finished"
        assert invalid(run.manifest.findings)
        assert run.records()
        assert not any(record.success for record in run.records())


@pytest.mark.parametrize("zero", [True, False])
def test_perturbations_of_nan_can_be_read_and_are_never_class_0(tmp_path: Path, zero: bool):
    """Whether or not the samples are of class 0, an answer of NaN is wrong."""
    module, model = failing()
    data = load_data("bundled")
    data = data.take(np.flatnonzero((data.labels == 0) == zero)[:12])
    options = {"model": "python:failing", "data": "arrays", "samples": 8, "device": "cpu", "minimal": 2}
    spec = from_options(PerturbSpec, {**options, "only": ("rotation",), "worst_case": 2})
    job = PerturbJob(spec, model, data)
    fail_once_begun(job, module)
    run_job(job, tmp_path / "run").close()
    with RunStore.open(tmp_path / "run") as run:
        view = perturb_view(run)
        assert run.manifest.status == "finished"
        assert invalid(run.manifest.findings)
        for each in run.of(PerturbationRecord):
            assert each.right(view.labels).successes == 0
            assert 0 not in each.answers
        assert view.worst_case is not None
        assert view.worst_case.right(view.labels).successes == 0


@pytest.mark.slow
def test_transfer_to_nan_can_be_read_and_is_never_class_0(kinds: dict[str, Path], tmp_path: Path):
    module, model = failing()
    module.after = 0
    spec = TransferSpec(model="python:failing", device="cpu")
    job = TransferJob(spec, model, *sources_in([kinds["levels"]], "failing"), looked_at=True)
    run_job(job, tmp_path / "run").close()
    with RunStore.open(tmp_path / "run") as run:
        assert run.manifest.status == "finished"
        assert invalid(run.manifest.findings)
        assert not any(each.right for each in run.of(CleanRecord))
        assert run.of(TransferRecord)
        assert not any(each.fooled for each in run.of(TransferRecord))  # an answer that is none fools nobody


@pytest.mark.slow
def test_perturbations_with_least_strengths_end_well_and_again(cli: Cli, tmp_path: Path):
    arguments = ("perturb", *ARGUMENTS, "--severities", "1", "--minimal", "36", "--out", tmp_path / "run")
    for _ in range(2):
        answer = cli(*arguments)
        assert (answer.code, answer.err) == (0, "")
        assert "report:" in answer.out
    assert cli("verify", tmp_path / "run").code == 0


@pytest.mark.slow
@pytest.mark.skipif(torch.cuda.is_available(), reason="auto is another device there")
@pytest.mark.parametrize("first", ["auto", "cpu"])
def test_a_device_by_another_name_goes_on(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str):
    second = {"auto": "cpu", "cpu": "auto"}[first]
    arguments = ("perturb", *ARGUMENTS, "--severities", "1,2,3", "--out", tmp_path / "run")
    commit, count = RunStore.commit, 0

    def stop(*given: object) -> None:
        nonlocal count
        count += 1
        if count == 4:
            raise KeyboardInterrupt
        commit(*given)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(RunStore, "commit", stop)
        assert cli(*arguments, "--device", first).code == 130
    with RunStore.open(tmp_path / "run") as run:
        begun = run.of(PerturbationRecord)
    assert len(begun) == 3
    answer = cli(*arguments, "--device", second)
    assert (answer.code, answer.err) == (0, "")
    with RunStore.open(tmp_path / "run") as run:
        assert run.of(PerturbationRecord)[:3] == begun  # seconds included: nothing was measured again
        assert run.manifest.status == "finished"


@pytest.mark.slow
def test_perturbations_beside_an_assessment_load_the_data_once(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    loaded: list[str] = []

    def noted(data: str) -> object:
        loaded.append(data)
        return load_data(data)

    monkeypatch.setattr("pixelproof.jobs.open.load_data", noted)
    monkeypatch.setattr("pixelproof.data.load_data", noted)  # the commands import it when they need it
    assert cli("assess", *TINY_ARGUMENTS, "--with", "perturbations", "--out", tmp_path / "run").code == 0
    assert loaded == ["bundled"]


@pytest.mark.slow
def test_an_assessment_from_python_imports_neither_statistics_nor_drawing():
    code = (
        "import sys\n"
        "import pixelproof as pp\n"
        "assert 'torch' not in sys.modules\n"
        "from pixelproof.data import load_data\n"
        "from pixelproof.zoo.registry import load\n"
        "data = load_data('bundled').take(slice(0, 20))\n"
        "pp.assess(load('lenet').eval(), data.images, data.labels, samples=2, levels=(1,), max_queries=10)\n"
        "print(*(name for name in ('scipy.stats', 'altair', 'pandas') if name in sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "\n"), done.stderr


@pytest.mark.long
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("transfer", "clever", "clever-with")])
@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_told_to_end_it_says_how_to_go_on(
    kinds: dict[str, Path], claim_file: Path, tmp_path: Path, cli: Cli, kind: str, name: str, code: int
):
    """The whole command, by ``resume`` of a run that has just begun."""
    out = tmp_path / "run [a]"
    begin(job_of_kind(kind, kinds["levels"], claim_file), out).close()
    driver = (
        "import os, signal, sys\nfrom pixelproof.cli import main\nfrom pixelproof.runs import RunStore\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\ncommit, name = RunStore.commit, sys.argv.pop()\n"
        "def stop(self, *given):\n    commit(self, *given)\n    os.kill(os.getpid(), getattr(signal, name))\n"
        "RunStore.commit = stop\nmain()\n"
    )
    command = [sys.executable, "-c", driver, "resume", str(out), name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert done.stderr == f"Interrupted; nothing finished is lost. Continue with: pixelproof resume '{out}'\n"
    assert cli("resume", out).code == 0
    assert said(out) == said(kinds[kind])
