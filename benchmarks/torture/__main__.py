"""`make torture`: every section, one table, results/torture.json.

Usage: python -m benchmarks.torture [SECTION…] [--small]

Three sections at a time, each in a process of its own, the longest first: the soak, which needs its minutes rather than
a core, gives way to two others. The rows of those that were not asked for stay. The exit code is 1 where a row does not
hold, or a section failed itself, which costs none of the others.
"""

import argparse
import sys
import time
import traceback
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import Any

from rich.console import Console

from benchmarks.torture.sections import NAMED, SECTIONS, measured, named, table, write


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.torture")
    said = f"{', '.join(SECTIONS)}, which are all by default, or {', '.join(NAMED)}."
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=said)
    parser.add_argument("--small", action="store_true", help="In seconds rather than minutes; nothing is written.")
    options = parser.parse_args()
    if unknown := [name for name in options.sections if not named(name)]:
        parser.error(f"There is no section {', '.join(unknown)}; expected some of {said}")
    found: dict[str, dict[str, Any]] = {}
    broken: list[str] = []
    console, begun = Console(), time.monotonic()
    # A process a section: children of one are forked, which wants a process that has computed nothing yet.
    with ProcessPoolExecutor(3, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        chosen = named(*(options.sections or SECTIONS))
        going = {pool.submit(measured, name, options.small): name for name in chosen}
        for done in as_completed(going):
            name = going[done]
            if error := done.exception():
                broken.append(name)
                console.print(f"{name} failed:", *traceback.format_exception(error), markup=False)
                continue
            found[name] = done.result()
            console.print(f"{name}: {len(found[name]['rows'])} rows in {found[name]['seconds']:.0f} s")
            if not options.small:
                write({name: found[name]})
    console.print(table(found))
    console.print(f"{len(found)} sections in {time.monotonic() - begun:.0f} s")
    failed = [row for each in found.values() for row in each["rows"] if row["holds"] is False]
    for row in failed:
        console.print(row, markup=False)
    return 1 if failed or broken else 0


if __name__ == "__main__":
    sys.exit(main())
