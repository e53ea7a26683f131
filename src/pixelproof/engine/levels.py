"""Attacks with levels: one constant batch, kept full with the searches of many samples, attacks and thresholds."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, MutableSequence, Sequence

import torch

from pixelproof.attacks import Encoding, FewPixel, Threshold
from pixelproof.engine.judge import Judge
from pixelproof.engine.lanes import Cohort, Lane, Lanes, Outcome, Sample
from pixelproof.engine.queue import (
    BatchQueue,
    Key,
    LevelQueue,
    Round,
    by_attack,
    cohort_size,
    cohorts,
    key_of,
    step_key,
    taken,
    waiting,
)
from pixelproof.engine.settings import AttackName, SearchSettings, Settings
from pixelproof.models import Classifier
from pixelproof.models.query import Asked, Scorer
from pixelproof.runs.record import Record
from pixelproof.search import Search
from pixelproof.search.registry import Problem, search_entry

#: Batches, and candidates at least, that lanes are started for: enough that what a round costs beside the model weighs
#: little, few enough that a run that is killed loses little.
BATCHES_IN_FLIGHT, ROWS_IN_FLIGHT = 8, 512

#: Room for candidates, as a share of those in flight at most, that there is to be before small lanes are started: to
#: start one costs as much as to start many, and without it every round of a long run would start one or two.
START_SHARE = 0.25

#: Lanes of one level that take turns: a batch is full as long as one has candidates for what the other leaves open.
TURNS = 2

#: Channel values in flight at most (a search keeps a few arrays of that size), so that large images start fewer lanes.
VALUES_IN_FLIGHT = 1 << 28


class Engine:
    """Runs every attack with levels of ``settings`` over samples; see ``run``.

    ``searcher`` answers candidates (perhaps in low precision), ``judge`` decides by ``classifier`` (always float32).
    What goes through both is counted in ``asked``.
    """

    def __init__(
        self,
        settings: Settings,
        classifier: Classifier,
        searcher: Classifier,
        device: torch.device,
        asked: Asked | None = None,
    ) -> None:
        self.settings = settings
        self.scorer = Scorer(searcher, settings.batch_size, device, asked)
        self.judge = Judge.of(classifier, device, asked)
        self._on = Counter[str]()  # cohorts of each step that are not through
        self._ended: list[str] = []  # steps that came to an end in this round
        self._same = searcher is classifier

    @property
    def queries(self) -> int:
        """Images asked so far, verifications included."""
        return self.scorer.queries + self.judge.scorer.queries

    @property
    def invalid(self) -> int:
        """Answers so far that held NaN or infinite scores."""
        return self.scorer.invalid + self.judge.scorer.invalid

    @property
    def taken_back(self) -> int:
        """Answers so far that the model did not give again; in low precision they say nothing, so none are counted."""
        return self.judge.taken_back if self._same else 0

    def run(
        self, samples: Sequence[Sample], done: Iterable[Record] = (), steps: MutableSequence[str] | None = None
    ) -> Iterator[Round]:
        """Attack ``samples`` in ``steps`` (None: all) except where a record is ``done``; yields after every round.

        Steps are taken out of ``steps``, also those of this engine that are put there between rounds.

        With nested settings a sample climbs the levels and stops at its first success, which the higher levels
        inherit. Samples of a cohort climb together. Outcomes of one round belong into one transaction.
        """
        shape = samples[0].pixels.shape if samples else (1, 1, 1)
        rows = max(ROWS_IN_FLIGHT, BATCHES_IN_FLIGHT * self.settings.batch_size)
        capacity = min(rows, max(1, VALUES_IN_FLIGHT // math.prod(shape)))
        levels = [self._level(s, (shape[0], shape[1], shape[2])) for s in self.settings.searches]
        known = {key_of(record): record for record in done if record.levelled}
        planned = dict(self._planned(samples))
        left, others = list(planned) if steps is None else steps, 0
        batches = BatchQueue(self.scorer)
        while True:
            if len(left) > others:
                for step in taken(left, planned):
                    self._enqueue(levels, step, planned[step], known)
                others = len(left)
            before, outcomes = self.queries, list[Outcome]()
            if on := any(level.waiting or level.in_flight for level in levels):
                self._fill(levels, capacity, batches)
                outcomes = [o for o in self._round(levels, batches) if key_of(o[0]) not in known]
            ended, self._ended = self._ended, []
            if not on and not ended:
                return
            room = not any(level.waiting for level in levels) and sum(level.rows for level in levels) < capacity
            yield Round(outcomes, self.queries - before, sum(level.in_flight for level in levels), ended, room)

    def _level(self, settings: SearchSettings, shape: tuple[int, int, int]) -> LevelQueue:
        return LevelQueue(settings, [self._lanes(settings, shape) for _ in range(TURNS)])

    def _lanes(self, settings: SearchSettings, shape: tuple[int, int, int]) -> Lanes:
        encoding = make_encoding(settings.constraint, settings.threshold, shape)
        search = make_search(settings, shape)
        return Lanes(settings, encoding, search, self.settings.fitness, self.settings.seed, self.judge)

    def _planned(self, samples: Sequence[Sample]) -> Iterator[tuple[str, tuple[AttackName, Sequence[Sample]]]]:
        """Every step by its key, with its attack and the samples of its cohort."""
        for attack, searches in by_attack(self.settings).items():
            for first, members in cohorts(samples, cohort_size(searches)):
                yield step_key(attack, first), (searches[0].constraint, members)

    def _enqueue(
        self,
        levels: Sequence[LevelQueue],
        step: str,
        plan: tuple[AttackName, Sequence[Sample]],
        known: Mapping[Key, Record],
    ) -> None:
        """Let the cohort of ``step`` wait for the levels that it begins with."""
        attack, members = plan
        queues = {level.settings.threshold: level for level in levels if level.settings.constraint == attack}
        for threshold, cohort in waiting(members, attack, sorted(queues), self.settings.nested, known, step):
            queues[threshold].waiting.append(cohort)
            self._on[step] += 1
        if step not in self._on:
            self._ended.append(step)

    def _fill(self, levels: Sequence[LevelQueue], capacity: int, batches: BatchQueue) -> None:
        rows = sum(level.rows for level in levels)
        asking = batches.asking
        for level in levels:
            room = capacity - rows
            if room >= START_SHARE * capacity or room < level.next_rows:
                rows += level.fill(room, self.settings.batch_size, asking)

    def _round(self, levels: Sequence[LevelQueue], batches: BatchQueue) -> list[Outcome]:
        asking = batches.asking
        free = [lanes for level in levels for lanes in level.lanes if lanes.lanes and lanes not in asking]
        outcomes: list[Outcome] = []
        for lanes, scores in batches.advance(free):
            for lane in lanes.tell(scores):
                outcomes += self._outcomes(levels, lanes.settings, lane)
        return outcomes

    def _outcomes(self, levels: Sequence[LevelQueue], settings: SearchSettings, lane: Lane) -> list[Outcome]:
        """The record of ``lane``; nested, also those that inherit its success, or else its cohort's next level."""
        record, image = lane.outcome(settings, self.settings.seed)
        outcomes: list[Outcome] = [(record, image)]
        lane.cohort.end(lane.sample, record.success)
        following: Cohort | None = None
        if self.settings.nested:
            higher = [level for level in levels if _follows(level.settings, settings)]
            following = lane.cohort.next() if higher else None
            if following:
                higher[0].waiting.append(following)
            if record.success:
                above = [level.settings for level in higher]
                outcomes += [(record.inherited(each.method, each.threshold), image) for each in above]
        if not lane.cohort.left and not following:
            self._end(lane.cohort.step)
        return outcomes

    def _end(self, step: str) -> None:
        """Note that a cohort of ``step`` is through, and the step with its last one."""
        self._on[step] -= 1
        if not self._on[step]:
            del self._on[step]
            self._ended.append(step)


def make_encoding(attack: AttackName, threshold: int, shape: tuple[int, int, int]) -> Encoding:
    """The encoding of ``attack`` at ``threshold`` for images of ``shape`` (height, width, channels)."""
    return FewPixel(threshold, shape) if attack == "few-pixel" else Threshold(threshold, shape)


def make_search(settings: SearchSettings, shape: tuple[int, int, int]) -> Search:
    """The optimiser that ``settings`` names, for images of ``shape`` (height, width, channels)."""
    dimension = make_encoding(settings.constraint, settings.threshold, shape).dimension
    numbers = settings.population, settings.sigma, settings.differential_weight
    return search_entry(settings.method).build(Problem(dimension, settings.threshold, shape, *numbers))


def _follows(candidate: SearchSettings, settings: SearchSettings) -> bool:
    return candidate.constraint == settings.constraint and candidate.threshold > settings.threshold
