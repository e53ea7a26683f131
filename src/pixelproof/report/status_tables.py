"""What is known of every level and of every image: broken, proved or open."""

from collections import Counter
from collections.abc import Sequence

from pixelproof.report.table import Cell, Column, Table
from pixelproof.results.status import ImageStatus, LevelStatus, reach
from pixelproof.results.verdict import named, sentence, telling, verdict
from pixelproof.results.view import View
from pixelproof.wording import attack_name, count, listed

#: What a certificate of each method says.
PROOFS = {
    "sweep": "the model was asked about every image within the level, and gave each the right answer",
    "bounds": "its scores were bounded over all images within the level, in exact arithmetic, with an allowance for "
    "that of the model",
    "masks": "the masked model, which is the one assessed, answers right whatever one block of the image shows",
}
_IMAGES, _SHARE, _CERTIFICATE = "Images", "Share broken", "Certificate"
_LEVEL_COLUMNS = (
    Column("Attack", "attack"),
    Column("th", "integer", key="threshold"),
    Column("all", "integer", _IMAGES, "images"),
    Column("broken", "integer", _IMAGES, "broken"),
    Column("proved", "integer", _IMAGES, "proved"),
    Column("open", "integer", _IMAGES, "open"),
    Column("gave up", "integer", "Of the open", "gave_up"),
    Column("share", "share", _SHARE, "broken_share"),
    Column("95 %", "interval", _SHARE, "broken_share"),
    Column("Verdict", "status", key="verdict"),
)
_PENDING = Column("not finished", "integer", "Of the open", "not_finished")  # of runs that are not, in this place:
_AFTER = 7
_IMAGE_COLUMNS = (
    Column("Image", "integer", key="sample"),
    Column("Class"),
    Column("Attack", "attack"),
    Column("proved to", "integer", "th", "proved_to"),
    Column("open at", "text", "th", "open_at"),
    Column("broken from", "integer", "th", "broken_from"),
    Column("Broken by", "search", key="broken_by"),
    Column("Queries", "integer"),
    Column("Swept", "integer"),
    Column("by", "text", _CERTIFICATE, "certificate"),
    Column("size", "integer", _CERTIFICATE, "certificate_size"),
    Column("seconds", "decimal", _CERTIFICATE, "certificate_seconds"),
    Column("Why open", key="why_open"),
)


def status_table(view: View) -> Table:
    """A row for each level: how many images are broken, proved and open there, and the verdict."""
    notes = [note for attack in view.constraints for note in status_notes(view, attack)]
    methods = sorted({method for level in view.statuses for method in level.methods})
    notes += [f"Proved by {method}: {PROOFS[method]}." for method in methods if method in PROOFS]
    columns: tuple[Column, ...] = _LEVEL_COLUMNS
    rows = tuple(map(_level_cells, view.statuses))
    if not view.finished:
        columns = (*columns[:_AFTER], _PENDING, *columns[_AFTER:])
        rows = tuple(
            (*row[:_AFTER], level.pending, *row[_AFTER:]) for row, level in zip(rows, view.statuses, strict=True)
        )
    anchors = tuple(level_anchor(level) for level in view.statuses)
    return Table("status", "Broken, proved, open", columns, rows, tuple(notes), anchors)


def level_anchor(level: LevelStatus) -> str:
    """The id of the level's row in a page."""
    return f"level-{level.constraint}-{level.threshold}"


def status_notes(view: View, attack: str) -> list[str]:
    """The verdicts on the levels to speak of, each a sentence."""
    name = attack_name(attack)
    return [f"{name}, {named(level).lower()}: {sentence(level)}." for level in telling(view.statuses_of(attack))]


def image_table(view: View) -> Table:
    """A row for each image and attack: up to where it is proved, from where on it is broken, and what that rests on."""
    spent: Counter[tuple[int, str | None]] = Counter()
    swept: dict[tuple[int, str | None], int] = {}
    for record in view.records:
        who = record.sample, record.constraint
        spent[who] += record.queries
        swept[who] = max(swept.get(who, 0), record.swept)
    rows = tuple(
        _image_cells(view, images, spent[images[0].sample, attack], swept.get((images[0].sample, attack), 0))
        for attack in view.constraints
        for images in zip(*(level.images for level in view.statuses_of(attack)), strict=True)
    )
    notes = (
        "Broken from: the distance of the nearest image found that gets another answer. Size: of a certificate the "
        "images, boxes or maskings that it rests on, of an attempt those looked at. Swept: images with one changed "
        "pixel asked in order, every position with every colour of a grid.",
    )
    return Table("images", "Image by image", _IMAGE_COLUMNS, rows, notes)


def _level_cells(level: LevelStatus) -> tuple[Cell, ...]:
    broken = level.broken
    interval = None if broken.value is None else broken.interval
    images = level.total, broken.successes, level.proved, level.open, level.gave_up
    return level.constraint, level.threshold, *images, broken.value, interval, verdict(level)


def _image_cells(view: View, images: Sequence[ImageStatus], queries: int, swept: int) -> tuple[Cell, ...]:
    """Of one image at all levels of one attack, the lowest first."""
    first = images[0]
    proved = next((image for image in reversed(images) if image.answer == "proved"), None)
    broken = next((image for image in images if image.answer == "broken"), None)
    still = [image for image in images if image.answer == "open"]
    attempts = [image.certificate for image in (proved, *still) if image is not None and image.certificate is not None]
    attempt = attempts[0] if attempts else None
    found = None if broken is None else broken.record
    return (
        first.sample,
        view.class_name(first.label),
        first.constraint,
        proved.threshold if proved is not None else None,
        listed([count(image.threshold) for image in still]) or None,
        None if found is None else round(reach(found, first.constraint)),
        None if found is None else found.spec,
        queries,
        swept or None,
        *((None,) * 3 if attempt is None else (attempt.method, attempt.size, attempt.seconds)),
        listed(list(dict.fromkeys(image.reason for image in still if image.reason))) or None,
    )
