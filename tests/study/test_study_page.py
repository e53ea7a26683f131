"""The page of a study: whole, alone, escaped, the same again; its tables and figures as files."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest

from html_page import Page, outside
from pixelproof.plans.study.scoreboard import rows
from pixelproof.plans.study.view import StudyView
from pixelproof.report.study import study_page, study_page_figures, study_page_tables, study_summary, write_study
from pixelproof.report.study_demonstration import explanation
from pixelproof.report.study_tables import published_lines_table
from pixelproof.report.table import Table
from pixelproof.results.scoreboard import write_scoreboard
from pixelproof.results.study import Beside, Difference, Role
from words import beyond

pytestmark = pytest.mark.slow

Conducted = tuple[Path, StudyView]
SECTIONS = [
    "summary",
    "main",
    "defences",
    "duality",
    "transfer",
    "areas",
    "classes",
    "wins",
    "published",
    "l2",
    "false",
    "claims",
    "findings",
    "reading",
    "runs",
    "sources",
]
TABLES = {
    "study-main",
    "study-defences",
    "study-wins",
    "study-transfer-few-pixel",
    "study-transfer-threshold",
    "study-transfer-cells",
    "study-fast",
    "study-duality",
    "study-areas",
    "study-claims",
    "study-claim-numbers",
    "study-published",
    "study-published-lines",
    "study-rates",
    "study-l2",
    "study-false-adversarial",
    "study-false-adversarial-answers",
    "study-runs",
    "study-settings",
}


def render(view: StudyView) -> str:
    return study_page(view).html()


@pytest.fixture(scope="module")
def page(conducted: Conducted) -> Page:
    return Page((conducted[0] / "report.html").read_text("utf-8"))


def test_every_section_is_there_in_order(page: Page) -> None:
    assert [tag["aria-labelledby"] for tag in page.all("section") if "aria-labelledby" in tag] == SECTIONS
    headings = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert headings[0] == 1
    assert headings.count(1) == 1
    assert all(below <= above + 1 for above, below in pairwise(headings))
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert "2 networks and 1 defence on cifar10-test-1000" in page.text
    assert "pixelproof verify study/runs/le-net-b-twin/cma-es" in page.text
    assert "pixelproof verify study/runs/false-adversarial/lenet" in page.text


def test_it_says_no_more_than_was_measured(page: Page, conducted: Conducted) -> None:
    assert beyond(page.text) == beyond(" ".join(study_summary(conducted[1]))) == []
    tables = {table.name: table.markdown() for table in study_page_tables(conducted[1])}
    assert "-safe" not in tables["study-rates"]
    assert "undecided: " in tables["study-rates"] or "broken" in tables["study-rates"]


def test_it_refers_to_nothing_outside(page: Page, conducted: Conducted) -> None:
    text = (conducted[0] / "report.html").read_text("utf-8")
    assert not page.all("iframe", "object", "embed")
    assert page.all("link") == [{"rel": "icon", "href": "data:,"}]
    assert outside(text) == []
    for image in page.all("img"):
        assert (image["src"] or "").startswith("data:image/png;base64,")
        assert image["alt"]


def test_names_are_escaped_and_equal_studies_give_equal_pages(conducted: Conducted) -> None:
    out, view = conducted
    text = render(view)
    assert text == render(view) == (out / "report.html").read_text("utf-8")
    assert "<b>/ twin" not in text
    assert "Le Net &lt;b&gt;/ twin" in text


def test_every_table_in_every_form_and_every_figure(conducted: Conducted) -> None:
    out, view = conducted
    found = {path.name for path in (out / "tables").iterdir()}
    names = {table.name for table in study_page_tables(view)}
    assert names >= TABLES
    assert found == {f"{name}.{form}" for name in names for form in ("csv", "md", "tex")}
    for table in study_page_tables(view):
        _check(table)
        assert (out / "tables" / f"{table.name}.csv").read_text("utf-8") == table.csv()
    figures = sorted(path.name for path in (out / "figures").iterdir())
    assert figures == sorted(f"{figure.name}.svg" for figure in study_page_figures(view))
    assert {"study-duality.svg", "study-transfer-threshold.svg", "study-curves-few-pixel.svg"} <= set(figures)
    for path in (out / "figures").iterdir():
        ElementTree.fromstring(path.read_text("utf-8"))


def _check(table: Table) -> None:
    head, *body = csv.reader(io.StringIO(table.csv()))
    assert len(set(head)) == len(head)
    assert {len(row) for row in body} == {len(head)}
    lines = [line for line in table.markdown().splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {len(table.columns) + 1}
    ElementTree.fromstring(f"<div>{table.html()}</div>")


def test_long_tables_are_folded_but_their_notes_are_not(page: Page) -> None:
    assert re.search(r"Every rate: 96 rows", page.text)
    assert len(page.all("details")) >= 3


def test_our_figures_stand_above_the_published_ones() -> None:
    def level(label: str, name: str, role: Role, ours: float, theirs: float) -> Beside:
        return Beside(label, name, role, "attack success rate", "few-pixel", 1, ours, theirs)

    def area(label: str, name: str, ours: float, theirs: float) -> Beside:
        return Beside(label, name, None, "area", "threshold", None, ours, theirs)

    table = published_lines_table(
        [
            Beside("resnet20", "ResNet", None, "clean accuracy", None, None, 92.4, 92.67),
            level("resnet20", "ResNet", "levels", 31, 12),
            level("resnet20", "ResNet", "de", 17, 24),
            level("resnet56", "ResNet", "cma-es", 9, 12),
            area("resnet20", "ResNet", 560, 575.5),
            area("lenet", "LeNet", 99, 104),
        ]
    )
    assert [column.full_name for column in table.columns] == [
        "Network",
        "Figures of",
        "Clean",
        "L0: th 1",
        "Area: L∞",
    ]
    assert table.rows == (
        ("resnet20", "ours, strongest searches", 92.4, 31, 560),
        ("resnet20", "ours, DE", None, 17, None),
        ("resnet56", "ours, CMA-ES", None, 9, None),
        ("ResNet", "published, CMA-ES", 92.67, 12, 575.5),
        ("ResNet", "published, DE", None, 24, None),
        ("lenet", "ours", None, None, 99),
        ("LeNet", "published, CMA-ES", None, None, 104),
    )


def test_the_demonstration_says_what_was_done_and_is_within_its_budget(conducted: Conducted) -> None:
    _, view = conducted
    shown = view.demonstration
    assert shown is not None
    strict, loose = shown.false
    assert strict.l2 <= 3**0.5 * 255 < strict.l2 + 2
    assert loose.l2 <= 765
    assert [each.record.attack for each in shown.found] == ["few-pixel", "threshold"]
    assert set(shown.answers) == {run.assessed.label for run in view.runs}
    assert shown.answers["lenet"][0] == shown.label
    assert shown.answers["lenet"][3:] == tuple(each.record.predicted for each in shown.found)
    text = " ".join(explanation(shown))
    assert "built from the image alone" in text
    assert "441.7 grey steps by the Euclidean norm (√3\u00a0·\u00a0255)" in text
    assert "765, the sum over the pixel’s channels" in text


def test_the_summary_is_in_plain_words(conducted: Conducted) -> None:
    _, view = conducted
    sentences = study_summary(view)
    assert sentences[0].startswith(
        "Some samples are fooled under one norm only, which a test with the other would miss"
    )
    assert any("claims held here" in sentence for sentence in sentences)
    assert sentences[-1].startswith("All this is what 40 queries a sample and level can find")
    assert all(sentence.endswith(".") for sentence in sentences)
    assert "lenet + bits(3)" in " ".join(sentences)


def test_what_is_missing_or_forced_stands_at_the_top(conducted: Conducted) -> None:
    _, view = conducted
    difference = Difference("data", "a", "b", "these", "those")
    html = render(replace(view, absent={"x": "x has no weights."}, differences=(difference,)))
    text = Page(html).text
    assert html.index("x has no weights.") < html.index('class="headline"')
    assert "Forced a and b differ in data: these against those." in text
    tables = study_page_tables(replace(view, differences=(difference,)))
    assert all(t.notes[0].startswith("Forced: ") for t in tables if t.name in ("study-main", "study-l2"))


@pytest.mark.parametrize(
    "part",
    [
        lambda view: replace(view, runs=view.runs[:1], transfers=(), fast=(), demonstration=None),
        lambda view: replace(view, runs=view.runs[3:4], transfers=(), fast=()),
        lambda view: replace(view, runs=view.runs[1:3]),
        lambda view: replace(view, runs=(_unfinished(view),)),
    ],
    ids=["levels", "minimal", "searches", "unfinished"],
)
def test_parts_of_a_study_have_a_page_too(
    conducted: Conducted, tmp_path: Path, part: Callable[[StudyView], StudyView]
) -> None:
    view = part(conducted[1])
    text = Page(write_study(view, tmp_path).read_text("utf-8")).text
    assert "1 network on" in text
    if not view.finished:
        assert "Some runs are not finished" in text


def _unfinished(view: StudyView) -> object:
    first = view.runs[0]
    return replace(first, assessed=replace(first.assessed, finished=False, records=()))


def test_the_scoreboard_has_every_headline(conducted: Conducted, tmp_path: Path) -> None:
    _, view = conducted
    path = write_scoreboard(tmp_path, rows(view), view.runs[-1].manifest.environment, "make study")
    board = json.loads(path.read_text("utf-8"))
    assert {"processor", "torch", "date"} <= board["environment"].keys()
    for row in board["rows"]:
        assert {"claim", "value", "unit", "target", "holds", "command"} <= row.keys()
        assert (row["target"] is None) == (not row["claim"].startswith("claim: "))
        assert row["holds"] in (True, False, None)
    claims = [row["claim"] for row in rows(view)]
    assert len(set(claims)) == len(claims)
    assert sum(claim.startswith("claim: ") for claim in claims) == 6
    assert sum(claim.startswith("transfer: ") for claim in claims) == 18
    assert {"one norm only, th = 1", "lenet + bits(3): threshold, th = 10", "area: lenet, few-pixel"} <= set(claims)
