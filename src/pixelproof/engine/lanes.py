"""The lanes of one level: many samples' searches that ask, are judged, and learn together."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from pixelproof.attacks import Encoding, FitnessName, fitness
from pixelproof.attacks.fitness import all_margins
from pixelproof.attacks.goal import Goal
from pixelproof.data.imageset import UInt8Array
from pixelproof.engine.aim import Aim
from pixelproof.engine.judge import Bound, Judge
from pixelproof.engine.settings import SearchSettings
from pixelproof.runs.distances import pixel_distances
from pixelproof.runs.record import Record
from pixelproof.search import Search
from pixelproof.seeds import stream

Outcome = tuple[Record, UInt8Array | None]


@dataclass(frozen=True, eq=False)
class Sample:
    """A correctly classified image to attack: its index in the source, uint8 H×W×C pixels, label, target class."""

    index: int
    pixels: UInt8Array
    label: int
    target: int | None
    confidence: float  # of the true class, on the clean image
    scores: Tensor | None = None  # log-scores of the clean image, K, where a search is to begin from them

    def described(self, image: UInt8Array | None = None, chances: Tensor | None = None) -> dict[str, Any]:
        """The fields of a record that say whose it is, how the ``image`` that stands differs and what it is taken for.

        ``image``: uint8 H×W×C, with the probabilities K that it gets; None where no image stands.
        """
        distances: dict[str, Any] = dict.fromkeys(("l0", "l1", "l2", "linf"))
        predicted, confidence = self.label, self.confidence
        if image is not None and chances is not None:
            distances = {**pixel_distances(image, self.pixels)}
            predicted = int(chances.argmax())
            confidence = float(chances[predicted])
        return {
            "sample": self.index,
            "label": self.label,
            "target": self.target,
            "success": image is not None,
            "inherited_from": None,
            "predicted": predicted,
            "clean_confidence": self.confidence,
            "confidence": confidence,
            **distances,
        }


@dataclass(eq=False)
class Cohort:
    """Samples that begin one level together: where searches learn from each other, else a single one."""

    samples: Sequence[Sample]
    step: str = ""  # whose part this is
    left: int = field(init=False)  # those still searched at this level
    failed: set[int] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        self.left = len(self.samples)

    def end(self, sample: Sample, success: bool) -> None:
        """Note that ``sample`` is through with this level."""
        self.left -= 1
        if not success:
            self.failed.add(sample.index)

    def next(self) -> Cohort | None:
        """Once all are through, those that a higher level may still fool, in their order."""
        if self.left or not self.failed:
            return None
        return Cohort([sample for sample in self.samples if sample.index in self.failed], self.step)


@dataclass(eq=False)
class Lane:
    """One sample's search so far."""

    sample: Sample
    cohort: Cohort
    queries: int = 0
    restarts: int = 0
    aim: Aim | None = None  # where the minimal threshold is sought
    gave_up: bool = False  # the search saw no success ahead, and may end for that
    swept: int = 0  # as the record has it
    margin: float = math.inf  # the best fitness seen
    begun: float = field(default_factory=time.perf_counter)
    found: Tensor | None = None  # the adversarial image that stands before the judge, H×W×C
    scores: Tensor | None = None  # its log-scores, K

    @property
    def over(self) -> bool:
        """Whether it has what it sought, or gave up."""
        return self.aim.over if self.aim is not None else self.found is not None or self.gave_up

    def outcome(self, settings: SearchSettings, seed: int) -> Outcome:
        """What the run keeps of it, once it ended."""
        image, chances = None, None
        if self.found is not None and self.scores is not None:
            image, chances = self.found.to("cpu", torch.uint8).numpy(), self.scores.double().softmax(0)
        record = Record(
            constraint=settings.constraint,
            threshold=settings.threshold,
            method=settings.method,
            parameters="",
            margin=self.margin,
            queries=self.queries,
            gave_up=image is None and self.gave_up,
            restarts=self.restarts,
            seconds=time.perf_counter() - self.begun,
            seed=seed,
            swept=self.swept,
            **self.sample.described(image, chances),
        )
        return record, image


