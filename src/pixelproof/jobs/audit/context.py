"""What an audit is about: the samples, how the model decides, how attackers see it, and what is known so far."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from pixelproof.attacks.goal import Goal
from pixelproof.attacks.oracle import Oracle
from pixelproof.data import ImageSet
from pixelproof.data.imageset import Int64Array, UInt8Array
from pixelproof.defences.differentiable import Differentiable, make_differentiable
from pixelproof.defences.eot import ExpectedClassifier
from pixelproof.defences.preprocessed import PreprocessedClassifier
from pixelproof.defences.preprocessor import Seeded, parts
from pixelproof.engine.judge import Bound, Judge
from pixelproof.errors import InputError, RunError
from pixelproof.jobs.audit.detector import detector_of
from pixelproof.jobs.audit.spec import Effort
from pixelproof.models import Classifier
from pixelproof.models.query import Scorer, classes
from pixelproof.results.audit.attacked import View
from pixelproof.results.audit.claim import Claim, Threat
from pixelproof.results.audit.statistics import overstated
from pixelproof.results.intervals import Rate
from pixelproof.runs.record import Finding
from pixelproof.seeds import Streams, stream
from pixelproof.units import to_levels, to_unit

Value = TypeVar("Value")

#: Images of a call, in attacks and decisions alike.
BATCH = 64
#: Images that tell which layers let no gradient through.
PROBED = 8


class AuditContext:
    """The claim, the model and the data of an audit, and how much of them is to be measured.

    ``classifier`` is the model as it was handed over, its defence included. ``random``: the same images get other
    answers at every call. ``stored`` are folders of runs whose adversarial images are shown to this model. ``whole``:
    ``data`` are all there is of them, no range. ``known`` is what was measured before, by key; what is measured now is
    handed to ``keep`` at once. ``recalled``: that of an audit that is judged again. ``bare``: the network without its
    defence, where the user hands that over too.
    """

    def __init__(
        self,
        claim: Claim,
        effort: Effort,
        classifier: Classifier,
        data: ImageSet,
        *,
        seed: int,
        device: torch.device,
        known: Mapping[str, Any] | None = None,
        keep: Callable[[str, Any], None] = lambda key, value: None,
        findings: Sequence[Finding] = (),
        random: bool = False,
        stored: Sequence[str] = (),
        whole: bool = True,
        recalled: Recalled | None = None,
        bare: Classifier | None = None,
    ) -> None:
        self.bare = bare
        self.claim, self.threat, self.effort, self.classifier = claim, claim.threat, effort, classifier
        self.seed, self.device, self.random = seed, device, random
        self.findings, self.stored, self.whole = tuple(findings), tuple(stored), whole
        self.evidence = Evidence(known or {}, keep, seed, device, recalled)
        self.samples = Samples(data, claim.threat, effort.samples, seed, device)
        self.decision = Decision(classifier, self.samples, self.evidence, effort.draws if random else None)
        self.access = Access(classifier, self.samples, self.evidence, random=random, draws=effort.draws)

    @property
    def data(self) -> ImageSet:
        return self.samples.data

    @property
    def claimed_view(self) -> View:
        """How the claim's evaluation saw the model: made differentiable, where it says that it knew the defence."""
        return "open" if self.claim.evaluation.adaptive else self.access.naive

    @property
    def clean_positions(self) -> Int64Array:
        """The images that the clean accuracy is measured on: the samples, and more in the same random order."""
        return self.samples.order[: self.effort.clean]

    @property
    def clean_labels(self) -> list[int]:
        labels: list[int] = self.data.labels[self.clean_positions].tolist()
        return labels

    def clean_answers(self, call: int = 1) -> list[int]:
        """A single answer to each of these; another ``call`` draws anew where answers are random."""
        return self.evidence.memoise(
            f"clean accuracy|call {call}", lambda: self.answers_of(self.classifier, self.clean_positions)
        )

    def clean_alarms(self) -> list[bool]:
        """Which of these the detector rejects."""
        detector = self.decision.detector
        if detector is None:
            return [False] * len(self.clean_positions)
        return self.evidence.memoise(
            "clean accuracy|alarms", lambda: [each == 1 for each in self.answers_of(detector, self.clean_positions)]
        )

    def answers_of(self, classifier: Classifier, positions: Int64Array) -> list[int]:
        """The answers of ``classifier`` to the images of the data at ``positions``."""
        scorer, answers = Scorer(classifier, BATCH, self.device), []
        for start in range(0, len(positions), BATCH):
            pixels = torch.from_numpy(self.data.images[positions[start : start + BATCH]])
            answers.append(scorer(pixels.to(self.device).float()).argmax(1).cpu())
        found: list[int] = torch.cat(answers).tolist()
        return found

    def permits(self, needs: str) -> bool:
        """Whether the threat model's attacker may use an attack that ``needs`` gradients, scores or labels."""
        return needs != "gradients" or self.threat.knowledge == "white-box"

    def refuted_by(self, rate: Rate) -> bool:
        """Whether the robust accuracy claimed lies above all that the measured ``rate`` allows."""
        return overstated(self.claim.robust_accuracy, rate)


