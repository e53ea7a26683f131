"""What is known of every image at every level: broken, proved or open.

*Broken*: an image within the level that gets another answer is there, whichever attack found it. *Proved*: a
certificate says that there is none. *Open*: neither. A level is what few-pixel (L0) or threshold (L∞) changes of at
most th allow; images count by their own distances, so one that changes three pixels breaks every level from th = 3 on.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf
from typing import Any, Literal

from pixelproof.errors import RunError
from pixelproof.results.budgets import is_papers_protocol
from pixelproof.results.derived_levels import LEVELS
from pixelproof.results.intervals import Rate
from pixelproof.runs.record import LEVELLED, Certificate, Constraint, Manifest, Record, by_sample

Answer = Literal["broken", "proved", "open"]


@dataclass(frozen=True, slots=True)
class ImageStatus:
    """One image at one level, and what its answer rests on."""

    sample: int  # index in the source data
    label: int
    constraint: Constraint
    threshold: int
    answer: Answer
    record: Record | None  # of the nearest image that breaks it; of an open one None
    certificate: Certificate | None  # that proves it; of an open one the attempt that did not
    queries: int  # of the level's searches for it, those of lower levels not counted
    gave_up: bool  # open, and a search ended before its budget since its model saw no success ahead
    pending: bool  # open, and a search has not been through

    @property
    def reason(self) -> str:
        """Of an open image, what more there is to say than that nothing was found; else empty."""
        attempt = self.certificate
        parts = (
            "not finished" if self.pending else "",
            "gave up" if self.gave_up else "",
            f"{attempt.method}: {attempt.reason}" if attempt is not None and self.answer == "open" else "",
        )
        return "; ".join(part for part in parts if part)


@dataclass(frozen=True)
class Search:
    """A search of a level, and the ``queries`` that one image may cost it."""

    method: str
    queries: int


@dataclass(frozen=True)
class LevelStatus:
    """All selected images at one level, and the ``searches`` that they were attacked by there."""

    constraint: Constraint
    threshold: int
    images: tuple[ImageStatus, ...]
    searches: tuple[Search, ...]
    targeted: bool = False  # broken then means: the answer became the class aimed at

    def count(self, answer: Answer) -> int:
        return self._answers[answer]

    @cached_property
    def _answers(self) -> Counter[Answer]:
        return Counter(image.answer for image in self.images)

    @property
    def total(self) -> int:
        return len(self.images)

    @property
    def broken(self) -> Rate:
        """Of all images; no share yet while some have no answer."""
        return Rate(self.count("broken"), self.total - self.pending, self.pending)

    @property
    def proved(self) -> int:
        return self.count("proved")

    @property
    def open(self) -> int:
        return self.count("open")

    @cached_property
    def pending(self) -> int:
        """Open images that a search has not been through with."""
        return sum(image.pending for image in self.images)

    @cached_property
    def gave_up(self) -> int:
        """Open images on which a search gave up."""
        return sum(image.gave_up for image in self.images)

    @cached_property
    def methods(self) -> list[str]:
        """How the proved images were proved."""
        return sorted({i.certificate.method for i in self.images if i.answer == "proved" and i.certificate})

    @cached_property
    def classes(self) -> int:
        """True classes of the images."""
        return len({image.label for image in self.images})

    @property
    def as_in_the_papers(self) -> bool:
        """Whether the level was searched by one of the papers' searches with the papers' budget."""
        return any(is_papers_protocol(self.constraint, each.method, each.queries) for each in self.searches)


def level_statuses(
    manifest: Manifest, records: Iterable[Record], certificates: Iterable[Certificate] = ()
) -> list[LevelStatus]:
    """Every level that was searched or proved at, by constraint and threshold, few-pixel first.

    Raises ``RunError`` where an image is broken and proved at one level, since one of the two is wrong then.
    """
    found = by_sample(records)
    proofs: dict[tuple[int, str], list[Certificate]] = defaultdict(list)
    tried = list(certificates)
    for certificate in tried:
        proofs[certificate.sample, certificate.constraint].append(certificate)
    known = {
        (sample, constraint): _Known(constraint, found[sample], proofs[sample, constraint])
        for sample in manifest.selection.samples
        for constraint in LEVELLED
    }
    labels = dict(zip(manifest.selection.samples, manifest.selection.labels, strict=True))
    targeted = manifest.settings.get("target", "none") != "none"
    return [
        LevelStatus(
            constraint,
            th,
            tuple(known[sample, constraint].at(sample, label, th, planned) for sample, label in labels.items()),
            tuple(Search(search["method"], search["max_queries"]) for search in planned),
            targeted,
        )
        for (constraint, th), planned in _levels(manifest.settings, tried).items()
    ]


def of_level(statuses: Iterable[LevelStatus], constraint: str, threshold: int) -> LevelStatus | None:
    """The level among ``statuses``; None where it is none of them."""
    return next((s for s in statuses if (s.constraint, s.threshold) == (constraint, threshold)), None)


def reach(record: Record, constraint: str) -> float:
    """The smallest threshold of ``constraint`` that allows the image of ``record``, infinite where there is none."""
    found_at = record.threshold if record.inherited_from is None else record.inherited_from
    allowed = found_at if record.success and record.constraint == constraint and found_at is not None else inf
    return min(record.distance(constraint), allowed)


_Planned = Mapping[str, Any]  # a search of the settings


class _Known:
    """All that is known of one sample under one constraint."""

    def __init__(self, constraint: Constraint, records: Sequence[Record], proofs: Sequence[Certificate]) -> None:
        self.constraint, self.proofs = constraint, proofs
        self.own = {record.threshold: record for record in records if record.constraint == constraint}
        self.nearest = min(records, key=lambda r: reach(r, constraint), default=None)
        self.distance = inf if self.nearest is None else reach(self.nearest, constraint)
        if (proof := self._proof(self.distance)) is not None and self.nearest is not None:
            raise RunError(
                f"Sample {proof.sample} is broken and proved at once: {self.nearest.spec} found an image within "
                f"{constraint} th = {self.distance:g}, and {proof.method} proved that there is none within th = "
                f"{proof.threshold:g}; one of the two is wrong, so run pixelproof verify."
            )

    def at(self, sample: int, label: int, threshold: int, planned: Sequence[_Planned]) -> ImageStatus:
        """The sample's status at ``threshold``, where the ``planned`` searches were to be made."""
        found = [self.own.get(search["threshold"]) for search in planned]
        done = [record for record in found if record is not None]
        proof, broken = self._proof(threshold), self.distance <= threshold
        answer: Answer = "broken" if broken else "proved" if proof is not None else "open"
        is_open = answer == "open"
        return ImageStatus(
            sample=sample,
            label=label,
            constraint=self.constraint,
            threshold=threshold,
            answer=answer,
            record=self.nearest if broken else None,
            certificate=self._attempt(threshold) if is_open else proof,
            queries=sum(record.queries for record in done),
            gave_up=is_open and any(record.gave_up for record in done),
            pending=is_open and len(done) < len(planned),
        )

    def _proof(self, threshold: float) -> Certificate | None:
        """The certificate of the smallest threshold that covers ``threshold``."""
        covering = [each for each in self.proofs if each.proved and each.threshold >= threshold]
        return min(covering, key=lambda each: each.threshold, default=None)

    def _attempt(self, threshold: float) -> Certificate | None:
        return next((each for each in self.proofs if not each.proved and each.threshold == threshold), None)


def _levels(
    settings: Mapping[str, Any], certificates: Iterable[Certificate]
) -> dict[tuple[Constraint, int], list[_Planned]]:
    """By level the searches that were planned there; one for the smallest threshold serves all levels below its own."""
    found: dict[tuple[Constraint, int], list[_Planned]] = defaultdict(list)
    for search in settings.get("searches", ()):
        largest = search["threshold"]
        for th in [th for th in LEVELS if th <= largest] if search.get("minimal") else [largest]:
            found[search["constraint"], th].append(search)
    for each in certificates:
        found.setdefault((each.constraint, int(each.threshold)), [])
    return {key: found[key] for c in LEVELLED for key in sorted(found, key=lambda k: k[1]) if key[0] == c}
