"""Section `cluster` of `make torture`, half an hour or more, so it is measured where it is asked for alone.

As `workers`, but thirty times at each place.
"""

from benchmarks.options import Row
from benchmarks.torture.workers import WHERE, killed

#: Kills at each place, and those of the small form.
COUNT, SMALL = 30, 1


def rows(small: bool) -> list[Row]:
    """A row for each place."""
    return kills("cluster", "processes", WHERE, small)


def kills(section: str, backend: str, places: tuple[str, ...], small: bool) -> list[Row]:
    """A row for each of ``places`` where workers of ``backend`` are killed."""
    command = f"python -m benchmarks.torture {section}{' --small' if small else ''}"
    return killed(backend, SMALL if small else COUNT, command, places)
