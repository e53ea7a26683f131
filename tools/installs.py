"""Keep what the tests said in one environment as a row of results/installs.json, in the environment itself.

Usage: python tools/installs.py SESSION JUNIT_XML

The exit code is 1 where a test failed.
"""

import json
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

RESULTS = Path(__file__).parent.parent / "results" / "installs.json"
PACKAGES = ("torch", "numpy", "scipy", "pillow", "pydantic", "typer", "onnxruntime", "timm", "transformers", "keras")


def row(session: str, report: Path) -> dict[str, Any]:
    """Versions here, and how many tests passed, failed and were skipped."""
    suites = list(ElementTree.parse(report).getroot().iter("testsuite"))
    tests, failed, errors, skipped = (
        sum(int(suite.attrib[key]) for suite in suites) for key in ("tests", "failures", "errors", "skipped")
    )
    return {
        "session": session,
        "command": f"nox -s {session}",
        "date": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
        "passed": tests - failed - errors - skipped,
        "failed": failed + errors,
        "skipped": skipped,
    }


def main(session: str, report: str) -> int:
    """Write the row in place of an earlier one of that session."""
    rows = json.loads(RESULTS.read_text("utf-8"))["rows"] if RESULTS.exists() else []
    new = row(session, Path(report))
    rows = sorted([*(each for each in rows if each["session"] != session), new], key=lambda each: each["session"])
    RESULTS.write_text(json.dumps({"rows": rows}, indent=2) + "\n", "utf-8")
    return int(new["failed"] > 0)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
