"""How much an audit measures, in numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Preset = Literal["quick", "standard"]


@dataclass(frozen=True)
class Effort:
    """Numbers of images and of what is tried on each."""

    clean: int  # images that the clean accuracy is measured on, at most
    samples: int  # images that are attacked
    iterations: int  # of gradient attacks, where their number is doubled until nothing changes, at most
    restarts: int  # of a gradient attack
    queries: int  # that an attack on scores has for an image
    label_samples: int  # images that attacks on labels alone are run on
    label_queries: int  # that they have for each
    noise_samples: int  # images that noise is drawn for
    noise_draws: int  # of it for each
    level_samples: int  # images whose few-pixel and threshold levels are measured
    perturbed: int  # images under common perturbations
    draws: int  # answers of a random model that are averaged
    substitute_epochs: int  # that a substitute learns the model's answers for
    surface: int  # points of a side where the loss surface is drawn


EFFORTS: Mapping[Preset, Effort] = {
    "quick": Effort(
        clean=1_000,
        samples=100,
        iterations=400,
        restarts=5,
        queries=1_000,
        label_samples=20,
        label_queries=1_000,
        noise_samples=10,
        noise_draws=10_000,
        level_samples=10,
        perturbed=200,
        draws=10,
        substitute_epochs=10,
        surface=21,
    ),
    "standard": Effort(
        clean=10_000,
        samples=500,
        iterations=1_600,
        restarts=10,
        queries=5_000,
        label_samples=100,
        label_queries=5_000,
        noise_samples=100,
        noise_draws=10_000,
        level_samples=50,
        perturbed=1_000,
        draws=30,
        substitute_epochs=30,
        surface=41,
    ),
}
