"""A finished run of any number of samples at four levels, written in minutes: nothing in it was searched for.

Usage: python -m benchmarks.synthetic FOLDER SAMPLES MODEL

What the records say is drawn, so that a page, a table and an export have all that they have of a run that took weeks:
broken images at every level, inherited ones, open ones. A sample's records follow from its index and the name of the
model, which there is none of.
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from pixelproof.data.imageset import UInt8Array
from pixelproof.jobs.assess_spec import make_spec, resolve
from pixelproof.runs import DataCard, Manifest, ModelCard, Record, RunStore, Selection
from pixelproof.runs.distances import pixel_distances
from pixelproof.runs.identity import run_identity

SHAPE, CLASSES, LEVELS = (32, 32, 3), 10, (1, 3, 5, 10)
#: Samples that one transaction brings.
TOGETHER = 1000

Outcome = tuple[Record, UInt8Array | None]


def write(folder: Path, samples: int, model: str) -> None:
    """A finished run of ``model`` in ``folder``, of few-pixel at four levels."""
    indices = range(samples)
    with RunStore.create(folder, manifest(indices, model), {k: clean(k) for k in indices}) as run:
        for start in range(0, samples, TOGETHER):
            run.commit([each for k in indices[start : start + TOGETHER] for each in outcomes(k, model)])
        run.add_timings({"seconds": 3600.0, "queries": 100.0 * samples}, finished=True)


def manifest(indices: range, model: str) -> Manifest:
    """What a run on all images of a set, each of them classified correctly, begins with."""
    spec = make_spec(model="zoo:none", data="none", attacks=["few-pixel"], samples=len(indices), levels=LEVELS)
    settings = resolve(spec, SHAPE, "cpu", len(indices)).as_dict()
    names = tuple(f"class {k}" for k in range(CLASSES))
    return Manifest(
        job="assess",
        identity=run_identity("assess", settings, model, "logits", "drawn"),
        status="running",
        spec=spec.model_dump(mode="json"),
        settings=settings,
        model=ModelCard(model, "logits", model, 1000, 1000),
        data=DataCard("drawn", "drawn", len(indices), SHAPE, names),
        selection=Selection("all", len(indices), tuple(indices), tuple(k % CLASSES for k in indices)),
        findings=(),
        environment={},
    )


def clean(index: int) -> UInt8Array:
    """The image ``index``: as little to be compressed as a photograph."""
    return np.random.default_rng((0, index)).integers(0, 256, SHAPE, np.uint8)


def outcomes(index: int, model: str) -> list[Outcome]:
    """The records of one sample, and their images: the first level that breaks it, if one does, breaks all above."""
    rng, before = np.random.default_rng((*model.encode(), index)), clean(index)
    found: list[Outcome] = []
    for threshold in LEVELS:
        if found and found[-1][0].success:
            lower, image = found[-1]
            inherited = lower.level if lower.inherited_from is None else lower.inherited_from
            record = replace(lower, threshold=threshold, inherited_from=inherited, queries=0, seconds=0.0)
            found.append((record, image))
        else:
            found.append(_searched(index, threshold, before, rng))
    return found


def _searched(index: int, threshold: int, before: UInt8Array, rng: np.random.Generator) -> Outcome:
    success, label = bool(rng.random() < 0.35), index % CLASSES
    certain = float(np.random.default_rng((1, index)).uniform(0.5, 1))  # of the clean image, at every level
    image = before.copy()
    places = rng.choice(SHAPE[0] * SHAPE[1], threshold, replace=False)
    image.reshape(-1, SHAPE[2])[places] ^= 255
    distances = pixel_distances(image, before) if success else dict.fromkeys(("l0", "l1", "l2", "linf"))
    record = Record(
        sample=index,
        label=label,
        constraint="few-pixel",
        threshold=threshold,
        method="pixel-process",
        parameters="",
        target=None,
        success=success,
        inherited_from=None,
        predicted=(label + 1 + int(rng.integers(CLASSES - 1))) % CLASSES if success else label,
        clean_confidence=certain,
        confidence=float(rng.uniform(0, 0.5)) if success else certain,
        margin=-float(rng.exponential()) if success else float(rng.exponential()),
        queries=int(rng.integers(2, 1000)) if success else 1000,
        gave_up=False,
        restarts=0,
        seconds=float(rng.random()),
        seed=0,
        **distances,
    )
    return record, image if success else None


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
