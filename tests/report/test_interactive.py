"""Charts that answer: tooltips, series to hide, and colours that follow the page."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import altair as alt
import pytest

from pixelproof.report.colours import style, themed
from pixelproof.report.figure import Figure
from pixelproof.report.interactive import interactive

Spec = dict[str, Any]
ROWS = [
    {"x": 1, "share": 10.0, "low": 5.0, "high": 20.0, "name": "a"},
    {"x": 2, "share": 3.0, "low": 1.0, "high": 9.0, "name": "b"},
]
BASE = alt.Chart(alt.InlineData(values=ROWS)).encode(x="x:Q", y=alt.Y("share:Q", title="Fooled (%)"))


def series() -> Any:
    return alt.Color("name:N", title=None, scale=alt.Scale(domain=["a", "b"], range=["#1b4f91", "#cf6a12"]))


def titles(spec: Spec) -> list[str]:
    return [each["title"] for each in spec["encoding"]["tooltip"]]


def test_a_mark_says_what_it_is_drawn_from() -> None:
    made = interactive(BASE.mark_bar().encode(color=series()).to_dict())
    assert titles(made) == ["X", "Fooled (%)", "Name", "95 %: low", "95 %: high"]
    assert made["usermeta"] == {"series": "name"}


def test_a_figure_may_say_it_in_its_own_words() -> None:
    own = interactive(BASE.mark_rect().encode(tooltip=[alt.Tooltip("x:Q", title="Threshold")]).to_dict())
    assert titles(own) == ["Threshold"]


def test_lines_answer_at_their_corners_and_bands_do_not() -> None:
    made = interactive((BASE.mark_area() + BASE.mark_line()).to_dict())
    band, line = made["layer"]
    assert "tooltip" not in band.get("encoding", {})
    drawn, answering = line["layer"]
    assert drawn["mark"]["type"] == "line"
    assert answering["mark"]["opacity"] == 0
    assert titles(answering)[:2] == ["X", "Fooled (%)"]


@pytest.mark.parametrize(
    "chart",
    [
        lambda: BASE.mark_bar(opacity=0.5).encode(color=series()),
        lambda: alt.layer(BASE.mark_area(opacity=0.5).encode(color=series())),
        lambda: alt.vconcat(BASE.mark_point(opacity=0.5).encode(color=series())),
        lambda: BASE.mark_bar(opacity=0.5).encode(color=series()).facet("x:N"),
    ],
    ids=["unit", "layers", "views", "facets"],
)
def test_hidden_series_go_out_of_sight_and_axes_stay(chart: Callable[[], Any]) -> None:
    text = json.dumps(interactive(chart().to_dict()))
    assert (
        '"opacity": {"condition": {"test": "indexof(hidden, datum[\'name\']) < 0", "value": 0.5}, "value": 0}' in text
    )
    assert '{"name": "hidden", "value": []}' in text


def test_without_series_there_is_nothing_to_hide() -> None:
    made = interactive(BASE.mark_bar().to_dict())
    assert made["usermeta"] == {"series": None}
    assert "params" not in made


def test_a_chart_follows_the_page_in_its_colours() -> None:
    figure = Figure("a-b", "Title", "In words.", "", BASE.mark_bar().encode(color=series()).to_dict())
    html = figure.html()
    named = set(re.findall(r"var\((--chart-[0-9a-f]{6})\)", html))
    assert {"--chart-1b4f91", "--chart-cf6a12", "--chart-ffffff", "--chart-1f2328"} <= named
    assert all(f"{name}:light-dark(#" in style() for name in named)
    left = set(re.findall(r'(?:fill|stroke)="(#[0-9a-f]{6})"', html))
    assert left == set()
    assert themed("#123456") == "#123456"
