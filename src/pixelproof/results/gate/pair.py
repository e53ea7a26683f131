"""Two runs of one kind side by side: what changed, which images newly break and which are mended."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from pixelproof.data.imageset import UInt8Array
from pixelproof.results.gate.change import Change, changes
from pixelproof.results.gate.decision import ALPHA
from pixelproof.results.gate.measure import Measure
from pixelproof.results.gate.read import measures
from pixelproof.results.gate.settings import SettingDifference, setting_differences
from pixelproof.results.scoreboard import Row, row
from pixelproof.results.view import read
from pixelproof.runs.record import Manifest, Record
from pixelproof.runs.store import RunStore

_PICTURES = 12  # newly broken images that are shown


@dataclass(frozen=True, eq=False)
class NewlyBroken:
    """An image that the new run broke at a level, or by an attack by name, and the old one did not."""

    measure: str
    record: Record
    clean: UInt8Array
    adversarial: UInt8Array


@dataclass(frozen=True)
class CheckpointChange:
    """What a checkpoint of an audit said before and after; None where it was not asked."""

    number: int
    name: str
    old: str | None
    new: str | None


@dataclass(frozen=True, eq=False)
class Pair:
    """An ``old`` and a ``new`` run in the folders ``places``, under their ``names``; pictures are of a few images."""

    names: tuple[str, str]
    places: tuple[str, str]
    old: Manifest
    new: Manifest
    differences: tuple[SettingDifference, ...]
    changes: tuple[Change, ...]
    checkpoints: tuple[CheckpointChange, ...]
    pictures: tuple[NewlyBroken, ...]

    @property
    def title(self) -> str:
        return f"{self.names[0]} → {self.names[1]}"

    def class_name(self, label: int) -> str:
        names = self.new.data.class_names
        return names[label] if label < len(names) else f"class {label}"

    @cached_property
    def worse(self) -> list[Change]:
        """What got worse by more than chance, after correction."""
        return [each for each in self.changes if _beyond_chance(each) and len(each.worse) > len(each.better)]

    @cached_property
    def better(self) -> list[Change]:
        return [each for each in self.changes if _beyond_chance(each) and len(each.worse) < len(each.better)]

    @cached_property
    def by_image(self) -> list[Change]:
        """Those of which an image is right or not, so that it newly breaks or is mended."""
        terms = ("clean-accuracy", "robust-accuracy", "worst-case-accuracy")
        return [each for each in self.changes if each.two_valued and each.new.term in terms]

    def rows(self) -> Iterator[Row]:
        """The changes as rows of ``results.json``."""
        for each in self.changes:
            old, new = each.values
            yield row(
                f"{self.title}: {each.name}",
                each.drop,
                "drop, as a share" if each.new.limits[1] <= 1 else "drop",
                old=old,
                new=new,
                images=each.total,
                worse=list(each.worse),
                better=list(each.better),
                p=each.p,
                p_corrected=each.corrected,
            )
        for checkpoint in self.checkpoints:
            claim = f"{self.title}: checkpoint {checkpoint.number}, {checkpoint.name}"
            yield row(claim, checkpoint.new, "verdict", old=checkpoint.old)


def _beyond_chance(change: Change) -> bool:
    return change.corrected is not None and change.corrected <= ALPHA


def pair(old: RunStore, new: RunStore, names: tuple[str, str]) -> Pair:
    """What ``old`` and ``new``, runs of one kind of job, have in common and not."""
    before, after = measures(old), measures(new)
    found = changes(before, after)
    return Pair(
        names,
        (str(old.folder), str(new.folder)),
        old.manifest,
        new.manifest,
        tuple(setting_differences(old.manifest, new.manifest)),
        tuple(found),
        tuple(_checkpoints(before, after, new)),
        tuple(_pictures(found, new)),
    )


def _checkpoints(old: Sequence[Measure], new: Sequence[Measure], run: RunStore) -> Iterator[CheckpointChange]:
    """All that either asked, in the order of their numbers."""
    before, after = ({int(m.arguments[0]): m.verdict for m in each if m.term == "checkpoint"} for each in (old, new))
    if not before and not after:
        return
    from pixelproof.results.audit.view import audit_view

    names = {each.number: each.name for each in audit_view(run).answers}
    for number in sorted(before | after):
        yield CheckpointChange(number, names.get(number, ""), before.get(number), after.get(number))


def _pictures(found: Sequence[Change], run: RunStore) -> Iterator[NewlyBroken]:
    """Of each image the lowest level where it newly breaks, as far as the new run keeps a picture of it."""
    if run.manifest.job != "assess":
        return
    view, shown = read(run), set[int]()
    records = {
        f"robust-accuracy({'l0' if level.constraint == 'few-pixel' else 'linf'},{level.threshold})": {
            image.sample: image.record for image in level.images if image.record is not None
        }
        for level in view.statuses
    }
    for record in view.named:
        if record.success:
            records.setdefault(f"robust-accuracy({record.spec})", {})[record.sample] = record
    for change in found:
        for sample in change.worse:
            broken = records.get(change.name, {}).get(sample)
            adversarial = None if broken is None or sample in shown else run.image(broken)
            if broken is not None and adversarial is not None and len(shown) < _PICTURES:
                shown.add(sample)
                yield NewlyBroken(change.name, broken, run.clean(sample), adversarial)
