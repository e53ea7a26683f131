"""No page, table or terminal says more than was measured, whatever is wrong with the run."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from html_page import Page
from pixelproof.report import levels_html, terminal_tables
from pixelproof.report.assess import assess_page
from pixelproof.report.assess_summary import summary
from pixelproof.report.assess_tables import all_tables
from pixelproof.report.glossary import WORDS
from pixelproof.report.status_figures import status_figures
from pixelproof.report.status_tables import image_table, status_table
from pixelproof.results.view import read
from pixelproof.runs.record import Certificate
from pixelproof.runs.store import RunStore
from words import beyond

pytestmark = pytest.mark.slow

RunMaker = Callable[..., RunStore]
NOTHING = {"hardness": 1e9}  # found by any search


@dataclass(frozen=True)
class Case:
    """A run, and what every place that shows its verdict must say beside it."""

    name: str
    options: dict[str, Any]
    says: str
    held: bool = False


CASES = [
    Case("two samples", {"count": 2, "classes": 2, "queries": 39, **NOTHING}, "too few samples, few queries"),
    Case("unfinished", {"count": 40, "done": 10, "finished": False, **NOTHING}, "unfinished"),
    Case("gave up", {"count": 40, "gave_up": True, **NOTHING}, "gave up on 40"),
    Case("one class", {"count": 40, "class_names": ["a"], "classes": 1, **NOTHING}, "one class"),
    Case("few queries", {"count": 40, "queries": 999, **NOTHING}, "few queries"),
    Case("proved", {"count": 4, **NOTHING}, "proved for 4 of 4 images, by bounds"),
    Case(
        "held", {"count": 40, **NOTHING}, "held: 0 of 40 images broken by CMA-ES within 1,000 queries each", held=True
    ),
    Case("papers", {"count": 40, "queries": 40_001, **NOTHING}, "the papers call this 10-pixel-safe: their", held=True),
    Case("broken", {"count": 40, "hardness": 1.0}, "24 of 40 "),
    Case("targeted", {"count": 40, "target": 1, **NOTHING}, "images given the class aimed at", held=True),
]


def made(case: Case, make_run: RunMaker) -> RunStore:
    run = make_run(**case.options)
    if case.name == "proved":
        blank = Certificate(0, "few-pixel", 10, "bounds", "", True, "", 4688, 0, 7.5, {})
        run.commit((replace(blank, sample=s, constraint=c), None) for s in range(4) for c in ("few-pixel", "threshold"))
    return run


def terminal(run: RunStore) -> str:
    console = Console(width=80, record=True, file=io.StringIO())
    for table in terminal_tables(run):
        console.print(table)
    return " ".join(console.export_text().split())


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_place_says_no_more_than_was_measured(case: Case, make_run: RunMaker) -> None:
    run = made(case, make_run)
    view = read(run)
    places = {
        "page": " ".join(Page(assess_page(run).html()).text.split()).replace("\u00a0", " "),
        "terminal": terminal(run).replace("\u00a0", " "),
        "notebook": " ".join(Page(levels_html(run)).text.split()),
        "summary": " ".join(summary(view)),
        "tables": " ".join(table.markdown() for table in all_tables(view)).replace("\\", ""),
        "result": " ".join(row["verdict"] for row in csv.DictReader(io.StringIO(status_table(view).csv()))),
        "figures": " ".join(f"{figure.alt} {figure.caption}" for figure in status_figures(view)),
    }
    for place, text in places.items():
        assert beyond(text) == [], place
        if place not in ("result", "figures"):
            assert case.says in text, place
        if not case.held:
            assert not re.search(r"\bheld(: \d| to th)", text), place
            assert place == "page" or "held" not in text, place  # the page's glossary explains the word


def test_an_unfinished_run_shows_no_rate_of_what_happens_to_be_done(make_run: RunMaker) -> None:
    """Ten of forty are broken at th = 1 and inherited above, where nothing else was searched: no 10/10 = 100 %."""
    run = make_run(count=40, done=0, finished=False, attacks=("few-pixel",))
    whole = make_run(count=40, attacks=("few-pixel",), hardness=2.0)
    records = [r for r in whole.records() if r.level == 1 or r.inherited_from == 1]
    run.commit((record, whole.image(record)) for record in records)
    rows = list(csv.DictReader(io.StringIO(status_table(read(run)).csv())))
    broken = sum(record.success for record in records if record.level == 1)
    assert [int(row["broken"]) for row in rows] == [broken] * 4
    assert [bool(row["broken_share"]) for row in rows] == [True, False, False, False]
    assert [row["verdict"] for row in rows] == ["broken", *["broken so far"] * 3]
    assert [row["not_finished"] for row in rows] == ["0", *[str(40 - broken)] * 3]
    for text in (terminal(run), Page(assess_page(run).html()).text, " ".join(summary(read(run)))):
        assert "100.0 %" not in text
        assert f"{broken}/{broken}" not in text


def test_what_is_still_to_come_is_there_as_unfinished(make_run: RunMaker) -> None:
    run = make_run(count=40, done=0, finished=False)
    whole = make_run(count=40, attacks=("few-pixel",), hardness=1e9)
    run.commit((record, None) for record in whole.records())
    text = terminal(run)
    assert "Few-pixel (L0), within 10 pixels: held: 0 of 40" in text
    assert "Threshold (L∞), within ±10 of 255: undecided: unfinished: 0 of 40" in text


def test_image_by_image_with_certificates(make_run: RunMaker) -> None:
    run = make_run(count=4, hardness=1e9)
    proof = Certificate(0, "few-pixel", 3, "bounds", "", True, "", 4688, 0, 7.5, {})
    run.commit((each, None) for each in (proof, replace(proof, sample=1, proved=False, reason="time was up")))
    first, second, *_ = csv.DictReader(io.StringIO(image_table(read(run)).csv()))
    assert (first["proved_to"], first["open_at"], first["certificate"]) == ("3", "5 and 10", "bounds")
    assert (first["certificate_size"], first["certificate_seconds"]) == ("4688", "7.5")
    assert (second["proved_to"], second["why_open"]) == ("", "bounds: time was up")


def test_the_two_sided_curve_leaves_open_what_is_open(make_run: RunMaker) -> None:
    run = make_run(count=40, hardness=3.0, attacks=("few-pixel",))
    view = read(run)
    sample = next(image.sample for image in view.statuses[-1].images if image.answer == "open")
    run.commit([(Certificate(sample, "few-pixel", 5, "bounds", "", True, "", 9, 0, 1.0, {}), None)])
    (figure,) = status_figures(read(run))
    parts = {rows[0]["part"]: rows for rows in figure.spec["datasets"].values()}
    assert [(row["threshold"], row["low"]) for row in parts["proved"]] == [
        *((th, 97.5) for th in (0, 1, 3, 5)),
        (10, 100),
    ]
    broken = [100 * level.broken.successes / 40 for level in view.statuses]
    assert [row["high"] for row in parts["broken"]] == [*broken, broken[-1]]
    assert "97.5" not in figure.alt
    assert "2.5 % proved" in figure.alt


@pytest.mark.parametrize(
    "text",
    [
        "0 of 12 fooled within 1,000 queries each: 10-pixel-safe, at most 24.2 % [95 %]",
        "on these images the model is 10-pixel-safe and 10-threshold-safe, as far as 1,000 queries can tell",
        "no tested few-pixel level is safe",
        "No verdict of safety follows.",
        "Adversarial accuracy: samples fooled, of those attacked",
        f"{WORDS['attack success rate']} Adversarial accuracy, once more",
        "the true rate may still be as high as 79.3 %",
        "3 of 12 withstood every attack made here",
        "resnet20 behind tvm stood best (10.0 % fooled)",
        "Images that fell to one norm",
        "on average, 12.0 % less.",
        "attacks: none",
    ],
)
def test_the_walk_finds_what_was_said_before(text: str) -> None:
    assert beyond(text)


@pytest.mark.parametrize(
    "text",
    [
        "No network is 1-pixel-safe or 1-threshold-safe.",
        "the papers call this 3-pixel-safe: their searches with their budgets broke none of these images",
        WORDS["th-pixel-safe"],
        WORDS["attack success rate"],
        "weights.safetensors",
    ],
)
def test_the_walk_lets_the_papers_words_stand_as_theirs(text: str) -> None:
    assert beyond(text) == []


def test_the_docs_explain_each_word_as_the_pages_do() -> None:
    root = Path(__file__).parents[2]
    docs = " ".join((root / "docs" / "words.md").read_text("utf-8").split())
    for word, meaning in WORDS.items():
        assert f"**{word if word == 'th-pixel-safe' else word.capitalize()}.** {meaning}" in docs, word
    assert "docs/words.md" in (root / "README.md").read_text("utf-8")
