"""What the numbers look like: a few adversarial images of each level, chosen to be varied, and all of them."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any

from markupsafe import Markup

from pixelproof.data.imageset import UInt8Array
from pixelproof.report.figure import in_page
from pixelproof.report.picture import Picture, amplified, changed_pixels, data_uri, png, shown_size, small_pair
from pixelproof.report.section import part
from pixelproof.results.derived_levels import first_level
from pixelproof.results.view import View
from pixelproof.runs.record import Record
from pixelproof.runs.store import RunStore
from pixelproof.wording import allowance, attack_name, count, percent, plural, search_name

_EACH = 4  # examples of one level
_BLANK = "\u00a0"
_NAMED = 5  # changed pixels named one by one
_ROOM = 2_000_000  # characters of a page that pictures of all broken images may take


@dataclass(frozen=True)
class Example:
    """One fooled image: three pictures of one size and what there is to know."""

    pictures: tuple[Picture, ...]
    true: str
    answer: str
    facts: tuple[str, ...]
    note: str


@dataclass(frozen=True)
class Level:
    """The examples of one attack × threshold; ``heading`` says of how many they are."""

    heading: str
    examples: tuple[Example, ...]


def gallery(view: View, run: RunStore) -> list[Level]:
    """Levels with successes of their own, the smallest first; inherited ones are shown where found."""
    levels = []
    for (attack, th), found in _first_fooled(view).items():
        examples = [_example(view, run, record, found) for record in choose(found)]
        kept = tuple(example for example in examples if example is not None)
        if kept:
            levels.append(Level(_heading(attack, th, len(kept), len(found)), kept))
    return [*levels, *_named(view, run)]


def _named(view: View, run: RunStore) -> list[Level]:
    """A level for each attack by name that fooled any image."""
    levels = []
    for row in view.attempts:
        found = [record for record in view.named if record.success and record.spec == row.spec]
        kept = tuple(e for record in choose(found) if (e := _example(view, run, record, found)) is not None)
        if kept:
            levels.append(Level(f"{search_name(row.spec)}: {_which(len(kept), len(found))} fooled", kept))
    return levels


def _first_fooled(view: View) -> dict[tuple[str, int], list[Record]]:
    """The successes found, by the attack and level that they are shown under."""
    found: dict[tuple[str, int], list[Record]] = defaultdict(list)
    for record in view.records:
        if record.success and record.inherited_from is None:
            found[record.attack, first_level(record) if view.minimal else record.level].append(record)
    return {key: found[key] for key in sorted(found, key=lambda key: (view.attacks.index(key[0]), key[1]))}


def choose(found: list[Record], most: int = _EACH) -> list[Record]:
    """At most ``most`` records: last the one with most queries, before it others of varied classes.

    The others come in the order of the run, so nothing is picked for its looks.
    """
    if len(found) <= most:
        return sorted(found, key=lambda r: r.queries)
    hardest = max(found, key=lambda r: r.queries)
    chosen: list[Record] = []
    seen = {hardest.label}
    for fresh in (True, False):
        for record in found:
            free = record is not hardest and record not in chosen
            if free and len(chosen) < most - 1 and (not fresh or record.label not in seen):
                chosen.append(record)
                seen.add(record.label)
    return [*sorted(chosen, key=lambda r: r.queries), hardest]


def _heading(attack: str, threshold: int, shown: int, found: int) -> str:
    return f"{attack_name(attack)}, {allowance(attack, threshold)}: {_which(shown, found)} first fooled here"


# All broken images, for those who read with scripts.


def all_broken(view: View, run: RunStore) -> Markup:
    """The images that break a sample, each where it was found; as many as there is room for, of each level alike."""
    groups: dict[str, list[Record]] = {}
    for (attack, th), records in _first_fooled(view).items():
        groups[f"{attack_name(attack)}, {allowance(attack, th)}"] = records
    for record in view.named:
        if record.success:
            groups.setdefault(search_name(record.spec), []).append(record)
    found = sum(map(len, groups.values()))
    originals: dict[int, str] = {}
    images: list[dict[str, Any]] = []
    room = _ROOM
    for level, record in _in_turns(groups):
        adversarial = run.image(record)
        if adversarial is None:
            continue
        clean = run.clean(record.sample)
        small, change = small_pair(clean, adversarial)
        image = _described(view, record, level, changed_pixels(clean, adversarial), clean.size // clean.shape[2])
        image["change"] = png(change)
        original = originals.get(record.sample) or png(small)
        room -= len(image["change"]) + (0 if record.sample in originals else len(original))
        if room < 0:
            break
        originals[record.sample] = original
        images.append(image)
    images.sort(key=lambda image: int(image["sample"]))  # stable: its levels stay in order
    data = json.dumps({"originals": originals, "images": images}, ensure_ascii=False, separators=(",", ":"))
    return part("broken", len(images), found, Markup(in_page(data))) if images else Markup()


def _in_turns(groups: Mapping[str, Sequence[Record]]) -> Iterator[tuple[str, Record]]:
    """The first of every group with its name, then the second of every group, and so on."""
    named = ([(name, record) for record in records] for name, records in groups.items())
    return (each for each in chain.from_iterable(zip_longest(*named)) if each is not None)


def _described(view: View, record: Record, level: str, changed: list[tuple[int, int]], pixels: int) -> dict[str, Any]:
    return {
        "sample": record.sample,
        "level": level,
        "true": view.class_name(record.label),
        "answer": view.class_name(record.predicted),
        "sure": [percent(record.clean_confidence), percent(record.confidence)],
        "facts": _facts(record, changed, pixels)[:-1],
    }


def _which(shown: int, found: int) -> str:
    return f"{shown} of {plural(found, 'image')}" if shown < found else plural(found, "image")


def _example(view: View, run: RunStore, record: Record, found: list[Record]) -> Example | None:
    adversarial = run.image(record)
    if adversarial is None:
        return None
    hardest = len(found) > 1 and record is max(found, key=lambda r: r.queries)
    names = view.class_name(record.label), view.class_name(record.predicted)
    note = "most queries of this level" if hardest else ""
    return example(record, run.clean(record.sample), adversarial, names, note)


def example(record: Record, clean: UInt8Array, adversarial: UInt8Array, names: tuple[str, str], note: str) -> Example:
    """The image of ``record``, uint8 H×W×C like its clean one; ``names`` are those of the true class and the answer."""
    true, answer = names
    difference, factor = amplified(clean, adversarial)
    changed = changed_pixels(clean, adversarial)
    height, width, _ = clean.shape
    rings = tuple((100 * (x + 0.5) / width, 100 * (y + 0.5) / height) for x, y in changed)
    marked = rings if len(rings) <= 10 and max(height, width) > 64 else ()
    size = shown_size(height, width)
    said = f"Difference, {factor}, about mid-grey"
    return Example(
        (
            Picture("original", data_uri(clean), f"Original image of {true}", *size),
            Picture("adversarial", data_uri(adversarial), f"Adversarial image, answered {answer}", *size),
            Picture(f"difference {factor}", data_uri(difference), said, *size, rings=marked),
        ),
        f"{true} ({percent(record.clean_confidence)})",
        f"{answer} ({percent(record.confidence)})",
        _facts(record, changed, height * width),
        note,
    )


def _facts(record: Record, changed: list[tuple[int, int]], pixels: int) -> tuple[str, ...]:
    where = f"{count(len(changed))} of {plural(pixels, 'pixel')} changed"
    if 0 < len(changed) <= _NAMED:
        where += " (column, row): " + ", ".join(f"({x},{_BLANK}{y})" for x, y in changed)
    facts = [where]
    if record.linf is not None:
        facts.append(f"largest change {record.linf} of 255")
    facts.append(f"{plural(record.queries, 'query', 'queries')} by {search_name(record.spec)}")
    facts.append(f"image {record.sample}")
    return tuple(facts)
