"""What an assessment returns: figures, a chart, a table; kept, pickled, read again, compared."""

from __future__ import annotations

import inspect
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import pixelproof as pp
from model_files import images, network
from pixelproof.jobs.assess_spec import AssessSpec
from pixelproof.jobs.audit.spec import AuditSpec
from pixelproof.jobs.clever.job import CleverSpec
from pixelproof.jobs.perturb.spec import PerturbSpec
from pixelproof.runs import RunStore

LABELS = network()(images(40)).argmax(1)
SMALL: dict[str, Any] = {"samples": 6, "max_queries": 60}


@pytest.fixture(scope="module")
def result() -> pp.Result:
    return pp.assess(network(), images(40), LABELS, levels=(1, 30), **SMALL)


def test_robust_accuracy_is_of_all_considered(result: pp.Result) -> None:
    [row] = [row for row in result.levels if row.attack == "threshold" and row.threshold == 30]
    assert result.robust_accuracy(30, "linf") == result.robust_accuracy(th=30, norm="threshold") == row.robust.value
    assert result.robust_accuracy(1, "l0") >= result.robust_accuracy(30, "l0")
    with pytest.raises(pp.InputError, match=r"There is no level linf th = 3 in this run; its levels are: few-pixel th"):
        result.robust_accuracy(3, "linf")


def test_it_is_saved_read_and_pickled(result: pp.Result, tmp_path: Path) -> None:
    folder = result.save(tmp_path / "run")
    again, copied = pp.load_run(folder), pickle.loads(pickle.dumps(result))
    for other in (again, copied):
        assert other.run.records() == result.run.records()
        assert other.summary() == result.summary()
    pickled = pickle.loads(pickle.dumps(again))
    assert pickled.run.records() == result.run.records()
    with pytest.raises(pp.RunError, match="already holds a run"):
        result.save(folder)
    with pytest.raises(pp.RunError, match="holds no run"):
        pp.load_run(tmp_path)
    with RunStore.open(folder) as run:
        assert run.altered() == []


def test_a_chart_and_a_table(result: pp.Result) -> None:
    assert len(result.plot().to_dict()["vconcat"]) == 2
    assert len(result.to_dataframe()) == len(result.run.records())
    assert "few-pixel th=1: " in result.summary()


def test_runs_are_compared(tmp_path: Path, result: pp.Result) -> None:
    for name, seed in (("one", 0), ("two", 1)):
        labels = network(seed)(images(40)).argmax(1)
        pp.assess(network(seed), images(40), labels, name=name, out=tmp_path / name, attacks="threshold", **SMALL)
    with pytest.raises(pp.InputError, match="save it first"):
        pp.compare(result, tmp_path / "one")
    view = pp.compare(tmp_path / "one", pp.load_run(tmp_path / "two"), force=True)
    assert [run.assessed.name for run in view.runs] == ["one", "two"]


def test_clever() -> None:
    found = pp.clever(network(), images(40), LABELS, samples=3, batches=3, batch_samples=8)
    assert len(found.records) == 3


def test_a_bar_is_shown_when_asked_for(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("pixelproof.jobs.progress.PLAIN_INTERVAL", 0.0)
    pp.assess(network(), images(40), LABELS, attacks="threshold", levels=1, progress=True, **SMALL)
    assert "%" in capsys.readouterr().out


def test_values_as_people_give_them() -> None:
    run = pp.assess(
        network(), images(40), LABELS, attacks="threshold", levels=3, device=torch.device("cpu"), range=range(20),
        target=2, **SMALL,
    ).run  # fmt: skip
    assert {(r.constraint, r.threshold, r.target) for r in run.records()} == {("threshold", 3, 2)}
    assert max(r.sample for r in run.records()) < 20
    for part in (slice(0, 20), (0, 20)):
        assert pp.assess(network(), images(40), LABELS, levels=1, range=part, **SMALL).run.manifest.spec["range"]
    with pytest.raises(pp.InputError, match=r"^range: a start and a stop were expected, as in \(0, 500\)"):
        pp.assess(network(), images(40), LABELS, range=slice(0, 20, 2))
    with pytest.raises(pp.ModelError, match=r"expected the model itself, as pp.load_model\('zoo:lenet'\)"):
        pp.assess("zoo:lenet", images(40), LABELS)


@pytest.mark.parametrize(
    ("function", "options", "said"),
    [
        (pp.assess, {"attacks": 3}, r"^attacks: input should be a valid string \(given: 3\)"),
        (pp.assess, {"attacks": "treshold"}, r"^attacks: there is no attack 'treshold' \(is threshold meant\?\)"),
        (pp.assess, {"attacks": "few_pixel"}, r"\(is few-pixel meant\?\)"),
        (pp.assess, {"levels": None}, r"^levels: input should be a valid integer \(given: None\)"),
        (pp.assess, {"search": "squre"}, r"^search: there is no search 'squre' \(is square meant\?\)"),
        (pp.assess, {"defence": "jpg"}, r"^There is no defence 'jpg' \(is jpeg meant\?\)"),
        (pp.assess, {"corruption": "fogg(3)"}, r"^There is no perturbation 'fogg' \(is fog meant\?\)"),
        (pp.assess, {"range": 3}, r"^range: a start and a stop were expected"),
        (pp.assess, {"out": 3}, r"^out: a folder was expected, as in 'run', not 3\."),
        (pp.assess, {"norm": "linf"}, r"^pp.assess has no option norm; it takes model, images"),
        (pp.perturb, {"only": "fogg"}, r"^only: the suite all has no 'fogg' \(is fog meant\?\)"),
    ],
)
def test_mistakes_are_said_in_pythons_words(function: Any, options: dict[str, Any], said: str) -> None:
    with pytest.raises(pp.InputError, match=said):
        function(network(), images(4), LABELS[:4], **options)


def test_what_is_no_folder_is_said() -> None:
    with pytest.raises(pp.InputError, match=r"^path: a folder was expected, as in 'run', not 3\."):
        pp.load_run(3)


@pytest.mark.parametrize("levels", [3, [3], (3,), range(3, 4), np.array([3]), torch.tensor(3), "3"])
def test_levels_as_people_give_them(levels: Any) -> None:
    result = pp.assess(network(), images(40), LABELS, attacks="threshold", levels=levels, samples=1, max_queries=3)
    assert {record.level for record in result.run.records()} == {3}
    assert result.robust_accuracy(3, "Linf") == result.robust_accuracy(3, "linf")


@pytest.mark.parametrize(
    ("function", "spec"),
    [(pp.assess, AssessSpec), (pp.perturb, PerturbSpec), (pp.audit, AuditSpec), (pp.clever, CleverSpec)],
)
def test_every_option_is_there_with_its_default(function: Any, spec: Any) -> None:
    """Of the command line's, but for what is handed over itself."""
    told = inspect.signature(function).parameters
    for name, field in spec.model_fields.items():
        if name in ("model", "data", "trust_code", "run", "claim"):
            continue
        assert told[name].default == field.default, name
        assert told[name].annotation != "Any"
    assert not any(each.kind is each.VAR_KEYWORD for each in told.values())


def test_the_surface_is_clean() -> None:
    assert [name for name in dir(pp) if name.startswith("_")] == ["__version__"]
    assert "annotations" not in dir(pp)
