"""Tables in their four forms, and the files of a run."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from pixelproof.report import write_tables
from pixelproof.report.assess_tables import all_tables, level_table, setting_tables
from pixelproof.report.table import TYPESET, Column, Table, flat, write_forms
from pixelproof.results.intervals import Interval, Rate
from pixelproof.results.view import read
from pixelproof.runs.store import RunStore

RunMaker = Callable[..., RunStore]
NASTY = ["<b>&", "a_b%", "pipe|`x`", "{$}#~^\\"]


@pytest.fixture
def table() -> Table:
    columns = (
        Column("Name"),
        Column("fooled", "ratio", "Rate", "fooled"),
        Column("share", "share", "Rate", "share"),
        Column("95 %", "interval", "Rate", "ci"),
        Column("Queries", "decimal"),
    )
    rows = (("<b>&", Rate(1, 4), 0.25, Interval(0.1, 0.5), 1234.5), ("a_b%", None, None, None, None))
    return Table("demo", "A & B", columns, rows, ("n_1",))


def test_csv_holds_raw_values(table: Table) -> None:
    rows = list(csv.reader(io.StringIO(table.csv())))
    assert rows == [
        ["name", "fooled", "fooled_of", "share", "ci_low", "ci_high", "queries"],
        ["<b>&", "1", "4", "0.25", "0.1", "0.5", "1234.5"],
        ["a_b%", "", "", "", "", "", ""],
    ]


def test_markdown(table: Table) -> None:
    lines = table.markdown().splitlines()
    assert lines[0] == "**A &amp; B**"
    assert lines[2] == "| Name | Rate: fooled | Rate: share | Rate: 95 % | Queries |"
    assert lines[3] == "| :-- | --: | --: | --: | --: |"
    assert lines[4] == r"| &lt;b&gt;&amp; | 1/4 | 25.0 % | \[10.0, 50.0\] | 1,234 |"
    assert lines[5] == r"| a\_b% | – | – | – | – |"
    assert lines[-1] == r"n\_1"


def test_latex(table: Table) -> None:
    text = table.latex()
    assert r"\begin{tabular}{lrrrr}" in text
    assert r" & \multicolumn{3}{c}{Rate} & " in text
    assert r"\cmidrule(lr){2-4}" in text
    assert r"\textless{}b\textgreater{}\& & 1/4 & 25.0 \% & {[}10.0, 50.0{]} & 1,234 \\" in text
    assert r"a\_b\% & -- & -- & -- & -- \\" in text
    assert [text.count(rf"\{rule}") for rule in ("toprule", "midrule", "bottomrule")] == [1, 1, 1]


def test_html(table: Table) -> None:
    text = str(table.html())
    assert "<caption>A &amp; B</caption>" in text
    assert '<th scope="row">&lt;b&gt;&amp;</th>' in text
    assert '<th scope="colgroup" colspan="3" class="group">Rate</th>' in text
    assert '<td class="number">25.0 %</td>' in text


def test_rows_must_fit_columns() -> None:
    with pytest.raises(ValueError, match="2 cells in a table of 1 columns"):
        Table("x", "x", (Column("a"),), (("1", "2"),))


def test_level_table_has_a_row_for_each_level(make_run: RunMaker) -> None:
    view = read(make_run())
    assert [len(level_table(view, attack).rows) for attack in (None, "few-pixel", "threshold")] == [8, 4, 4]
    rows = list(csv.DictReader(io.StringIO(level_table(view).csv())))
    assert len(rows[0]) == len(level_table(view).csv().splitlines()[0].split(","))  # no name twice
    for row, level in zip(rows, view.levels, strict=True):
        assert int(row["fooled"]) == level.fooled.successes
        assert float(row["robust_accuracy"]) == level.robust.value
        assert float(row["attack_success_rate_low"]) == level.fooled.interval.low


def test_settings_are_generic(make_run: RunMaker) -> None:
    plain, searches = setting_tables(read(make_run()))
    assert ("nested", "yes") in plain.rows
    assert [c.name for c in searches.columns][:3] == ["constraint", "threshold", "method"]
    assert flat({"a": {"b": [1, 2], "c": None}, "d": {}}) == {"a.b": "1, 2", "a.c": "none", "d": "{}"}


@pytest.mark.parametrize("names", [NASTY, ["no", "yes"]])
def test_files(make_run: RunMaker, tmp_path: Path, names: list[str]) -> None:
    paths = write_tables(make_run(class_names=names), tmp_path / "tables")
    assert {p.suffix for p in paths} == {".csv", ".md", ".tex"}
    assert {p.name for p in paths} == {p.name for p in (tmp_path / "tables").iterdir()}
    assert {"levels", "classes", "duality", "settings", "environment", "timings"} <= {p.stem for p in paths}
    for path in paths:
        if path.suffix == ".tex":
            bare = re.sub(r"\\[&%$#_{}]", "", path.read_text())
            assert bare.count("{") == bare.count("}")
            assert not re.search(r"[%#_~^<>]", bare)


@pytest.mark.parametrize("names", [NASTY])
def test_every_row_of_every_table_has_its_cells(make_run: RunMaker, names: list[str]) -> None:
    for table in all_tables(read(make_run(class_names=names))):
        lines = [line for line in table.markdown().splitlines() if line.startswith("|")]
        assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {len(table.columns) + 1}
        rows = list(csv.reader(io.StringIO(table.csv())))
        assert len({len(row) for row in rows}) == 1
        assert len(set(rows[0])) == len(rows[0])


def test_what_is_for_people_has_the_first_rows_of_a_very_long_table(tmp_path: Path) -> None:
    rows = tuple((k,) for k in range(TYPESET + 1))
    for path in write_forms([Table("long", "Long", (Column("n", "integer"),), rows)], tmp_path):
        text = path.read_text()
        cut = "The first 1,000 of 1,001 rows; long.csv has all" in text
        assert cut == (path.suffix != ".csv")
        assert ("1,000" in text.replace("first 1,000", "") or "\n1000\n" in text) == (path.suffix == ".csv")
    exact = [Table("exact", "Exact", (Column("n", "integer"),), rows[:-1])]
    assert all("has all" not in path.read_text() for path in write_forms(exact, tmp_path))
