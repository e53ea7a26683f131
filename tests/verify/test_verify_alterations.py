"""Every kind of run altered by a liar: found, or on the one list of what only a digest holds."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from benchmarks.torture.alterations import Alteration, Outcome, alterations, rows, run
from benchmarks.torture.altered_runs import whole_runs

from pixelproof.jobs.verify.meaning import OUTSIDE, outside


@pytest.mark.slow
def test_a_few_alterations_of_every_kind_of_run() -> None:
    lost = [(each.alteration.run, each.alteration.place, each.crash) for each in run(small=True) if not each.held]
    assert lost == []


@pytest.mark.long
def test_many_alterations_of_runs_with_levels_and_of_audits(tmp_path: Path) -> None:
    import random

    from benchmarks.torture.alterations import tried

    draw, found = random.Random(1), Counter[object]()
    for whole in whole_runs(tmp_path, small=True):
        if whole.name in ("levels", "audit"):
            every = list(alterations(whole, draw))
            for alteration in draw.sample(every, 60):
                outcome = tried(whole, alteration, forged=True)
                assert outcome is None or outcome.held, alteration.place
                found[None if outcome is None else outcome.finder] += 1
    assert {"derived", "replayed", "noted digest"} <= found.keys()


def test_an_alteration_that_nothing_finds_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    alteration = Alteration("levels", "records.success", lambda _: True)
    lost = Outcome(alteration, True, "noted digest")
    assert not lost.held
    monkeypatch.setattr("benchmarks.torture.alterations.run", lambda small, seed: iter([lost]))
    assert [row["holds"] for row in rows(small=True)] == [None, True, None, None, None, False]


def test_the_list_holds_no_claim() -> None:
    assert outside("records.seconds") is not None
    for place in ("records.success", "records.queries", "manifest.model.right", "manifest.settings.seed", "lie: x"):
        assert outside(place) is None
    assert all(each.words and each.places for each in OUTSIDE)
