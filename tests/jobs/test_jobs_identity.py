"""A run's identity changes exactly when a field of its spec does that changes the result; every field is named here."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from torch import nn

from kinds import job_of_kind
from pixelproof.data import ImageSet
from pixelproof.defences import defend
from pixelproof.jobs.assess import AssessJob
from pixelproof.jobs.audit.job import AuditJob
from pixelproof.jobs.audit.spec import AuditSpec, read_claim
from pixelproof.jobs.clever.job import CleverJob
from pixelproof.jobs.job import Job, in_range, prepared
from pixelproof.jobs.open import SPECS
from pixelproof.jobs.perturb.job import PerturbJob
from pixelproof.models import wrap_model
from watched import labelled_by

#: By kind of job what its spec says where nothing else is given.
BASE: dict[str, dict[str, Any]] = {
    "assess": {"model": "m", "data": "d", "samples": 4},
    "perturb": {"model": "m", "data": "d", "samples": 4, "only": ("rotation", "fog")},
    "clever": {"model": "m", "data": "d", "samples": 4},
    "audit": {"model": "m", "data": "d", "claim": "c"},
}
#: By field another value that changes what comes of it; beside, where that needs it, values of other fields that stay.
MATTERS: dict[str, dict[str, tuple[Any, dict[str, Any]]]] = {
    "assess": {
        "defence": ("bits(3)", {}),
        "corruption": ("fog(2)", {}),
        "range": ((0, 20), {}),
        "samples": (3, {}),
        "attacks": (("few-pixel",), {}),
        "knowledge": (("labels", "scores"), {}),
        "surrogate": (("zoo:lenet",), {}),
        "access": ("adaptive", {"defence": "bits(3)", "attacks": ("pgd(epsilon=4)",)}),
        "search": ("de", {}),
        "levels": ((1, 3), {}),
        "minimal": (9, {}),
        "preset": ("paper", {}),
        "max_queries": (77, {}),
        "give_up": (True, {}),
        "independent_levels": (True, {}),
        "target": ("next", {}),
        "fitness": ("confidence", {}),
        "certify": ("bounds", {}),
        "certify_seconds": (7.0, {"certify": "bounds"}),
        "shuffle": (1, {}),
        "seed": (1, {}),
        "batch_size": (3, {}),
        "precision": ("bfloat16", {}),
    },
    "perturb": {
        "defence": ("bits(3)", {}),
        "corruption": ("fog(2)", {}),
        "range": ((0, 20), {}),
        "samples": (3, {}),
        "per_class": (1, {"samples": None}),
        "shuffle": (1, {}),
        "suite": ("imagenet-c", {"only": ("fog",)}),
        "only": (("fog",), {}),
        "severities": ((1, 2), {}),
        "minimal": (7, {}),
        "rounding": ("nearest", {}),
        "worst_case": (3, {}),
        "seed": (1, {}),
    },
    "clever": {
        "defence": ("bits(3)", {}),
        "samples": (3, {}),
        "norm": ("linf", {}),
        "radius": (3.0, {}),
        "batches": (7, {}),
        "batch_samples": (7, {}),
        "target": ("next", {}),
        "seed": (1, {}),
    },
    "audit": {
        "defence": ("bits(3)", {}),
        "preset": ("standard", {}),
        "samples": (3, {}),
        "iterations": (7, {}),
        "range": ((0, 20), {}),
        "seed": (1, {}),
    },
}
#: Other values that change nothing: places, trust, what is asked for besides, and what is said already.
FREE: dict[str, dict[str, Any]] = {
    "assess": {"model": "elsewhere", "data": "elsewhere", "device": "cpu", "trust_code": True},
    "perturb": {"model": "elsewhere", "data": "elsewhere", "device": "cpu", "trust_code": True, "gate": 10.0},
    "clever": {"model": "elsewhere", "data": "elsewhere", "device": "cpu", "trust_code": True},
    "audit": {
        "model": "elsewhere",
        "data": "elsewhere",
        "claim": "elsewhere",
        "device": "cpu",
        "trust_code": True,
        "only": (1, 4),  # further checkpoints are added to the run that is there
    },
}
#: What other runs, or files, stand behind: a field's value is a place, what lies there counts. See the last tests.
PLACES = {"clever": {"run"}, "audit": {"stored", "bare"}}
#: Fields that stand with the value of another alone, which is among those that matter.
TOGETHER = {"assess": {"failure_probability"}}  # exactly where attacks name a distribution
CASES = [(kind, field) for kind, fields in MATTERS.items() for field in fields]


@pytest.fixture(scope="module")
def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(16 * 16 * 3, 4)).eval()


@pytest.fixture(scope="module")
def images(network: nn.Module) -> ImageSet:
    return labelled_by(network, (16, 16, 3), 40)


@pytest.fixture
def identity(network: nn.Module, images: ImageSet, claim_file: Any):
    def of(kind: str, **options: Any) -> str:
        return job(kind, SPECS[kind](**{**BASE[kind], **options})).identity

    def job(kind: str, spec: Any) -> Job:
        classifier = defend(wrap_model(network), spec.defence)
        match kind:
            case "assess":
                return AssessJob(spec, classifier, prepared(images, spec))
            case "perturb":
                return PerturbJob(spec, classifier, prepared(images, spec))
            case "clever":
                return CleverJob(spec, classifier, images)
        assert isinstance(spec, AuditSpec)
        return AuditJob(spec, read_claim(claim_file), classifier, in_range(images, spec.range))

    return of


def _fields(kind: str) -> set[str]:
    spec: type[BaseModel] = SPECS[kind]
    return {*spec.model_fields}


@pytest.mark.parametrize("kind", BASE)
def test_every_field_is_named_once(kind: str):
    named = [*MATTERS[kind], *FREE[kind], *PLACES.get(kind, ()), *TOGETHER.get(kind, ())]
    assert sorted(named) == sorted(_fields(kind))


@pytest.mark.parametrize(("kind", "field"), CASES, ids=" ".join)
def test_what_changes_the_result_changes_the_identity(identity, kind: str, field: str):
    value, beside = MATTERS[kind][field]
    assert identity(kind, **{**beside, field: value}) != identity(kind, **beside)


@pytest.mark.parametrize("kind", BASE)
@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_what_does_not_leaves_it_whatever_else_is_said(identity, kind: str, data: st.DataObject):
    """Any of the free fields, beside any one that matters."""
    field = data.draw(st.sampled_from(sorted(MATTERS[kind])))
    value, beside = MATTERS[kind][field]
    matters = {**beside, field: value}
    free = data.draw(st.sets(st.sampled_from(sorted(FREE[kind]))))
    assert identity(kind, **matters, **{name: FREE[kind][name] for name in free}) == identity(kind, **matters)


@pytest.mark.parametrize("kind", BASE)
def test_no_two_of_them_are_taken_for_each_other(identity, kind: str):
    found = [identity(kind, **{**beside, field: value}) for field, (value, beside) in MATTERS[kind].items()]
    assert len({*found, identity(kind)}) == len(found) + 1


def test_weights_images_and_labels_count(identity, network: nn.Module, images: ImageSet):
    def of(module: nn.Module, data: ImageSet) -> str:
        return AssessJob(SPECS["assess"](**BASE["assess"]), wrap_model(module), data).identity

    base = of(network, images)
    pixels, labels = images.images.copy(), images.labels.copy()
    pixels[0, 0, 0, 0] ^= 1
    labels[0] = (labels[0] + 1) % 4
    assert of(network, ImageSet(pixels, images.labels, images.class_names)) != base
    assert of(network, ImageSet(images.images, labels, images.class_names)) != base
    other = nn.Sequential(nn.Flatten(), nn.Linear(16 * 16 * 3, 4)).eval()
    other.load_state_dict(network.state_dict())
    assert of(other, images) == base
    with torch.no_grad():
        other[1].bias[0] += 1e-6
    assert of(other, images) != base


@pytest.mark.slow
def test_of_other_runs_their_identity_counts_and_not_their_place(kinds: dict[str, Any], claim_file: Any, tmp_path: Any):
    import shutil

    moved = shutil.copytree(kinds["levels"], tmp_path / "moved")
    for kind in ("clever-with", "transfer"):
        base = job_of_kind(kind, kinds["levels"], claim_file).identity
        assert job_of_kind(kind, moved, claim_file).identity == base
        assert job_of_kind(kind, kinds["minimal"], claim_file).identity != base
