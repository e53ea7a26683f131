"""What the settings of a run allow its records to say: the checks that need neither the model nor the data."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pixelproof.data.imageset import UInt8Array
from pixelproof.runs.distances import pixel_distances
from pixelproof.runs.record import NORM_OF, PROOFS, TARGETS, Manifest, Record

#: Distances are whole numbers, but for the root of L2.
TOLERANCE = 1e-4
#: A record with its image, where it has one.
Kept = tuple[Record, UInt8Array | None]
#: Constraint, threshold, method and parameters.
Place = tuple[str | None, float | None, str, str]
#: Method, constraint and threshold of what is to be proved.
Level = tuple[str, str, float]

_DISTANCES = ("l0", "l1", "l2", "linf")


@dataclass(frozen=True)
class Asked:
    """What the settings ask of every sample. Raises ``ValueError`` where they cannot be read."""

    places: dict[Place, dict[str, Any]]
    nested: bool
    aimed: bool
    seed: int
    fitness: str
    finished: bool
    proofs: Sequence[Level]

    @classmethod
    def of(cls, manifest: Manifest) -> "Asked":
        settings = manifest.settings
        try:
            places: dict[Place, dict[str, Any]] = {
                (s["constraint"], s["threshold"], s["method"], ""): dict(s) for s in settings["searches"]
            }
            places |= {(a["norm"], a["epsilon"], *Record.parts(a["spec"])): dict(a) for a in settings["attacks"]}
            target = settings["target"]
            if not (target in TARGETS or (isinstance(target, str) and target.isdecimal() and len(target) < 10)):
                raise ValueError(target)
            chosen = settings["nested"], target != "none", settings["seed"], settings["fitness"]
            return cls(places, *chosen, manifest.status == "finished", proof_levels(manifest))
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError("The settings of the run cannot be read.") from error

    def missing(self, sample: int, found: Sequence[Record] = ()) -> Iterator[str]:
        """What is not there of ``sample`` though it was asked for, there though it was not, or there twice."""
        counts = Counter(_place(record) for record in found if not record.by_proof)
        for place in counts.keys() - self.places.keys():
            yield f"{_named(sample, place)} has a record but was not asked for."
        for record in found:
            if record.by_proof and (record.method, record.constraint, record.threshold) not in self.proofs:
                yield f"{record} has a record but was not asked for."
        for place in self.places.keys() - counts.keys() if self.finished else ():
            yield f"{_named(sample, place)} has no record."
        doubled = Counter((_place(record), record.by_proof) for record in found)
        for (place, _), times in doubled.items():
            if times > 1:
                yield f"{_named(sample, place)} has {times} records."

    def problems(self, sample: int, label: int | None, clean: UInt8Array, found: Sequence[Kept]) -> Iterator[str]:
        """What is wrong with what was ``found`` of ``sample``, whose ``label`` the selection tells."""
        yield from self.missing(sample, [record for record, _ in found])
        for record, image in found:
            if record.label != label:
                yield f"The label of {record} is not that of the selection."
            if (record.target is not None) != self.aimed:
                yield f"The target of {record} is not that of the settings."
            if record.seed != self.seed:
                yield f"The seed of {record} is not that of the settings."
            yield from _success(record, image, clean) if record.success else _failure(record, image, clean)
            yield from self._effort(record)
        yield from self._levels(found)

    def _effort(self, record: Record) -> Iterator[str]:
        """Whether so much effort was allowed, and so little was enough."""
        asked = self.places.get(_place(record), {})
        counts = (record.queries, record.restarts, record.gradient_steps, record.swept)
        if min(counts) < 0 or not 0 <= record.seconds < math.inf:
            yield f"The effort of {record} is below 0, or no number."
        if record.inherited_from is not None:
            return  # which has none, and that is looked at beside what it is inherited from
        if record.queries < 1 or (record.gave_up and (record.success or not asked.get("give_up"))):
            yield f"The effort of {record} is none that a search of these settings has."
        elif not record.levelled or record.by_proof:
            if record.restarts or record.swept or (record.by_proof and record.gradient_steps):
                yield f"The effort of {record} is none that {record.method} has."
        elif record.gradient_steps or record.swept > record.queries:
            yield f"The effort of {record} is none that a search of these settings has."
        elif (most := asked.get("max_queries")) is not None:
            early = not record.success and not record.gave_up and not asked.get("give_up")
            if record.queries > most or (early and record.queries < most - 1):
                yield f"The {record.queries} queries of {record} are not those of a search that has {most}."

    def _levels(self, found: Sequence[Kept]) -> Iterator[str]:
        """Nested, a sample climbs the levels, falls once, and stays fallen by that image."""
        levelled = [each for each in found if each[0].levelled and not each[0].by_proof]
        for constraint in dict.fromkeys(record.constraint for record, _ in levelled):
            fallen: Kept | None = None
            climbed = (each for each in levelled if each[0].constraint == constraint)
            for record, image in sorted(climbed, key=lambda each: each[0].threshold or 0):
                if fallen is None or not self.nested:
                    if record.inherited_from is not None:
                        yield f"{record} is said to be inherited, but from nothing that fell at a lower level."
                    fallen = (record, image) if record.success else None
                elif not record.success:
                    yield f"It is said that {record} withstood, yet {fallen[0]} fell to an image that counts here too."
                elif not _inherits(record, image, *fallen):
                    yield f"{record} is not what it has to inherit from {fallen[0]}."


def proof_levels(manifest: Manifest) -> list[Level]:
    """What was to be proved at every sample."""
    planned = manifest.details.get("certify", [])
    right = isinstance(planned, list) and all(
        isinstance(each, list) and len(each) == 3 and each[0] in PROOFS and each[1] in NORM_OF for each in planned
    )
    return [(method, constraint, threshold) for method, constraint, threshold in planned] if right else []


def _inherits(record: Record, image: UInt8Array | None, source: Record, its: UInt8Array | None) -> bool:
    expected = source.inherited(record.method, record.threshold)
    return _values(record) == _values(expected) and image is not None and its is not None and np.array_equal(image, its)


def _values(record: Record) -> dict[str, Any]:
    """The values of ``record``, one that is no number equal to another such."""
    return {k: str(v) if isinstance(v, float) and not math.isfinite(v) else v for k, v in asdict(record).items()}


def _failure(record: Record, image: UInt8Array | None, clean: UInt8Array) -> Iterator[str]:
    """No image stands, so nothing is told but of the clean one; of an attack by name the last try is kept."""
    stray = image is not None and (record.levelled or np.array_equal(image, clean))
    if stray or any(getattr(record, name) is not None for name in _DISTANCES):
        yield f"No success is claimed of {record}, yet an image or a distance is stored."
    if record.predicted != record.label or record.confidence != record.clean_confidence:
        yield f"No success is claimed of {record}, yet its answer is not that to the clean image."
    if record.by_proof:
        yield f"{record} is told by a proof, which tells of images that fool alone."


def _success(record: Record, image: UInt8Array | None, clean: UInt8Array) -> Iterator[str]:
    if image is None:
        yield f"A success is claimed of {record}, but no image is stored."
        return
    distances = pixel_distances(image, clean)
    if any(getattr(record, name) != value for name, value in distances.items()):
        yield f"The distances of {record} are not those of the stored images."
    if record.constraint is not None:
        if record.constraint not in NORM_OF or record.threshold is None:
            yield f"What {record} promises is not known, as there is no such constraint."
        elif not within(record, image, clean):
            yield f"The image of {record} breaks its {'threshold' if record.levelled else 'budget'}."
    if not reached(record, record.predicted):
        yield f"The predicted class of {record} is no success."


def within(record: Record, image: UInt8Array, clean: UInt8Array) -> bool:
    """Whether ``image`` lies as near to the ``clean`` one as the ``record`` promises, where it promises anything."""
    if record.constraint is None or record.threshold is None:
        return True
    norm = NORM_OF.get(record.constraint)
    return norm is not None and pixel_distances(image, clean)[norm] <= record.threshold + TOLERANCE


def reached(record: Record, answer: int) -> bool:
    """Whether ``answer`` is what the attack of ``record`` wants."""
    return answer == record.target if record.target is not None else answer != record.label


def _place(record: Record) -> Place:
    return record.constraint, record.threshold, record.method, record.parameters


def _named(sample: int, place: Place) -> str:
    constraint, threshold, method, _ = place
    limit = "" if constraint is None or threshold is None else f", {constraint} {threshold:g}"
    return f"Sample {sample}{limit}, {method},"
