"""The false-adversarial demonstration: its pictures, its tables, and what a reader without background is told."""

from collections.abc import Sequence

from pixelproof.data.imageset import UInt8Array
from pixelproof.plans.study.false_adversarial import channel_sum_l2
from pixelproof.plans.study.view import Demonstration
from pixelproof.report.picture import Picture, data_uri, shown_size
from pixelproof.report.study_tables import SHORT_NORMS
from pixelproof.report.table import Cell, Column, Table
from pixelproof.runs.distances import pixel_distances
from pixelproof.wording import count, listed, percent, plural

_FAINT = 0.3  # of the contrast; by eye, a CIFAR-10 image is then no longer recognised


def exhibits(shown: Demonstration) -> list[Picture]:
    """The clean image, the false ones, the true ones."""
    name = shown.class_names[shown.label]
    said = list(zip(*shown.answers.values(), strict=True))
    pictures: list[tuple[str, str, UInt8Array, tuple[str, ...]]] = [
        ("Original", f"Original image of {name}", shown.clean, (f"{name}, image {count(shown.sample)}",))
    ]
    for title, false in zip(_false_names(shown), shown.false, strict=True):
        facts = (f"L2 {_number(round(false.l2, 1))}", f"{percent(false.contrast)} of the contrast left")
        pictures.append((title, f"False adversarial image of {name}, nearly one colour", false.image, facts))
    for title, found in zip(_found_names(shown), shown.found, strict=True):
        l2 = float(pixel_distances(found.image, shown.clean)["l2"])
        answer = shown.class_names[found.record.predicted]
        facts = (f"L2 {_number(round(l2, 1))}", f"answered {answer} by the network it was made for")
        pictures.append((title, f"Adversarial image of {name}, answered {answer}", found.image, facts))
    size = shown_size(*shown.clean.shape[:2])
    return [
        Picture(title, data_uri(image), alt, *size, (*facts, *_still(shown, said, k)))
        for k, (title, alt, image, facts) in enumerate(pictures)
    ]


def explanation(shown: Demonstration) -> list[str]:
    """Paragraphs in plain words: what was done, with which budget, what it says and what not."""
    name, false = shown.class_names[shown.label], shown.false
    strict, loose = _number(false[0].budget), _number(false[-1].budget)
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
    left = [f"{percent(false.contrast)} at L2 ≤ {_number(false.budget)}" for false in shown.false]
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
    budget = _number(limit)
    keep = (
        (f"all within {budget}" if all(within) else f"{count(sum(within))} of {count(len(within))} within {budget}")
        if len(within) > 1
        else f"{'' if within[0] else 'not '}within {budget}"
    )
    return (
        f"Beside it: the nearest adversarial {'image' if len(within) == 1 else 'images'} found of the same original "
        f"under {listed([title.partition(':')[0] for title in _found_names(shown)])}, {keep}. "
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


# Its tables.


def false_table(shown: Demonstration) -> Table:
    """The pictures of the demonstration by their distances from the clean image."""
    columns = (
        Column("Image"),
        Column("L0", "integer", "Distance from the original", "l0"),
        Column("L∞", "integer", "Distance from the original", "linf"),
        Column("L2", "decimal", "Distance from the original", "l2"),
        Column("L2, channels summed", "decimal", "Distance from the original", "l2_channels_summed"),
        Column("Contrast left", "share", key="contrast_left"),
    )
    false = [
        (name, *_distances(each.image, shown.clean), each.contrast)
        for name, each in zip(_false_names(shown), shown.false, strict=True)
    ]
    found = [
        (name, *_distances(each.image, shown.clean), None)
        for name, each in zip(_found_names(shown), shown.found, strict=True)
    ]
    notes = (
        "L2 is Euclidean over all channel values, 0 to 255. Channels summed: a pixel counts with the sum of its "
        "channels' changes, as where the papers give 765 for the largest change of one pixel; an image within 441.7 "
        "by the Euclidean norm is within 765 by that one. Contrast left: how far the image still is from one colour, "
        "of how far the original was.",
    )
    return Table(
        "study-false-adversarial", "False and true adversarial images of one budget", columns, (*false, *found), notes
    )


def answer_table(shown: Demonstration) -> Table:
    """What each network answers to the pictures of the demonstration."""
    columns = ("Network", "Original", *_false_names(shown), *_found_names(shown))
    names = shown.class_names
    rows = tuple((label, *(names[k] for k in said)) for label, said in shown.answers.items())
    note = f"The right answer is {names[shown.label]}."
    return Table(
        "study-false-adversarial-answers", "What the networks answer", tuple(map(Column, columns)), rows, (note,)
    )


def _false_names(shown: Demonstration) -> list[str]:
    """Of the false images, by their budgets."""
    return [f"No limit but L2 ≤ {_number(each.budget)}" for each in shown.false]


def _found_names(shown: Demonstration) -> list[str]:
    """Of the true ones, by what they changed."""
    names = []
    for each in shown.found:
        norm, record = SHORT_NORMS[each.record.attack], each.record
        names.append(f"{norm}: " + (plural(record.l0 or 0, "pixel") if norm == "L0" else f"±{record.linf} of 255"))
    return names


def _number(number: float) -> str:
    """``765``, ``441.7``."""
    return count(round(number)) if number == round(number) else f"{number:,.1f}"


def _distances(image: UInt8Array, clean: UInt8Array) -> tuple[Cell, ...]:
    by = pixel_distances(image, clean)
    return by["l0"], by["linf"], by["l2"], channel_sum_l2(image, clean)
