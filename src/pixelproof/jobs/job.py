"""What a job is: one measurement of one model on one data set, in steps that can be done in any order and place.

A job knows what it measures; how that is run, resumed, shown and kept is the runner's. It is handed the run that its
records go to only to read what is done already.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, MutableSequence, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Protocol

import torch

from pixelproof.corruptions.suites import parse_perturbations, perturbed
from pixelproof.data.imageset import ImageSet, UInt8Array, all_class_names
from pixelproof.defences import MaskedClassifier, PreprocessedClassifier
from pixelproof.defences.preprocessor import parts
from pixelproof.errors import InputError, RunError
from pixelproof.jobs.cost import Cost
from pixelproof.jobs.preflight import RANDOM_OUTPUT, Preflight
from pixelproof.models import Classifier, settle_classes
from pixelproof.models.query import Asked
from pixelproof.plugins import versions
from pixelproof.runs import DataCard, Finding, Manifest, ModelCard, RunStore, Selection
from pixelproof.runs.environment import environment
from pixelproof.runs.identity import run_identity
from pixelproof.runs.table import R, RecordType

Outcome = tuple[RecordType, UInt8Array | None]


@dataclass(frozen=True)
class Batch:
    """What a job brought: ``outcomes``, which are kept together, and the ``step`` that is through with them, if one is.

    ``done`` is how far this goes of the job's ``total``; ``note`` says where the job stands in a few words. ``ended``
    are steps that end with this and are not noted in the run, as their records tell; ``room`` says whether another
    step could be begun beside those that are on.
    """

    outcomes: Sequence[Outcome] = ()
    step: str | None = None
    done: float = 1
    queries: int = 0
    note: str = ""
    ended: Sequence[str] = ()
    room: bool = False


class Known(Protocol):
    """A run as it is seen where steps are done, which may be another process than the one that writes it."""

    @property
    def manifest(self) -> Manifest: ...

    def of(self, kind: type[R]) -> list[R]:
        """The records of ``kind`` that were there before, as far as ``Job.known`` says that steps need them."""
        ...

    def commit(self, outcomes: Iterable[Outcome]) -> None:
        """Keep what is found in the middle of a step."""
        ...


@dataclass(frozen=True)
class Begun:
    """A new run: its manifest, and the clean images of the samples whose images it keeps."""

    manifest: Manifest
    clean: dict[int, UInt8Array] = field(default_factory=dict)


class Job(ABC):
    """One measurement of ``classifier``, which stands behind its defence, on ``data``, the images in range.

    Everything that can be wrong with it is said by its constructor, ``begin`` or ``take_up``.
    """

    kind: ClassVar[str]  # ``assess``, ``perturb``, ``clever``, ``transfer`` or ``audit``
    records: ClassVar[Sequence[type[RecordType]]]  # the types of its records
    stays: ClassVar[frozenset[str]] = frozenset()  # attributes that do not go with it to another process
    invalid_as = "not fooled"  # what answers that are no numbers count as

    def __init__(self, label: str, spec: Any, classifier: Classifier, data: ImageSet | DataCard, device: str) -> None:
        self.label, self.spec, self.classifier = label, spec, classifier  # the label is what people see while it runs
        self.device = choose_device(device)
        self.asked = Asked()  # what went through the model in this sitting
        self.elsewhere = Counter[str]()  # and in other processes: what ``tally`` says there
        self.images_per_second = 0.0  # of the model, as the preflight found it; 0 before
        self.looked: Preflight | None = None  # what the preflight found, where there was one
        self._masked_before = _masked(classifier)
        self.card = data if isinstance(data, DataCard) else _card(data)
        settle_classes(classifier, len(self.card.class_names))

    @property
    @abstractmethod
    def resolved(self) -> dict[str, Any]:
        """What decides the result beside model and data, as plain values: what the identity hashes."""

    def used(self) -> Iterable[object]:
        """What has a part in the result and may be a plug-in's: here the defence, and what happens to the images."""
        yield from _defences(self.classifier)
        if (corruption := getattr(self.spec, "corruption", None)) is not None:
            yield from (step.corruption for step in parse_perturbations(corruption, self.card.shape))

    @property
    def _hashed(self) -> dict[str, Any]:
        """What is resolved, and the packages of plug-ins that have a part in it, with their versions."""
        plugins = versions(self.used())
        return {**self.resolved, "plugins": plugins} if plugins else self.resolved

    @property
    def identity(self) -> str:
        """The hash of what changes the result; a kind of scores that nobody gave is settled before."""
        model = self.classifier
        return run_identity(self.kind, self._hashed, model.fingerprint, model.kind, self.card.sha256)

    @abstractmethod
    def begin(self) -> Begun:
        """Look at the model and choose the samples, writing nothing. Raises ``InputError`` for the user's mistakes."""

    def again(self, manifest: Manifest) -> Begun:
        """What this job begins with, to be held against a run with ``manifest``; raises as ``begin`` does."""
        return self.begin()

    def manifest(
        self, looked: Preflight | None, selection: Selection, findings: Sequence[Finding] = (), **details: Any
    ) -> Manifest:
        """That of a new run, with what ``looked`` found of the model, further ``findings``, and its own ``details``.

        ``details["steps"]`` are the keys of all steps, in order.
        """
        model = self.classifier
        checked, right = (0, 0) if looked is None else (looked.checked, looked.right)
        self.looked = looked
        self.images_per_second = 0.0 if looked is None else looked.images_per_second
        return Manifest(
            job=self.kind,
            identity=self.identity,
            status="running",
            spec=self.spec.model_dump(mode="json"),
            settings=self._hashed,
            model=ModelCard(model.name, model.kind, model.fingerprint, checked, right),
            data=self.card if looked is None else _named(self.card, looked.classes),
            selection=selection,
            findings=(*(() if looked is None else looked.findings), *findings),
            environment=environment(self.device),
            details=details,
        )

    def keep_batch(self, batch_size: int) -> None:  # noqa: B027  # most have a batch that nothing changes
        """Ask so many images at once, as the run that is gone on with, where no other number was given."""

    def take_up(self, run: RunStore) -> None:  # noqa: B027  # most keep nothing between sittings but the run
        """Go on with ``run``, which has this job's identity. Raises ``RunError`` when that cannot be."""

    def left(self, run: RunStore) -> list[str]:
        """The keys of the steps that are left, in order."""
        done = run.steps()
        return [step for step in run.manifest.details["steps"] if step not in done]

    def total(self, run: RunStore) -> tuple[float, float]:
        """How much is done in ``run``, and how much there is to do."""
        return len(run.steps()), len(run.manifest.details["steps"])

    def stages(self, steps: Sequence[str]) -> list[list[Sequence[str]]]:
        """How ``steps`` may be spread: in stages, one after the other, of units whose steps one worker does in order.

        Units of a stage are done anywhere, in any order.
        """
        return [[[step] for step in steps]]

    def known(self, run: RunStore, steps: Collection[str]) -> dict[str, list[RecordType]]:
        """By step, the records of ``run`` that must be seen to do it, where there are any."""
        return {}

    def watch(self, run: RunStore) -> Callable[[Batch], str]:
        """What says in a few words where the job stands, told every batch from now on."""
        return lambda batch: batch.note

    def cost(self, run: RunStore) -> Cost | None:
        """What is left to do in ``run`` costs; None where that cannot be known before."""
        return None

    @abstractmethod
    def work(self, run: Known, steps: MutableSequence[str]) -> Iterator[Batch]:
        """Do ``steps``; what they bring does not depend on which others are done beside them.

        They are taken out of ``steps``, where more may be put between batches.
        """

    def end(self, run: RunStore) -> None:  # noqa: B027  # most leave nothing but their records
        """Write into ``run`` what follows when all steps are through."""

    @property
    def invalid(self) -> int:
        """Answers in this process that were no numbers."""
        return 0

    def tally(self) -> Counter[str]:
        """All that is counted in this process, by name."""
        return Counter({**self.counts(), **self.behind_masks(), "invalid": self.invalid})

    def timings(self) -> dict[str, float]:
        """What went through the model, here and elsewhere, as the run keeps it."""
        both = Counter(self.tally())
        both.update(self.elsewhere)
        return {name: number for name, number in both.items() if name != "invalid"}

    def findings(self) -> list[Finding]:
        """What was noticed on the way."""
        return invalid_scores(self.invalid + self.elsewhere["invalid"], self.invalid_as)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in self.stays}

    def counts(self) -> Mapping[str, int]:
        """What went through the model on the way: ``queries`` and others, by name."""
        return self.asked

    def behind_masks(self) -> Mapping[str, int]:
        """``masked``: the images that a masked model asked about, many for each of its answers; else nothing."""
        found = _masked(self.classifier)
        return {} if found is None else {"masked": found - (self._masked_before or 0)}


