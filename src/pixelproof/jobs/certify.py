"""Certificates of an assessment: what is to be proved of samples that no search broke, and how, step by step."""

from collections.abc import Collection, Iterator, MutableSequence, Sequence
from dataclasses import dataclass

import torch

from pixelproof.attacks.goal import Goal
from pixelproof.data.imageset import UInt8Array
from pixelproof.engine import Sample
from pixelproof.engine.judge import Bound, Judge
from pixelproof.engine.queue import taken
from pixelproof.engine.settings import Settings
from pixelproof.errors import InputError
from pixelproof.jobs.job import Batch, Known, Outcome
from pixelproof.models import Classifier
from pixelproof.models.query import Asked
from pixelproof.proofs.attempt import Attempt
from pixelproof.proofs.methods import METHODS, Shape, Task
from pixelproof.runs import Certificate, Finding, Record
from pixelproof.runs.record import Constraint, by_sample, nearest

_STEPS = "certify/"  # what the keys of all steps begin with


@dataclass(frozen=True)
class Level:
    """A level at which ``method`` is to prove what it can."""

    method: str
    constraint: Constraint
    threshold: int

    def step(self, sample: int) -> str:
        """``certify/bounds/few-pixel/1/17``: the step that tries to prove the sample 17."""
        return f"{_STEPS}{self.method}/{self.constraint}/{self.threshold}/{sample}"


def sample_of(step: str) -> int:
    """The sample that ``step`` tries to prove."""
    return int(step.rpartition("/")[2])


class Certification:
    """What ``settings`` ask to be proved of ``classifier`` on images of ``shape``; ``levels`` in their order.

    Raises ``InputError`` where a method was asked for by name and can prove nothing.
    """

    def __init__(
        self, settings: Settings, classifier: Classifier, shape: Shape, device: torch.device, asked: Asked | None = None
    ) -> None:
        self._settings, self._classifier, self._device, self._asked = settings, classifier, device, asked
        self._judge = Judge.of(classifier, device, asked)
        self._proved = 0  # queries of attempts
        searched = sorted({(s.constraint, s.threshold) for s in settings.searches})
        self.levels, self._refused = _levels(settings.certify, classifier, shape, searched)

    def findings(self) -> list[Finding]:
        """One where ``auto`` found no method for levels that there are methods for."""
        if not self._refused:
            return []
        why = "; ".join(dict.fromkeys(self._refused))
        return [Finding("not-certifiable", "info", f"There are levels at which nothing is proved: {why}.")]

    def refusal(self) -> str | None:
        """Why there is no level at which anything may be proved; None where there is one."""
        if self.levels:
            return None
        if self._refused:
            return "; ".join(dict.fromkeys(self._refused))
        known = "; ".join(f"{method.proves} ({name})" for name, method in METHODS.items())
        return f"what can be proved is {known}"

    def planned(self) -> list[list[str | int]]:
        """The levels as plain values."""
        return [[level.method, level.constraint, level.threshold] for level in self.levels]

    def steps(self, samples: Sequence[int]) -> list[str]:
        """The keys of all steps, level by level."""
        return [level.step(sample) for level in self.levels for sample in samples]

    @property
    def queries(self) -> int:
        """Images asked about so far."""
        return self._proved + self._judge.scorer.queries

    def run(self, samples: Sequence[Sample], steps: MutableSequence[str], run: Known) -> Iterator[Batch]:
        """Do ``steps``, which are taken out of it, after all searches, the results of which stand in ``run``.

        A step is through without a certificate where the sample is broken, at the level or below, and where a lower
        level of its constraint could not be proved.
        """
        chosen = set(taken(steps, {step for step in steps if step.startswith(_STEPS)}))
        if not chosen:
            return
        theirs = set(map(sample_of, chosen))
        samples = [sample for sample in samples if sample.index in theirs]
        found = by_sample(run.of(Record))
        proved = {(c.sample, c.constraint, c.threshold) for c in run.of(Certificate) if c.proved}
        for level in self.levels:
            for sample in samples:
                step = level.step(sample.index)
                if step not in chosen:
                    continue
                if not self._worth(level, sample.index, found[sample.index], proved):
                    yield Batch(step=step)
                    continue
                before = self.queries
                outcome = self.attempt(level, sample)
                if isinstance(outcome[0], Record):
                    found[sample.index].append(outcome[0])
                elif isinstance(outcome[0], Certificate) and outcome[0].proved:
                    proved.add((sample.index, level.constraint, level.threshold))
                note = f"{level.method}, {level.constraint} th = {level.threshold} · {len(proved)} proved"
                yield Batch([outcome], step, queries=self.queries - before, note=note)

    def _worth(
        self, level: Level, sample: int, found: Sequence[Record], proved: Collection[tuple[int, str, float]]
    ) -> bool:
        """Whether the sample, of which the records are ``found``, is not broken there, and every lower level to be
        proved is."""
        lower = [e for e in self.levels if e.constraint == level.constraint and e.threshold < level.threshold]
        climbed = all((sample, each.constraint, each.threshold) in proved for each in lower)
        return climbed and nearest(found, level.constraint) > level.threshold

    def attempt(self, level: Level, sample: Sample) -> Outcome:
        """The certificate; or the record, with its image, where the method came upon one that breaks the sample."""
        settings = self._settings
        assert settings.certify_seconds is not None  # as there are levels
        limits = level.constraint, level.threshold, settings.certify_seconds
        task = Task(
            self._classifier, self._device, settings.batch_size, sample.pixels, sample.label, *limits, self._asked
        )
        attempt = METHODS[level.method].prove(task)
        self._proved += attempt.queries
        if attempt.found is None:
            return _certificate(level, sample, attempt, attempt.reason), None
        return self._judged(level, sample, attempt, attempt.found)

    def _judged(self, level: Level, sample: Sample, attempt: Attempt, found: UInt8Array) -> Outcome:
        """What the judge makes of the image that was found: a break, or the reason why the sample stays open."""
        target = None if sample.target is None else torch.tensor([sample.target], device=self._device)
        goal = Goal(torch.tensor([sample.label], device=self._device), target)
        bounds = [Bound(level.constraint, level.threshold)]
        verdict = self._judge.stored([found], [sample.pixels], goal, bounds)
        if not bool(verdict.success[0]):
            reason = _not_broken(sample, int(verdict.scores[0].argmax()))
            return _certificate(level, sample, attempt, reason), None
        record = Record(
            constraint=level.constraint,
            threshold=level.threshold,
            method=level.method,
            parameters="",
            margin=float(goal.loss("margin", verdict.scores)[0]),
            queries=attempt.queries + 1,
            gave_up=False,
            restarts=0,
            seconds=attempt.seconds,
            seed=self._settings.seed,
            **sample.described(found, verdict.scores[0].double().softmax(0)),
        )
        return record, found


