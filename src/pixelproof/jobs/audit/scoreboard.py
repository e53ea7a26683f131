"""What an audit found as rows of a scoreboard."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pixelproof.files import write_whole
from pixelproof.results.audit_view import AuditView

FILE = "results.json"
Row = dict[str, Any]


def write_scoreboard(view: AuditView, path: Path, command: str) -> Path:
    """Write the rows of ``view`` to ``path``, with their environment; ``command`` measured them."""
    rows = [{**row, "command": command} for row in _rows(view)]
    content = {"environment": view.head["environment"], "rows": rows}
    return write_whole(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def _rows(view: AuditView) -> Iterator[Row]:
    """The robust accuracy beside the claimed one, then every checkpoint; what was not judged neither holds nor not."""
    found = view.withstood
    if found is not None and found.value is not None:
        value, target = round(100 * found.value, 2), view.claim.robust_accuracy
        yield _row("right under every attack", value, "% right", target, holds=None, total=found.total)
    for each in view.answers:
        holds = {"pass": True, "fail": False}.get(each.verdict)
        name = f"checkpoint {each.number}: {each.name}"
        yield _row(name, each.verdict, "verdict", "pass", holds=holds, finding=each.finding)


def _row(claim: str, value: float | str, unit: str, target: float | str, **more: Any) -> Row:
    return {"claim": claim, "value": value, "unit": unit, "target": target, **more}
