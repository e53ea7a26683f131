"""Outcomes that take long, each kept in a file once it is there, so that an interrupted measurement goes on."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pixelproof.files import write_whole


def kept(path: Path, compute: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
    """What ``path`` holds, as JSON; where it is not there, what ``compute`` comes to, written to it."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(compute()))
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found
