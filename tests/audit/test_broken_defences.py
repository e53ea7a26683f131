"""The kit of broken defences, small: each flaw is found at the checkpoint meant for it, and honest models fail at none.

The defences stand before the bundled LeNet here, and claims say what their own flawed evaluations measured on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np
import pytest
from tools.audit_matrix import KIT, Entry, entries, holds, matrix

from audit_kit import TINY, bundled
from pixelproof.jobs.audit.job import AuditJob
from pixelproof.jobs.audit.spec import AuditSpec
from pixelproof.jobs.runner import run_job
from pixelproof.models import Classifier, load_model
from pixelproof.models.wrap import wrap_model
from pixelproof.results.audit.claim import Claim
from pixelproof.results.audit.view import audit_view

#: Clean and robust accuracy claimed, in percent: what the evaluations in the claims' files come to before LeNet, within
#: 2 grey levels, on 300 images (and within 1 where the claim is honest).
LENET: Mapping[str, tuple[float, float]] = {
    "saturated": (75.3, 74.0),
    "quantised": (74.7, 72.3),
    "thermometer": (74.0, 74.0),
    "random_resize_pad": (67.0, 53.3),
    "jpeg": (70.3, 67.3),
    "detector": (75.3, 75.0),
    "labels_only": (75.3, 75.3),
    "rugged": (73.7, 59.7),
    "too_few_iterations": (75.3, 60.3),
    "epsilon_by_255": (75.3, 75.3),
    "clean_overstated": (88.0, 5.0),
    "other_norm": (75.3, 9.0),
    "honest_network": (75.3, 7.3),
    "honest_smoothing": (72.0, 15.0),
}
#: Where LeNet will not do: it has no batch normalisation; and hardened networks are ResNet-20 alone.
LARGE = {"training_mode", "honest_adversarial_training"}
#: Those of the kit that stand before LeNet here; the others are in its matrix alone.
ENTRIES = {entry.name: entry for entry in entries() if entry.name in {*LENET, *LARGE}}
FLAWS = [name for name, entry in ENTRIES.items() if entry.checkpoint]
DATA = bundled().take(np.arange(0, 1000, 4))  # a substitute learns the longer, the more there is to learn from
SHORT = replace(TINY, iterations=20, queries=100, label_samples=4, label_queries=100, noise_draws=200, level_samples=1)
FEW = replace(SHORT, samples=8, iterations=10, clean=200, restarts=1)
NOISY = replace(SHORT, samples=24, iterations=10, draws=4)
ASKING = replace(SHORT, label_samples=20, label_queries=400)


def told(entry: Entry) -> Claim:
    """The claim of ``entry``, about LeNet."""
    if entry.name in LARGE:
        return entry.claim
    clean, robust = LENET[entry.name]
    values: dict[str, Any] = entry.claim.model_dump(exclude_defaults=True)
    epsilon = 8 if entry.name == "labels_only" else 2
    scale = epsilon / values["threat"]["epsilon"]
    values["threat"]["epsilon"] = epsilon
    for name in ("epsilon", "step"):
        if name in values["evaluation"]:
            values["evaluation"][name] *= scale
    return Claim(**{**values, "clean_accuracy": clean, "robust_accuracy": robust})


def model(entry: Entry) -> Classifier:
    if entry.name in LARGE:
        return entry.load()
    if entry.model.startswith("zoo:"):
        return load_model("zoo:lenet")
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(KIT)
        return wrap_model(import_module(entry.model.partition(".")[0]).load("lenet"))


def effort(entry: Entry) -> Any:
    if entry.name in LARGE:
        return FEW
    if entry.name == "labels_only":
        return ASKING
    return NOISY if entry.name in ("random_resize_pad", "honest_smoothing") else SHORT


def asked(entry: Entry) -> tuple[int, ...]:
    """All checkpoints; of large networks not the dear ones, which are others' business."""
    return tuple(number for number in range(1, 21) if entry.name not in LARGE or number not in (8, 15, 16))


def verdicts(name: str) -> dict[int, str]:
    """Every checkpoint's verdict on the entry of that name."""
    entry = ENTRIES[name]
    spec = AuditSpec(model=entry.model, data="bundled", claim=f"{name}.toml", only=asked(entry))
    with run_job(AuditJob(spec, told(entry), model(entry), DATA, effort(entry)), None) as run:
        return {each.number: each.verdict for each in audit_view(run).answers}


@pytest.mark.long
def test_every_flaw_is_found_where_it_is_meant_and_honest_models_fail_nowhere(capsys: pytest.CaptureFixture[str]):
    found = {name: verdicts(name) for name in ENTRIES}
    with capsys.disabled():
        print(f"\n{matrix(found)}")
    assert (len(FLAWS), len(ENTRIES)) == (13, 16)
    assert all(tuple(each) == asked(ENTRIES[name]) for name, each in found.items())
    assert [name for name, each in found.items() if not holds(ENTRIES[name], each)] == []
