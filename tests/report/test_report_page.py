"""What all pages have in common: the frame, its sections and their parts."""

from __future__ import annotations

from pathlib import Path

from markupsafe import Markup

from html_page import Page as Read
from pixelproof.report import section
from pixelproof.report.page import Page, write_page
from pixelproof.report.section import Contents, Section, Tile
from pixelproof.report.table import Column, Table
from pixelproof.runs.record import Finding

LONG = Table("long", "A long one", (Column("n", "integer"),), tuple((k,) for k in range(41)), ("Its note.",))
SHORT = Table("short", "A short <one>", (Column("n", "integer"),), ((1,),))


def page(*sections: Section | None, **options: str) -> Page:
    return Page("test", "A <title>", sections, Contents((LONG, SHORT)), **options)


def test_the_frame_names_kind_title_and_status() -> None:
    read = Read(page(status="finished").html())
    assert "pixelproof test" in read.text
    assert {"class": "status done"} in read.all("span")
    assert {"class": "status open"} in Read(page(status="running").html()).all("span")
    assert not Read(page().html()).all("span", "section")
    assert "<title>A &lt;title&gt;</title>" in page().html()


def test_sections_stand_in_order_and_none_nowhere() -> None:
    bare = Section("bare", "", [section.prose("No heading.")])
    read = Read(page(Section("a", "First", []), None, bare, Section("b", "Second", [], "study")).html())
    assert read.all("section") == [{"aria-labelledby": "a"}, {"class": "study", "aria-labelledby": "b"}]
    assert read.text.index("First") < read.text.index("No heading.") < read.text.index("Second")


def test_everything_said_is_escaped_and_kept_together() -> None:
    said = section.prose("5 % of <b> at th = 1", "", Markup("<code>5 %</code>"))
    assert said.split("\n")[0].startswith(
        "<p>5\u00a0% of &lt;b&gt; at th\u00a0=\u00a01</p><p><code>5\u00a0%</code></p>"
    )
    assert "&lt;u&gt;" in section.notice("info", "Word", "<u>")
    summary = section.summary(["<i>"], tiles=[Tile("<1>", "label", "detail")])
    assert all("<i>" not in part and "<1>" not in part for part in summary.parts)


def test_findings_are_a_section_where_there_are_any() -> None:
    assert section.findings([]) is None
    found = section.findings([("a run", Finding("name", "warning", "It is odd."))])
    assert found is not None
    assert "a run: It is odd." in found.parts[0]


def test_long_tables_are_folded_and_missing_ones_are_nothing() -> None:
    contents = Contents((LONG, SHORT))
    assert contents.folded("long").startswith("<details><summary>A long one: 41 rows</summary>")
    assert contents.folded("long").endswith('</details>\n<p class="note">Its note.</p>')
    assert contents.folded("short") == contents.table("short") == SHORT.html()
    assert contents.table("none") == contents.figures_of("none") == Markup()


def test_the_files_of_a_page(tmp_path: Path) -> None:
    assert write_page(page(), tmp_path) == tmp_path / "report.html"
    names = {f"{name}.{form}" for name in ("long", "short") for form in ("csv", "md", "tex")}
    assert {path.name for path in (tmp_path / "tables").iterdir()} == names
    assert not (tmp_path / "figures").exists()
