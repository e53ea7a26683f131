"""What is known of images and levels, from records and certificates made by hand; every rule by what breaks it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from pixelproof.errors import RunError
from pixelproof.results.intervals import Rate
from pixelproof.results.status import LevelStatus, level_statuses, of_level, reach
from pixelproof.results.verdict import doubts, highest, named, sentence, telling, verdict
from pixelproof.runs.record import Certificate, DataCard, Manifest, ModelCard, Record, Selection

RecordMaker = Callable[..., Record]
PAPERS = 40_001  # queries by CMA-ES at one level (2019, table I), verification included


def manifest(
    samples: int = 40,
    levels: Sequence[int] = (1, 3),
    *,
    constraint: str = "few-pixel",
    method: str = "cma-es",
    queries: int = 1000,
    classes: int = 2,
    status: str = "finished",
    target: str = "none",
    minimal: bool = False,
) -> Manifest:
    search = {"constraint": constraint, "method": method, "max_queries": queries, "minimal": minimal}
    labels = tuple(k % classes for k in range(samples))
    return Manifest(
        job="assess",
        identity="ab" * 32,
        status="finished" if status == "finished" else "running",
        spec={},
        settings={"searches": [{**search, "threshold": th} for th in levels], "target": target},
        model=ModelCard("net", "logits", "cd" * 32, samples, samples),
        data=DataCard("data", "ef" * 32, samples, (8, 8, 3), ("one", "two")),
        selection=Selection("the first", samples, tuple(range(samples)), labels),
        findings=(),
        environment={},
    )


def certificate(sample: int = 0, threshold: float = 1, *, proved: bool = True, **changes: Any) -> Certificate:
    reason = "" if proved else "time was up"
    blank = Certificate(sample, "few-pixel", threshold, "bounds", "", proved, reason, 4688, 0, 7.5, {})
    return replace(blank, **changes)


@pytest.fixture
def failures(record: RecordMaker) -> Callable[..., list[Record]]:
    """A failure of each of 40 samples at th 1 and 3, but for what ``changes`` say of a (sample, threshold)."""

    def make(samples: int = 40, changes: Any = None, **every: Any) -> list[Record]:
        changed = changes or {}
        return [
            record(**{"sample": s, "threshold": th, "queries": 1000, **every, **changed.get((s, th), {})})
            for s in range(samples)
            for th in (1, 3)
        ]

    return make


def answers(levels: Sequence[LevelStatus], sample: int) -> list[str]:
    return [level.images[sample].answer for level in levels]


def test_one_of_three_answers_each(failures: Callable[..., list[Record]]) -> None:
    won = {"success": True, "l0": 2, "linf": 90}
    levels = level_statuses(manifest(), failures(changes={(0, 3): won}), [certificate(1, 3), certificate(2, 1)])
    assert [(level.constraint, level.threshold) for level in levels] == [("few-pixel", 1), ("few-pixel", 3)]
    assert answers(levels, 0) == ["open", "broken"]
    assert answers(levels, 1) == ["proved", "proved"]  # a proof holds below its threshold
    assert answers(levels, 2) == ["proved", "open"]
    assert answers(levels, 3) == ["open", "open"]
    assert [(x.broken.successes, x.proved, x.open, x.total) for x in levels] == [(0, 2, 38, 40), (1, 1, 38, 40)]
    assert levels[1].images[0].record is not None
    assert levels[0].images[1].certificate == certificate(1, 3)


@pytest.mark.parametrize("threshold", [1, 3])
def test_broken_and_proved_at_once_is_an_error(failures: Callable[..., list[Record]], threshold: int) -> None:
    records = failures(changes={(0, 1): {"success": True, "l0": 1}})
    with pytest.raises(RunError, match=r"Sample 0 is broken and proved at once: .* th = 1, .* verify\."):
        level_statuses(manifest(), records, [certificate(0, threshold)])


def test_a_proof_below_what_breaks_is_no_contradiction(failures: Callable[..., list[Record]]) -> None:
    records = failures(changes={(0, 3): {"success": True, "l0": 2}})
    assert answers(level_statuses(manifest(), records, [certificate(0, 1)]), 0) == ["proved", "broken"]
    with pytest.raises(RunError):
        level_statuses(manifest(), records, [certificate(0, 2)])


def test_a_proof_under_one_norm_says_nothing_of_the_other(failures: Callable[..., list[Record]]) -> None:
    records = failures(changes={(0, 1): {"success": True, "l0": 1, "linf": 200}})
    levels = level_statuses(manifest(), records, [certificate(0, 1, constraint="threshold")])
    assert of_level(levels, "few-pixel", 1).count("broken") == 1  # type: ignore[union-attr]
    assert of_level(levels, "threshold", 1).proved == 1  # type: ignore[union-attr]


def test_images_count_by_their_own_distance_whoever_found_them(record: RecordMaker) -> None:
    """An attack by name breaks levels too, and few pixels found at a high level break those that they keep to."""
    by_name = record(method="pgd", constraint="linf", threshold=8.0, success=True, l0=900, linf=3)
    assert (reach(by_name, "threshold"), reach(by_name, "few-pixel")) == (3, 900)
    nearest = record(method="deepfool", constraint=None, threshold=None, success=True, l0=900, linf=2)
    assert reach(nearest, "threshold") == 2
    found_high = record(threshold=10, success=True, l0=4)
    assert reach(found_high, "few-pixel") == 4
    inherited = record(threshold=10, success=True, inherited_from=1)
    assert reach(inherited, "few-pixel") == 1
    assert reach(record(), "few-pixel") == float("inf")
    level = level_statuses(manifest(1, (3,), constraint="threshold"), [by_name])[0]
    assert (level.threshold, level.images[0].answer) == (3, "broken")


def test_held_says_searches_budgets_and_bound(failures: Callable[..., list[Record]]) -> None:
    level = level_statuses(manifest(), failures())[1]
    assert verdict(level) == "held"
    assert sentence(level) == "held: 0 of 40 images broken by CMA-ES within 1,000 queries each, at most 8.8 % [95 %]"
    assert named(level) == "Within 3 pixels"


def test_broken_has_rate_and_interval(failures: Callable[..., list[Record]]) -> None:
    records = failures(changes={(0, 1): {"success": True}, (1, 1): {"gave_up": True}})
    level = level_statuses(manifest(), records, [certificate(2)])[0]
    assert verdict(level) == "broken"
    assert level.broken == Rate(1, 40)
    assert sentence(level) == (
        "broken: 1 of 40 images by CMA-ES, 2.5 % [0.4, 12.9]; 1 proved by bounds, gave up on 1, 38 open"
    )


def test_proved_for_all(failures: Callable[..., list[Record]]) -> None:
    proofs = [certificate(s) for s in range(2)]
    level = level_statuses(manifest(2), failures(2), proofs)[0]
    assert verdict(level) == "proved"  # of two images, and says so
    assert sentence(level) == "proved for 2 of 2 images, by bounds"


@pytest.mark.parametrize(
    ("about", "every", "reason"),
    [
        ({"samples": 34}, {"samples": 34}, "too few samples"),
        ({"classes": 1}, {}, "one class"),
        ({"queries": 999}, {}, "few queries"),
        ({}, {"changes": {(7, 1): {"gave_up": True}}}, "gave up on 1"),
    ],
)
def test_a_verdict_says_itself_why_it_is_none(
    failures: Callable[..., list[Record]], about: dict[str, Any], every: dict[str, Any], reason: str
) -> None:
    level = level_statuses(manifest(**about), failures(**every))[0]
    assert verdict(level) == f"undecided: {reason}"
    assert sentence(level).startswith(f"undecided: {reason}: 0 of ")


def test_two_samples_and_39_queries(failures: Callable[..., list[Record]]) -> None:
    level = level_statuses(manifest(2, queries=39), failures(2, queries=39))[1]
    assert verdict(level) == "undecided: too few samples, few queries"
    assert sentence(level).endswith("0 of 2 images broken by CMA-ES within 39 queries each, at most 65.8 % [95 %]")


def test_35_samples_are_enough_for_one_in_ten(failures: Callable[..., list[Record]]) -> None:
    assert not doubts(level_statuses(manifest(35), failures(35))[0])
    assert Rate(0, 35).interval.high < 0.1 < Rate(0, 34).interval.high


def test_unfinished_levels_count_final_answers_and_have_no_rate(record: RecordMaker) -> None:
    """Ten successes at th 1, inherited at th 3, where nothing else has been searched: no 10/10 = 100 %."""
    records = [record(sample=s, success=s < 10, l0=1 if s < 10 else None) for s in range(40)]
    records += [replace(r, threshold=3, inherited_from=1) for r in records if r.success]
    first, second = level_statuses(manifest(status="running"), records)
    assert (first.pending, first.broken) == (0, Rate(10, 40))
    assert (second.pending, second.open, second.broken) == (30, 30, Rate(10, 10, 30))
    assert second.broken.value is None
    assert sentence(second) == "broken so far: 10 of 40 images by CMA-ES, 30 not finished"
    assert second.images[39].reason == "not finished"


def test_nothing_found_yet_is_undecided(record: RecordMaker) -> None:
    level = level_statuses(manifest(status="running"), [record(sample=s) for s in range(39)])[0]
    assert verdict(level) == "undecided: unfinished"
    assert "[95 %]" not in sentence(level)


def test_the_papers_term_stands_where_their_protocol_ran(failures: Callable[..., list[Record]]) -> None:
    theirs = level_statuses(manifest(queries=PAPERS), failures())[1]
    assert verdict(theirs) == "held"
    assert "the papers call this 3-pixel-safe: their searches with their budgets broke none" in sentence(theirs)
    for about in ({"queries": PAPERS - 1}, {"queries": PAPERS, "method": "pixel-process"}):
        assert "safe" not in sentence(level_statuses(manifest(**about), failures())[1])
    few = level_statuses(manifest(2, queries=PAPERS), failures(2))[1]
    assert "safe" not in sentence(few)
    broken = level_statuses(manifest(queries=PAPERS), failures(changes={(0, 1): {"success": True}}))[1]
    assert "safe" not in sentence(broken)


def test_targeted_levels_say_what_holds(failures: Callable[..., list[Record]]) -> None:
    level = level_statuses(manifest(target="next"), failures(target=1))[0]
    assert "0 of 40 images given the class aimed at by CMA-ES" in sentence(level)


def test_a_level_without_a_search_is_not_held() -> None:
    proofs = [certificate(0, 2), certificate(1, 2, proved=False)]
    level = level_statuses(manifest(levels=()), [], proofs)[0]
    assert (level.threshold, level.proved, verdict(level)) == (2, 1, "undecided: not searched")
    assert level.images[1].reason == "bounds: time was up"


def test_minimal_thresholds_serve_all_levels(record: RecordMaker) -> None:
    records = [record(sample=0, threshold=127, success=True, l0=4), record(sample=1, threshold=127, gave_up=True)]
    levels = level_statuses(manifest(2, (127,), minimal=True), records)
    assert [level.threshold for level in levels] == [1, 3, 5, 10]
    assert answers(levels, 0) == ["open", "open", "broken", "broken"]
    assert [level.gave_up for level in levels] == [1, 1, 1, 1]


def test_which_levels_to_speak_of(failures: Callable[..., list[Record]]) -> None:
    held = level_statuses(manifest(), failures())
    assert [level.threshold for level in telling(held)] == [3]
    assert highest(held, "held") == held[1]
    half = level_statuses(manifest(), failures(changes={(0, 3): {"success": True, "l0": 3}}))
    assert [level.threshold for level in telling(half)] == [1, 3]
    assert highest(half, "held") == half[0]
    broken = level_statuses(manifest(), failures(changes={(0, 1): {"success": True}}))
    assert [level.threshold for level in telling(broken)] == [1]
    assert highest(broken, "held") is None
