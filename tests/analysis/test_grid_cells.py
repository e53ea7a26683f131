"""Cells, worst cases and standings on tables made by hand."""

from __future__ import annotations

from dataclasses import replace

from conftest import BLANK  # type: ignore[attr-defined]
from pixelproof.results.attempts import WORST, attempt_rows, worst_cases
from pixelproof.results.grid import cells, standings
from pixelproof.runs.record import Record, Selection


def tried(sample: int, attack: str, l2: float | None = None) -> Record:
    """A record of an attack by name: a success at distance ``l2``, or a failure."""
    return replace(
        BLANK,
        sample=sample,
        constraint=None,
        threshold=None,
        method=attack,
        parameters="",
        success=l2 is not None,
        l0=None if l2 is None else 1,
        l1=None if l2 is None else round(l2),
        l2=l2,
        linf=None if l2 is None else 2,
        queries=10,
        gradient_steps=4,
        seconds=0.5,
    )


#: Sample 1 falls to both, 2 to the second alone, 3 to none, 4 to the first alone.
TABLE = [
    tried(1, "near", 3.0),
    tried(2, "near"),
    tried(3, "near"),
    tried(4, "near", 5.0),
    tried(1, "far", 9.0),
    tried(2, "far", 7.0),
    tried(3, "far"),
    tried(4, "far"),
]


def test_each_attack_has_a_row_and_the_worst_case_the_nearest_image() -> None:
    near, far, worst = attempt_rows(TABLE, Selection("all", 5, (1, 2, 3, 4), (0, 0, 0, 0)))
    assert (near.fooled.ratio, near.mean_l2) == ("2/4", 4.0)
    assert (far.fooled.ratio, far.mean_l2) == ("2/4", 8.0)
    assert (worst.attack, worst.fooled.ratio, worst.mean_l2) == (WORST, "3/4", 5.0)
    assert (worst.robust.successes, worst.robust.total) == (1, 5)
    assert (worst.mean_queries, worst.mean_gradient_steps, worst.seconds) == (20, 8, 1.0)


def test_one_attack_alone_has_no_worst_case() -> None:
    assert len(attempt_rows(TABLE[:4], Selection("all", 4, (1, 2, 3, 4), (0, 0, 0, 0)))) == 1
    assert [cell.place.attack for cell in cells("m", "", "end-to-end", "none", TABLE[:4])] == ["near()"]


def test_what_is_missing_is_pending() -> None:
    rows = attempt_rows(TABLE[:3], Selection("all", 4, (1, 2, 3, 4), (0, 0, 0, 0)))
    assert rows[0].pending == 1


def test_of_several_successes_the_nearest_is_the_worst_case() -> None:
    assert {r.sample: r.l2 for r in worst_cases(TABLE)} == {1: 3.0, 2: 7.0, 3: None, 4: 5.0}


def test_levels_of_few_pixel_and_threshold_are_cells_of_their_own() -> None:
    levels = [replace(BLANK, sample=1, constraint="threshold", threshold=th, success=th > 1) for th in (1, 3)]
    found = {cell.place.attack: cell.fooled.ratio for cell in cells("m", "", "end-to-end", "none", levels)}
    assert found == {"threshold, th = 1": "0/1", "threshold, th = 3": "1/1", WORST: "1/1"}


def test_standings_are_means_over_cells() -> None:
    found = [
        *cells("m", "", "replayed", "none", TABLE),
        *cells("m", "tvm", "replayed", "none", TABLE[1:3]),
    ]
    single = [cell for cell in found if cell.place.attack != WORST]
    rows = standings(single, lambda cell: cell.place.defence or "bare")
    assert [(row.name, row.mean, row.cells) for row in rows] == [("bare", 0.5, 2), ("tvm", 0.0, 1)]
