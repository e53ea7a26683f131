"""Sections `ray_kills:worker`, `:head` and `:writer` of `make torture`: as `cluster`, with workers of a Ray cluster.

These take longer to begin than to work, so each place is measured for itself, where it is asked for.
"""

from benchmarks.options import Row
from benchmarks.torture.cluster import kills


def rows(small: bool, place: str) -> list[Row]:
    """The row of this place."""
    return kills(f"ray_kills:{place}", "ray", (place,), small)
