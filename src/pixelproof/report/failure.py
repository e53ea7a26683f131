"""The section on failure probabilities: shares of a stated distribution, which are no worst case, and say so."""

import altair as alt

from pixelproof.probability.distribution import distribution_words
from pixelproof.report import section
from pixelproof.report.figure import WIDTH, Figure
from pixelproof.report.section import Claim, Section, Tile
from pixelproof.report.table import Column, Table
from pixelproof.results.failure import FailureRow
from pixelproof.results.view import View
from pixelproof.runs.record import FailureProbability
from pixelproof.wording import count, plural, tiny

#: What stands wherever a failure probability does.
NO_WORST_CASE = (
    "A failure probability is a share of random changes. It is no worst case: somebody who looks for a change that "
    "breaks an image does not draw at random, and wherever the share is above 0 such a change is there."
)
_INTERVAL = (
    "95 % intervals hold for any number of draws where copied images end up independent of what they are copies of; "
    "the share of copies that moved at all tells where they surely do not."
)
_COLUMNS = (
    Column("Image", "integer", key="sample"),
    Column("Class", key="label"),
    Column("Distribution", key="distribution"),
    Column("estimate", "tiny", "Share that breaks", "estimate"),
    Column("from", "tiny", "Share that breaks", "low"),
    Column("to", "tiny", "Share that breaks", "high"),
    Column("Queries", "integer", key="queries"),
    Column("Copies that moved", "share", key="moved"),
)
_SHORT = (
    Column("distribution"),
    Column("images", "integer"),
    Column("none", "integer"),
    Column("smallest", "tiny"),
    Column("median", "tiny"),
    Column("largest", "tiny"),
)
_BLUE, _PALE = "#1b4f91", "#cf6a12"


def failure_section(view: View) -> Section | None:
    """None where no share was estimated."""
    if not view.failures:
        return None
    return Section(
        "failure-probability",
        "Failure probability",
        [
            section.notice("info", "No worst case", NO_WORST_CASE),
            section.listing(failure_sentences(view)),
            section.figures(failure_figures(view)),
            section.rows(failure_table(view)),
        ],
    )


def failure_sentences(view: View) -> list[str]:
    """One a distribution: what it is, and what shares of it break the images."""
    return [_sentence(row) for row in view.failures]


def failure_claim(row: FailureRow) -> Claim:
    """What a page of nothing else begins with."""
    middle = row.middle
    about = f"about {tiny(middle.estimate)}" if middle.estimate is not None else f"less than {tiny(middle.high)}"
    return Claim(
        f"A share of {about} of random changes breaks the median image", f"{_sentence(row)} {NO_WORST_CASE}", "open"
    )


def failure_tile(row: FailureRow) -> Tile:
    middle, images = row.middle, plural(len(row.shares), "image")
    value = tiny(middle.estimate) if middle.estimate is not None else f"< {tiny(middle.high)}"
    return Tile(value, "of random changes: the share that breaks the median image", f"{images}, no worst case")


def failure_table(view: View) -> Table:
    """A row for each image and distribution, the largest share first."""
    shares = [each for row in view.failures for each in reversed(row.shares)]
    rows = tuple(
        (p.sample, view.class_name(p.label), p.distribution, p.estimate, p.low, p.high, p.queries, p.moved)
        for p in shares
    )
    return Table(
        "failure-probabilities", "Failure probability, image by image", _COLUMNS, rows, (NO_WORST_CASE, _INTERVAL)
    )


def short_failures(view: View) -> Table:
    """A row for each distribution, for a terminal."""
    notes = ("None: images of which no failure was come upon.", NO_WORST_CASE)
    return Table("failures", "Failure probability", _SHORT, tuple(map(_short, view.failures)), notes)


def failure_figures(view: View) -> list[Figure]:
    """A figure for each distribution."""
    return [_figure(row, k) for k, row in enumerate(view.failures, 1)]


def _sentence(row: FailureRow) -> str:
    words = distribution_words(row.distribution)
    waiting = f" (so far; {count(row.pending)} are not finished)" if row.pending else ""
    images = plural(len(row.shares), "image")
    text = f"Of {words}, the share that is answered otherwise was estimated for {images}{waiting}"
    reached, below = row.reached, row.below
    parts = []
    if reached:
        low, high = reached[0], reached[-1]
        parts.append(f"it is {_shown(high)}" if low is high else f"it lies between {_shown(low)} and {_shown(high)}")
    if below:
        most = tiny(max(each.high for each in below))
        parts.append(f"of {plural(len(below), 'image')} no failure was come upon, so it is at most {most} [95 %]")
    return f"{text}: {'; '.join(parts)}."


def _shown(share: FailureProbability) -> str:
    return f"{tiny(share.estimate)} (95 % interval {tiny(share.low)} to {tiny(share.high)})"


def _short(row: FailureRow) -> tuple[str | int | float | None, ...]:
    first, last = row.shares[0], row.shares[-1]
    return row.distribution, len(row.shares), len(row.below), first.estimate, row.middle.estimate, last.estimate


def _figure(row: FailureRow, number: int) -> Figure:
    """The interval of every image as a line, its estimate as a point, in rising order on a logarithmic axis."""
    least = min(each.high if not each.reached else each.low for each in row.shares)
    values = [
        {
            "image": f"{each.sample}",
            "rank": rank,
            "low": each.low if each.reached else least / 10,
            "high": each.high,
            "share": each.estimate if each.reached else each.high,
            "kind": "estimate" if each.reached else "no failure: at most",
        }
        for rank, each in enumerate(row.shares, 1)
    ]
    y = alt.Y("rank:Q", title="Images, by share", axis=alt.Axis(grid=False, tickMinStep=1, format="d"))
    axis = alt.Axis(format=".0e", labelOverlap=True, grid=False, tickCount=6)
    x = alt.X("low:Q", title="Share that breaks", scale=alt.Scale(type="log"), axis=axis)
    colour = alt.Color(
        "kind:N",
        title=None,
        scale=alt.Scale(domain=["estimate", "no failure: at most"], range=[_BLUE, _PALE]),
        legend=alt.Legend(columns=2),
    )
    base = alt.Chart(alt.InlineData(values=values))
    lines = base.mark_rule(strokeWidth=2, opacity=0.45).encode(x=x, x2="high:Q", y=y, color=colour)
    told = [
        alt.Tooltip("image:N", title="Image"),
        alt.Tooltip("share:Q", title="Share", format=".2e"),
        alt.Tooltip("high:Q", title="95 %: high", format=".2e"),
    ]
    points = base.mark_point(filled=True, size=40, opacity=1).encode(x="share:Q", y=y, color=colour, tooltip=told)
    chart = alt.layer(lines, points).properties(width=WIDTH - 70, height=max(120, min(320, 14 * len(values))))
    return Figure(
        f"failure-probability-{number}",
        "Share of random changes that breaks, image by image",
        f"Points on a logarithmic axis, one an image: the share of {row.distribution} that breaks it, with intervals. "
        f"{_sentence(row)}",
        f"{row.distribution}. Lines are 95 % intervals. No worst case.",
        chart.to_dict(),
    )
