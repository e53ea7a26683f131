"""Transfer and the fast assessment against answers given by hand."""

from __future__ import annotations

from pixelproof.results.intervals import Rate
from pixelproof.results.study import Answer, FastRow, TransferCell, broken_diagonal, fast_rows, transfer_cells

FEW, STEPS = "few-pixel", "threshold"
ANSWERS = {
    ("a", "a", FEW): [Answer(0, 1, True), Answer(1, 4, True)],
    ("a", "b", FEW): [Answer(0, 1, True), Answer(1, 4, True), Answer(2, 2, False)],
    ("c", "b", FEW): [Answer(0, 3, True), Answer(3, 11, True), Answer(4, 1, True)],
    ("b", "b", FEW): [Answer(5, 1, True)],
    ("a", "b", STEPS): [Answer(0, 2, False)],
}
RIGHT = {"a": {0, 1}, "b": {0, 2, 3, 5}}


def test_cells_leave_out_what_the_target_gets_wrong_anyhow() -> None:
    cells = {(c.source, c.target, c.attack): c for c in transfer_cells(ANSWERS, RIGHT)}
    assert cells["a", "b", FEW] == TransferCell("a", "b", FEW, Rate(1, 2), (1,))
    assert cells["c", "b", FEW] == TransferCell("c", "b", FEW, Rate(2, 2), (4,))
    assert cells["a", "b", STEPS].fooled == Rate(0, 1)
    assert cells["a", "a", FEW].fooled == Rate(2, 2)


def test_own_images_must_all_fool() -> None:
    assert broken_diagonal(transfer_cells(ANSWERS, RIGHT)) == []
    missed = {("a", "a", FEW): [Answer(0, 1, True), Answer(1, 2, False)], ("b", "b", FEW): [Answer(1, 1, True)]}
    assert [c.source for c in broken_diagonal(transfer_cells(missed, RIGHT))] == ["a", "b"]


def test_fast_assessment_takes_the_nearest_image_of_any_other_source() -> None:
    """Sample 0 falls at 1 (from a), 3 at 11 (from c); 1 and 4 b gets wrong; 5 fell to b's own image alone."""
    rows = fast_rows("b", ANSWERS, RIGHT["b"], (1, 3, 10, 11))
    few = [row for row in rows if row.attack == FEW]
    assert few[0] == FastRow("b", FEW, 1, ("a", "c"), Rate(1, 4))
    assert [row.fooled.successes for row in few] == [1, 1, 1, 2]
    assert [row.fooled for row in rows if row.attack == STEPS] == [Rate(0, 4)] * 4


def test_fast_assessment_of_a_target_nobody_answered_for() -> None:
    assert fast_rows("d", ANSWERS, {0, 1}) == []
    assert fast_rows("a", ANSWERS, {0, 1}) == []  # only its own images
