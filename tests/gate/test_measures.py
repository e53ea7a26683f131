"""The measures of runs of every kind, beside what the runs themselves hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from gate.conftest import Kinds
from pixelproof.data import load_data
from pixelproof.models import load_model
from pixelproof.models.query import predictor
from pixelproof.results.document import document
from pixelproof.results.gate.measure import Measure
from pixelproof.results.gate.read import measures
from pixelproof.results.perturb_view import perturb_view
from pixelproof.results.view import read
from pixelproof.runs import RunStore
from tiny_run import run_tiny

pytestmark = pytest.mark.slow


def named(run: RunStore) -> dict[str, Measure]:
    found = measures(run)
    assert len({each.name for each in found}) == len(found)
    return {each.name: each for each in found}


@pytest.mark.parametrize("options", [{}, {"shuffle": 3}, {"range": (20, 60), "shuffle": 1}, {"target": "next"}])
def test_the_images_considered_are_those_that_were(tmp_path: Path, options: dict[str, Any]) -> None:
    """Independent: the network is asked about every image considered, in the order of the run."""
    with run_tiny(tmp_path / "run", samples=8, levels=(1,), max_queries=20, **options) as run:
        clean, chosen = named(run)["clean-accuracy"], run.manifest.selection
    data = load_data("bundled")
    answers = predictor(load_model("zoo:lenet"), torch.device("cpu"))([data.images[k] for k in clean.values]).argmax(1)
    right = {image: float(said == data.labels[image]) for image, said in zip(clean.values, answers, strict=True)}
    assert clean.total == chosen.considered
    if "target" not in options:
        assert dict(clean.values) == right
    assert {image for image, value in clean.values.items() if value} == set(chosen.samples)


def test_where_a_class_is_left_out_wrong_images_are_known_by_their_number(tmp_path: Path) -> None:
    with run_tiny(tmp_path / "run", target="3", levels=(1,), max_queries=20) as run:
        robust, chosen = named(run)["robust-accuracy(linf,1)"], run.manifest.selection
    assert set(robust.values) == set(chosen.samples)
    assert robust.total == chosen.considered


@pytest.mark.parametrize("kind", ["levels", "minimal"])
def test_levels(kinds: Kinds, kind: str) -> None:
    with kinds(kind) as run:
        found, view = named(run), read(run)
        for level in view.statuses:
            norm = {"few-pixel": "l0", "threshold": "linf"}[level.constraint]
            at = f"({norm},{level.threshold})"
            assert found[f"broken{at}"].count == level.broken.successes
            assert found[f"attack-success{at}"].value == level.broken.value
            robust = level.total - level.broken.successes
            assert (found[f"robust-accuracy{at}"].count, found[f"robust-accuracy{at}"].total) == (
                robust,
                view.manifest.selection.considered,
            )
        of_norm = [each.value for name, each in found.items() if name.startswith("robust-accuracy(l0,")]
        assert found["mean-robust-accuracy(l0)"].value == pytest.approx(sum(of_norm) / len(of_norm))


def test_attacks_by_name(kinds: Kinds) -> None:
    with kinds("attacks") as run:
        found, view = named(run), read(run)
        for row in view.attempts:
            name = row.spec or "worst-case"
            assert found[f"attack-success({name})"].value == row.fooled.value
            assert found[f"robust-accuracy({name})"].value == pytest.approx(row.robust.value)


def test_perturbations(kinds: Kinds) -> None:
    with kinds("perturb") as run:
        found, view = named(run), perturb_view(run)
        assert found["clean-accuracy"].value == view.clean.value
        for standing in view.standings:
            assert found[f"accuracy({standing.perturbation})"].value == pytest.approx(standing.accuracy)
        assert found["mean-accuracy"].value == pytest.approx(view.perturbed)
        assert view.worst_case is not None
        assert found["worst-case-accuracy"].value == view.worst_case.right(view.labels).value


@pytest.mark.long
def test_corruption_errors(tmp_path: Path) -> None:
    from pixelproof.jobs.open import open_job
    from pixelproof.jobs.perturb.spec import PerturbSpec
    from pixelproof.jobs.runner import run_job

    spec = PerturbSpec(model="zoo:lenet", data="bundled", samples=12, suite="cifar-c", device="cpu")
    with run_job(open_job(spec), tmp_path / "run") as run:
        found, mean = named(run), perturb_view(run).mean_corruption_error
    assert mean is not None
    assert found["mce"].value == pytest.approx(mean.raw)
    assert found["relative-mce"].value == pytest.approx(mean.relative)
    assert ("normalised-mce" in found) == (mean.normalised is not None)
    if mean.normalised is not None:
        assert found["normalised-mce"].value == pytest.approx(mean.normalised)


def test_transfer(kinds: Kinds) -> None:
    with kinds("transfer") as run:
        found = named(run)
        for row in document(run)["rows"]:
            norm = {"few-pixel": "l0", "threshold": "linf"}[row["attack"]]
            each = found[f"transfer-success({norm},{row['threshold']})"]
            assert (each.count, each.total) == (row["successes"], row["total"])


def test_an_audit_has_verdicts(kinds: Kinds) -> None:
    with kinds("audit") as run:
        found = named(run)
        verdicts = {
            row["claim"].split(":")[0]: row["value"] for row in document(run)["rows"] if "verdict" in row["unit"]
        }
    assert found["audit"].verdict in ("fail", "warn", "pass", "open")
    assert {f"checkpoint {name[11:-1]}": m.verdict for name, m in found.items() if m.term == "checkpoint"} == verdicts
