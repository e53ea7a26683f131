"""A made-up run: images of noise, both attacks, failures, nested levels, findings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pixelproof.data.imageset import UInt8Array
from pixelproof.runs.record import LEVELLED, DataCard, Finding, Manifest, ModelCard, Record, Selection
from pixelproof.runs.store import RunStore

Outcome = tuple[Record, UInt8Array | None]
LEVELS = (1, 3, 5, 10)


def disturbed(image: UInt8Array, attack: str, threshold: int, rng: np.random.Generator) -> UInt8Array:
    """A changed copy of ``image`` (H×W×C) inside the constraint."""
    height, width, _ = image.shape
    changed = image.copy()
    if attack == "few-pixel":
        for place in rng.choice(height * width, min(threshold, height * width), replace=False):
            y, x = divmod(int(place), width)
            changed[y, x] = 255 - image[y, x] // 2
        return changed
    step = rng.integers(-threshold, threshold + 1, image.shape)
    step[0, 0, 0] = threshold if image[0, 0, 0] < 128 else -threshold
    return np.clip(image.astype(int) + step, 0, 255).astype(np.uint8)


def outcome(
    sample: int,
    label: int,
    classes: int,
    attack: str,
    threshold: int,
    image: UInt8Array,
    *,
    success: bool,
    queries: int,
    search: str = "cma-es",
    target: int | None = None,
    gave_up: bool = False,
    rng: np.random.Generator | None = None,
) -> Outcome:
    """One record and its image, with distances that fit."""
    rng = rng or np.random.default_rng(sample)
    adversarial = disturbed(image, attack, threshold, rng) if success else None
    change = None if adversarial is None else adversarial.astype(int) - image.astype(int)
    predicted = (label + 1 + sample % max(1, classes - 1)) % classes if success else label
    record = Record(
        sample=sample,
        label=label,
        constraint=attack if attack in LEVELLED else None,
        threshold=threshold,
        method=search,
        parameters="",
        target=target,
        success=success,
        inherited_from=None,
        predicted=label if predicted == label and not success else predicted,
        clean_confidence=0.5 + 0.49 * rng.random(),
        confidence=0.4 + 0.5 * rng.random(),
        margin=-0.1 if success else 0.4,
        queries=queries,
        gave_up=gave_up and not success,
        restarts=0,
        l0=None if change is None else int((change != 0).any(axis=2).sum()),
        l1=None if change is None else int(np.abs(change).sum()),
        l2=None if change is None else float(np.sqrt((change**2).sum())),
        linf=None if change is None else int(np.abs(change).max()),
        seconds=0.1,
        seed=0,
    )
    return record, adversarial


def nested(
    sample: int,
    label: int,
    classes: int,
    attack: str,
    image: UInt8Array,
    levels: Sequence[int],
    hardness: float,
    budget: int = 1000,
    **options: Any,
) -> list[Outcome]:
    """The outcomes of one sample that climbs ``levels``, as the engine commits them."""
    rng = np.random.default_rng((sample, *attack.encode()))
    falls = rng.exponential(hardness) * (0.4 + 1.6 * label / max(1, classes - 1))
    found: list[Outcome] = []
    for threshold in levels:
        lower = next((o for o in found if o[0].success), None)
        if lower is not None:
            inherited = replace(
                lower[0], threshold=threshold, inherited_from=lower[0].threshold, queries=0, seconds=0.0
            )
            found.append((inherited, lower[1]))
            continue
        success = bool(falls < threshold)
        queries = int(np.exp(rng.uniform(3, 6.9))) if success else budget
        found.append(
            outcome(
                sample,
                label,
                classes,
                attack,
                threshold,
                image,
                success=success,
                queries=queries,
                rng=rng,
                **options,
            )
        )
    return found


def minimal_outcome(
    sample: int, label: int, classes: int, attack: str, image: UInt8Array, largest: int, hardness: float, **options: Any
) -> Outcome:
    """One sample's record of its minimal threshold, at most ``largest``, as the engine commits it."""
    rng = np.random.default_rng((sample, *attack.encode()))
    threshold = 1 + int(rng.exponential(hardness))
    record, adversarial = outcome(
        sample,
        label,
        classes,
        attack,
        min(threshold, largest),
        image,
        success=threshold <= largest,
        queries=int(np.exp(rng.uniform(5, 6.9))),
        rng=rng,
        **options,
    )
    return replace(record, threshold=largest, gave_up=threshold > largest), adversarial