@dataclass
class Recalled:
    """What an earlier audit measured, ``values`` by key: an audit that is judged again reads it in place of measuring.

    That of the keys ``anew`` is measured all the same. ``asked``: the keys that were read.
    """

    values: Mapping[str, Any]
    anew: Collection[str]
    asked: set[str] = field(default_factory=set)

    def has(self, key: str) -> bool:
        """Whether it is read. Raises ``RunError`` where it is missing."""
        self.asked.add(key)
        if key not in self.values:
            raise RunError(f"The evidence {key!r} is missing.")
        return key not in self.anew


class Evidence:
    """What was measured, each thing once, by its key: what is ``known`` already, and what is handed to ``keep``."""

    def __init__(
        self,
        known: Mapping[str, Any],
        keep: Callable[[str, Any], None],
        seed: int,
        device: torch.device,
        recalled: Recalled | None = None,
    ) -> None:
        self._known, self._keep, self._seed, self._device = dict(known), keep, seed, device
        self._recalled = recalled

    def __len__(self) -> int:
        return len(self._known)

    def memoise(self, key: str, measure: Callable[[], Value]) -> Value:
        """The value of JSON that ``measure`` gives, as it is kept where it was measured already.

        Tuples come back as lists. What a random model draws in it follows from the seed and ``key`` alone, in whatever
        order things are measured.
        """
        if key not in self._known:
            if self._recalled is not None and self._recalled.has(key):
                value = self._recalled.values[key]
            else:
                with self._drawing(key):
                    value = json.loads(json.dumps(measure()))
                self._keep(key, value)
            self._known[key] = value
        found: Value = self._known[key]
        return found

    def beginning(self, prefix: str) -> list[Any]:
        """The values of all keys that begin with ``prefix``, in the order of their measuring."""
        return [value for key, value in self._known.items() if key.startswith(prefix)]

    @contextmanager
    def _drawing(self, key: str) -> Iterator[None]:
        """The global stream of random numbers, begun anew inside and put back after."""
        with torch.random.fork_rng([self._device] if self._device.type == "cuda" else []):
            torch.manual_seed(stream(torch.device("cpu"), self._seed, "audit", key).initial_seed())
            yield


