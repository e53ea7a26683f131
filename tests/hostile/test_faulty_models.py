"""Models that misbehave lose no results, end in one sentence, and go on as if nothing had been."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from benchmarks.torture import faulty_models as faulty
from benchmarks.torture import faulty_places as places

import pixelproof as pp
from pixelproof.errors import ModelError, is_memory_error
from pixelproof.jobs.assess import AssessJob
from pixelproof.jobs.assess_spec import make_spec
from pixelproof.jobs.runner import run_job
from pixelproof.models.torch_module import TorchClassifier
from pixelproof.runs.database import FILE
from pixelproof.wording import first_line

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bench() -> faulty.Bench:
    return faulty.Bench(lambda: faulty._called(faulty.answers))


@pytest.fixture(scope="module")
def middle() -> int:
    counted = faulty.Switched(faulty.answers, 0)
    run_job(faulty._job(faulty._called(counted)), None).close()
    return counted.calls * 2 // 3


IN_TESTS = (
    *("sys.exit(0)", "runs out of memory", "raises an error without text", "raises an error with control characters"),
    *("returns a sparse tensor", "returns a meta tensor", "returns another number of classes", "raises GeneratorExit"),
)


@pytest.mark.parametrize("name", IN_TESTS)
def test_a_fault_in_the_middle(bench: faulty.Bench, middle: int, name: str) -> None:
    tried = bench.failing(name, faulty._called(faulty.Switched(faulty.FAILING[name], middle)), first=False)
    assert not tried.wrong


def test_a_number_of_classes_that_changes_once(bench: faulty.Bench, middle: int) -> None:
    name = "returns another number of classes"
    model = faulty._called(faulty.Switched(faulty.FAILING[name], middle, once=True))
    assert not bench.failing(name, model, first=False).wrong


@pytest.mark.parametrize("name", IN_TESTS[:6])
def test_a_fault_from_the_first_call_on(bench: faulty.Bench, name: str) -> None:
    assert not bench.failing(name, faulty._called(faulty.Switched(faulty.FAILING[name], 1)), first=True).wrong


@pytest.mark.parametrize("name", faulty.LYING)
def test_what_answers_wrongly_without_failing_is_said(bench: faulty.Bench, middle: int, name: str) -> None:
    fault, findings = faulty.LYING[name]
    assert not bench.lying(name, faulty._called(faulty.Switched(fault, middle)), findings).wrong


@pytest.mark.parametrize("name", ["floods warnings and prints", "writes over its input", "returns a gradient"])
@pytest.mark.filterwarnings("ignore:a flood")
def test_what_is_odd_and_does_no_harm(bench: faulty.Bench, name: str) -> None:
    assert not bench.harmless(name, faulty._called(faulty.Switched(faulty.HARMLESS[name], 1))).wrong


def test_the_bench_finds_what_it_looks_for(bench: faulty.Bench) -> None:
    """A model that answers as another is neither harmless nor failing, and one that says nothing is found out."""
    other = faulty._called(lambda images: faulty.answers(images).roll(1, 1) * 0.5 + faulty.answers(images))
    assert bench.harmless("other", other).wrong
    assert "went unnoticed" in bench.failing("sound", faulty._called(faulty.answers), first=False).wrong
    assert bench.lying("sound", faulty._called(faulty.answers), ("random-output",)).wrong


def test_a_server_that_sends_others_elsewhere_and_one_that_drips() -> None:
    pytest.importorskip("httpx")
    pytest.importorskip("stamina")
    wanted = ("points elsewhere", "drips", "answers half")
    kept, faulty_served = dict(places.SERVED), {name: places.SERVED[name] for name in wanted}
    try:
        places.SERVED = faulty_served  # type: ignore[misc]
        found = list(places.behind_an_address())
    finally:
        places.SERVED = kept  # type: ignore[misc]
    assert len(found) == 2 * len(wanted)
    assert not [each for each in found if each.wrong]


def test_a_classifier_of_ones_own_fails_in_one_sentence_too() -> None:
    class Own:
        name, kind, differentiable, fingerprint = "own", "logits", False, "f" * 64
        calls = 0

        def scores(self, images: torch.Tensor) -> torch.Tensor:
            self.calls += 1
            if self.calls > 8:
                raise SystemExit(0)
            return faulty.answers(images)

    data = faulty.data()
    with pytest.raises(ModelError, match=r"The model own failed on .* with SystemExit: 0"):
        pp.assess(Own(), np.array(data.images), data.labels, levels=(1,), samples=3, max_queries=40)


def test_a_run_whose_first_step_fails_leaves_no_folder(tmp_path) -> None:
    """What the preflight cannot see: gradients that fail when an attack needs them."""

    class Late(torch.autograd.Function):
        calls = 0

        @staticmethod
        def forward(ctx: Any, images: torch.Tensor) -> torch.Tensor:
            return images.clone()

        @staticmethod
        def backward(ctx: Any, *gradients: Any) -> Any:
            Late.calls += 1
            if Late.calls > 1:  # the first is the preflight's
                raise KeyError("no way back")
            return gradients[0]

    class Net(faulty._Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return super().forward(Late.apply(images))

    spec = make_spec(model="python:x", data="python:x", samples=2, attacks=("pgd(epsilon=8,iterations=2)",))
    job = AssessJob(spec, TorchClassifier(Net().eval()), faulty.data())
    with pytest.raises(ModelError, match="KeyError: 'no way back'"):
        run_job(job, tmp_path / "deep" / "run")
    assert not (tmp_path / "deep").exists()


def test_a_later_failure_says_how_to_go_on(cli, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(
        "import pathlib, sys, torch\nfrom pixelproof.zoo import registry\n\n"
        "def load():\n    net, calls = registry.load('lenet').eval(), []\n\n"
        "    def model(x):\n        calls.append(1)\n"
        "        if len(calls) > 12 and not pathlib.Path('mended').exists():\n            sys.exit(0)\n"
        "        return net(x)\n\n    return model\n"
    )
    words = ("--data", "bundled", "--range", "0:30", "--samples", "5", "--levels", "1,10", "--max-queries", "60")
    answer = cli("assess", "--model", "net.py:load", "--trust-code", *words, "--out", "run")
    assert answer.code == 2
    assert "with SystemExit: 0; check" in answer.err
    if (tmp_path / "run" / FILE).exists():
        assert answer.err.endswith("Continue with: pixelproof resume run --trust-code\n")
    (tmp_path / "mended").touch()
    assert cli("assess", "--model", "net.py:load", "--trust-code", *words, "--out", "run").code == 0


def test_a_models_error_does_not_steer_the_terminal(cli, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = "clear \\x1b[2J title \\x1b]0;owned\\x07 line\\nerror: another"
    (tmp_path / "net.py").write_text(
        f"def load():\n    def model(x):\n        raise ValueError('{said}')\n    return model\n"
    )
    answer = cli("models", "check", "net.py:load", "--trust-code", "--data", "bundled")
    assert answer.code == 2
    assert "clear" in answer.err
    assert not {"\x1b", "\x07"} & set(answer.out + answer.err)
    assert sum(line.startswith("error: ") for line in answer.err.splitlines()) == 1


def test_scores_that_are_no_numbers_are_said_at_the_end(cli, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(
        "import torch\nfrom pixelproof.zoo import registry\n\n"
        "def load():\n    net, calls = registry.load('lenet').eval(), []\n\n"
        "    def model(x):\n        calls.append(1)\n"
        "        return net(x) * (torch.nan if len(calls) > 12 else 1)\n\n    return model\n"
    )
    words = ("--data", "bundled", "--range", "0:30", "--samples", "5", "--levels", "1,10", "--max-queries", "60")
    answer = cli("assess", "--model", "net.py:load", "--trust-code", *words, "--out", "run")
    assert answer.code == 0
    assert "invalid-scores: " in answer.out
    assert "of the model held NaN or infinite scores; they count as not fooled" in answer.out.replace("\n", " ")


def test_errors_without_text_have_a_first_line() -> None:
    error = faulty.NoTextError()
    assert first_line(error) == "NoTextError"
    assert not is_memory_error(error)
    assert len(first_line(RuntimeError("x" * 10**6))) < 400
