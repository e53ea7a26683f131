"""What waits: steps of a run, cohorts that wait for a level, and candidates that wait for the model."""

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, MutableSequence, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import torch
from torch import Tensor

from pixelproof.attacks.named import parse_attack
from pixelproof.engine.lanes import Cohort, Lanes, Outcome, Sample
from pixelproof.engine.settings import AttackSettings, SearchSettings, Settings
from pixelproof.models.query import Scorer
from pixelproof.runs.record import Record

_T = TypeVar("_T")

Key = tuple[int, str, float | None]  # of a record: sample, attack as ``key_of`` calls it, threshold of a level


@dataclass(frozen=True)
class Round:
    """What one round of the engine brought: finished ``outcomes`` (commit them together) and the queries it took.

    ``ended`` are the steps that are through with it; ``room`` says whether another could be begun beside what is on.
    """

    outcomes: list[Outcome]
    queries: int
    in_flight: int
    ended: Sequence[str] = ()
    room: bool = False


def key_of(record: Record) -> Key:
    """What no two records of a run share, in the words of its settings."""
    if record.levelled:
        return record.sample, record.attack, record.level
    return record.sample, record.spec, None


def steps(settings: Settings, samples: Sequence[int]) -> dict[str, list[Key]]:
    """The steps of a run on ``samples`` (indices in their order), and the records that each one brings.

    A step is one attack, at all its levels, on one cohort: what learns together or is attacked by the same calls. What
    it brings does not depend on which others are done beside it, nor in what order.
    """
    found: dict[str, list[Key]] = {}
    for attack, levels in by_attack(settings).items():
        for first, cohort in cohorts(samples, cohort_size(levels)):
            found[step_key(attack, first)] = [(k, attack, s.threshold) for k in cohort for s in levels]
    for each in settings.attacks:
        for first, cohort in cohorts(samples, attacked_at_once(settings, each, len(samples))):
            found[step_key(each.spec, first)] = [(k, each.spec, None) for k in cohort]
    return found


def step_key(attack: str, first: int) -> str:
    """``few-pixel, samples 0``: the step that attacks the cohort which begins at the position ``first``."""
    return f"{attack}, samples {first}"


def taken(steps: MutableSequence[str], own: Collection[str]) -> list[str]:
    """Those of ``steps`` that are ``own``, taken out of it."""
    found = [step for step in steps if step in own]
    if found:
        rest = [step for step in steps if step not in own]
        steps.clear()
        steps.extend(rest)
    return found


def by_attack(settings: Settings) -> dict[str, list[SearchSettings]]:
    """The searches of each attack with levels, the lowest level first."""
    ordered = sorted(settings.searches, key=lambda search: search.threshold)
    names = dict.fromkeys(search.constraint for search in settings.searches)
    return {name: [search for search in ordered if search.constraint == name] for name in names}


def cohort_size(levels: Sequence[SearchSettings]) -> int:
    """Samples that climb ``levels``, those of one attack, together."""
    return max(search.cohort for search in levels)


def attacked_at_once(settings: Settings, attack: AttackSettings, samples: int) -> int:
    """Of so many ``samples``, how many an attack by name takes in one call."""
    return max(1, samples) if parse_attack(attack.spec).together else settings.batch_size


def cohorts(samples: Sequence[_T], size: int) -> Iterator[tuple[int, Sequence[_T]]]:
    """``samples`` in parts of ``size``, each with the position of its first."""
    for first in range(0, len(samples), size):
        yield first, samples[first : first + size]


def waiting(
    members: Sequence[Sample],
    attack: str,
    levels: Sequence[int],
    nested: bool,
    done: Mapping[Key, Record],
    step: str = "",
) -> Iterator[tuple[int, Cohort]]:
    """The levels that a cohort of ``members`` begins ``step`` with, given the records there are, and who takes part.

    A cohort that is not through with a level does that level again as a whole, since its members learn from each
    other; what it finds again equals what is recorded. Nested, it takes part with those that no lower level fooled.
    """
    for level in levels:
        records = [done.get((sample.index, attack, level)) for sample in members]
        if any(record is None for record in records):
            pairs = zip(members, records, strict=True)
            yield level, Cohort([s for s, r in pairs if r is None or r.inherited_from is None], step)
            if nested:
                return