def _defences(classifier: Classifier) -> Iterator[object]:
    """All that stands before and after the model."""
    while isinstance(classifier, (MaskedClassifier, PreprocessedClassifier)):
        if isinstance(classifier, PreprocessedClassifier):
            for some in parts(classifier.preprocessor):
                yield from some
        classifier = classifier.classifier


def _masked(classifier: Classifier) -> int | None:
    return classifier.asked["queries"] if isinstance(classifier, MaskedClassifier) else None


def another_run(folder: Path | None, why: str = "other model, data or settings") -> RunError:
    """What to raise where ``folder`` holds the run of another job."""
    return RunError(f"{folder} holds another run ({why}); choose another --out.")


#: Names of findings that the work itself may bring, which a job that only begins again cannot know of.
OF_WORK = ("invalid-scores", RANDOM_OUTPUT, "other-arithmetic", "stuck-splitting")


def invalid_scores(count: int, meaning: str) -> list[Finding]:
    """A warning where ``count`` answers of the model were no numbers; ``meaning`` says what they count as."""
    text = f"{count} answers of the model held NaN or infinite scores; they count as {meaning}."
    return [Finding("invalid-scores", "warning", text)] if count else []


def choose_device(choice: str) -> torch.device:
    """The device called ``auto``, ``cpu`` or ``cuda``. Raises ``InputError`` when there is no such device here."""
    if choice not in ("auto", "cpu", "cuda"):
        raise InputError(f"--device: it is auto, cpu or cuda, not {choice!r}.")
    if choice == "cuda" and not torch.cuda.is_available():
        raise InputError("--device: there is no CUDA device here; use cpu or auto.")
    return torch.device("cuda" if choice != "cpu" and torch.cuda.is_available() else "cpu")


def in_range(data: ImageSet, limits: tuple[int, int] | None) -> ImageSet:
    """The images START:STOP of ``data``. Raises ``InputError`` when they reach past its end."""
    if limits is None:
        return data
    if limits[1] > len(data):
        raise InputError(f"--range: {limits[0]}:{limits[1]} reaches past the {len(data)} images of {data.name}.")
    return data.take(slice(*limits))


def _named(card: DataCard, classes: int) -> DataCard:
    return replace(card, class_names=all_class_names(card.class_names, classes))


def _card(data: ImageSet) -> DataCard:
    return DataCard(data.name, data.content_hash, len(data), data.shape, data.class_names)


class Prepared(Protocol):
    """A spec that says which images are considered, and what happens to them first."""

    @property
    def range(self) -> tuple[int, int] | None: ...

    @property
    def corruption(self) -> str | None: ...

    @property
    def seed(self) -> int: ...


def prepared(data: ImageSet, spec: Prepared) -> ImageSet:
    """The images of ``data`` that ``spec`` considers, corrupted where it says so. Raises ``InputError`` as it must."""
    chosen = in_range(data, spec.range)
    return chosen if spec.corruption is None else perturbed(chosen, spec.corruption, spec.seed)
