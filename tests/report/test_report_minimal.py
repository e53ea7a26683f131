"""The report of a run of minimal thresholds: its table, its curve, and the levels derived."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from dataclasses import replace
from math import inf
from pathlib import Path

import pytest
from rich.console import Console

from pixelproof.report import terminal_tables, write_figures, write_tables
from pixelproof.report.assess import assess_page
from pixelproof.report.assess_figures import curve_figures, minimal_figure
from pixelproof.report.assess_summary import summary
from pixelproof.report.assess_tables import all_tables, curve_table, level_table, minimal_table
from pixelproof.report.gallery import gallery
from pixelproof.results.view import View, read
from pixelproof.runs.store import RunStore

pytestmark = pytest.mark.slow

RunMaker = Callable[..., RunStore]
Maker = Callable[..., RunStore]


def render(run: RunStore) -> str:
    return assess_page(run).html()


@pytest.fixture
def make(make_run: RunMaker) -> Maker:
    return lambda **options: make_run(**{"minimal": True, "levels": (127,), "hardness": 40.0, "count": 24, **options})


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_table_agrees_with_the_records(make: Maker) -> None:
    run = make()
    for row in rows(minimal_table(read(run)).csv()):
        own = [r for r in run.records() if r.attack == row["attack"]]
        far = sorted((r.l0 if r.attack == "few-pixel" else r.linf) or 0 if r.success else inf for r in own)
        assert int(row["samples"]) == len(own) == 24
        assert int(row["never_fooled"]) == far.count(inf)
        assert [float(row[q]) for q in ("quartile_1", "median", "quartile_3")] == [far[5], far[11], far[17]]
        assert float(row["area_from_zero"]) == pytest.approx(100 * sum(min(d, 127) for d in far) / 24)
        assert float(row["mean_queries"]) == pytest.approx(sum(r.queries for r in own) / 24)


def test_a_quartile_that_nothing_reaches_is_infinite(make: Maker) -> None:
    table = minimal_table(read(make(hardness=1e9)))
    assert "∞" in table.markdown()
    assert r"$\infty$" in table.latex()
    assert {row["median"] for row in rows(table.csv())} == {"inf"}
    assert (
        "Few-pixel (L0): not fooled within 127 pixels: images 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 14 more." in table.notes
    )


def test_curve_table_holds_the_drawn_corners(make: Maker) -> None:
    view = read(make())
    table = rows(curve_table(view).csv())
    (values,) = minimal_figure(view).spec["datasets"].values()  # both layers share it
    assert [float(row["share_not_yet_fooled"]) * 100 for row in table] == pytest.approx(
        [value["share"] for value in values], abs=1e-3
    )
    assert (table[0]["attack"], table[0]["threshold"]) == ("few-pixel", "0")
    assert [value["share"] for value in values if value["threshold"] == 0] == [100, 100]


@pytest.mark.slow
def test_files(make: Maker, tmp_path: Path) -> None:
    stems = {p.stem for p in write_tables(make(), tmp_path / "tables")}
    assert {"minimal-thresholds", "minimal-thresholds-curve", "levels", "duality", "classes", "changes"} <= stems
    figures = {p.stem for p in write_figures(make(), tmp_path / "figures")}
    classes, statuses = {"classes-few-pixel", "classes-threshold"}, {"status-few-pixel", "status-threshold"}
    assert figures == {"minimal-thresholds"} | classes | statuses


@pytest.mark.slow
def test_runs_of_fixed_levels_show_none_of_it(make_run: RunMaker) -> None:
    view = read(make_run())
    assert not any(table.name.startswith("minimal") for table in all_tables(view))
    assert "Minimal threshold" not in render(make_run())


@pytest.mark.parametrize(
    "options",
    [{"attacks": ("threshold",)}, {"levels": (2,)}, {"levels": (255,)}, {"count": 1}],
)
def test_odd_runs_are_drawn(make: Maker, options: dict[str, object]) -> None:
    (figure,) = curve_figures(read(make(**options)))
    assert figure.svg().count('aria-roledescription="line mark"') >= 1
    assert figure.alt.startswith("Step chart of the share of images not yet fooled")
    sizes = [float(size) for size in re.findall(r'font-size="([\d.]+)px"', figure.svg())]
    assert min(sizes) >= 11


def test_levels_follow_from_distances(make: Maker) -> None:
    run = make(hardness=5.0)
    view = read(run)
    assert [row.threshold for row in view.levels] == [1, 3, 5, 10] * 2
    for row in view.levels:
        own = [r for r in run.records() if r.attack == row.attack and r.success]
        near = [r for r in own if ((r.l0 if row.attack == "few-pixel" else r.linf) or 0) <= row.threshold]
        assert row.fooled.successes == len(near)
    notes = " ".join(level_table(view).notes)
    assert "Derived from the minimal thresholds" in notes
    assert "searched alone" not in notes


def test_the_gallery_shows_each_image_once(make: Maker) -> None:
    run = make(hardness=20.0)
    levels = gallery(read(run), run)
    assert [level.heading.split(":")[0] for level in levels if level.heading.startswith("Few")] == [
        f"Few-pixel (L0), {allowed}" for allowed in ("1 pixel", "3 pixels", "5 pixels", "10 pixels", "127 pixels")
    ]
    won = [r for r in run.records() if r.success]
    found = [int(re.findall(r"(\d+) images? first", level.heading)[0]) for level in levels]
    assert sum(found) == len(won)


def test_summary_says_what_half_resist(make: Maker) -> None:
    text = " ".join(summary(read(make(hardness=5.0))))
    assert re.search(
        r"Few-pixel \(L0\) attacks of \d+ pixels? fooled at least half of the images; none were not fooled", text
    )
    text = " ".join(summary(read(make(hardness=1e9))))
    assert "Few-pixel (L0) attacks of up to 127 pixels fooled 0 of 24 attacked images, 0.0 %, fewer than half." in text
    assert "undecided: too few samples, gave up on 24: 0 of 24 images broken" in text


def test_terminal(make: Maker) -> None:
    console = Console(width=80, record=True, file=io.StringIO())
    for table in terminal_tables(make(hardness=100.0, count=100)):
        console.print(table)
    text = console.export_text()
    assert "…" not in text
    assert "Minimal thresholds" in text
    assert "gave up on" in " ".join(text.split())


@pytest.mark.slow
def test_page(make: Maker) -> None:
    text = render(make(hardness=100.0))
    assert '<h2 id="minimal">Minimal thresholds' in text
    assert "Images not yet fooled, by threshold" in text
    assert "One search an image seeks its minimal threshold" in text
    assert "<dt>Gave up</dt>" in text


def test_where_searches_gave_up_is_shown(make_run: RunMaker) -> None:
    view = read(make_run(hardness=1e9))
    given = View(view.manifest, [replace(r, gave_up=r.threshold == 3) for r in view.records], None)
    table = level_table(given, "few-pixel")
    assert [row["gave_up"] for row in rows(table.csv())] == ["0", "12", "0", "0"]
    assert [row["verdict"] for row in rows(table.csv())][:2] == [
        "undecided: too few samples",
        "undecided: too few samples, gave up on 12",
    ]
