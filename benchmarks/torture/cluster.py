"""Section `cluster` of `make torture`, an hour or more, so it is measured where it is asked for alone.

As `workers`, but thirty times at each place, and with workers of a Ray cluster too.
"""

from importlib.util import find_spec

from benchmarks.options import Row
from benchmarks.torture.workers import killed

COMMAND = "python -m benchmarks.torture cluster"
#: Kills at each place, and those of the small form.
COUNT, SMALL = 30, 1


def rows(small: bool) -> list[Row]:
    """A row for each backend and place."""
    count, command = (SMALL, f"{COMMAND} --small") if small else (COUNT, COMMAND)
    backends = ("processes", "ray") if find_spec("ray") else ("processes",)
    return [row for backend in backends for row in killed(backend, count, command)]
