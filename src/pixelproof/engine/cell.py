"""The lanes of one attack at one threshold: many samples' searches advancing together."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pixelproof.attacks import Encoding, FitnessName, fitness, fooled
from pixelproof.engine.aim import Aim
from pixelproof.engine.group import Group
from pixelproof.engine.job import Sample
from pixelproof.engine.settings import SearchSettings
from pixelproof.models.query import Scorer
from pixelproof.search import Search
from pixelproof.seeds import stream


@dataclass(eq=False)
class Lane:
    """One sample's search so far."""

    sample: Sample
    group: Group
    queries: int = 0
    restarts: int = 0
    aim: Aim | None = None  # where the minimal threshold is sought
    infeasible: bool = False  # the search saw no success ahead
    margin: float = math.inf  # the best fitness seen
    begun: float = field(default_factory=time.perf_counter)
    found: Tensor | None = None  # the verified adversarial image, H×W×C
    scores: Tensor | None = None  # its log-scores, K


class Cell:
    """Asks for candidates of all its lanes, judges them, and lets the searches learn.

    A lane ends when an image of it is verified, when its search sees nothing ahead, or when its queries are spent;
    one query is always held back to verify with. A search that stalls begins again elsewhere with what is left. Where
    minimal thresholds are sought, a verified image is not the end but a new limit to stay below.
    """

    def __init__(
        self,
        settings: SearchSettings,
        encoding: Encoding,
        search: Search,
        fitness_name: FitnessName,
        seed: int,
        verifier: Scorer,
    ) -> None:
        self.settings, self.encoding, self.search = settings, encoding, search
        self.lanes: list[Lane] = []
        self._fitness, self._seed, self._verifier = fitness_name, seed, verifier
        self._clean = torch.empty(0)
        self._asked = torch.empty(0, dtype=torch.bool)
        self._candidates = torch.empty(0)

    @property
    def rows(self) -> int:
        """Candidates that the next round asks for, at most."""
        return len(self.lanes) * self.search.population

    def start(self, groups: Sequence[Group]) -> None:
        """Begin the searches of ``groups``."""
        if not self.search.learns_together:
            self._add([self._lane(sample, group) for group in groups for sample in group.samples])
            return
        for group in groups:
            self._add([self._lane(sample, group) for sample in group.samples])

    def _lane(self, sample: Sample, group: Group) -> Lane:
        s = self.settings
        return Lane(sample, group, aim=Aim(s.threshold, s.max_queries) if s.minimal else None)

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
        """Judge the candidates by their ``log_scores`` n×K; returns the lanes that ended, in order."""
        owner = self._asked.nonzero()[:, 0]
        labels, targets = self._labels(owner), self._targets(owner)
        values = fitness(self._fitness, log_scores, labels, targets)
        hits = fooled(log_scores.argmax(1), labels, targets) & torch.isfinite(log_scores).all(1)
        all_values = torch.full(self._asked.shape, torch.inf, device=values.device)
        all_values[self._asked] = values.float()
        for lane, asked, best in zip(self.lanes, self._asked.sum(1).tolist(), all_values.amin(1).tolist(), strict=True):
            lane.queries += asked
            if lane.found is None:
                lane.margin = min(lane.margin, best)
        if bool(hits.any()):
            self._verify(owner, values, hits)
        self.search.tell(all_values, self._margins(log_scores, labels, targets))
        return self._settle()

    def _margins(self, log_scores: Tensor, labels: Tensor, targets: Tensor | None) -> Tensor | None:
        """(lanes, population, K): how far each rival class lies below the true one, where the search reads it."""
        if not self._follows_margins(self.lanes):
            return None
        margins = _all_margins(log_scores, labels)
        everywhere = margins.new_full((*self._asked.shape, log_scores.shape[1]), torch.inf)
        everywhere[self._asked] = margins
        return everywhere

    def _verify(self, owner: Tensor, values: Tensor, hits: Tensor) -> None:
        """Check the best claim of each lane in integers and by asking the model again, in full precision."""
        claims = torch.full(self._asked.shape, torch.inf, device=values.device)
        claims[self._asked] = torch.where(hits, values.float(), torch.inf)
        rows = torch.full(self._asked.shape, -1, dtype=torch.long, device=values.device)
        rows[self._asked] = torch.arange(len(owner), device=values.device)
        lanes = claims.isfinite().any(1).nonzero().squeeze(1)
        images = self._candidates[rows[lanes, claims[lanes].argmin(1)]]
        scores = self._verifier(images)
        labels, targets = self._labels(lanes), self._targets(lanes)
        stands = fooled(scores.argmax(1), labels, targets) & scores.isfinite().all(1)
        stands &= self.encoding.satisfied(images, self._clean[lanes])
        margins = fitness(self._fitness, scores, labels, targets).tolist()
        distances = self.encoding.distance(images, self._clean[lanes]).tolist()
        for k, index in enumerate(lanes.tolist()):
            lane = self.lanes[index]
            lane.queries += 1
            if bool(stands[k]):
                lane.found, lane.scores, lane.margin = images[k].clone(), scores[k], margins[k]
                if lane.aim is not None:
                    lane.aim.hit(int(distances[k]), lane.queries)

    def _settle(self) -> list[Lane]:
        """Drop the lanes that ended, restart those that stalled."""
        for lane, infeasible in zip(self.lanes, self.search.infeasible().tolist(), strict=True):
            lane.infeasible = infeasible
            if lane.aim is not None and not lane.aim.over:
                lane.aim.missed(lane.queries, infeasible)
        spent = self.settings.max_queries - 1
        ended = [_found_all(lane) or lane.queries >= spent for lane in self.lanes]
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
        device = self._verifier.device
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
        return _all_margins(torch.stack(scores), labels)

    def _follows_margins(self, lanes: list[Lane]) -> bool:
        return self.search.reads_margins and self._fitness == "margin" and lanes[0].sample.target is None

    def _labels(self, owner: Tensor) -> Tensor:
        return torch.tensor([lane.sample.label for lane in self.lanes], device=owner.device)[owner]

    def _targets(self, owner: Tensor) -> Tensor | None:
        targets = [lane.sample.target for lane in self.lanes]
        if any(target is None for target in targets):
            return None  # targeted or not is one choice for the whole run
        return torch.tensor(targets, device=owner.device)[owner]


def _all_margins(log_scores: Tensor, labels: Tensor) -> Tensor:
    """(n, K): how far each class lies below the true one, infinity for that itself and for what is not a number."""
    margins = (log_scores.gather(1, labels[:, None]) - log_scores).float()
    return margins.scatter_(1, labels[:, None], torch.inf).nan_to_num(nan=torch.inf, posinf=torch.inf)


def _found_all(lane: Lane) -> bool:
    """Whether a lane has what it sought, or sees nothing ahead."""
    return lane.aim.over if lane.aim is not None else lane.found is not None or lane.infeasible
