"""Levels of an attacker who has a network like the model: who is asked, what is written down, what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import torch
from torch import Tensor, nn

import pixelproof as pp
from pixelproof.data import load_data
from pixelproof.errors import InputError, RunError
from pixelproof.jobs.assess import AssessJob
from pixelproof.jobs.open import job_of, spec_of
from pixelproof.models import Classifier, TorchClassifier, load_model
from pixelproof.report.assess import assess_page
from pixelproof.runs import Manifest, RunStore
from tiny_run import Cli

DATA = load_data("bundled")
COMMAND = ("assess", "--model", "zoo:lenet", "--data", "bundled", "--samples", 3, "--max-queries", 40, "-q")


def lenet() -> TorchClassifier:
    found = load_model("zoo:lenet")
    assert isinstance(found, TorchClassifier)
    return found


def assessed(surrogate: object, **options: object) -> pp.Result:
    torch.set_num_threads(1)
    given = {"attacks": "threshold", "levels": (1, 3), "samples": 4, "max_queries": 40, **options}
    return pp.assess(lenet(), DATA.images[:20], DATA.labels[:20], surrogate=surrogate, **given)  # type: ignore[arg-type]


def test_a_surrogate_has_levels_of_its_own_and_is_named_in_records_settings_and_page() -> None:
    result = assessed(lenet().module)
    assert [(row.threshold, row.knowledge) for row in result.knowledge] == [
        (th, kind) for th in (1, 3) for kind in ("scores", "surrogate")
    ]
    scores, told = (
        next(r for r in result.knowledge if (r.threshold, r.knowledge) == (1, k)) for k in ("scores", "surrogate")
    )
    assert told.rate.successes >= scores.rate.successes
    assert told.methods == ("surrogate-regression",)
    specs = {record.spec for record in result.run.records() if not record.levelled}
    assert specs == {f"surrogate-regression(epsilon={th},queries=40,surrogates=python:LeNet)" for th in (1, 3)}
    manifest = result.run.manifest
    assert manifest.settings["surrogates"] == [lenet().fingerprint]
    assert manifest.details["attacks"][min(specs)] == ["surrogate", "linf"]
    page = assess_page(result.run).html()
    assert "scores with a surrogate" in page
    assert "A surrogate is a network like the model, of which its attacker sees everything; here python:LeNet." in page


def test_the_weights_of_a_surrogate_are_part_of_a_run_s_identity() -> None:
    other = lenet()
    with torch.no_grad():
        next(other.module.parameters()).mul_(1.01)
    first, second = (assessed(each, samples=1, max_queries=5).run.manifest for each in (lenet().module, other.module))
    assert first.identity != second.identity


@pytest.mark.slow
def test_workers_find_the_same() -> None:
    alone, shared = (assessed(lenet(), samples=3, workers=workers).run.records() for workers in (None, 2))

    def told(records: object) -> list[tuple[object, ...]]:
        return sorted((r.spec, r.sample, r.success, r.queries, r.margin) for r in records)  # type: ignore[attr-defined]

    assert told(alone) == told(shared)


def classifier(answer: nn.Module) -> Classifier:
    return TorchClassifier(answer, kind="logits", name="other")


class Blind:
    name, kind, differentiable, fingerprint = "blind", "logits", False, "blind"

    def scores(self, images: Tensor) -> Tensor:
        return torch.zeros(len(images), 10)


@pytest.mark.parametrize(
    ("surrogate", "said"),
    [
        (
            classifier(nn.Sequential(nn.Flatten(), nn.Linear(3072, 7))),
            "other answers with 7 classes and the model with 10",
        ),
        (classifier(nn.Sequential(nn.Flatten(), nn.Linear(99, 10))), "other cannot be asked about these images: "),
        (Blind(), "blind gives no gradients; expected a network of torch, as zoo:NAME or FILE.py:FUNCTION"),
        ("zoo:lenet", "surrogate is given as 'zoo:lenet'; expected the model itself, as pp.load_model('zoo:lenet')"),
    ],
    ids=["classes", "shape", "gradients", "text"],
)
def test_a_surrogate_that_cannot_serve_is_refused_in_a_sentence(surrogate: object, said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as refused:
        assessed(surrogate, out=tmp_path / "run")
    assert said in str(refused.value)
    assert not (tmp_path / "run").exists()


def telling(manifest: Manifest, surrogate: str) -> RunStore:
    """A run that tells of another surrogate."""
    told = replace(manifest, spec={**manifest.spec, "surrogate": [surrogate]})
    return cast("RunStore", SimpleNamespace(manifest=told))


def test_surrogates_of_a_run_are_opened_again_but_those_of_python_and_of_strangers_on_the_network(
    tmp_path: Path, cli: Cli
) -> None:
    place = tmp_path / "run"
    assert cli(*COMMAND, "--out", place, "--attacks", "threshold", "--levels", 1, "--surrogate", "zoo:lenet").code == 0
    with RunStore.open(place) as run:
        assert job_of(run, trust_code=False).identity == run.manifest.identity
        manifest = run.manifest
    away = telling(manifest, "http://localhost:1/predict")
    with pytest.raises(RunError, match="The run's surrogate is http://localhost:1/predict, to be reached over"):
        spec_of(away, trust_code=False)
    with pytest.raises(RunError, match="python:LeNet was handed over in Python"):
        AssessJob(spec_of(telling(manifest, "python:LeNet"), trust_code=False), lenet(), DATA)
