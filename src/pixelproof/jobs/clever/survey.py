"""CLEVER scores of the first correctly classified samples of a data set, and what came of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from math import isfinite
from statistics import fmean
from typing import Any

import numpy as np
import torch

from pixelproof.attacks.norm_ball import Norm
from pixelproof.data import ImageSet
from pixelproof.errors import RunError
from pixelproof.jobs.assess import choose_device
from pixelproof.jobs.assess_spec import AssessSpec, resolve
from pixelproof.jobs.clever.distances import smallest_distances
from pixelproof.jobs.clever.score import CleverScore, check_numbers, clever, default_radius
from pixelproof.jobs.preflight import preflight
from pixelproof.jobs.selection import select
from pixelproof.models import Classifier
from pixelproof.models.query import Scorer
from pixelproof.results.rank_correlation import FEWEST, RankCorrelation, rank_correlation
from pixelproof.runs import Finding, RunStore
from pixelproof.units import to_unit

#: Samples looked at where no number is given: each takes thousands of gradients.
SAMPLES = 10
_CHECKED = 256  # images of the preflight


@dataclass(frozen=True)
class Survey:
    """Scores of ``samples`` (indices in the source data), all lengths in grey levels (1/255) of ``norm``.

    ``findings`` are what the preflight noticed. With a run, ``distances`` are the smallest that it found, infinite
    where it found none, and ``correlation`` is theirs with the scores; None where too few scores are meaningful.
    """

    model: str
    data: str
    class_names: tuple[str, ...]
    norm: Norm
    radius: float
    batches: int
    batch_samples: int
    target: str
    seed: int
    samples: tuple[int, ...]
    scores: tuple[CleverScore, ...]
    findings: tuple[Finding, ...]
    distances: tuple[float, ...] | None = None
    correlation: RankCorrelation | None = None

    @property
    def meaningful(self) -> list[float]:
        """The scores there are."""
        return [each.score for each in self.scores if each.score is not None]

    @property
    def halfway(self) -> tuple[int, float] | None:
        """After half of the batches or a few more, how many and the mean score; None where there are no scores."""
        curves = [each.curve for each in self.scores if each.curve]
        if not curves:
            return None
        count = next(count for count, _ in curves[0] if 2 * count >= self.batches)
        return count, fmean(dict(curve)[count] for curve in curves)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; an infinite distance becomes None."""
        values = asdict(self)
        rows, distances = values.pop("scores"), values.pop("distances")
        for k, row in enumerate(rows):
            row.update(sample=self.samples[k], meaningful=self.scores[k].meaningful)
            if distances is not None:
                row["distance"] = distances[k] if isfinite(distances[k]) else None
        return {**values, "unit": "grey levels (1/255)", "scores": rows}


def survey(
    spec: AssessSpec,
    classifier: Classifier,
    data: ImageSet,
    *,
    norm: Norm = "l2",
    radius: float | None = None,
    batches: int = 50,
    batch_samples: int = 100,
    run: RunStore | None = None,
    progress: Callable[[float], None] = lambda _: None,
) -> Survey:
    """Of ``spec`` count its samples (None: up to 10), target, seed and device.

    With a ``run`` its samples are looked at, and the scores compared with the distances that it found. Raises
    ``InputError`` for what the user must put right.
    """
    reach = default_radius(norm) if radius is None else radius
    check_numbers(norm, reach, batches, batch_samples)
    device = choose_device(spec.device)
    settings = resolve(spec, data.shape, device.type)
    usable = data if run is None else _of_run(run, spec, classifier, data)
    findings = preflight(classifier, data, batch_size=settings.batch_size, device=device, limit=_CHECKED).findings
    settings = replace(settings, samples=spec.samples or min(SAMPLES, len(usable)))
    chosen = select(Scorer(classifier, settings.batch_size, device), usable, settings)[1]
    pixels = np.stack([sample.pixels for sample in chosen])
    aimed = [sample.target for sample in chosen if sample.target is not None]
    scores = clever(
        classifier,
        to_unit(torch.from_numpy(pixels).to(device)),
        torch.tensor([sample.label for sample in chosen], device=device),
        norm=norm,
        radius=reach,
        batches=batches,
        samples=batch_samples,
        targets=torch.tensor(aimed, device=device) if aimed else None,
        seed=spec.seed,
        batch_size=settings.batch_size,
        progress=progress,
    )
    found = Survey(
        model=classifier.name,
        data=data.name,
        class_names=data.class_names,
        norm=norm,
        radius=reach,
        batches=batches,
        batch_samples=batch_samples,
        target=spec.target,
        seed=spec.seed,
        samples=tuple(sample.index for sample in chosen),
        scores=tuple(scores),
        findings=findings,
    )
    return found if run is None else _compared(found, run)


def _of_run(run: RunStore, spec: AssessSpec, classifier: Classifier, data: ImageSet) -> ImageSet:
    """The samples of ``run``, in its order, out of ``data``."""
    manifest = run.manifest
    if manifest.status != "finished":
        raise RunError(f"{run.folder} is not finished; pixelproof resume it first.")
    if manifest.model.fingerprint != classifier.fingerprint:
        raise RunError(f"{run.folder} is of another model (or defence): {manifest.model.name}; give that one.")
    if manifest.settings["target"] != spec.target:
        raise RunError(f"{run.folder} has --target {manifest.settings['target']}; give the same.")
    where = {int(index): position for position, index in enumerate(data.indices)}
    positions = [where[sample] for sample in manifest.selection.samples if sample in where]
    if len(positions) < FEWEST or (spec.samples or FEWEST) < FEWEST:
        raise RunError(f"A correlation needs {FEWEST} samples of {run.folder} at least; raise --samples.")
    if any(not np.array_equal(run.clean(int(data.indices[k])), data.images[k]) for k in positions):
        raise RunError(f"{run.folder} is over other data: {manifest.data.name}; give that as --data.")
    return data.take(positions)


def _compared(found: Survey, run: RunStore) -> Survey:
    smallest = smallest_distances(run.records(), found.norm)
    distances = tuple(smallest[sample] for sample in found.samples)
    pairs = [(s.score, d) for s, d in zip(found.scores, distances, strict=True) if s.score is not None]
    if len(pairs) < FEWEST:
        return replace(found, distances=distances)
    scores, far = zip(*pairs, strict=True)
    return replace(found, distances=distances, correlation=rank_correlation(scores, far, found.seed))
