"""What a run keeps: one record per sample × attack × search × threshold, and the manifest above them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

FORMAT_VERSION = 3
#: ``threshold`` of the records of attacks by name, which have no levels.
UNLEVELLED = 0

Severity = Literal["info", "warning", "error"]


@dataclass(frozen=True)
class Record:
    """The outcome of one attack on one sample, at one threshold where it has levels.

    Distances are those of the adversarial image from the clean one in 8-bit units: ``l0`` counts pixels
    (positions), ``l1``, ``l2`` and ``linf`` are taken over all channel values 0–255. They are ``None`` where nothing
    was found; then ``predicted`` is the class of the clean image, and no image is stored but the last try of an attack
    by name.
    """

    sample: int  # index in the source data
    label: int
    attack: str  # "few-pixel" (L0), "threshold" (L-infinity), or the name of another attack
    search: str  # the one that was run, see ``SearchName``; the spelling of an attack by name
    threshold: int  # ``UNLEVELLED`` of an attack by name
    target: int | None  # the class aimed at; None when untargeted
    success: bool
    inherited_from: int | None  # the lower threshold whose adversarial image stands here too
    predicted: int
    clean_confidence: float  # softmax of the true class on the clean image
    confidence: float  # softmax of ``predicted`` on the adversarial image (on the clean one where none was found)
    margin: float  # the best value of the run's fitness seen; that of the stored image where one was found
    queries: int  # images through the model in this search, verification included; 0 where inherited
    gave_up: bool  # the search ended before its budget, since its model saw no success ahead
    restarts: int
    l0: int | None
    l1: int | None
    l2: float | None
    linf: int | None
    seconds: float
    seed: int
    gradient_steps: int = 0  # images through the model backwards

    @property
    def levelled(self) -> bool:
        """Whether this is of an attack with levels, few-pixel or threshold."""
        return self.threshold != UNLEVELLED


@dataclass(frozen=True)
class Finding:
    """Something the preflight or the engine noticed that a reader must know: a stable ``name``, one sentence."""

    name: str
    severity: Severity
    message: str


@dataclass(frozen=True)
class ModelCard:
    """The model under assessment and what it did to the clean images."""

    name: str
    kind: Literal["logits", "probabilities", "labels"]
    fingerprint: str
    checked: int  # images of the preflight
    right: int  # of them classified correctly


@dataclass(frozen=True)
class DataCard:
    """The data under assessment; ``sha256`` is over the images in range and their labels."""

    name: str
    sha256: str
    images: int
    shape: tuple[int, int, int]  # height, width, channels
    class_names: tuple[str, ...]


@dataclass(frozen=True)
class Selection:
    """The samples attacked: source indices in the order they were taken, of ``considered`` images looked at.

    Robust accuracy has ``considered`` as its denominator: images already wrong count as not robust.
    """

    rule: str
    considered: int
    samples: tuple[int, ...]
    labels: tuple[int, ...]


@dataclass(frozen=True)
class Manifest:
    """Everything about a run but its records."""

    identity: str
    status: Literal["running", "finished"]
    spec: dict[str, Any]
    settings: dict[str, Any]  # the preset and choices resolved to numbers: what the identity hashes
    model: ModelCard
    data: DataCard
    selection: Selection
    findings: tuple[Finding, ...]
    environment: dict[str, str]
    timings: dict[str, float] = field(default_factory=dict)  # seconds, queries, queries_per_second …
    format_version: int = FORMAT_VERSION
