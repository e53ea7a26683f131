"""Small audits in memory: the bundled LeNet, few samples, few queries."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from typing import Any

import torch

from pixelproof.data import ImageSet, load_data
from pixelproof.jobs.audit.checkpoints import CHECKPOINTS
from pixelproof.jobs.audit.context import BATCH, AuditContext
from pixelproof.jobs.audit.repetition import repetition
from pixelproof.jobs.audit.spec import Effort
from pixelproof.jobs.preflight import RANDOM_OUTPUT, preflight
from pixelproof.models import Classifier, load_model
from pixelproof.models.wrap import wrap_model
from pixelproof.results.audit.claim import Claim

TINY = Effort(
    clean=500,
    samples=40,
    iterations=40,
    restarts=2,
    queries=200,
    label_samples=8,
    label_queries=200,
    noise_samples=3,
    noise_draws=500,
    level_samples=2,
    perturbed=50,
    draws=4,
    substitute_epochs=3,
    surface=7,
)
#: The least that every checkpoint can work with.
SMALLEST = replace(
    TINY,
    clean=60,
    samples=8,
    iterations=10,
    queries=40,
    label_samples=2,
    label_queries=60,
    noise_draws=20,
    level_samples=1,
    perturbed=10,
    substitute_epochs=1,
)
CPU = torch.device("cpu")
#: Of the bundled LeNet (76 % of the bundled images; under PGD of 20 steps within 1 grey level about 30 %).
HONEST: Mapping[str, Any] = {
    "clean_accuracy": 76.0,
    "robust_accuracy": 25.0,
    "threat": {"goal": "untargeted", "knowledge": "white-box", "norm": "linf", "epsilon": 1},
    "evaluation": {
        "attack": "autoattack",
        "norm": "linf",
        "epsilon": 1,
        "iterations": 100,
        "adaptive": True,
        "goal": "untargeted",
        "samples": 1000,
    },
}


def claim(**changes: Any) -> Claim:
    """The honest claim of the bundled LeNet, changed: ``claim(robust_accuracy=90, threat={"epsilon": 2})``."""
    values: dict[str, Any] = {key: dict(each) if isinstance(each, dict) else each for key, each in HONEST.items()}
    for key, each in changes.items():
        values[key] = {**values[key], **each} if isinstance(each, dict) else each
    return Claim(**values)


@cache
def bundled() -> ImageSet:
    return load_data("bundled")


def lenet() -> torch.nn.Module:
    """The module itself, for flaws to be put around it."""
    found: torch.nn.Module = load_model("zoo:lenet").module  # type: ignore[attr-defined]
    return found


class Flat(torch.nn.Module):
    """Right as ever, with gradients of 0."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = lenet()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.inner(images.detach() + 0 * images)


class Noisy(torch.nn.Module):
    """Randomised smoothing with one draw an answer."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = lenet()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.inner(images + 0.03 * torch.randn_like(images))


def opaque(model: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[torch.Tensor], torch.Tensor]:
    """A function that answers as ``model`` and shows nothing of it: no attribute, no closure, no operation of torch."""
    pool = ThreadPoolExecutor(1)  # operations are watched thread by thread

    def answers() -> Generator[torch.Tensor | None, torch.Tensor, None]:
        found = None
        while True:
            images = yield found
            with torch.no_grad():
                found = model(images.detach())

    waiting = answers()
    next(waiting)
    send = waiting.send
    return lambda images: pool.submit(send, images).result()  # type: ignore[return-value]


def case(model: object = None, told: Claim | None = None, effort: Effort = TINY, **options: Any) -> AuditContext:
    """An audit about to begin, in memory; ``model`` is what people hand over, by default the bundled LeNet."""
    classifier: Classifier = load_model("zoo:lenet") if model is None else wrap_model(model)
    data = options.pop("data", bundled())
    found = preflight(classifier, data, batch_size=BATCH, device=CPU, limit=effort.clean, refuse_chance=False).findings
    found = (*found, *repetition(classifier, data, CPU, found))
    random = any(finding.name == RANDOM_OUTPUT for finding in found)
    return AuditContext(
        told or claim(), effort, classifier, data, seed=0, device=CPU, findings=found, random=random, **options
    )


def ask(number: int, audit: AuditContext) -> dict[str, Any]:
    """What the checkpoint of this ``number`` answers."""
    (chosen,) = [each for each in CHECKPOINTS if each.number == number]
    return chosen.result(audit)
