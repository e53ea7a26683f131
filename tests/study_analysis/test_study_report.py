"""The study's tables and figures: what they say, in every form, whole or with parts missing."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from xml.etree import ElementTree

import pytest

from pixelproof.report import study_figures as figures
from pixelproof.report import study_tables as tables
from pixelproof.report.figure import Figure
from pixelproof.report.table import Bold, Column, Table
from pixelproof.results import study
from pixelproof.results.intervals import Rate
from pixelproof.results.study import Answer, Assessed

pytestmark = pytest.mark.slow

RunMaker = Callable[..., Assessed]
ROWS: dict[str, list[int | None]] = {
    "resnet20": [1, 4, 9, 40],
    "lenet": [1, 1, 3, 4],
    "nin": [2, 7, 60, None],
}
ANSWERS = {
    (source, target, attack): [Answer(0, 1, True), Answer(1, 4, source == target)]
    for source in ("resnet20", "lenet")
    for target in ("resnet20", "lenet")
    for attack in study.NORMS
}
RIGHT = {"resnet20": {0, 1}, "lenet": {0, 1}}


@pytest.fixture
def runs(run: RunMaker) -> list[Assessed]:
    """Three networks and two defences, in every role."""
    found = []
    for role in study.ROLES:
        found += [run(name, row, row[::-1], role, labels=[2, 3, 6, 9]) for name, row in ROWS.items()]
        found.append(run("zoo:resnet20-fast", [1, 4, 9, 40], [None] * 4, role, labels=[2, 3, 6, 9]))
        found.append(run("zoo:resnet20 + tvm", [9] * 4, [9] * 4, role, labels=[2] * 4, spec={"defence": "tvm"}))
    return found


def drawn(runs: list[Assessed]) -> list[Figure]:
    levels = study.level_runs(runs)
    return [
        *figures.class_map_figures(study.class_maps(levels)),
        *figures.curve_figures(study.areas(runs)),
        *figures.duality_figures(study.dualities(levels)),
        *figures.transfer_figures(study.transfer_cells(ANSWERS, RIGHT)),
    ]


def rows_of(table: Table) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(table.csv())))


def test_bold_cells_and_rates_in_every_form() -> None:
    table = Table("x", "x", (Column("a"), Column("b", "rate")), (("n", Bold(Rate(1, 4))), (Bold("<&_"), None)))
    assert table.csv() == "a,b,b_of\nn,1,4\n<&_,,\n"
    assert "| n | **25.0 % (1/4)** |" in table.markdown()
    assert r"| **&lt;&amp;\_** | – |" in table.markdown()
    assert r"n & \textbf{25.0 \% (1/4)} \\" in table.latex()
    assert '<td class="number"><strong>25.0 % (1/4)</strong></td>' in table.html()
    assert "<strong>&lt;&amp;_</strong>" in table.html()


def test_the_main_table(runs: list[Assessed]) -> None:
    main = study.main_table(study.level_runs(runs))
    table = tables.main_table(main)
    assert [row[0] for row in table.rows] == ["resnet20", "lenet", "nin", "resnet20 + fast AT", "resnet20 + tvm"]
    nin = dict(zip([column.full_name for column in table.columns], table.rows[2], strict=True))
    assert nin["L0: th 1"] == Bold(Rate(0, 4))
    assert nin["Bold"] == 8
    assert table.rows[3][-1] is None
    assert not any(isinstance(cell, Bold) for row in table.rows[3:] for cell in row)
    assert "Ranking by bold results: nin 8, resnet20 2 and lenet 0." in table.notes
    assert "AT: adversarially trained." in table.notes
    under = rows_of(tables.defence_table(main))
    assert [row["defence"] for row in under] == ["resnet20 + fast AT", "resnet20 + tvm"]
    assert (float(under[0]["few-pixel_1"]), float(under[0]["threshold_10"])) == pytest.approx((0.6, 0.8))


def test_an_unfinished_run_is_named(run: RunMaker) -> None:
    table = tables.main_table(study.main_table([run("a", [1], [1], status="running")]))
    assert table.notes[-1] == "Not finished, so some levels have counts and no rate yet: a."


def test_every_table_in_every_form(runs: list[Assessed]) -> None:
    cells = study.transfer_cells(ANSWERS, RIGHT)
    found = tables.all_study_tables(runs, cells, study.fast_rows("lenet", ANSWERS, RIGHT["lenet"]))
    assert [table.name for table in found] == [
        "study-main",
        "study-defences",
        "study-wins",
        "study-classes-few-pixel-1",
        "study-classes-few-pixel-10",
        "study-classes-threshold-1",
        "study-classes-threshold-10",
        "study-transfer-few-pixel",
        "study-transfer-threshold",
        "study-transfer-cells",
        "study-fast",
        "study-duality",
        "study-areas",
        "study-claims",
        "study-claim-numbers",
        "study-published",
        "study-rates",
    ]
    for table in found:
        head, *body = csv.reader(io.StringIO(table.csv()))
        assert len(set(head)) == len(head)
        assert {len(row) for row in body} == {len(head)}
        lines = [line for line in table.markdown().splitlines() if line.startswith("|")]
        assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {len(table.columns) + 1}
        assert table.latex().isascii()
        ElementTree.fromstring(f"<div>{table.html()}</div>")


def test_of_nothing_only_the_claims_remain() -> None:
    assert [table.name for table in tables.all_study_tables([])] == ["study-claims"]
    assert drawn([]) == figures.transfer_figures(study.transfer_cells(ANSWERS, RIGHT))


def test_one_norm_of_one_network(run: RunMaker) -> None:
    runs = [run("a", [1, None], None), run("a", [1, None], None, "minimal")]
    names = {table.name for table in tables.all_study_tables(runs)}
    assert {"study-main", "study-areas", "study-rates"} <= names
    assert "study-duality" not in names
    for figure in drawn(runs):
        ElementTree.fromstring(figure.svg())


def test_wins_and_ties(runs: list[Assessed]) -> None:
    table = tables.win_table(study.duels(runs))
    assert {row[-1] for row in table.rows} == {"tie"}
    assert table.notes[0] == "Few-pixel (L0): DE wins 0, CMA-ES 0, 20 ties."
    duel = study.Duel("a", "few-pixel", 1, Rate(1, 4), Rate(2, 4))
    assert tables.win_table([duel]).rows == (("a", "few-pixel", 1, Rate(1, 4), Bold(Rate(2, 4)), "cma-es"),)


def test_every_rate_has_its_interval_budget_and_mean_l2(runs: list[Assessed]) -> None:
    rows = rows_of(tables.rate_table(runs))
    assert len(rows) == 5 * 8 * 4
    found = [row for row in rows if (row["network"], row["run_by"]) == ("lenet", "minimal thresholds")]
    assert [row["max_queries"] for row in found] == ["1000"] * 8
    assert [float(row["mean_l2"]) for row in found[:4]] == [10, 50 / 3, 22.5, 22.5]
    assert float(found[0]["attack_success_rate_low"]) == Rate(2, 4).interval.low


def test_areas_name_the_samples_never_fooled(runs: list[Assessed]) -> None:
    table = tables.area_table(study.areas(runs))
    assert "nin, Few-pixel (L0): not fooled within 127 pixels: sample 3." in table.notes
    assert "resnet20 + fast AT, Threshold (L∞): not fooled within ±127 of 255: samples 0, 1, 2 and 3." in table.notes


def test_a_lower_bound_says_so(runs: list[Assessed]) -> None:
    rows = study.fast_rows("lenet", ANSWERS, RIGHT["lenet"])
    table = tables.fast_table(rows, study.main_table(study.level_runs(runs)))
    assert "lower bounds" in table.title
    assert table.notes[0].startswith("A lower bound:")
    assert table.notes[1] == "Images of resnet20."
    assert rows_of(table)[0]["searched"] == "2"
    assert "searched" not in rows_of(tables.fast_table(rows))[0]


def test_transfer_says_what_it_leaves_out() -> None:
    cells = study.transfer_cells(ANSWERS, {"resnet20": {0, 1}, "lenet": {0}})
    table = tables.transfer_table(cells, "few-pixel")
    assert table.rows == (("resnet20", Rate(2, 2), Rate(1, 1)), ("lenet", Rate(1, 2), Rate(1, 1)))
    assert table.notes[0].endswith("2 images left out by that rule.")
    assert table.notes[1].startswith("Not all of their own images fool lenet:")
    long = rows_of(tables.transfer_cell_table(cells))
    assert [row["excluded_samples"] for row in long] == ["", "", "1", "1", "", "", "1", "1"]


def test_claims_show_their_rule_reason_and_numbers(runs: list[Assessed]) -> None:
    claims = study.claims(runs)
    table = tables.claim_table(claims, study.claims_of_published())
    assert [row[1:] for row in table.rows] == [
        ("not held", "held"),
        ("not held", "held"),
        ("held", "held"),
        ("held", None),
        ("not held", None),
        ("held", "not held"),
    ]
    assert 'class="verdict bad">not held' in table.html()
    assert "nin, 1 pixel: 0.0 % (0/4)" in table.notes[0]
    assert "Rule: Every network" in table.notes[0]
    numbers = rows_of(tables.claim_number_table(claims))
    assert {row["claim"] for row in numbers} == {claim.name for claim in claims}
    (first, *_) = tables.claim_table(study.claims([])).notes
    assert first.endswith("There is no finished th = 1 under both norms of any network.")


def test_a_forced_comparison_is_marked(run: RunMaker) -> None:
    runs = [run("a", [1], [1]), run("b", [1], [1], sha256="00" * 32)]
    found = tables.all_study_tables(runs, differences=study.comparable(runs, force=True))
    said = "Forced: a and b differ in data: cifar10-test (cdcdcdcdcdcd) against cifar10-test (000000000000)."
    assert all(table.notes[0] == said for table in found[:-1])
    assert found[-1].name == "study-differences"
    assert found[-1].rows[0][:2] == ("a, b", "data")


def test_figures_are_repeatable_readable_and_alone_in_their_ids(runs: list[Assessed]) -> None:
    names: list[str] = []
    seen: set[str] = set()
    for figure, again in zip(drawn(runs), drawn(runs), strict=True):
        svg = figure.svg()
        assert svg == again.svg()
        ElementTree.fromstring(svg)
        ids = set(re.findall(r'\bid="([^"]+)"', svg))
        assert ids.isdisjoint(seen)
        seen |= ids
        assert min(float(size) for size in re.findall(r'font-size="([\d.]+)px"', svg)) >= 11
        assert figure.alt
        names.append(figure.name)
    assert names == [
        "study-classes-few-pixel-1",
        "study-classes-few-pixel-10",
        "study-classes-threshold-1",
        "study-classes-threshold-10",
        "study-curves-few-pixel",
        "study-curves-threshold",
        "study-duality",
        "study-transfer-few-pixel",
        "study-transfer-threshold",
    ]


def test_figures_say_what_they_show(runs: list[Assessed]) -> None:
    by_name = {figure.name: figure for figure in drawn(runs)}
    assert "lenet: 50.0 % at 1, 100.0 % at 10, 100.0 % at 127." in by_name["study-curves-few-pixel"].alt
    assert "Under one norm only, over the networks without a defence: " in by_name["study-duality"].alt
    svg = by_name["study-curves-threshold"].svg()
    assert all(name in svg for name in ("resnet20", "resnet20 + fast AT", "grey steps"))