class Samples:
    """The images that are attacked, numbered 0, 1, …, and what the threat model's attacker wants of them.

    They are the first ``count`` of ``data``, shuffled by ``seed``.
    """

    def __init__(self, data: ImageSet, threat: Threat, count: int, seed: int, device: torch.device) -> None:
        self.data, self._threat, self._count, self._seed, self.device = data, threat, count, seed, device

    def __len__(self) -> int:
        return min(self._count, len(self.data))

    @cached_property
    def order(self) -> Int64Array:
        """All positions of ``data``, shuffled; the samples are the first of them."""
        return np.random.default_rng(self._seed).permutation(len(self.data))

    @cached_property
    def chosen(self) -> ImageSet:
        return self.data.take(self.order[: self._count])

    @cached_property
    def images(self) -> Tensor:
        """The samples, float32 N×C×H×W in [0, 1] on the device."""
        return to_images(np.array(self.chosen.images), self.device)

    @cached_property
    def labels(self) -> Tensor:
        return torch.from_numpy(self.chosen.labels.copy()).to(self.device)

    def first(self, count: int) -> range:
        """The numbers of the first ``count`` samples, or of all."""
        return range(min(count, len(self)))

    def surviving(self, broken: frozenset[int]) -> Rate:
        """The share of samples that are not ``broken``."""
        return Rate(len(self) - len(broken), len(self))

    def streams(self, key: str, rows: Tensor) -> Streams:
        cpu = torch.device("cpu")
        return Streams([stream(cpu, self._seed, "audit", key, row) for row in rows.tolist()], self.device)

    def goal(self, rows: Tensor) -> Goal:
        """What attackers want of the samples ``rows``: targets are drawn at random where the threat is targeted."""
        labels = self.labels[rows]
        if self._threat.goal == "untargeted":
            return Goal(labels)
        classes = len(self.data.class_names)
        shift = 1 + self.streams("target", rows).integers(classes - 1, 1).squeeze(1)
        return Goal(labels, (labels + shift) % classes)

    @property
    def bound(self) -> Bound:
        """The threat model's ball."""
        norm = self._threat.norm
        return Bound("few-pixel" if norm == "l0" else norm, self._threat.epsilon)

    def within(self, images: Tensor, rows: Tensor) -> Tensor:
        """Whether each of ``images``, 8-bit ones of the samples ``rows``, lies in the threat model's ball: n bools."""
        return self.bound.allows(to_levels(images), to_levels(self.images[rows]))


class Decision:
    """What decides about images: the model and, where it brings one, its detector.

    ``draws`` answers are averaged of a model that answers at random; None: it does not. ``images`` are always
    N×C×H×W in [0, 1] of whole grey levels.
    """

    def __init__(self, classifier: Classifier, samples: Samples, evidence: Evidence, draws: int | None) -> None:
        self._samples, self._evidence, self._draws = samples, evidence, draws
        self._single, self.classifier = classifier, self._averaged(classifier)
        self._blind = Judge(self._scorer(self.classifier))

    @cached_property
    def detector(self) -> Classifier | None:
        """Who rejects images (class 1 of two), if anybody does."""
        found = detector_of(self._single)
        return None if found is None else self._averaged(found)

    @cached_property
    def _judge(self) -> Judge:
        return Judge(self._blind.scorer, None if self.detector is None else self._scorer(self.detector))

    def log_scores(self, images: Tensor) -> Tensor:
        """Log-scores N×K that decide about ``images``."""
        return self._blind.scorer(to_levels(images))

    def answers(self, images: Tensor) -> Tensor:
        return classes(self.log_scores(images))

    def rejected(self, images: Tensor) -> Tensor:
        """Whether the model's detector rejects each of ``images``: N bools."""
        return self._judge.rejected(to_levels(images))

    def reached(self, images: Tensor, rows: Tensor, bound: Bound | None = None) -> Tensor:
        """Whether each of ``images``, of the samples ``rows``, is a success of the threat's goal: not if rejected.

        ``bound`` is how far it may lie from its sample; None: as far as the threat model says.
        """
        return self._decide(self._judge, images, rows, bound)

    def fooled(self, images: Tensor, rows: Tensor) -> Tensor:
        """The same of the model alone, whatever a detector says."""
        return self._decide(self._blind, images, rows, None)

    def _decide(self, judge: Judge, images: Tensor, rows: Tensor, bound: Bound | None) -> Tensor:
        samples = self._samples
        clean = to_levels(samples.images[rows])
        return judge(to_levels(images), clean, samples.goal(rows), bound or samples.bound).success

    @cached_property
    def clean(self) -> tuple[int, ...]:
        """The answers to the samples without any attack."""
        images = self._samples.images
        return tuple(self._evidence.memoise("clean answers", lambda: self.answers(images).tolist()))

    @property
    def right(self) -> list[int]:
        """The samples that are right without any attack: classified correctly and, given a detector, not rejected."""
        return sorted(set(range(len(self._samples))) - self.wrong)

    @property
    def wrong(self) -> frozenset[int]:
        """The samples that are broken without any attack: false alarms of a detector too, which turn a user away.

        Were they right, a detector that rejects everything would be the best of all.
        """
        labels = self._samples.labels.cpu()
        wrong: list[int] = (torch.tensor(self.clean) != labels).nonzero().squeeze(1).tolist()
        return frozenset(wrong) | self.alarms

    @property
    def alarms(self) -> frozenset[int]:
        """The samples that the detector rejects without any attack; none where there is no detector."""
        if self.detector is None:
            return frozenset()
        images = self._samples.images
        rejected: list[bool] = self._evidence.memoise("clean rejected", lambda: self.rejected(images).tolist())
        return frozenset(row for row, each in enumerate(rejected) if each)

    def _scorer(self, classifier: Classifier) -> Scorer:
        return Scorer(classifier, BATCH, self._samples.device)

    def _averaged(self, classifier: Classifier) -> Classifier:
        return classifier if self._draws is None else ExpectedClassifier([classifier] * self._draws)