class LevelQueue:
    """One attack at one threshold: the cohorts that wait for it, and the lanes that search.

    There are several ``lanes`` of the same ``settings`` that take turns, so that one makes candidates for the batch
    another leaves open. Lanes do not depend on each other, nor cohorts, so it is immaterial which takes which.
    """

    def __init__(self, settings: SearchSettings, lanes: Sequence[Lanes]) -> None:
        self.settings, self.lanes = settings, lanes
        self.waiting: deque[Cohort] = deque()

    @property
    def in_flight(self) -> int:
        """Lanes in flight."""
        return sum(len(each.lanes) for each in self.lanes)

    @property
    def rows(self) -> int:
        """Candidates that one round of all its lanes asks for, at most."""
        return sum(each.rows for each in self.lanes)

    @property
    def next_rows(self) -> int:
        """Candidates that the next cohort asks for in a round, at most; 0 where none waits."""
        return len(self.waiting[0].samples) * self.lanes[0].search.population if self.waiting else 0

    def fill(self, room: int, batch_size: int, asking: Collection[Lanes]) -> int:
        """Start cohorts until there is no ``room`` for more candidates; returns how many candidates they make a round.

        Lanes that are ``asking`` cannot take any. Less than one batch is better made by the same than by two.
        """
        fresh: dict[Lanes, list[Cohort]] = {each: [] for each in self.lanes if each not in asking}
        rows = {each: each.rows for each in self.lanes}
        begun = 0
        while fresh and self.waiting and begun < room:
            cohort = self.waiting.popleft()
            choose = max if sum(rows.values()) < batch_size else min
            chosen = choose(fresh, key=lambda each: rows[each])
            fresh[chosen].append(cohort)
            wanted = len(cohort.samples) * chosen.search.population
            rows[chosen] += wanted
            begun += wanted
        for lanes, begin in fresh.items():
            lanes.start(begin)
        return begun


@dataclass(eq=False)
class _Asking:
    """Lanes whose candidates stand in line."""

    lanes: Lanes
    images: Tensor  # those not yet asked
    answers: list[Tensor] = field(default_factory=list)


class BatchQueue:
    """Asks in the order in which candidates were made, and only what fills batches, unless there is less than one.

    Lanes learn once all of their candidates are answered; the batch that their last ones leave open is filled up with
    those of the next in line. Memory: at most the candidates of one round of all lanes, and one batch.
    """

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self._asking: list[_Asking] = []

    @property
    def asking(self) -> set[Lanes]:
        """Those that wait for answers."""
        return {each.lanes for each in self._asking}

    def advance(self, free: Iterable[Lanes]) -> list[tuple[Lanes, Tensor]]:
        """Let those that are ``free`` join the queue and ask its head; returns who is through, with log-scores."""
        self._asking += [_Asking(lanes, lanes.ask()) for lanes in free]
        rows = sum(len(each.images) for each in self._asking)
        room = rows - rows % self._scorer.batch_size or rows
        asked: list[tuple[_Asking, Tensor]] = []
        for each in self._asking:
            part, each.images = each.images[:room], each.images[room:]
            room -= len(part)
            asked.append((each, part))
        scores = self._scorer(torch.cat([part for _, part in asked]) if len(asked) > 1 else asked[0][1])
        for (each, _), answer in zip(asked, torch.split(scores, [len(part) for _, part in asked]), strict=True):
            each.answers.append(answer)
        through = [each for each in self._asking if not len(each.images)]
        self._asking = [each for each in self._asking if len(each.images)]
        return [(t.lanes, torch.cat(t.answers) if len(t.answers) > 1 else t.answers[0]) for t in through]