def _levels(
    choice: str, classifier: Classifier, shape: Shape, searched: Sequence[tuple[Constraint, int]]
) -> tuple[list[Level], list[str]]:
    """The levels to prove at, and why the others that a method is for cannot be."""
    if choice == "none":
        return [], []
    if choice != "auto":
        return _by_name(choice, classifier, shape, searched), []
    refusals = {name: method.refusal(classifier, shape) for name, method in METHODS.items()}
    levels, reasons = [], []
    for constraint, threshold in searched:
        names = [name for name, method in METHODS.items() if method.covers(classifier, constraint, threshold)]
        able = [name for name in names if refusals[name] is None]
        levels += [Level(able[0], constraint, threshold)] if able else []
        reasons += [] if able else [_clause(why) for name in names[-1:] if (why := refusals[name]) is not None]
    return levels, reasons


def _by_name(
    name: str, classifier: Classifier, shape: Shape, searched: Sequence[tuple[Constraint, int]]
) -> list[Level]:
    method = METHODS[name]
    refusal = method.refusal(classifier, shape)
    if refusal is not None:
        raise InputError(f"--certify {name}: {_clause(refusal)}.")
    levels = [Level(name, *each) for each in searched if method.covers(classifier, *each)]
    if not levels:
        raise InputError(f"--certify {name}: it proves {method.proves}; add such a level to --levels and --attacks.")
    return levels


def _clause(sentence: str) -> str:
    return (sentence[:1].lower() + sentence[1:]).removesuffix(".")


def _certificate(level: Level, sample: Sample, attempt: Attempt, reason: str) -> Certificate:
    return Certificate(
        sample=sample.index,
        constraint=level.constraint,
        threshold=level.threshold,
        method=level.method,
        parameters="",
        proved=attempt.proved,
        reason=reason,
        size=attempt.size,
        queries=attempt.queries,
        seconds=attempt.seconds,
        body=attempt.body if attempt.proved else {},
    )


def _not_broken(sample: Sample, predicted: int) -> str:
    """Why an image that was found, of the class ``predicted``, breaks nothing."""
    if sample.target is not None and predicted not in (sample.label, sample.target):
        return f"an image of class {predicted} was found, which is not the target {sample.target}"
    return "an image was found that is not within the level, or gets the right answer when it is asked about again"
