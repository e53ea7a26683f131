"""Sections `kills:BACKEND:PLACE` of `make torture`: as `workers`, thirty times at a place, also with a Ray cluster's.

Each takes a quarter of an hour or more, most of it to begin and to go on with, so they are measured where they are
asked for: `kills` names them all.
"""

from benchmarks.options import Row
from benchmarks.torture.workers import killed

#: Kills at a place, and those of the small form.
COUNT, SMALL = 30, 1


def rows(small: bool, backend: str, place: str) -> list[Row]:
    """The row of this place."""
    command = f"python -m benchmarks.torture kills:{backend}:{place}{' --small' if small else ''}"
    return killed(backend, SMALL if small else COUNT, command, (place,))
