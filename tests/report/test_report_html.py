"""The HTML report: well formed, self-contained, escaped, honest."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from html_page import Page
from pixelproof.report import levels_html, write_report
from pixelproof.report.assess import assess_page
from pixelproof.report.assess_summary import summary
from pixelproof.results.view import read
from pixelproof.runs.record import Finding
from pixelproof.runs.store import RunStore

pytestmark = pytest.mark.slow

RunMaker = Callable[..., RunStore]
ODD_RUNS = [
    {},
    {"attacks": ("few-pixel",), "levels": (1,)},
    {"attacks": ("threshold",)},
    {"count": 1, "classes": 2},
    {"count": 70, "classes": 200, "shape": (6, 9, 1)},
    {"shape": (300, 200, 3), "count": 2},
    {"done": 0, "finished": False},
    {"done": 5, "finished": False},
    {"target": 1},
    {"minimal": True, "levels": (127,)},
    {"minimal": True, "levels": (2,), "done": 5, "finished": False, "attacks": ("threshold",)},
    {"minimal": True, "levels": (127,), "done": 0, "finished": False},
]


def render(run: RunStore) -> str:
    return assess_page(run).html()


@pytest.mark.parametrize("options", ODD_RUNS)
def test_structure(make_run: RunMaker, options: dict[str, object]) -> None:
    page = Page(render(make_run(**options)))
    assert page.all("html")[0]["lang"] == "en"
    assert page.all("meta")[0] == {"charset": "utf-8"}
    assert page.all("link") == [{"rel": "icon", "href": "data:,"}]
    assert not page.all("iframe", "object", "embed")
    assert all(not attributes or attributes == {"type": "application/json"} for attributes in page.all("script"))
    for image in page.all("img"):
        assert (image["src"] or "").startswith("data:image/png;base64,")
        assert image["alt"]
    assert all(svg["aria-label"] for svg in page.all("svg"))
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert all("scope" in cell for cell in page.all("th"))
    headings = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert headings[0] == 1
    assert all(below <= above + 1 for above, below in pairwise(headings))
    assert headings.count(1) == 1


@pytest.mark.parametrize("options", ODD_RUNS)
def test_loads_nothing(make_run: RunMaker, options: dict[str, object]) -> None:
    text = render(make_run(**options))
    assert "@import" not in text
    markup = re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
    assert all(address.startswith(("#", "data:")) for address in re.findall(r"url\(([^)]*)\)", markup))
    for tag, attributes in Page(text).tags:
        addresses = [attributes.get(k) or "" for k in ("src", "srcset", "poster", "data", "xlink:href")]
        addresses += [attributes.get("href") or ""] if tag != "a" else []
        assert not [a for a in addresses if a.startswith(("http:", "https:", "//", "file:"))]


def test_equal_runs_give_equal_pages(make_run: RunMaker) -> None:
    assert render(make_run()) == render(make_run())


def test_everything_is_escaped(make_run: RunMaker) -> None:
    nasty = "<b>&\"'"
    run = make_run(
        class_names=[nasty, "a_b%", "<script>alert(1)</script>"],
        model=nasty,
        data="<i>data",
        findings=[Finding("odd<u>", "warning", "beware of <img src=x>")],
    )
    for text in (render(run), levels_html(run)):
        for raw in (nasty, '<b>&"', "<script>alert", "<i>data", "<u>", "<img src=x"):
            assert raw not in text
    assert "&lt;b&gt;&amp;" in render(run)


def test_an_unfinished_run_says_so_with_counts(make_run: RunMaker) -> None:
    text = Page(render(make_run(done=5, finished=False))).text
    assert "This run is not finished: 40 records so far, from 5 of 12 selected images." in text
    assert "5 of 12 images attacked" in text
    assert "not finished" not in Page(render(make_run())).text


def test_no_success_leaves_an_empty_gallery(make_run: RunMaker) -> None:
    page = Page(render(make_run(hardness=1e9)))
    assert "No image was fooled, so there is nothing to show." in page.text
    assert "within 10 pixels: undecided: too few samples" in page.text
    assert not page.all("img")


def test_write_report(make_run: RunMaker, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "report.html"
    run = make_run(folder=tmp_path / "a run")
    assert write_report(run, path) == path
    text = path.read_text(encoding="utf-8")
    assert "pixelproof verify &#39;a run&#39;" in text
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]


def test_summary_is_short_and_names_the_findings(make_run: RunMaker) -> None:
    findings = [Finding("a", "warning", "A."), Finding("b", "error", "B."), Finding("c", "info", "C.")]
    sentences = summary(read(make_run(count=60, findings=findings)))
    assert 3 <= len(sentences) <= 6
    assert sentences[0].startswith("Changing one pixel was enough to change the model’s answer on ")
    assert sentences[-1].startswith("1 error and 1 warning are noted below; read them")


def test_summary_of_small_and_empty_runs(make_run: RunMaker) -> None:
    assert summary(read(make_run(done=0, finished=False))) == [
        "No attack has finished on any image yet, so there is nothing to report so far."
    ]
    one = summary(read(make_run(count=1, classes=2, hardness=1e9)))
    assert one[0] == (
        "Few-pixel (L0): within 10 pixels undecided: one class, too few samples: 0 of 1 image broken by CMA-ES within "
        "1,000 queries each, at most 79.3 % [95 %]."
    )
    assert one[-1] == "With only 1 attacked image, every rate here is a rough indication."


def test_notebook_fragment(make_run: RunMaker) -> None:
    page = Page(levels_html(make_run()))
    assert page.tags[0] == ("div", {"class": "pixelproof"})
    assert len(page.all("table")) == 2
