"""The pictures of the false-adversarial demonstration, and what a reader without background is told of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pixelproof.data.imageset import UInt8Array
from pixelproof.plans.study.view import Demonstration
from pixelproof.report.picture import data_uri, shown_size
from pixelproof.report.study_run_tables import decimal_or_whole, false_names, found_names
from pixelproof.runs.distances import pixel_distances
from pixelproof.wording import count, listed, percent, plural

_FAINT = 0.3  # of the contrast; by eye, a CIFAR-10 image is then no longer recognised


@dataclass(frozen=True)
class Exhibit:
    """One picture of ``width`` × ``height`` px with its words."""

    title: str
    source: str
    alt: str
    facts: tuple[str, ...]
    width: int
    height: int


def exhibits(shown: Demonstration) -> list[Exhibit]:
    """The clean image, the false ones, the true ones."""
    name = shown.class_names[shown.label]
    said = list(zip(*shown.answers.values(), strict=True))
    pictures: list[tuple[str, str, UInt8Array, tuple[str, ...]]] = [
        ("Original", f"Original image of {name}", shown.clean, (f"{name}, image {count(shown.sample)}",))
    ]
    for title, false in zip(false_names(shown), shown.false, strict=True):
        facts = (f"L2 {decimal_or_whole(round(false.l2, 1))}", f"{percent(false.contrast)} of the contrast left")
        pictures.append((title, f"False adversarial image of {name}, nearly one colour", false.image, facts))
    for title, found in zip(found_names(shown), shown.found, strict=True):
        l2 = float(pixel_distances(found.image, shown.clean)["l2"])
        answer = shown.class_names[found.record.predicted]
        facts = (f"L2 {decimal_or_whole(round(l2, 1))}", f"answered {answer} by the network it was made for")
        pictures.append((title, f"Adversarial image of {name}, answered {answer}", found.image, facts))
    height, width, _ = shown.clean.shape
    shown_width, shown_height = shown_size(height, width)
    return [
        Exhibit(title, data_uri(image), alt, (*facts, *_still(shown, said, k)), shown_width, shown_height)
        for k, (title, alt, image, facts) in enumerate(pictures)
    ]


def explanation(shown: Demonstration) -> list[str]:
    """Paragraphs in plain words: what was done, with which budget, what it says and what not."""
    name, false = shown.class_names[shown.label], shown.false
    strict, loose = decimal_or_whole(false[0].budget), decimal_or_whole(false[-1].budget)
    channels = shown.clean.shape[2]
    done = (
        f"A small L2 distance does not keep an image recognisable. This {name} is, {shown.chosen}. Every value "
        "of it was moved towards one colour until the budget was spent or one colour reached, without a limit to "
        "where the image changes. The result is built from the image alone: no network had a part in it, so it says "
        "nothing about any network."
    )
    budget = f"The budget is the largest change of a single pixel: {strict} grey steps"
    if len(false) > 1:
        budget += (
            f" by the Euclidean norm (√{channels}\u00a0·\u00a0255), which also keeps within {loose}, the sum over the "
            f"pixel’s channels that the papers name. The second picture takes {loose} as a Euclidean distance, "
            f"as much as {count(channels)} pixels can change."
        )
    else:
        budget += "."
    return [done, budget, _hidden(shown), _beside(shown)]


def _hidden(shown: Demonstration) -> str:
    """How far it came; the images say the rest."""
    left = [f"{percent(false.contrast)} at L2 ≤ {decimal_or_whole(false.budget)}" for false in shown.false]
    text = f"Of the original’s contrast this leaves {listed(left)}."
    if shown.false[0].contrast <= _FAINT:
        return f"{text} A limit on L2 alone lets through images that no person could name."
    if shown.false[-1].contrast <= _FAINT:
        return f"{text} Only the larger budget takes away what a person could name; a flatter original needs less."
    return f"{text} A person may still name it, as no image here is flat enough; a flatter one needs less."


def _beside(shown: Demonstration) -> str:
    if not shown.found:
        return "No adversarial image under L0 or L∞ was found of it to set beside."
    limit = shown.false[0].budget
    within = [float(pixel_distances(each.image, shown.clean)["l2"]) <= limit for each in shown.found]
    budget = decimal_or_whole(limit)
    keep = (
        (f"all within {budget}" if all(within) else f"{count(sum(within))} of {count(len(within))} within {budget}")
        if len(within) > 1
        else f"{'' if within[0] else 'not '}within {budget}"
    )
    return (
        f"Beside it: the nearest adversarial {'image' if len(within) == 1 else 'images'} found of the same original "
        f"under {listed([title.partition(':')[0] for title in found_names(shown)])}, {keep}. "
        "A person still sees what they show, since few pixels, or every value only a little, may change."
    )


def _still(shown: Demonstration, said: Sequence[tuple[int, ...]], k: int) -> tuple[str, ...]:
    """How many networks answer right to the picture at ``k``."""
    if not said:
        return ()
    right, total = sum(answer == shown.label for answer in said[k]), len(said[k])
    if total == 1:
        return ("the network answers " + ("right" if right else shown.class_names[said[k][0]]),)
    return (f"{count(right)} of {plural(total, 'network')} answer right",)
