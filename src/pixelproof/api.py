"""pixelproof from Python: ``assess``, ``measure_perturbations`` and ``audit_claim``, and what they return."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from pixelproof.data import ImageSet, default_class_names
from pixelproof.data.imageset import UInt8Array
from pixelproof.defences import defend
from pixelproof.errors import DataError, InputError
from pixelproof.jobs.assess import begin, choose_device, execute, prepared
from pixelproof.jobs.assess_spec import from_options, make_spec
from pixelproof.jobs.audit import conduct as audit
from pixelproof.jobs.audit.claim import Claim, read_claim
from pixelproof.jobs.audit.spec import AuditSpec
from pixelproof.jobs.perturb.job import conduct
from pixelproof.jobs.perturb.spec import PerturbSpec
from pixelproof.jobs.spec_file import checked
from pixelproof.models import ScoreKind, wrap_model
from pixelproof.report import levels_html, write_report
from pixelproof.report.audit import write_audit
from pixelproof.report.perturb import write_perturbations
from pixelproof.results import AttemptRow, LevelRow, MinimalThresholds, minimal_thresholds
from pixelproof.results.audit_view import AuditView, audit_view
from pixelproof.results.perturb_view import PerturbView, perturb_view
from pixelproof.results.view import read
from pixelproof.runs import Record, RunStore
from pixelproof.runs.export import to_frame
from pixelproof.runs.record import UNLEVELLED

if TYPE_CHECKING:
    import pandas as pd


class Result:
    """A finished assessment. In a notebook it shows its level table."""

    def __init__(self, run: RunStore) -> None:
        self.run = run

    @property
    def levels(self) -> list[LevelRow]:
        """One row per attack × search × threshold: adversarial and robust accuracy with intervals, queries, safety."""
        return read(self.run).levels

    @property
    def minimal_thresholds(self) -> list[MinimalThresholds]:
        """Of each attack the smallest threshold that fooled each sample; upper bounds where levels were searched."""
        return minimal_thresholds([record for record in self.run.records() if record.levelled])

    @property
    def attempts(self) -> list[AttemptRow]:
        """One row per attack by name, and the worst case over them: rates, distances, queries, gradient steps."""
        return read(self.run).attempts

    @property
    def records(self) -> pd.DataFrame:
        """One row per sample × attack × threshold. Raises ``InputError`` without pandas (extra ``export``)."""
        return to_frame(self.run)

    def adversarial(self, attack: str, threshold: int = UNLEVELLED) -> list[tuple[Record, UInt8Array]]:
        """Each success of ``attack`` at ``threshold`` with its image, uint8 H×W×C; an attack by name has none."""
        records = [r for r in self.run.records() if r.success and r.threshold == threshold]
        chosen = [r for r in records if attack in (r.attack, r.search)]
        return [(r, image) for r in chosen if (image := self.run.adversarial(r)) is not None]

    def report(self, path: str | Path) -> Path:
        """Write the self-contained HTML report to ``path``."""
        return write_report(self.run, Path(path))

    def __repr__(self) -> str:
        rows = [f"{row.attack} th={row.threshold}: {row.fooled}" for row in self.levels]
        rows += [f"{row.key}: {row.fooled}" for row in self.attempts]
        findings = [f"{f.severity} {f.name}: {f.message}" for f in self.run.manifest.findings]
        return "\n  ".join([f"Result of {self.run.manifest.model.name}", *findings, *rows])

    def _repr_html_(self) -> str:
        return levels_html(self.run)


def assess(
    model: object,
    images: npt.ArrayLike | torch.Tensor,
    labels: npt.ArrayLike | torch.Tensor,
    *,
    class_names: Sequence[str] | None = None,
    kind: ScoreKind | None = None,
    name: str | None = None,
    out: str | Path | None = None,
    device: str = "auto",
    **options: Any,
) -> Result:
    """Assess ``model`` against few-pixel and threshold attacks; quiet, and without files unless ``out`` is given.

    ``model``: a torch module, a ``Classifier``, or any callable from float32 N×C×H×W in [0, 1] to scores N×K, whose
    normalisation is inside; ``kind`` says what the scores are where that cannot be seen.
    ``images``: uint8 N×H×W×C, or floats N×C×H×W in [0, 1], which are rounded to 8 bits. ``labels``: N integers.
    ``out``: a folder for the run; a run of the same identity found there is continued. ``options`` are those of
    ``pixelproof assess``: ``defence``, ``corruption``, ``preset``, ``samples``, ``attacks``, ``way``, ``levels``,
    ``search``, ``max_queries``, ``range``, ``independent_levels``, ``target``, ``fitness``, ``shuffle``, ``seed``,
    ``precision``.
    Raises ``InputError`` (``ModelError``, ``DataError``, ``RunError``) with one sentence when something cannot be done.
    """
    _check_options(options)
    data = _arrays(images, labels, class_names)
    where = choose_device(device)
    classifier = wrap_model(model, name=name, kind=kind, device=where)
    spec = make_spec(model=f"python:{classifier.name}", data="arrays", device=device, **options)
    defended = defend(classifier, spec.defence)
    run = begin(spec, defended, prepared(data, spec), Path(out) if out is not None else None)
    execute(run, defended)
    return Result(run)


def measure_perturbations(
    model: object,
    images: npt.ArrayLike | torch.Tensor,
    labels: npt.ArrayLike | torch.Tensor,
    *,
    class_names: Sequence[str] | None = None,
    kind: ScoreKind | None = None,
    name: str | None = None,
    out: str | Path | None = None,
    device: str = "auto",
    **options: Any,
) -> PerturbView:
    """Measure ``model`` under common perturbations; what it returns has ``standings``, ``cells`` and the rest.

    The arguments are those of ``assess``. ``out``: a folder for the measurements, which are continued when found there,
    and their page. ``options`` are those of ``pixelproof perturb``: ``suite``, ``only``, ``severities``, ``samples``,
    ``per_class``, ``minimal``, ``worst_case``, ``gate``, ``defence``, ``range``, ``shuffle``, ``seed``. Raises
    ``InputError`` with one sentence when something cannot be done.
    """
    _check_options(options)
    data = _arrays(images, labels, class_names)
    classifier = wrap_model(model, name=name, kind=kind, device=choose_device(device))
    given = {**options, "model": f"python:{classifier.name}", "data": "arrays", "device": device}
    spec = from_options(PerturbSpec, given)
    folder = Path(out) if out is not None else None
    view = perturb_view(conduct(spec, defend(classifier, spec.defence), data, folder))
    if folder is not None:
        write_perturbations(view, folder)
    return view


def audit_claim(
    model: object,
    images: npt.ArrayLike | torch.Tensor,
    labels: npt.ArrayLike | torch.Tensor,
    claim: Claim | Mapping[str, Any] | str | Path,
    *,
    class_names: Sequence[str] | None = None,
    kind: ScoreKind | None = None,
    name: str | None = None,
    out: str | Path | None = None,
    device: str = "auto",
    **options: Any,
) -> AuditView:
    """Test a ``claim`` of robustness; what it returns has ``verdict``, ``judgement``, ``answers`` and the rest.

    The arguments are those of ``assess``. ``claim``: a mapping with the keys of a claim file, or the path of one.
    ``out``: a folder for what is measured, which is continued when found there, and for the review. ``options`` are
    those of ``pixelproof audit``: ``defence``, ``preset``, ``only``, ``samples``, ``iterations``, ``stored``,
    ``range``, ``seed``. Raises ``InputError`` with one sentence when something cannot be done.
    """
    _check_options(options)
    data, claimed = _arrays(images, labels, class_names), _claim(claim)
    classifier = wrap_model(model, name=name, kind=kind, device=choose_device(device))
    given = {**options, "model": f"python:{classifier.name}", "data": "arrays", "claim": "python", "device": device}
    spec = from_options(AuditSpec, given)
    folder = Path(out) if out is not None else None
    view = audit_view(audit.conduct(spec, claimed, defend(classifier, spec.defence), data, folder))
    if folder is not None:
        write_audit(view, folder)
    return view


def _claim(claim: Claim | Mapping[str, Any] | str | Path) -> Claim:
    if isinstance(claim, Claim):
        return claim
    return checked(Claim, claim, "claim") if isinstance(claim, Mapping) else read_claim(Path(claim))


def _check_options(options: dict[str, Any]) -> None:
    unknown = [option for option in ("data", "trust_code") if option in options]
    if unknown:
        raise InputError(f"From Python there is no option {unknown[0]}; hand over the model and the images themselves.")


def _arrays(
    images: npt.ArrayLike | torch.Tensor, labels: npt.ArrayLike | torch.Tensor, class_names: Sequence[str] | None
) -> ImageSet:
    pixels, integers = _as_uint8(_on_cpu(images)), np.asarray(_on_cpu(labels))
    names = tuple(class_names) if class_names is not None else _names(integers)
    return ImageSet(pixels, integers, names, "arrays")


def _names(labels: npt.NDArray[Any]) -> tuple[str, ...]:
    if labels.ndim != 1 or labels.size == 0 or not np.issubdtype(labels.dtype, np.integer):
        raise DataError(f"Labels must be N integers, not {labels.dtype} of shape {labels.shape}.")
    return default_class_names(labels)


def _on_cpu(values: npt.ArrayLike | torch.Tensor) -> npt.ArrayLike:
    return values.detach().cpu().numpy() if isinstance(values, torch.Tensor) else values


def _as_uint8(images: npt.ArrayLike) -> UInt8Array:
    array = np.asarray(images)
    if array.dtype == np.uint8 or array.ndim != 4 or not np.issubdtype(array.dtype, np.floating):
        return array  # ImageSet says what is wrong with it, if anything is
    if not np.isfinite(array).all() or array.min() < 0 or array.max() > 1:
        raise DataError(
            f"Float images must lie in [0, 1], but these run from {array.min():.3g} to {array.max():.3g}; "
            "normalisation belongs inside the model."
        )
    return (array * 255).round().astype(np.uint8).transpose(0, 2, 3, 1)
