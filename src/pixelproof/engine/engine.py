"""The engine: keeps one constant batch full with the searches of many samples, attacks and thresholds."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from pixelproof.attacks import Encoding, FewPixel, Threshold
from pixelproof.engine.cell import Cell, Lane
from pixelproof.engine.group import Key, waiting
from pixelproof.engine.job import Outcome, Round, Sample
from pixelproof.engine.line import Line
from pixelproof.engine.settings import AttackName, SearchSettings, Settings
from pixelproof.engine.stage import Stage
from pixelproof.models import Classifier
from pixelproof.models.query import Scorer, verifier
from pixelproof.runs.distances import pixel_distances
from pixelproof.runs.record import Record
from pixelproof.search import Search
from pixelproof.search.registry import SEARCHES, Problem

#: Batches that lanes are started for: enough that what a round costs beside the model weighs little, few enough that a
#: run that is killed loses little.
BATCHES_IN_FLIGHT = 8

#: Cells of one stage: a batch is full as long as one of them has candidates for what the other leaves open.
TURNS = 2

#: Channel values in flight at most (a search keeps a few arrays of that size), so that large images start fewer lanes.
VALUES_IN_FLIGHT = 1 << 28


class Engine:
    """Runs every attack of ``settings`` over samples; see ``run``.

    ``searcher`` answers candidates (perhaps in low precision), ``verifier`` decides (always float32).
    """

    def __init__(self, settings: Settings, classifier: Classifier, searcher: Classifier, device: torch.device) -> None:
        self.settings = settings
        self.scorer = Scorer(searcher, settings.batch_size, device)
        self.verifier = verifier(classifier, device)

    @property
    def queries(self) -> int:
        """Images asked so far, verifications included."""
        return self.scorer.queries + self.verifier.queries

    @property
    def invalid(self) -> int:
        """Answers so far that held NaN or infinite scores."""
        return self.scorer.invalid + self.verifier.invalid

    def run(self, samples: Sequence[Sample], done: Iterable[Record] = ()) -> Iterator[Round]:
        """Attack ``samples`` except where a record is ``done``; yields after every round.

        With nested settings a sample climbs the levels and stops at its first success, which the higher levels
        inherit. Samples of a cohort climb together. Outcomes of one round belong into one transaction.
        """
        shape = samples[0].pixels.shape if samples else (1, 1, 1)
        capacity = min(BATCHES_IN_FLIGHT * self.settings.batch_size, max(1, VALUES_IN_FLIGHT // math.prod(shape)))
        stages = [self._stage(s, (shape[0], shape[1], shape[2])) for s in self.settings.searches]
        known = {_key(record): record for record in done if record.levelled}
        self._enqueue(stages, samples, known)
        line = Line(self.scorer)
        while any(stage.queue or stage.lanes for stage in stages):
            self._fill(stages, capacity, line)
            before = self.queries
            outcomes = [o for o in self._round(stages, line) if _key(o[0]) not in known]
            yield Round(outcomes, self.queries - before, sum(stage.lanes for stage in stages))

    def _stage(self, settings: SearchSettings, shape: tuple[int, int, int]) -> Stage:
        return Stage(settings, [self._cell(settings, shape) for _ in range(TURNS)])

    def _cell(self, settings: SearchSettings, shape: tuple[int, int, int]) -> Cell:
        encoding = make_encoding(settings.constraint, settings.threshold, shape)
        search = make_search(settings, shape)
        return Cell(settings, encoding, search, self.settings.fitness, self.settings.seed, self.verifier)

    def _enqueue(self, stages: list[Stage], samples: Sequence[Sample], known: Mapping[Key, Record]) -> None:
        for attack in dict.fromkeys(stage.settings.constraint for stage in stages):
            levels = {stage.settings.threshold: stage for stage in stages if stage.settings.constraint == attack}
            cohort = max(stage.settings.cohort for stage in levels.values())
            for level, group in waiting(samples, attack, sorted(levels), cohort, self.settings.nested, known):
                levels[level].queue.append(group)

    def _fill(self, stages: list[Stage], capacity: int, line: Line) -> None:
        rows = sum(stage.rows for stage in stages)
        asking = line.cells
        for stage in stages:
            rows += stage.fill(capacity - rows, self.settings.batch_size, asking)

    def _round(self, stages: list[Stage], line: Line) -> list[Outcome]:
        asking = line.cells
        free = [cell for stage in stages for cell in stage.cells if cell.lanes and cell not in asking]
        outcomes: list[Outcome] = []
        for cell, scores in line.advance(free):
            for lane in cell.tell(scores):
                outcomes += self._outcomes(stages, cell.settings, lane)
        return outcomes

    def _outcomes(self, stages: list[Stage], settings: SearchSettings, lane: Lane) -> list[Outcome]:
        """The record of ``lane``; nested, also those that inherit its success, or else its group's next level."""
        record, image = make_record(settings, lane, self.settings.seed)
        outcomes: list[Outcome] = [(record, image)]
        lane.group.end(lane.sample, record.success)
        if self.settings.nested:
            higher = [s for s in stages if _follows(s.settings, settings)]
            following = lane.group.next()
            if higher and following:
                higher[0].queue.append(following)
            if record.success:
                outcomes += [(_inherit(record, s.settings), image) for s in higher]
        return outcomes


