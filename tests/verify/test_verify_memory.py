"""Memory does not grow with the samples."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pixelproof.jobs.assess_spec import make_spec, resolve
from pixelproof.runs import DataCard, Manifest, ModelCard, Record, RunStore, Selection
from pixelproof.runs.distances import pixel_distances
from pixelproof.runs.identity import run_identity
from pixelproof.runs.verify import problems_of

SHAPE, LEVELS, QUERIES = (32, 32, 3), (1, 3), 100


def _written(folder: Path, samples: int) -> Path:
    """A run of so many samples that no search broke at the first level and every one broke at the second."""
    spec = make_spec(model="zoo:none", data="none", attacks=["few-pixel"], levels=LEVELS, max_queries=QUERIES)
    settings = resolve(spec, SHAPE, "cpu").as_dict()
    manifest = Manifest(
        job="assess",
        identity=run_identity("assess", settings, "none", "logits", "none"),
        status="running",
        spec=spec.model_dump(mode="json"),
        settings=settings,
        model=ModelCard("none", "logits", "none", 20, 20),
        data=DataCard("none", "none", samples, SHAPE, ("a", "b")),
        selection=Selection("all", samples, tuple(range(samples)), (0,) * samples),
        findings=(),
        environment={},
    )
    images = {k: np.random.default_rng(k).integers(0, 256, SHAPE, np.uint8) for k in range(samples)}
    with RunStore.create(folder, manifest, images) as run:
        outcomes = []
        for sample, clean in images.items():
            image = clean.copy()
            image[0, 0] ^= 255
            kept = {
                "sample": sample,
                "label": 0,
                "constraint": "few-pixel",
                "method": "pixel-process",
                "parameters": "",
            }
            kept |= {"target": None, "inherited_from": None, "clean_confidence": 0.9, "gave_up": False, "restarts": 0}
            kept |= {"queries": QUERIES, "seconds": 0.1, "seed": 0, "margin": 1.0}
            held = Record(**kept, threshold=1, success=False, predicted=0, confidence=0.9, **_NOTHING)  # type: ignore[arg-type]
            fell = replace(held, threshold=3, success=True, predicted=1, **pixel_distances(image, clean))  # type: ignore[arg-type]
            outcomes += [(held, None), (fell, image)]
        run.commit(outcomes)
        run.add_timings({"seconds": 1.0}, finished=True)
    return folder


_NOTHING = dict.fromkeys(("l0", "l1", "l2", "linf"))


def _peak(folder: Path) -> int:
    """Bytes that verifying takes at most; the answers are those that the run tells of."""

    def predict(images: list[np.ndarray]) -> np.ndarray:
        clean = np.array([[0.9, 0.1]])
        return np.repeat(clean, len(images), 0)

    with RunStore.open(folder) as run:
        tracemalloc.start()
        problems = sum(1 for _ in problems_of(run, predict))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert problems == len(run.manifest.selection.samples)  # that the model does not answer 1 to what fell
    return peak


@pytest.mark.slow
def test_four_times_the_samples_take_hardly_more(tmp_path: Path) -> None:
    """What grows are numbers and labels of samples, some hundred bytes each; images would be 3,072 more."""
    few, many = (_peak(_written(tmp_path / str(samples), samples)) for samples in (300, 1300))
    assert many - few < 1000 * 1000
