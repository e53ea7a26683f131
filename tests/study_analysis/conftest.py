"""Studies to reckon with by hand: runs of a few samples each, whose outcome is given cell by cell."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from pixelproof.results.study import Assessed
from pixelproof.runs.record import DataCard, Manifest, ModelCard, Record, Selection

RunMaker = Callable[..., Assessed]
LEVELS = (1, 3, 5, 10)
CIFAR = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SEARCHES = {
    "levels": {"few-pixel": "pixel-process", "threshold": "gradient-regression"},
    "minimal": {"few-pixel": "pixel-process", "threshold": "gradient-regression"},
    "cma-es": {"few-pixel": "cma-es", "threshold": "sep-cma-es"},
    "de": {"few-pixel": "de", "threshold": "de"},
}


def record(sample: int, label: int, attack: str, search: str, threshold: int, distance: int | None) -> Record:
    """Fooled by an image at ``distance``; None: not fooled. Its L2 is ten times the distance."""
    fooled = distance is not None
    few = attack == "few-pixel"
    return Record(
        sample=sample,
        label=label,
        constraint=attack,
        threshold=threshold,
        method=search,
        parameters="",
        target=None,
        success=fooled,
        inherited_from=None,
        predicted=(label + 1) % 10 if fooled else label,
        clean_confidence=0.9,
        confidence=0.9,
        margin=0.5,
        queries=50,
        gave_up=False,
        restarts=0,
        l0=(distance if few else 900) if fooled else None,
        l1=100 if fooled else None,
        l2=None if distance is None else 10.0 * distance,
        linf=(200 if few else distance) if fooled else None,
        seconds=0.0,
        seed=0,
    )


def manifest(name: str, role: str, labels: Sequence[int], thresholds: Sequence[int], **changes: Any) -> Manifest:
    """Of a finished run over the samples 0, 1, 2 …, each settings entry as in ``changes``."""
    settings = {
        "searches": [
            {
                "constraint": attack,
                "threshold": th,
                "method": search,
                "max_queries": 1000,
                "minimal": role == "minimal",
            }
            for attack, search in SEARCHES[role].items()
            for th in thresholds
        ],
        "nested": True,
        "target": "none",
        "samples": len(labels),
        "shuffle": None,
    }
    status = changes.pop("status", "finished")
    data = DataCard("cifar10-test", changes.pop("sha256", "cd" * 32), 1000, (32, 32, 3), CIFAR)
    clean = changes.pop("clean", (80, 100))
    spec = changes.pop("spec", {})
    return Manifest(
        job="assess",
        identity="ab" * 32,
        status=status,
        spec=spec,
        settings={**settings, **changes},
        model=ModelCard(name, "logits", "ef" * 32, clean[1], clean[0]),
        data=data,
        selection=Selection("the first", len(labels) + 2, tuple(range(len(labels))), tuple(labels)),
        findings=(),
        environment={},
    )


@pytest.fixture
def run() -> RunMaker:
    """A run whose samples have the minimal thresholds ``few`` (L0) and ``steps`` (L∞), None: never fooled.

    At fixed levels each is fooled from the first level on that holds it, nested; a run of role ``minimal`` goes up to
    127. ``few`` or ``steps`` None leaves the norm out. Labels are 0, 1, 2 … unless given.
    """

    def make(
        name: str,
        few: Sequence[int | None] | None,
        steps: Sequence[int | None] | None,
        role: str = "levels",
        defence: str | None = None,
        labels: Sequence[int] | None = None,
        thresholds: Sequence[int] | None = None,
        called: str | None = None,
        **changes: Any,
    ) -> Assessed:
        rows: Mapping[str, Sequence[int | None] | None] = {"few-pixel": few, "threshold": steps}
        labels = labels or range(len(few or steps or ()))
        thresholds = thresholds or ((127,) if role == "minimal" else LEVELS)
        records = [
            record(sample, labels[sample], attack, SEARCHES[role][attack], th, d if d is not None and d <= th else None)
            for attack, row in rows.items()
            for sample, d in enumerate(row or ())
            for th in thresholds
        ]
        return Assessed.of(manifest(name, role, labels, thresholds, **changes), records, called, defence)

    return make
