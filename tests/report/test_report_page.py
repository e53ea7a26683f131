"""What all pages have in common: the frame, its sections and their parts."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

import pytest
from markupsafe import Markup

from html_page import Page as Read
from pixelproof.report import section
from pixelproof.report.page import Page, write_page
from pixelproof.report.section import Claim, Contents, Headline, Section, Tile
from pixelproof.report.table import Column, Table
from pixelproof.runs.record import Finding

LONG = Table("long", "A long one", (Column("n", "integer"),), tuple((k,) for k in range(41)), ("Its note.",))
SHORT = Table("short", "A short <one>", (Column("n", "integer"),), ((1,),))


def page(*sections: Section | None, **options: str) -> Page:
    headline = Headline([Claim("It is <so>", "Because.", "bad")], [Tile("<1>", "label", "detail")])
    return Page("test", "A <title>", headline, sections, Contents((LONG, SHORT)), **options)


def test_the_frame_names_kind_title_and_status() -> None:
    read = Read(page(status="finished").html())
    assert "pixelproof test" in read.text
    assert {"class": "status done"} in read.all("span")
    assert {"class": "status open"} in Read(page(status="running").html()).all("span")
    assert not [span for span in Read(page().html()).all("span") if "status" in (span.get("class") or "")]
    assert "<title>A &lt;title&gt;</title>" in page().html()


def test_the_first_screen_is_the_verdict_its_basis_and_the_numbers() -> None:
    html = page(Section("a", "First", [])).html()
    assert '<p class="said">It is &lt;so&gt;</p><p class="basis">Because.</p>' in html
    assert '<span class="value">&lt;1&gt;</span>' in html
    assert html.index('class="headline"') < html.index('id="a"')


def test_sections_stand_in_order_and_none_nowhere() -> None:
    folded = Section("c", "Third", [section.prose("Within.")], folded=True)
    read = Read(page(Section("a", "First", []), None, Section("b", "Second", [], "study"), folded).html())
    labelled = [each for each in read.all("section") if "aria-labelledby" in each]
    assert labelled == [
        {"aria-labelledby": "a"},
        {"class": "study", "aria-labelledby": "b"},
        {"aria-labelledby": "c"},
    ]
    assert read.all("details") == [{"class": "folded"}]
    assert [link["href"] for link in read.all("a")][1:4] == ["#a", "#b", "#c"]


def test_a_page_has_the_scripts_that_its_parts_need_and_allows_no_others() -> None:
    plain = page(Section("a", "First", [SHORT.html()])).html()
    (script,) = re.findall("<script>(.*?)</script>", plain, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = re.findall('http-equiv="Content-Security-Policy" content="([^"]*)"', plain)
    assert policy.split("; ") == [
        "default-src &#39;none&#39;",
        f"script-src &#39;sha256-{digest}&#39;",
        "style-src &#39;unsafe-inline&#39;",
        "img-src data:",
        "base-uri &#39;none&#39;",
        "form-action &#39;none&#39;",
    ]
    long = page(Section("a", "First", [Contents((LONG,)).rows("long")])).html()
    assert len(re.findall("<script>", long)) == 3


def test_everything_said_is_escaped_and_kept_together() -> None:
    said = section.prose("5 % [−0.5, 7.1] of <b> at th = 1", "", Markup("<code>5 %</code>"))
    assert said.split("\n")[0].startswith(
        "<p>5\u00a0% [−0.5,\u00a07.1] of &lt;b&gt; at th\u00a0=\u00a01</p><p><code>5\u00a0%</code></p>"
    )
    assert "&lt;u&gt;" in section.notice("info", "Word", "<u>")
    assert all("<i>" not in part for part in section.summary(["<i>"]).parts)


def test_findings_are_a_section_where_there_are_any() -> None:
    assert section.findings([]) is None
    found = section.findings([("a run", Finding("name", "warning", "It is odd."))])
    assert found is not None
    assert "a run: It is odd." in found.parts[0]


def test_of_long_tables_the_first_rows_are_in_sight_and_all_are_there() -> None:
    contents = Contents((LONG, SHORT))
    html = contents.rows("long")
    assert len(Read(html).all("tr")) == 1 + 25
    (data,) = re.findall('<script type="application/json">(.*?)</script>', html)
    assert json.loads(data) == {
        "columns": [{"name": "n", "key": "n", "number": True}],
        "rows": [[str(k)] for k in range(41)],
    }
    assert "The first 25 of 41 rows" in html
    assert "Its note." in html
    assert contents.rows("short") == contents.table("short") == SHORT.html()
    assert contents.folded("long").startswith("<details><summary>A long one: 41 rows</summary>")
    assert contents.table("none") == contents.rows("none") == contents.figures_of("none") == Markup()


def test_of_very_long_tables_a_page_holds_rows_of_all_kinds_and_says_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(section, "_MOST", 50)
    html = section.rows(Table("long", "Long", (Column("n", "integer"),), tuple((k,) for k in range(120))))
    (data,) = re.findall('<script type="application/json">(.*?)</script>', html)
    held = [int(text) for (text,) in json.loads(data)["rows"]]
    assert len(held) == 50
    assert held == sorted(set(held))
    assert {k % 2 for k in held} == {0, 1}  # no step from one to the next that could leave a kind out
    assert max(held) >= 100
    assert "50 of 120 rows, drawn at random" in html
    assert "The first 25 of 120 rows" in html
    assert "drawn at random" not in section.rows(LONG)


def test_data_in_a_page_cannot_end_their_element() -> None:
    rows = tuple((text,) for text in ["</script><b>", *map(str, range(50))])
    html = section.rows(Table("nasty", "Nasty", (Column("text"),), rows))
    assert html.count("</script>") == 1


def test_columns_without_anything_are_left_out() -> None:
    table = Table("t", "T", (Column("a"), Column("b"), Column("c")), (("x", None, None), (None, None, "y")))
    assert [column.name for column in table.without_empty().columns] == ["a", "c"]
    assert table.without_empty().rows == (("x", None), (None, "y"))


def test_the_files_of_a_page(tmp_path: Path) -> None:
    assert write_page(page(), tmp_path) == tmp_path / "report.html"
    names = {f"{name}.{form}" for name in ("long", "short") for form in ("csv", "md", "tex")}
    assert {path.name for path in (tmp_path / "tables").iterdir()} == names
    assert not (tmp_path / "figures").exists()
