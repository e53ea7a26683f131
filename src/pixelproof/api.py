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
from pixelproof.errors import DataError, InputError
from pixelproof.models import Classifier, ScoreKind, wrap_model
from pixelproof.results.audit.view import AuditView
from pixelproof.runs import Record, RunStore

# Reports draw with Altair and audits judge with scipy.stats: two seconds that an assessment need not wait for.
if TYPE_CHECKING:
    import pandas as pd

    from pixelproof.jobs.job import Listener
    from pixelproof.results.attempts import AttemptRow
    from pixelproof.results.audit.claim import Claim
    from pixelproof.results.levels import LevelRow
    from pixelproof.results.minimal import MinimalThresholds
    from pixelproof.results.perturb_view import PerturbView
    from pixelproof.results.status import ImageStatus
    from pixelproof.results.view import View


class Result:
    """A finished assessment. In a notebook it shows its level table."""

    def __init__(self, run: RunStore) -> None:
        self.run = run

    @property
    def levels(self) -> list[LevelRow]:
        """One row per attack × search × threshold: attack success rate and robust accuracy with intervals, queries."""
        return self._view.levels

    @property
    def verdicts(self) -> list[str]:
        """A sentence on each level: broken, proved, held or undecided, and what that rests on."""
        from pixelproof.results.verdict import sentence

        return [f"{level.constraint} th={level.threshold}: {sentence(level)}" for level in self._view.statuses]

    def status(self, attack: str, threshold: int) -> list[ImageStatus]:
        """Each image at one level of ``few-pixel`` or ``threshold``: ``answer`` is broken, proved or open.

        Beside it stand what it rests on, the ``record`` or the ``certificate``, and the ``reason`` why it is open.
        Raises ``InputError`` where the run has no such level.
        """
        from pixelproof.results.status import of_level

        statuses = self._view.statuses
        if (level := of_level(statuses, attack, threshold)) is None:
            levels = ", ".join(f"{each.constraint} th = {each.threshold}" for each in statuses) or "none"
            raise InputError(f"There is no level {attack} th = {threshold} in this run; its levels are: {levels}.")
        return list(level.images)

    @property
    def minimal_thresholds(self) -> list[MinimalThresholds]:
        """Of each attack the smallest threshold that fooled each sample; upper bounds where levels were searched."""
        return self._view.minimal_thresholds

    @property
    def attempts(self) -> list[AttemptRow]:
        """One row per attack by name, and the worst case over them: rates, distances, queries, gradient steps."""
        return self._view.attempts

    @property
    def _view(self) -> View:
        from pixelproof.results.view import read

        return read(self.run)

    @property
    def records(self) -> pd.DataFrame:
        """One row per sample × attack × threshold. Raises ``InputError`` without pandas (extra ``export``)."""
        from pixelproof.runs.export import to_frame

        return to_frame(self.run)

    def adversarial(self, attack: str, threshold: int | None = None) -> list[tuple[Record, UInt8Array]]:
        """Each success of ``attack`` with its image, uint8 H×W×C; at ``threshold``, where the attack has levels."""
        successes = [r for r in self.run.records() if r.success and attack in (r.attack, r.spec)]
        chosen = [r for r in successes if not r.levelled or r.threshold == threshold]
        return [(r, image) for r in chosen if (image := self.run.image(r)) is not None]

    def report(self, path: str | Path) -> Path:
        """Write the self-contained HTML report to ``path``."""
        from pixelproof.report import write_report

        return write_report(self.run, Path(path))

    def __repr__(self) -> str:
        rows = self.verdicts
        rows += [f"{row.key}: {row.fooled}" for row in self.attempts]
        findings = [f"{f.severity} {f.name}: {f.message}" for f in self.run.manifest.findings]
        return "\n  ".join([f"Result of {self.run.manifest.model.name}", *findings, *rows])

    def _repr_html_(self) -> str:
        from pixelproof.report import levels_html

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
    listener: Listener = lambda _: None,
    **options: Any,
) -> Result:
    """Assess ``model`` against few-pixel and threshold attacks; quiet, and without files unless ``out`` is given.

    ``model``: a torch module, a ``Classifier``, or any callable from float32 N×C×H×W in [0, 1] to scores N×K, whose
    normalisation is inside; ``kind`` says what the scores are where that cannot be seen.
    ``images``: uint8 N×H×W×C, or floats N×C×H×W in [0, 1], which are rounded to 8 bits. ``labels``: N integers.
    ``out``: a folder for the run; a run of the same identity found there is continued. ``listener`` is told the
    ``Progress`` now and then. ``options`` are those of ``pixelproof assess``: ``defence``, ``corruption``, ``preset``,
    ``samples``, ``attacks``, ``access``, ``levels``, ``search``, ``max_queries``, ``range``, ``independent_levels``,
    ``target``, ``fitness``, ``certify``, ``certify_seconds``, ``shuffle``, ``seed``, ``precision``.
    Raises ``InputError`` (``ModelError``, ``DataError``, ``RunError``) with one sentence when something cannot be done.
    """
    from pixelproof.defences import defend
    from pixelproof.jobs.assess import AssessJob
    from pixelproof.jobs.assess_spec import make_spec
    from pixelproof.jobs.job import prepared
    from pixelproof.jobs.runner import run_job

    classifier, data, given = _opened(model, images, labels, class_names, kind, name, device, options)
    spec = make_spec(**given)
    job = AssessJob(spec, defend(classifier, spec.defence), prepared(data, spec))
    return Result(run_job(job, _folder(out), listener))


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
    listener: Listener = lambda _: None,
    **options: Any,
) -> PerturbView:
    """Measure ``model`` under common perturbations; what it returns has ``standings``, ``cells`` and the rest.

    The arguments are those of ``assess``. ``out``: a folder for the measurements, which are continued when found there,
    and their page. ``options`` are those of ``pixelproof perturb``: ``suite``, ``only``, ``severities``, ``samples``,
    ``per_class``, ``minimal``, ``worst_case``, ``gate``, ``defence``, ``range``, ``shuffle``, ``seed``. Raises
    ``InputError`` with one sentence when something cannot be done.
    """
    from pixelproof.defences import defend
    from pixelproof.jobs.assess_spec import from_options
    from pixelproof.jobs.perturb.job import PerturbJob
    from pixelproof.jobs.perturb.spec import PerturbSpec
    from pixelproof.jobs.runner import run_job
    from pixelproof.report.perturb import write_perturbations
    from pixelproof.results.perturb_view import perturb_view

    classifier, data, given = _opened(model, images, labels, class_names, kind, name, device, options)
    spec, folder = from_options(PerturbSpec, given), _folder(out)
    with run_job(PerturbJob(spec, defend(classifier, spec.defence), data), folder, listener) as run:
        view = perturb_view(run)
    if folder is not None:
        write_perturbations(view, folder)
    return view