class Lanes:
    """Asks for candidates of all its lanes, has the best of them judged, and lets the searches learn.

    A lane ends when an image of it stands before the judge, or when its queries are spent, and where ``give_up`` was
    asked for also when its search sees nothing ahead; one query is always held back for the judge. A search that stalls
    begins again elsewhere with what is left.
    Where minimal thresholds are sought, an image that stands is not the end but a new limit to stay below.
    """

    def __init__(
        self,
        settings: SearchSettings,
        encoding: Encoding,
        search: Search,
        fitness_name: FitnessName,
        seed: int,
        judge: Judge,
    ) -> None:
        self.settings, self.encoding, self.search = settings, encoding, search
        self.lanes: list[Lane] = []
        self._fitness, self._seed, self._judge = fitness_name, seed, judge
        self._bound = Bound(settings.constraint, settings.threshold)
        self._clean = torch.empty(0)
        self._asked = torch.empty(0, dtype=torch.bool)
        self._candidates = torch.empty(0)

    @property
    def rows(self) -> int:
        """Candidates that the next round asks for, at most."""
        return len(self.lanes) * self.search.population

    def start(self, cohorts: Sequence[Cohort]) -> None:
        """Begin the searches of ``cohorts``."""
        if not self.search.learns_together:
            self._add([self._lane(sample, cohort) for cohort in cohorts for sample in cohort.samples])
            return
        for cohort in cohorts:
            self._add([self._lane(sample, cohort) for sample in cohort.samples])

    def _lane(self, sample: Sample, cohort: Cohort) -> Lane:
        s = self.settings
        return Lane(sample, cohort, aim=Aim(s.threshold, s.max_queries) if s.minimal else None)

    def ask(self) -> Tensor:
        """Candidate images n×H×W×C of all lanes, no more of a lane than its queries left allow."""
        population = self.search.population
        genomes = self.search.ask()
        left = [self.settings.max_queries - 1 - lane.queries for lane in self.lanes]
        allowed = torch.tensor(left, device=self._clean.device).minimum(self.search.wanted())
        self._asked = torch.arange(population, device=self._clean.device) < allowed[:, None]
        images = self.encoding.decode(genomes, self._clean)
        self._candidates = images if bool(self._asked.all()) else images[self._asked.flatten()]
        return self._candidates

    def tell(self, log_scores: Tensor) -> list[Lane]:
        """Learn from the ``log_scores`` n×K of the candidates; returns the lanes that ended, in order."""
        owner = self._asked.nonzero()[:, 0]
        goal = self._goal(owner)
        values = fitness(self._fitness, log_scores, goal.labels, goal.targets)
        hits = goal.reached(log_scores)
        all_values = torch.full(self._asked.shape, torch.inf, device=values.device)
        all_values[self._asked] = values.float()
        for lane, asked, best in zip(self.lanes, self._asked.sum(1).tolist(), all_values.amin(1).tolist(), strict=True):
            lane.queries += asked
            if lane.found is None:
                lane.margin = min(lane.margin, best)
        if bool(hits.any()):
            self._claim(log_scores, values, hits)
        self.search.tell(all_values, self._margins(log_scores, goal.labels))
        return self._settle()

    def _margins(self, log_scores: Tensor, labels: Tensor) -> Tensor | None:
        """(lanes, population, K): how far each rival class lies below the true one, where the search reads it."""
        if not self._follows_margins(self.lanes):
            return None
        margins = all_margins(log_scores, labels)
        everywhere = margins.new_full((*self._asked.shape, log_scores.shape[1]), torch.inf)
        everywhere[self._asked] = margins
        return everywhere

    def _claim(self, log_scores: Tensor, values: Tensor, hits: Tensor) -> None:
        """Have the best of the ``hits`` of each lane judged."""
        claims = torch.full(self._asked.shape, torch.inf, device=values.device)
        claims[self._asked] = torch.where(hits, values.float(), torch.inf)
        rows = torch.full(self._asked.shape, -1, dtype=torch.long, device=values.device)
        rows[self._asked] = torch.arange(len(values), device=values.device)
        lanes = claims.isfinite().any(1).nonzero().squeeze(1)
        best = rows[lanes, claims[lanes].argmin(1)]
        images, clean = self._candidates[best], self._clean[lanes]
        goal = self._goal(lanes)
        verdict = self._judge(images, clean, goal, self._bound)
        self._judge.compare(log_scores[best], verdict)
        margins = fitness(self._fitness, verdict.scores, goal.labels, goal.targets).tolist()
        distances, stands = self._bound.distances(images, clean).tolist(), verdict.success.tolist()
        for k, index in enumerate(lanes.tolist()):
            lane = self.lanes[index]
            lane.queries += 1
            if stands[k]:
                lane.found, lane.scores, lane.margin = images[k].clone(), verdict.scores[k], margins[k]
                if lane.aim is not None:
                    lane.aim.hit(distances[k], lane.queries)

    def _settle(self) -> list[Lane]:
        """Drop the lanes that ended, restart those that stalled."""
        infeasible = self.search.infeasible().tolist() if self.settings.give_up else [False] * len(self.lanes)
        for lane, gave_up, swept in zip(self.lanes, infeasible, self.search.swept().tolist(), strict=True):
            lane.gave_up, lane.swept = gave_up, swept
            if lane.aim is not None and not lane.aim.over:
                lane.aim.missed(lane.queries, gave_up)
        spent = self.settings.max_queries - 1
        ended = [lane.over or lane.queries >= spent for lane in self.lanes]
        stalled = [s and not e for s, e in zip(self.search.stalled().tolist(), ended, strict=True)]
        out = [lane for lane, e in zip(self.lanes, ended, strict=True) if e]
        again = [lane for lane, s in zip(self.lanes, stalled, strict=True) if s]
        if out or again:
            kept = torch.tensor([not (e or s) for e, s in zip(ended, stalled, strict=True)], device=self._clean.device)
            self.search.keep(kept)
            self._clean = self._clean[kept]
            self.lanes = [lane for lane, k in zip(self.lanes, kept.tolist(), strict=True) if k]
        for lane in again:
            lane.restarts += 1
        self._add(again)
        self._limit()
        return out

    def _limit(self) -> None:
        """Tell the search how far each lane may go, where that changes."""
        if self.settings.minimal and self.lanes:
            limits = [lane.aim.limit for lane in self.lanes if lane.aim is not None]
            self.search.limit(torch.tensor(limits, device=self._clean.device))

    def _add(self, lanes: list[Lane]) -> None:
        if not lanes:
            return
        device = self._judge.scorer.device
        s = self.settings
        clean = torch.stack([torch.from_numpy(lane.sample.pixels.copy()).to(device).float() for lane in lanes])
        streams = [
            stream(device, self._seed, s.constraint, s.method, s.threshold, lane.sample.index, lane.restarts)
            for lane in lanes
        ]
        lower, upper = self.encoding.box(clean)
        self.search.add(self.encoding.start(clean, streams), lower, upper, streams, clean, self._known(lanes))
        self._clean = torch.cat([self._clean, clean]) if self.lanes else clean
        self.lanes = self.lanes + lanes
        self._limit()

    def _known(self, lanes: list[Lane]) -> Tensor | None:
        """(lanes, K): the margins of the clean images, where the search reads margins and the scores were kept."""
        scores = [lane.sample.scores for lane in lanes if lane.sample.scores is not None]
        if not self._follows_margins(lanes) or len(scores) < len(lanes):
            return None
        labels = torch.tensor([lane.sample.label for lane in lanes], device=scores[0].device)
        return all_margins(torch.stack(scores), labels)

    def _follows_margins(self, lanes: list[Lane]) -> bool:
        return self.search.reads_margins and self._fitness == "margin" and lanes[0].sample.target is None

    def _goal(self, owner: Tensor) -> Goal:
        labels = torch.tensor([lane.sample.label for lane in self.lanes], device=owner.device)
        targets = [lane.sample.target for lane in self.lanes if lane.sample.target is not None]
        if not targets:  # targeted or not is one choice for the whole run
            return Goal(labels[owner])
        return Goal(labels[owner], torch.tensor(targets, device=owner.device)[owner])