def manifest(
    labels: Sequence[int],
    shape: tuple[int, int, int],
    class_names: Sequence[str],
    *,
    finished: bool = True,
    findings: Sequence[Finding] = (),
    considered: int | None = None,
    model: str = "resnet20",
    data: str = "cifar10-test",
    levels: Sequence[int] = LEVELS,
    minimal: bool = False,
    attacks: Sequence[str] = LEVELLED,
    queries: int = 1000,
    search: str = "cma-es",
    target: int | None = None,
) -> Manifest:
    """A manifest for the samples 0, 1, 2, …"""
    n = len(labels)
    considered = considered or n + max(1, n // 10)
    return Manifest(
        job="assess",
        identity="1f3a5c7e9b0d2f4a6c8e1f3a5c7e9b0d2f4a6c8e1f3a5c7e9b0d2f4a6c8e1f3a",
        status="finished" if finished else "running",
        spec={"model": model},
        settings={
            "searches": [
                {
                    "constraint": attack,
                    "threshold": th,
                    "method": search,
                    "population": None,
                    "max_queries": queries,
                    "minimal": minimal,
                }
                for attack in attacks
                for th in levels
            ],
            "nested": True,
            "target": "none" if target is None else str(target),
            "fitness": "margin",
            "seed": 0,
            "precision": "float32",
            "batch_size": 64,
        },
        model=ModelCard(model, "logits", "sha256:" + "ab" * 32, considered, n),
        data=DataCard(data, "cd" * 32, 10_000, shape, tuple(class_names)),
        selection=Selection(f"the first {n} correctly classified images", considered, tuple(range(n)), tuple(labels)),
        findings=tuple(findings),
        environment={"pixelproof": "0.1.0", "python": "3.11.7", "date": "2026-03-01", "processor": "a CPU"},
        timings={"seconds": 123.4, "queries": 456_789, "queries_per_second": 3701.7},
    )


def build_run(
    images: Sequence[UInt8Array],
    labels: Sequence[int],
    class_names: Sequence[str],
    *,
    attacks: Sequence[str] = ("few-pixel", "threshold"),
    levels: Sequence[int] = LEVELS,
    done: int | None = None,
    folder: Path | None = None,
    target: int | None = None,
    hardness: float = 6.0,
    minimal: bool = False,
    search: str = "cma-es",
    queries: int = 1000,
    gave_up: bool = False,
    **options: Any,
) -> RunStore:
    """A nested run over ``images``, of which ``done`` samples (default all) have their records.

    A ``minimal`` one seeks each sample's minimal threshold, up to the last of ``levels``. ``queries`` are allowed a
    level; where a search ``gave_up``, it did so on every sample that it did not fool.
    """
    asked = {"minimal": minimal, "attacks": attacks, "target": target, "search": search, "queries": queries}
    about = manifest(labels, images[0].shape, class_names, levels=levels, **asked, **options)
    run = RunStore.create(folder, about, dict(enumerate(images)))
    for k in range(len(images) if done is None else done):
        for attack in attacks:
            who = (k, labels[k], len(class_names), attack, images[k])
            if minimal:
                run.commit([minimal_outcome(*who, levels[-1], hardness, target=target)])
            else:
                run.commit(nested(*who, levels, hardness, queries, target=target, search=search, gave_up=gave_up))
    return run