class Audit(AuditView):
    """An audit. In a notebook it shows its judgement and the table of its checkpoints."""

    def _repr_html_(self) -> str:
        from pixelproof.report.audit import audit_html

        return audit_html(self)


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
    listener: Listener = lambda _: None,
    **options: Any,
) -> Audit:
    """Test a ``claim`` of robustness; what it returns has ``verdict``, ``judgement``, ``answers`` and the rest.

    The arguments are those of ``assess``. ``claim``: a mapping with the keys of a claim file, or the path of one.
    ``out``: a folder for what is measured, which is continued when found there, and for the review. ``options`` are
    those of ``pixelproof audit``: ``defence``, ``preset``, ``only``, ``samples``, ``iterations``, ``stored``,
    ``range``, ``seed``. Raises ``InputError`` with one sentence when something cannot be done.
    """
    from pixelproof.defences import defend
    from pixelproof.jobs.assess_spec import from_options
    from pixelproof.jobs.audit.job import AuditJob
    from pixelproof.jobs.audit.spec import AuditSpec
    from pixelproof.jobs.runner import run_job
    from pixelproof.report.audit import write_audit
    from pixelproof.results.audit.view import audit_view

    claimed = _claim(claim)
    classifier, data, given = _opened(model, images, labels, class_names, kind, name, device, options)
    spec, folder = from_options(AuditSpec, {**given, "claim": "python"}), _folder(out)
    with run_job(AuditJob(spec, claimed, defend(classifier, spec.defence), data), folder, listener) as run:
        view = audit_view(run, Audit)
    if folder is not None:
        write_audit(view, folder)
    return view


def _opened(
    model: object,
    images: npt.ArrayLike | torch.Tensor,
    labels: npt.ArrayLike | torch.Tensor,
    class_names: Sequence[str] | None,
    kind: ScoreKind | None,
    name: str | None,
    device: str,
    options: Mapping[str, Any],
) -> tuple[Classifier, ImageSet, dict[str, Any]]:
    """The model without a defence, the data, and what a spec is told of them beside ``options``."""
    from pixelproof.jobs.job import choose_device

    _check_options(options)
    data = _arrays(images, labels, class_names)
    classifier = wrap_model(model, name=name, kind=kind, device=choose_device(device))
    return classifier, data, {**options, "model": f"python:{classifier.name}", "data": "arrays", "device": device}


def _folder(out: str | Path | None) -> Path | None:
    return None if out is None else Path(out)


def _claim(claim: Claim | Mapping[str, Any] | str | Path) -> Claim:
    from pixelproof.jobs.audit.spec import read_claim
    from pixelproof.jobs.spec_file import checked
    from pixelproof.results.audit.claim import Claim

    if isinstance(claim, Claim):
        return claim
    return checked(Claim, claim, "claim") if isinstance(claim, Mapping) else read_claim(Path(claim))


def _check_options(options: Mapping[str, Any]) -> None:
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
