"""Failure probabilities of an assessment: what share of a stated distribution breaks each sample, step by step."""

import time
from collections.abc import Iterator, MutableSequence, Sequence
from dataclasses import dataclass, field
from functools import cache

import torch
from torch import Tensor

from pixelproof.attacks.goal import Goal
from pixelproof.engine import Sample
from pixelproof.engine.queue import taken
from pixelproof.engine.settings import Settings
from pixelproof.errors import InputError
from pixelproof.jobs.job import Batch
from pixelproof.models import Classifier
from pixelproof.models.query import Asked, Scorer
from pixelproof.probability.distribution import Distribution, parse_distribution
from pixelproof.probability.schedule import Schedule
from pixelproof.probability.splitting import Splitting
from pixelproof.runs import FailureProbability, Finding
from pixelproof.seeds import stream

#: What the keys of its steps begin with.
_STEPS = "failure/"
#: Below this share of copies that moved at all, they are hardly independent of each other.
_LEAST_MOVED = 0.8


@dataclass(eq=False)
class _Lane:
    """One sample's splitting."""

    sample: Sample
    distribution: Distribution
    splitting: Splitting
    clean: Tensor  # H×W×C grey levels
    begun: float = field(default_factory=time.perf_counter)


class Estimation:
    """The shares of ``settings``' distributions that break the samples of ``classifier``; only scores are asked for.

    Raises ``InputError`` where the model answers with labels alone.
    """

    def __init__(self, settings: Settings, classifier: Classifier, device: torch.device, asked: Asked) -> None:
        self._settings, self._classifier = settings, classifier
        self._scorer = Scorer(classifier, settings.batch_size, device, asked)
        if settings.failure_probability and classifier.kind == "labels":
            raise InputError(
                f"--failure-probability needs scores, but the model {classifier.name} answers with labels alone."
            )

    @property
    def queries(self) -> int:
        """Images asked about so far."""
        return self._scorer.queries

    @property
    def budget(self) -> int:
        """Queries of a step at most."""
        return self._settings.probability_queries

    def steps(self, samples: Sequence[int]) -> list[str]:
        """The keys of all steps, distribution by distribution."""
        return [_step(spec, sample) for spec in self._settings.failure_probability for sample in samples]

    def findings(self, shares: Sequence[FailureProbability]) -> list[Finding]:
        """A warning where copies did not move, on which what the interval rests."""
        stuck = sum(share.moved < _LEAST_MOVED for share in shares)
        text = (
            f"Of {stuck} estimates of failure probabilities, fewer than {_LEAST_MOVED:.0%} of the copied images moved, "
            "so that their intervals may be too narrow."
        )
        return [Finding("stuck-splitting", "warning", text)] if stuck else []

    def run(self, samples: Sequence[Sample], steps: MutableSequence[str]) -> Iterator[Batch]:
        """Do those of ``steps`` that are estimates, which are taken out of it, as many at a time as fill a batch; what
        one comes to does not depend on those beside it."""
        chosen = set(taken(steps, {step for step in steps if step.startswith(_STEPS)}))
        waiting = [
            (distribution, sample)
            for distribution in map(_parsed, self._settings.failure_probability)
            for sample in samples
            if _step(distribution.spec, sample.index) in chosen
        ]
        waiting.reverse()
        lanes: list[_Lane] = []
        schedule = Schedule(queries=self.budget)
        most, done, all_of_them = max(1, self._settings.batch_size // schedule.replaced), 0, len(waiting)
        while waiting or lanes:
            while waiting and len(lanes) < most:
                lanes.append(self._begin(*waiting.pop(), schedule))
            before = self.queries
            self._advance(lanes)
            ended = [lane for lane in lanes if lane.splitting.done]
            lanes = [lane for lane in lanes if not lane.splitting.done]
            if not ended:
                yield Batch(done=0, queries=self.queries - before)
            for k, lane in enumerate(ended):
                done += 1
                note = f"failure probability of {done}/{all_of_them}"
                queries = 0 if k else self.queries - before
                yield Batch(
                    [(self._record(lane), None)], _step(lane.distribution.spec, lane.sample.index), 1, queries, note
                )

    def _begin(self, distribution: Distribution, sample: Sample, schedule: Schedule) -> _Lane:
        generator = stream(torch.device("cpu"), self._settings.seed, distribution.spec, sample.index)
        height, width, channels = sample.pixels.shape
        splitting = Splitting(distribution.dimension((height, width, channels)), schedule, generator)
        return _Lane(sample, distribution, splitting, torch.from_numpy(sample.pixels.copy()).float())

    def _advance(self, lanes: Sequence[_Lane]) -> None:
        """Ask about what all ``lanes`` want to know, and tell them."""
        images = [lane.distribution.images(lane.splitting.ask(), lane.clean) for lane in lanes]
        scores = self._scorer(torch.cat(images).to(self._scorer.device))
        labels = torch.cat(
            [torch.full((len(some),), lane.sample.label) for lane, some in zip(lanes, images, strict=True)]
        )
        goal = Goal(labels.to(scores.device))
        margins = -goal.loss("margin", scores)
        margins[~scores.isfinite().all(1)] = -torch.inf  # no answer is no failure, as for the judge
        for lane, told in zip(lanes, torch.split(margins, [len(some) for some in images]), strict=True):
            lane.splitting.tell(told)

    def _record(self, lane: _Lane) -> FailureProbability:
        splitting, schedule = lane.splitting, lane.splitting.schedule
        found = splitting.estimate
        return FailureProbability(
            sample=lane.sample.index,
            label=lane.sample.label,
            distribution=lane.distribution.spec,
            draws=schedule.draws,
            kept=schedule.kept,
            replaced=schedule.replaced,
            moves=schedule.moves,
            budget=schedule.queries,
            dropped=splitting.dropped,
            reached=splitting.reached,
            estimate=found.value,
            low=found.low,
            high=found.high,
            moved=splitting.moved,
            queries=splitting.queries,
            seconds=time.perf_counter() - lane.begun,
            seed=self._settings.seed,
        )


@cache
def _parsed(spec: str) -> Distribution:
    found = parse_distribution(spec)
    assert found is not None  # as the spec holds no others
    return found


def _step(spec: str, sample: int) -> str:
    """``failure/random(norm=linf,th=3,grid=8-bit)/17``: the step that estimates the share of the sample 17."""
    return f"{_STEPS}{spec}/{sample}"