def make_encoding(attack: AttackName, threshold: int, shape: tuple[int, int, int]) -> Encoding:
    """The encoding of ``attack`` at ``threshold`` for images of ``shape`` (height, width, channels)."""
    return FewPixel(threshold, shape) if attack == "few-pixel" else Threshold(threshold, shape)


def make_search(settings: SearchSettings, shape: tuple[int, int, int]) -> Search:
    """The optimiser that ``settings`` names, for images of ``shape`` (height, width, channels)."""
    dimension = make_encoding(settings.constraint, settings.threshold, shape).dimension
    numbers = settings.population, settings.sigma, settings.differential_weight
    return SEARCHES[settings.method].build(Problem(dimension, settings.threshold, shape, *numbers))


def make_record(settings: SearchSettings, lane: Lane, seed: int) -> Outcome:
    """What the run keeps of an ended lane."""
    sample, found, scores = lane.sample, lane.found, lane.scores
    distances: dict[str, int | float | None] = dict.fromkeys(("l0", "l1", "l2", "linf"))
    predicted, confidence, image = sample.label, sample.confidence, None
    if found is not None and scores is not None:
        image = found.to("cpu", torch.uint8).numpy()
        distances = {**pixel_distances(image, sample.pixels)}
        predicted = int(scores.argmax())
        confidence = float(_softmax(scores)[predicted])
    record = Record(
        sample=sample.index,
        label=sample.label,
        constraint=settings.constraint,
        threshold=settings.threshold,
        method=settings.method,
        parameters="",
        target=sample.target,
        success=found is not None,
        inherited_from=None,
        predicted=predicted,
        clean_confidence=sample.confidence,
        confidence=confidence,
        margin=lane.margin,
        queries=lane.queries,
        gave_up=found is None and lane.infeasible,
        restarts=lane.restarts,
        seconds=time.perf_counter() - lane.begun,
        seed=seed,
        **distances,  # type: ignore[arg-type]
    )
    return record, image


def _key(record: Record) -> Key:
    return record.sample, record.attack, record.level


def _follows(candidate: SearchSettings, settings: SearchSettings) -> bool:
    return candidate.constraint == settings.constraint and candidate.threshold > settings.threshold


def _inherit(record: Record, settings: SearchSettings) -> Record:
    return replace(
        record,
        method=settings.method,
        threshold=settings.threshold,
        inherited_from=record.level,
        queries=0,
        gave_up=False,
        restarts=0,
        seconds=0.0,
    )


def _softmax(scores: Tensor) -> Tensor:
    return scores.double().softmax(0)
