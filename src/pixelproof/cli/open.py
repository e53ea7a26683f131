"""From a spec, or from a run, to the model and the data it speaks of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pixelproof.errors import RunError

if TYPE_CHECKING:
    from pixelproof.data import ImageSet
    from pixelproof.jobs.assess_spec import AssessSpec
    from pixelproof.jobs.audit.spec import AuditSpec
    from pixelproof.jobs.perturb.spec import PerturbSpec
    from pixelproof.models import Classifier
    from pixelproof.runs import RunStore


def begin_run(spec: AssessSpec, out: Path) -> tuple[RunStore, Classifier]:
    """Load model and data, check them, and begin (or take up) the run in ``out``."""
    from pixelproof.jobs.assess import begin

    data = open_data(spec)
    classifier = open_model(spec)
    return begin(spec, classifier, data, out), classifier


def open_data(spec: AssessSpec) -> ImageSet:
    """The images in range of ``spec``, corrupted where it says so."""
    from pixelproof.data import load_data
    from pixelproof.jobs.assess import prepared

    return prepared(load_data(spec.data), spec)


def open_model(spec: AssessSpec | PerturbSpec | AuditSpec) -> Classifier:
    """The model of ``spec`` on its device, behind its defence."""
    from pixelproof.defences import defend
    from pixelproof.jobs.assess import choose_device
    from pixelproof.models import load_model

    classifier = load_model(spec.model, trust_code=spec.trust_code, device=choose_device(spec.device))
    return defend(classifier, spec.defence)


def spec_of(run: RunStore, trust_code: bool, model: str | None = None, data: str | None = None) -> AssessSpec:
    """The spec of ``run``, with another place for its model or data where given; trust is asked for anew."""
    from pixelproof.jobs.assess_spec import make_spec

    places = {key: value for key, value in (("model", model), ("data", data)) if value is not None}
    spec = make_spec(**{**run.manifest.spec, **places, "trust_code": trust_code})
    if spec.model.startswith("python:"):
        raise RunError("The run was begun from Python, so its model is not known here; name it with --model.")
    return spec
