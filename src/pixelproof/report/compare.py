"""The page of a comparison: what changed from the old to the new run, then the tables of a study."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from markupsafe import Markup

from pixelproof.plans.compared import Compared
from pixelproof.report import section
from pixelproof.report.gallery import Example, Level, example
from pixelproof.report.page import Page, status, write_page
from pixelproof.report.section import Claim, Contents, Headline, Section
from pixelproof.report.study import study_page, study_summary
from pixelproof.report.table import Column, Table
from pixelproof.results.gate.change import Change
from pixelproof.results.gate.decision import ALPHA
from pixelproof.results.gate.pair import Pair
from pixelproof.wording import count, listed, percent, plural, points

_NAMED = 4  # measures that a sentence names
_LEVEL = f"{100 * ALPHA:g} %"


def write_compared(view: Compared, folder: Path) -> Path:
    """Write ``report.html``, ``tables/`` and ``figures/`` (SVG) into ``folder``; returns the page's path."""
    return write_page(compared_page(view), folder)


def compared_page(view: Compared) -> Page:
    """Everything that a comparison says; equal for equal runs."""
    below = None if view.study is None else study_page(view.study)
    if below is not None and not view.pairs:
        return below
    tables = [table for each in view.pairs for table in pair_tables(each, view.pairs)]
    sections = [_section(each, view.pairs) for each in view.pairs]
    forced = [section.notice("warning", "Forced", f"{each}. They are compared all the same.") for each in view.forced]
    if below is None:
        summary = section.summary(compared_summary(view))
        left_out = f"The tables of a study are left out: {view.apart}." if view.apart else ""
        rest = [Section("apart", "In one table", [section.prose(left_out)])] if left_out else []
        contents = Contents(tables)
        return Page(
            "comparison",
            f"Robustness of {view.title}",
            Headline([_claim(each) for each in view.pairs]),
            (summary, *sections, *rest),
            contents,
            facts=[_fact(each) for each in view.pairs],
            status=status(view.finished),
            notices=forced,
            heading=view.title,
        )
    headline = replace(below.headline, claims=[*map(_claim, view.pairs), *below.headline.claims])
    contents = Contents([*tables, *below.contents.tables], below.contents.figures)
    first, *others = below.sections
    return replace(below, headline=headline, sections=(first, *sections, *others), contents=contents, notices=forced)


def compared_summary(view: Compared) -> list[str]:
    """Sentences on what changed, then those of a study."""
    return [*map(_sentence, view.pairs), *([] if view.study is None else study_summary(view.study))]


def _claim(each: Pair) -> Claim:
    if each.worse:
        return Claim(f"{each.title}: worse in {_of(each.worse, each)}", _sentence(each), "bad")
    if each.better:
        return Claim(f"{each.title}: better in {_of(each.better, each)}", _sentence(each), "good")
    return Claim(f"{each.title}: no difference beyond chance", _sentence(each), "open")


def _of(those: Sequence[Change], each: Pair) -> str:
    return f"{count(len(those))} of {plural(len(each.changes), 'measure')}"


def _sentence(each: Pair) -> str:
    """What changed by more than chance; where nothing did, what may have stayed unseen."""
    said_of = [
        f"{said} by more than chance: {listed([_change(change) for change in those[:_NAMED]])}"
        + (f" and {count(len(those) - _NAMED)} more" if len(those) > _NAMED else "")
        for said, those in (("worse", each.worse), ("better", each.better))
        if those
    ]
    if said_of:
        return f"{each.title} is {'; '.join(said_of)}."
    unseen = [(change.most(ALPHA), change.name) for change in each.changes if change.new.limits[1] <= 1]
    if not unseen:
        return f"{each.title}: nothing was measured in both that can be compared image by image."
    most, name = max(unseen)
    return (
        f"{each.title}: no difference is beyond chance; {name} may all the same have dropped by up to {points(most)}."
    )


def _change(change: Change) -> str:
    old, new = change.values
    if change.new.limits[1] > 1:
        return f"{change.name} from {old:.1f} to {new:.1f}"
    return f"{change.name} from {percent(old)} to {percent(new)}"


def _fact(each: Pair) -> str:
    return f"{each.title}: {each.new.job}, {plural(max((c.total for c in each.changes), default=0), 'image')} in common"


