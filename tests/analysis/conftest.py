"""Records to reckon with by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pixelproof.runs.record import Record, Selection

RecordMaker = Callable[..., Record]
BLANK = Record(
    sample=0,
    label=0,
    constraint="few-pixel",
    threshold=1,
    method="cma-es",
    parameters="",
    target=None,
    success=False,
    inherited_from=None,
    predicted=0,
    clean_confidence=0.9,
    confidence=0.9,
    margin=0.5,
    queries=50,
    gave_up=False,
    restarts=0,
    l0=None,
    l1=None,
    l2=None,
    linf=None,
    seconds=0.0,
    seed=0,
)


@pytest.fixture
def record() -> RecordMaker:
    """A failure at th 1 that took 50 queries, except for what is named; a success has ``predicted`` 1."""

    def make(**changes: Any) -> Record:
        found = replace(BLANK, **changes)
        return replace(found, predicted=1) if found.success and "predicted" not in changes else found

    return make


@pytest.fixture
def selection() -> Selection:
    """Samples 0 to 3, two of each class, of five images considered."""
    return Selection("the first four", 5, (0, 1, 2, 3), (0, 0, 1, 1))


@pytest.fixture
def nested(record: RecordMaker) -> list[Record]:
    """Both attacks at th 1 and 3, nested.

    Few-pixel: sample 0 falls at 1, sample 1 at 3. Threshold: sample 1 falls at 1, sample 2 at 3. Sample 3 never falls.
    """
    first = {"l0": 1, "l1": 100, "l2": 60.0, "linf": 90}
    second = {"l0": 3, "l1": 300, "l2": 200.0, "linf": 250}
    falls = {("few-pixel", 0): 1, ("few-pixel", 1): 3, ("threshold", 1): 1, ("threshold", 2): 3}
    records = []
    for attack in ("few-pixel", "threshold"):
        for sample, label in enumerate((0, 0, 1, 1)):
            who = {"constraint": attack, "sample": sample, "label": label}
            fell = falls.get((attack, sample))
            if fell == 1:
                records.append(record(**who, success=True, queries=10, **first))
                records.append(record(**who, threshold=3, success=True, queries=0, inherited_from=1, **first))
            else:
                records.append(record(**who, predicted=label))
                won = {"success": True, "queries": 30, **second} if fell == 3 else {"predicted": label}
                records.append(record(**who, threshold=3, **won))
    return records
