"""Finished runs of every kind to alter: all jobs, the member runs of all plans, and certificates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.torture.cases import CLAIM
from pixelproof.data import ImageSet, load_data
from pixelproof.jobs.assess import AssessJob
from pixelproof.jobs.assess_spec import make_spec
from pixelproof.jobs.open import SPECS, Spec, open_job, open_model, told_spec
from pixelproof.jobs.runner import run_job
from pixelproof.models import Classifier, TorchClassifier
from pixelproof.plans.grid.plan import run_grid
from pixelproof.plans.grid.spec import GridSpec
from pixelproof.plans.study.plan import run_study
from pixelproof.plans.study.spec import StudySpec
from pixelproof.plans.thesis.plan import run_thesis
from pixelproof.plans.thesis.spec import ThesisSpec
from pixelproof.runs import RunStore
from pixelproof.runs.database import FILE

_LENET: dict[str, Any] = {"model": "zoo:lenet", "data": "bundled", "device": "cpu"}
_FEW: dict[str, Any] = {**_LENET, "range": (0, 30), "samples": 4, "max_queries": 40}
_SCORES: dict[str, Any] = {**_LENET, "batches": 3, "batch_samples": 4}
_NAMED = ("fgsm(epsilon=3)", "deepfool", "square(epsilon=9,queries=10)", "pgd(epsilon=2,iterations=3)")
#: By name the job and its options; ``LEVELS`` stands for the folder of the first run, ``CLAIM`` for a file.
_JOBS: dict[str, tuple[str, dict[str, Any]]] = {
    "levels": ("assess", {**_FEW, "levels": (1, 10)}),
    "attacks": ("assess", {**_FEW, "attacks": _NAMED}),
    "minimal": ("assess", {**_FEW, "minimal": 127}),
    "aimed": ("assess", {**_FEW, "levels": (3, 10), "target": "next", "shuffle": 7}),
    "probabilities": (
        "assess",
        {**_FEW, "attacks": ("random(linf,th=3)",), "failure_probability": True, "samples": 2, "max_queries": 2_000},
    ),
    "apart": ("assess", {**_FEW, "levels": (1, 10), "independent_levels": True, "search": "auto"}),
    "perturb": (
        "perturb",
        {**_LENET, "samples": 8, "only": ("rotation", "fog"), "severities": (1, 3), "minimal": 3, "worst_case": 2},
    ),
    "clever": ("clever", {**_SCORES, "samples": 3}),
    "clever-with": ("clever", {**_SCORES, "run": "LEVELS"}),
    "transfer": ("transfer", {"model": "zoo:lenet", "defence": "bits(3)", "sources": ("LEVELS",), "device": "cpu"}),
    "audit": ("audit", {**_LENET, "claim": "CLAIM", "range": (0, 60), "samples": 8, "iterations": 5, "only": (1, 4)}),
}
_GRID = {
    "data": "bundled",
    "samples": 4,
    "attacks": ("fgsm(epsilon=2)", "few-pixel"),
    "targets": ("none",),
    "defences": ("none", "bits(3)"),
    "access": ("end-to-end", "adaptive"),
    "levels": (1, 3),
    "max_queries": 40,
    "models": ({"model": "zoo:lenet"},),
    "clever": {"norm": "l2", "batches": 3, "batch_samples": 4},
}
_STUDY = {"data": "bundled", "range": (0, 40), "samples": 4, "max_queries": 40, "networks": ({"model": "zoo:lenet"},)}
_THESIS = {
    "per_class": 1,
    "gate": 50,
    "pgd": "pgd(epsilon=8,step=2,iterations=2,random_start=false)",
    "subjects": ({"name": "CIFAR-10", "model": "zoo:lenet", "data": "bundled"},),
}


@dataclass(frozen=True)
class Whole:
    """A finished run as bytes, with all that verifies it."""

    name: str
    content: bytes
    classifier: Classifier
    data: ImageSet | None
    subject: tuple[str, str | None]  # how the model and its defence are called in the run
    source: str | None  # and its data


def subject_of(spec: Spec) -> tuple[str, str | None]:
    """How a run calls its model and its defence."""
    return spec.model, spec.defence


def whole_runs(folder: Path, small: bool = False) -> Iterator[Whole]:
    """One run of every kind, made in ``folder``; without those of plans where it is to be ``small``."""
    (folder / "claim.toml").write_text(CLAIM, "utf-8")
    places = {"LEVELS": str(folder / "levels"), "CLAIM": str(folder / "claim.toml")}
    for name, (job, options) in _JOBS.items():
        told = {key: _placed(value, places) for key, value in options.items()}
        run_job(open_job(SPECS[job](**told)), folder / name).close()  # type: ignore[arg-type]
        yield _whole(name, folder / name)
    yield _proved(folder / "proved")
    if not small:
        yield from _planned(folder)


def _placed(value: Any, places: dict[str, str]) -> Any:
    return tuple(_placed(each, places) for each in value) if isinstance(value, tuple) else places.get(str(value), value)


def _whole(name: str, place: Path) -> Whole:
    with RunStore.open(place) as run:
        spec = told_spec(run)
        data = None if run.manifest.job == "transfer" else load_data("bundled")
        source = getattr(spec, "data", None)
        return Whole(name, run.to_bytes(), open_model(spec), data, subject_of(spec), source)


def _proved(place: Path) -> Whole:
    """Certificates of both colour and grey would take two runs: colour, with bounds, of a network of a few weights."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16, 3)
    ).eval()
    model = TorchClassifier(network, name="tiny", kind="logits")
    images = np.stack([np.random.default_rng(k).integers(0, 256, (4, 4, 3), dtype=np.uint8) for k in range(6)])
    unit = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        labels = network(unit).argmax(1).numpy()
    data = ImageSet(images, labels, ("a", "b", "c"), "tiny")
    options = {"levels": (1,), "attacks": ("few-pixel", "threshold"), "certify": "auto", "max_queries": 30}
    spec = make_spec(model="python:tiny", data="arrays", samples=len(images), device="cpu", **options)
    with run_job(AssessJob(spec, model, data), place) as run:
        return Whole("proved", run.to_bytes(), model, data, subject_of(spec), spec.data)


def _planned(folder: Path) -> Iterator[Whole]:
    run_grid(GridSpec(**_GRID), folder / "grid")  # type: ignore[arg-type]
    run_study(StudySpec(**_STUDY), folder / "study")  # type: ignore[arg-type]
    run_thesis(ThesisSpec(**_THESIS), folder / "thesis")  # type: ignore[arg-type]
    for plan in ("grid", "study", "thesis"):
        for place in sorted((folder / plan).rglob(FILE)):
            yield _whole(str(place.parent.relative_to(folder)), place.parent)