# One pair.


def _section(each: Pair, pairs: Sequence[Pair]) -> Section:
    contents = Contents(pair_tables(each, pairs))
    named = [table.name for table in contents.tables]
    parts = [
        *(contents.rows(name) for name in named[:2]),
        _pictures(each),
        *(contents.folded(name) for name in named[2:]),
    ]
    return Section(f"pair-{_number(each, pairs)}", f"What changed: {each.title}", [part for part in parts if part])


def _number(each: Pair, pairs: Sequence[Pair]) -> int:
    return next(k for k, other in enumerate(pairs, 1) if other is each)


def pair_tables(each: Pair, pairs: Sequence[Pair]) -> list[Table]:
    """Of one of ``pairs``: its measures, checkpoints, images and settings, those with a row in them."""
    found = [table for table in (change_table(each), _checkpoints(each), _images(each), _settings(each)) if table.rows]
    if len(pairs) == 1:
        return found
    number = _number(each, pairs)
    of = f": {each.title}"
    return [replace(e, name=f"{e.name}-{number}", title=e.title + ("" if each.title in e.title else of)) for e in found]


def change_table(each: Pair) -> Table:
    """The measures of both runs, with the test of each."""
    columns = (
        *(Column("measure"), Column("images", "integer"), Column("old", "share"), Column("new", "share")),
        *(Column("worse", "integer"), Column("better", "integer"), Column("drop at most", "points")),
        *(Column("p", key="p"), Column("p, corrected", key="p_corrected")),
    )
    rows = tuple(
        (
            *(change.name, change.total, *_shares(change), len(change.worse), len(change.better)),
            change.most(ALPHA) if change.new.limits[1] <= 1 else None,
            *(_chance(change.p), _chance(change.corrected)),
        )
        for change in each.changes
    )
    notes = (
        "Over the images of both runs; p is of McNemar’s exact test on the images that changed (of means over levels "
        "or strengths: the sign test), both ways, corrected by Holm for all tests of the table.",
        f"Drop at most, in points: what the true drop exceeds in {_LEVEL} of cases at most.",
        *(f"Forced: {difference}." for difference in each.differences if difference.grave),
    )
    return Table("compare-changes", f"{each.title}, image by image", columns, rows, notes)


def _shares(change: Change) -> tuple[float | None, float | None]:
    return change.values if change.new.limits[1] <= 1 else (None, None)


def _chance(p: float | None) -> str | None:
    return None if p is None else "< 0.0001" if p < 0.0001 else f"{p:.2g}"


def _checkpoints(each: Pair) -> Table:
    columns = (Column("checkpoint", "integer"), Column("name"), Column("old", "verdict"), Column("new", "verdict"))
    rows = tuple((c.number, c.name, c.old, c.new) for c in each.checkpoints)
    return Table("compare-checkpoints", "Checkpoints", columns, rows)


def _images(each: Pair) -> Table:
    """The images that newly break and that are mended, measure by measure."""
    columns = (Column("measure"), Column("image", "integer"), Column("what"))
    rows = tuple(
        (change.name, image, what)
        for change in each.by_image
        for what, images in (("newly broken", change.worse), ("mended", change.better))
        for image in images
    )
    return Table("compare-images", "Newly broken and mended images", columns, rows)


def _settings(each: Pair) -> Table:
    columns = (Column("setting"), Column("old"), Column("new"))
    rows = tuple((d.what, d.old, d.new) for d in each.differences)
    return Table("compare-settings", "What else differs", columns, rows)


def _pictures(each: Pair) -> Markup:
    levels = [Level(f"{name}: newly broken", tuple(found)) for name, found in _examples(each)]
    return section.part("examples", levels) if levels else Markup()


def _examples(each: Pair) -> Iterator[tuple[str, list[Example]]]:
    for measure in dict.fromkeys(picture.measure for picture in each.pictures):
        found = [picture for picture in each.pictures if picture.measure == measure]
        yield (
            measure,
            [
                example(
                    picture.record,
                    picture.clean,
                    picture.adversarial,
                    (each.class_name(picture.record.label), each.class_name(picture.record.predicted)),
                    "",
                )
                for picture in found
            ],
        )
