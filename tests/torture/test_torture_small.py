"""`make torture` in its small form: nothing is lost, doubled or other, whatever ends a process or breaks under it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.torture import cases, killing, sections, soak
from benchmarks.torture.wrecks import Tally, Whole, judge

ROOT = Path(__file__).parents[2]


def _rows(section: str) -> list[dict[str, object]]:
    """The rows of ``section`` from a process of its own: here gradients were computed, after which none is forked."""
    code = f"import json; from benchmarks.torture import {section} as s; print(json.dumps(s.rows(small=True)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, object]] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.slow
@pytest.mark.parametrize("section", ["crash", "determinism"])
def test_nothing_is_lost(section: str):
    rows = _rows(section)
    assert rows
    assert [row for row in rows if row["holds"] is False] == []


@pytest.mark.long
def test_memory_and_handles_stay_flat():
    assert [row for row in _rows("soak") if row["holds"] is False] == []


def test_growth_is_that_from_the_second_quarter_to_the_last():
    assert soak.grown([9, 5, 1, 1, 1, 1, 4, 4]) == 3
    assert soak.grown([5, 7, 7, 8]) == 1


def test_a_kill_lands_where_it_is_aimed(tmp_path: Path):
    def write() -> None:
        for name in ("a", "b", "c"):
            (tmp_path / name).write_text(name)

    assert killing.points_of(write, tmp_path) == ["at a file"] * 3
    for each in tmp_path.iterdir():
        each.unlink()
    assert killing.killed_at(write, tmp_path, 2).killed
    assert [each.name for each in tmp_path.iterdir()] == ["a"]


@pytest.mark.slow
def test_what_is_compared_tells_a_lost_a_doubled_and_an_other_record(finished: Path, run_copy: Path):
    import sqlite3

    expected = cases.contents(finished)
    assert cases.contents(run_copy) == expected
    for statement in (
        "DELETE FROM records WHERE id = 3",
        "UPDATE records SET queries = queries + 1 WHERE id = 2",
        "DELETE FROM images WHERE rowid = (SELECT min(rowid) FROM images)",
        "UPDATE manifest SET value = '[]' WHERE key = 'findings' AND value != '[]' OR key = 'selection'",
    ):
        connection = sqlite3.connect(run_copy / "run.sqlite", isolation_level=None)
        before = cases.contents(run_copy)
        connection.execute(statement)
        connection.close()
        assert cases.contents(run_copy) != before
        assert Whole(cases.Case("x", lambda out: None), expected, 1.0).differing(run_copy)


def test_an_end_that_is_neither_equal_nor_told_is_counted(tmp_path: Path):
    whole = Whole(cases.Case("x", lambda out: None), {"run": "digest"}, 1.0)
    for code, said in ((0, ""), (1, "Traceback (most recent call last)"), (2, ""), (-7, "")):
        tally = Tally()
        judge(tally, whole, tmp_path, killing.Ended(code, said, 0.1), go_on=False)
        assert (tally.equal, tally.told, len(tally.wrong)) == (0, 0, 1)
    tally = Tally()
    judge(tally, whole, tmp_path, killing.Ended(2, "error: it is full.\n", 0.1), go_on=False)
    assert (tally.told, tally.wrong) == (1, [])
    assert tally.row("x")["holds"] is True
    assert Tally().row("nothing tried")["holds"] is False


def test_sections_that_were_not_run_keep_their_rows(tmp_path: Path):
    path = tmp_path / "torture.json"
    sections.write({"soak": {"rows": [1]}}, path)
    sections.write({"crash": {"rows": [2]}}, path)
    sections.write({"soak": {"rows": [3]}}, path)
    assert json.loads(path.read_text()) == {"soak": {"rows": [3]}, "crash": {"rows": [2]}}
