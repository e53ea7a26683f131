"""What a run keeps: typed records, and the manifest above them."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, Self

FORMAT_VERSION = 4

Severity = Literal["info", "warning", "error"]
Status = Literal["running", "finished"]
#: With levels, ``few-pixel``: L0, in pixels; ``threshold``: L∞ over channel values, in grey levels. Of attacks by name,
#: ``l0``: in pixels; the others: balls in grey levels.
Constraint = Literal["few-pixel", "threshold", "linf", "l2", "l1", "l0"]
#: The constraints whose thresholds are levels, searched one after the other.
LEVELLED: tuple[Constraint, ...] = ("few-pixel", "threshold")
#: The distance, a field of records, that each constraint keeps to its threshold.
NORM_OF: Mapping[str, str] = {
    "few-pixel": "l0",
    "threshold": "linf",
    "linf": "linf",
    "l2": "l2",
    "l1": "l1",
    "l0": "l0",
}
#: What an attack may aim at, beside a class number.
TARGETS = ("none", "least-likely", "next", "random")
#: The methods of proof, whose certificates say that nothing is there, and whose records that something was found.
PROOFS = ("sweep", "bounds", "masks")


@dataclass(frozen=True, slots=True)  # a report holds hundreds of thousands
class Record:
    """The outcome of one attack on one sample, at one threshold where it has levels.

    Distances are those of the adversarial image from the clean one in 8-bit units: ``l0`` counts pixels
    (positions), ``l1``, ``l2`` and ``linf`` are taken over all channel values 0–255. They are ``None`` where nothing
    was found; then ``predicted`` is the class of the clean image, and no image is stored but the last try of an attack
    by name.
    """

    TABLE: ClassVar[str] = "records"
    KEY: ClassVar[tuple[str, ...]] = ("sample", "constraint", "threshold", "method", "parameters")

    sample: int  # index in the source data
    label: int
    constraint: Constraint | None  # None: the attack seeks the nearest image, however far that is
    threshold: float | None  # how much the constraint allows, in pixels or grey levels
    method: str  # the search that was run, or the attack by name
    parameters: str  # of an attack by name, as they are typed: ``norm=linf,epsilon=8``
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
    #: Images with one changed pixel that the pixel process asked, of those that it sweeps over in order: of P positions
    #: and C channels P × 2^C once every corner colour was asked everywhere, P × 3^C and P × 5^C after the next grids.
    swept: int = 0

    @property
    def levelled(self) -> bool:
        """Whether this is of an attack with levels, few-pixel or threshold."""
        return self.constraint in LEVELLED

    @property
    def level(self) -> int:
        """The threshold of an attack with levels, a whole number."""
        assert self.threshold is not None  # as those with levels have one
        return int(self.threshold)

    def inherited(self, method: str, threshold: float | None) -> Self:
        """What its success at a lower level is by itself at ``threshold``, where ``method`` searches: no work."""
        return replace(
            self,
            method=method,
            threshold=threshold,
            inherited_from=self.level,
            queries=0,
            gave_up=False,
            swept=0,
            restarts=0,
            seconds=0.0,
        )

    def distance(self, constraint: str) -> float:
        """How far from the clean one its image lies, as ``constraint`` measures it; infinite where it has none."""
        value = getattr(self, NORM_OF[constraint]) if self.success else None
        return math.inf if value is None else float(value)

    @property
    def by_proof(self) -> bool:
        """Whether this is an image that a method of proof came upon."""
        return self.method in PROOFS

    @property
    def attack(self) -> str:
        """The attack as people call it: ``few-pixel``, ``threshold``, or the method's name."""
        return self.constraint if self.constraint in ("few-pixel", "threshold") else self.method

    @property
    def spec(self) -> str:
        """The method as it is typed, with its parameters where it has any: ``pgd(norm=linf,epsilon=8)``."""
        return self.method if self.levelled else f"{self.method}({self.parameters})"

    @staticmethod
    def parts(spec: str) -> tuple[str, str]:
        """The method and the parameters of an attack by name that is typed so: the inverse of ``spec``."""
        method, _, parameters = spec.partition("(")
        return method, parameters.removesuffix(")")

    def __str__(self) -> str:
        """``sample 17, few-pixel, th = 3 (cma-es)``, or ``sample 17, pgd(epsilon=8,…)``."""
        if not self.levelled:
            return f"sample {self.sample}, {self.spec}"
        return f"sample {self.sample}, {self.constraint}, th = {self.level} ({self.method})"


