"""How far from each sample a run's attacks found an image that fools."""

from collections.abc import Iterable
from math import inf

from pixelproof.runs.record import Record


def smallest_distances(records: Iterable[Record], norm: str) -> dict[int, float]:
    """Sample → the smallest distance in grey levels of ``norm`` among all its successes; infinite where none is.

    An upper bound on its minimal distortion, whatever norm an attack had in mind.
    """
    found: dict[int, float] = {}
    for record in records:
        distance = getattr(record, norm) if record.success else None
        found[record.sample] = min(found.get(record.sample, inf), inf if distance is None else float(distance))
    return found
