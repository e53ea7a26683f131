"""Section `pythons` of `make torture`: every job, plan and training says the same under other Pythons, bit for bit.

PIXELPROOF_PYTHONS names the interpreters of the environments, separated by colons, each with the same torch; the first
is what the others are compared with. `nox -s records` makes such environments, one for each Python.

``python -m benchmarks.torture.pythons FILE`` writes what this Python says to FILE, or, where that is there, compares.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.judged import equal
from benchmarks.options import Row

COMMAND = "python -m benchmarks.torture pythons"
PYTHONS = "PIXELPROOF_PYTHONS"
#: Where everything is done, beside the file: one place for all, as places stand in runs.
_PLACE = "records of this Python"


def rows(small: bool) -> list[Row]:
    """A row for each Python but the first."""
    pythons = [each for each in os.environ.get(PYTHONS, "").split(os.pathsep) if each]
    if len(pythons) < 2:
        raise SystemExit(f"{PYTHONS} names {len(pythons)} interpreters; expected two at least, separated by colons.")
    with tempfile.TemporaryDirectory() as folder:
        first, *others = [_of(python, Path(folder, f"{number}.json")) for number, python in enumerate(pythons)]
    return [_row(first, other) | {"command": COMMAND} for other in others]


def _of(python: str, file: Path) -> dict[str, Any]:
    """What ``python`` says."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([python, "-m", "benchmarks.torture.pythons", str(file)], check=True, env=environment)
    found: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return found


def _row(first: dict[str, Any], other: dict[str, Any]) -> Row:
    differing = [f"{case}: {each}" for case in first["said"] for each in differences(first, other, case)]
    what = f"the same records of {len(first['said'])} jobs, plans and trainings"
    claim = f"Python {other['python']} and {first['python']}, torch {other['torch']}: {what}"
    return equal(claim, not differing, arithmetic=[first["torch"], other["torch"]], wrong=differing[:5])


def differences(first: dict[str, Any], other: dict[str, Any], case: str) -> list[str]:
    """The places in which ``case`` has come out otherwise."""
    one, two = first["said"][case], other["said"].get(case, {})
    return sorted(place for place in one.keys() | two.keys() if one.get(place) != two.get(place))


def said(work: Path) -> dict[str, Any]:
    """The Python and the torch of this process, and by case digests of all that must be equal; done in ``work``."""
    import torch

    from benchmarks.torture.cases import cases, contents

    torch.set_num_threads(1)
    shutil.rmtree(work, ignore_errors=True)
    try:
        every = cases(work / "given")
        every["levels"].go(work / "given" / "finished")
        for name, case in every.items():
            case.go(work / name)
        found = {name: contents(work / name) for name in every}
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return {"python": platform.python_version(), "torch": torch.__version__, "said": found}


def main(file: Path) -> int:
    """Write or compare; 1 where something is not equal."""
    here = said(file.resolve().parent / _PLACE)
    if not file.exists():
        file.write_text(json.dumps(here, indent=1), "utf-8")
        return 0
    row = _row(json.loads(file.read_text("utf-8")), here)
    sys.stdout.write(f"{row['claim']}: {'yes' if row['holds'] else row}\n")
    return 0 if row["holds"] else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