def by_sample(records: Iterable[Record]) -> defaultdict[int, list[Record]]:
    """The records of each sample, in their order; none of a sample that has none."""
    found: defaultdict[int, list[Record]] = defaultdict(list)
    for record in records:
        found[record.sample].append(record)
    return found


def nearest(records: Iterable[Record], constraint: str) -> float:
    """How near the nearest image lies that breaks their sample, as ``constraint`` measures; infinite if none does."""
    return min((record.distance(constraint) for record in records), default=math.inf)


@dataclass(frozen=True)
class Certificate:
    """What one method of proof came to for one sample at one threshold.

    Where it ``proved`` that no image within the constraint changes the answer, ``body`` is what a checker reads.
    Otherwise the sample stays open, and ``reason`` is why. An image that was found on the way is a ``Record`` of the
    same method.
    """

    TABLE: ClassVar[str] = "certificates"
    KEY: ClassVar[tuple[str, ...]] = ("sample", "constraint", "threshold", "method", "parameters")

    sample: int
    constraint: Constraint
    threshold: float  # in pixels or grey levels
    method: str  # one of ``PROOFS``
    parameters: str
    proved: bool
    reason: str  # where not proved: what ended it; else empty
    size: int  # images, boxes or maskings that the certificate rests on, or that were looked at
    queries: int  # images through the model
    seconds: float
    body: dict[str, Any]

    def __str__(self) -> str:
        """``sample 17, few-pixel, th = 1 (bounds)``."""
        return f"sample {self.sample}, {self.constraint}, th = {self.threshold:g} ({self.method})"


@dataclass(frozen=True)
class FailureProbability:
    """What share of a distribution of perturbations breaks one sample, as importance splitting came to it.

    ``estimate`` and the 95 % interval from ``low`` to ``high`` follow from ``dropped`` and the schedule beside it
    (``probability/interval.py``). Not ``reached``, no failure was come upon: ``low`` is 0 and there is no estimate.
    """

    TABLE: ClassVar[str] = "failure_probabilities"
    KEY: ClassVar[tuple[str, ...]] = ("sample", "distribution")

    sample: int
    label: int
    distribution: str  # as it is typed, with every parameter
    draws: int  # the schedule: first draws, those kept of them, replaced at a time, moves of each, queries at most
    kept: int
    replaced: int
    moves: int
    budget: int
    dropped: int  # images below the failures
    reached: bool
    estimate: float | None
    low: float
    high: float
    moved: float  # share of copies that moved away from what they are copies of
    queries: int
    seconds: float
    seed: int


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
    """The samples looked at: source indices in the order they were taken, of ``considered`` images.

    Robust accuracy has ``considered`` as its denominator: images already wrong count as not robust.
    """

    rule: str
    considered: int
    samples: tuple[int, ...]
    labels: tuple[int, ...]


@dataclass(frozen=True)
class Manifest:
    """Everything about a run but its records."""

    job: str  # assess, perturb, clever, transfer, audit
    identity: str
    status: Status
    spec: dict[str, Any]
    settings: dict[str, Any]  # the spec resolved to numbers: what the identity hashes
    model: ModelCard
    data: DataCard
    selection: Selection
    findings: tuple[Finding, ...]
    environment: dict[str, str]
    details: dict[str, Any] = field(default_factory=dict)  # what one kind of job alone has to say
    timings: dict[str, float] = field(default_factory=dict)  # seconds, queries, queries_per_second …
    contents: str | None = None  # of a finished run, the digest over all records
    format_version: int = FORMAT_VERSION
