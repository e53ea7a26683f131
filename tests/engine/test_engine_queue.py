"""Cohorts of samples that climb the levels together, and which of them wait after an interruption."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import numpy as np
import pytest

from pixelproof.engine.lanes import Cohort, Sample
from pixelproof.engine.queue import Key, cohorts, key_of, waiting
from pixelproof.runs.record import Record

LEVELS = (1, 3, 10)
Begun = tuple[int, tuple[int, ...]]  # a level and the samples that begin it together


def sample(index: int) -> Sample:
    return Sample(index, np.zeros((1, 1, 1), np.uint8), 0, None, 1.0)


def record(index: int, level: int, success: bool, inherited_from: int | None = None) -> Record:
    """Only what the engine looks at is meant."""
    numbers = dict.fromkeys(("predicted", "queries", "restarts", "l0", "l1", "linf", "seed"), 0)
    shares = dict.fromkeys(("clean_confidence", "confidence", "margin", "l2", "seconds"), 0.0)
    return Record(
        **numbers,  # type: ignore[arg-type]
        **shares,  # type: ignore[arg-type]
        sample=index,
        label=0,
        constraint="threshold",
        threshold=level,
        method="gradient-regression",
        parameters="",
        target=None,
        success=success,
        inherited_from=inherited_from,
        gave_up=False,
    )


@dataclass
class World:
    """A run without searches: what fools each sample is known, in ``least``, and who ends next is drawn."""

    least: dict[int, int]  # of each sample, the lowest level that fools it
    cohort: int
    nested: bool
    commits: list[list[Record]] = field(default_factory=list)  # the transactions, in order
    begun: list[Begun] = field(default_factory=list)

    def run(self, draw: random.Random, done: dict[Key, Record]) -> None:
        samples = [sample(index) for index in self.least]
        live = [
            each
            for _, members in cohorts(samples, self.cohort)
            for each in waiting(members, "threshold", LEVELS, self.nested, done)
        ]
        self.begun += [(level, tuple(s.index for s in c.samples)) for level, c in live]
        lanes = [(level, cohort, member) for level, cohort in live for member in cohort.samples]
        while lanes:
            level, cohort, member = lanes.pop(draw.randrange(len(lanes)))
            success = level >= self.least[member.index]
            outcomes = [record(member.index, level, success)]
            cohort.end(member, success)
            following, higher = cohort.next(), [each for each in LEVELS if each > level]
            if self.nested and success:
                outcomes += [record(member.index, each, True, inherited_from=level) for each in higher]
            if self.nested and higher and following:
                self.begun.append((higher[0], tuple(s.index for s in following.samples)))
                lanes += [(higher[0], following, s) for s in following.samples]
            self.commits.append([r for r in outcomes if key_of(r) not in done])

    def records(self) -> dict[Key, Record]:
        return {key_of(r): r for commit in self.commits for r in commit}


def expected_cohorts(least: dict[int, int], size: int, nested: bool) -> set[Begun]:
    """Who must begin which level together, straight from the definition."""
    indices, expected = list(least), set()
    for first in range(0, len(indices), size):
        members = indices[first : first + size]
        for k, level in enumerate(LEVELS):
            below = LEVELS[k - 1] if k and nested else 0
            expected.add((level, tuple(index for index in members if least[index] > below)))
    return {(level, members) for level, members in expected if members}


@pytest.mark.parametrize("nested", [True, False])
@pytest.mark.parametrize("size", [1, 3, 4, 50])
def test_an_interrupted_run_begins_the_same_cohorts_and_ends_with_the_same_records(size: int, nested: bool) -> None:
    for seed in range(5):
        draw = random.Random(seed)
        least = {index: draw.choice([1, 3, 10, 99]) for index in draw.sample(range(100), 10)}
        whole = World(least, size, nested)
        whole.run(random.Random(seed), {})
        assert len(whole.records()) == sum(len(c) for c in whole.commits) == 10 * len(LEVELS)  # each of them once
        assert sorted(whole.begun) == sorted(expected_cohorts(least, size, nested))
        for stop in range(len(whole.commits) + 1):
            done = {key_of(r): r for commit in whole.commits[:stop] for r in commit}
            rest = World(least, size, nested)
            rest.run(random.Random(seed + stop), done)
            assert not set(done) & set(rest.records())
            assert {**done, **rest.records()} == whole.records()
            assert len(rest.begun) == len(set(rest.begun))
            assert set(rest.begun) <= set(whole.begun)  # together as ever


def test_a_finished_run_has_nothing_waiting() -> None:
    done: dict[Key, Record] = {(k, "threshold", level): record(k, level, False) for k in range(5) for level in LEVELS}
    for nested in (True, False):
        assert not list(waiting([sample(k) for k in range(5)], "threshold", LEVELS, nested, done))


def test_records_of_another_attack_count_for_nothing() -> None:
    done = {(0, "few-pixel", 1): record(0, 1, True)}
    [(level, cohort)] = waiting([sample(0)], "threshold", [1], True, done)
    assert (level, [s.index for s in cohort.samples], cohort.left) == (1, [0], 1)


def test_a_nested_cohort_does_a_level_again_with_those_that_no_lower_level_fooled() -> None:
    done = {
        (0, "threshold", 1): record(0, 1, True),
        (0, "threshold", 3): record(0, 3, True, inherited_from=1),
        (1, "threshold", 1): record(1, 1, False),
        (2, "threshold", 1): record(2, 1, False),
        (2, "threshold", 3): record(2, 3, False),
    }
    [(level, cohort)] = waiting([sample(k) for k in range(3)], "threshold", [1, 3], True, done)
    assert (level, [s.index for s in cohort.samples]) == (3, [1, 2])


def test_a_cohort_goes_on_with_those_that_failed_once_all_are_through() -> None:
    members = [sample(k) for k in (4, 2, 7)]
    cohort = Cohort(members)
    for member, success in ((members[2], False), (members[1], True)):
        cohort.end(member, success)
        assert cohort.next() is None
    cohort.end(members[0], False)
    following = cohort.next()
    assert following is not None
    assert ([s.index for s in following.samples], following.left, following.failed) == ([4, 7], 2, set())


def test_a_cohort_in_which_all_succeeded_ends() -> None:
    cohort = Cohort([sample(0)])
    cohort.end(sample(0), True)
    assert cohort.next() is None