class Access:
    """What an attacker sees of the model: end to end as it is (``plain``), or made differentiable (``open``)."""

    def __init__(
        self, classifier: Classifier, samples: Samples, evidence: Evidence, *, random: bool, draws: int
    ) -> None:
        self._classifier, self._samples, self._evidence = classifier, samples, evidence
        self._random, self._draws = random, draws

    def made_differentiable(self, classifier: Classifier, draws: int | None = None) -> Differentiable:
        """``classifier`` with gradients past what has none, averaged over ``draws`` (None: the effort's)."""
        draws = self._draws if draws is None else draws
        return make_differentiable(classifier, self._samples.images[:PROBED], random=self._random, draws=draws)

    @cached_property
    def differentiable(self) -> Differentiable:
        """The model made differentiable, and what had to be done for it."""
        return self.made_differentiable(self._classifier)

    def classifier(self, view: View) -> Classifier:
        return self._classifier if view == "plain" else self.differentiable.classifier

    def oracle(self, samples: int, view: View = "plain", *, eight_bit: bool = True, finite: bool = True) -> Oracle:
        return Oracle(self.classifier(view), BATCH, self._samples.images.device, samples, eight_bit, finite)

    def no_gradients(self, view: View = "plain") -> str:
        """Why gradients cannot be had of the model so seen; empty where they can be."""
        image = self._samples.images[:1]
        return self._evidence.memoise(f"gradients|{view}", lambda: _no_gradient(self.oracle(1, view), image))

    @property
    def naive(self) -> View:
        """How one sees the model who does not know its defence: as it is, if gradients can be had there at all.

        A random one is made differentiable all the same, since an attack on single answers shows luck rather than
        gradients; so is one where that changes nothing, as the attack is then made once for both views.
        """
        known = self._random or not self.differentiable.steps or self.no_gradients("plain")
        return "open" if known else "plain"

    @property
    def seeded_steps(self) -> tuple[str, ...]:
        """The steps before the model whose draws follow from a seed and the image, by name."""
        found: list[str] = []
        classifier = self._classifier
        while isinstance(classifier, PreprocessedClassifier):
            found += [step.name for step in parts(classifier.preprocessor)[0] if isinstance(step, Seeded)]
            classifier = classifier.classifier
        return tuple(found)


def to_images(pixels: UInt8Array, device: torch.device) -> Tensor:
    """``pixels`` N×H×W×C as float32 N×C×H×W in [0, 1] on ``device``."""
    return to_unit(torch.from_numpy(pixels).to(device)).contiguous()


def _no_gradient(oracle: Oracle, image: Tensor) -> str:
    try:
        oracle.gradient(image, torch.zeros(1, dtype=torch.int64, device=image.device), lambda s, _: s.sum(1))
    except InputError as error:
        return str(error)
    return ""
