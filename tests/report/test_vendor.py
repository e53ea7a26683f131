"""The libraries that reports carry: what their list says they are, and fit to stand in a page."""

from __future__ import annotations

import hashlib
import re
from importlib.resources import files

VENDOR = files("pixelproof.report").joinpath("vendor")


def test_files_are_those_listed_unchanged() -> None:
    listed = dict(
        re.findall(r"\| `([\w.-]+\.js)` .* `([0-9a-f]{64})` \|", VENDOR.joinpath("README.md").read_text("utf-8"))
    )
    found = {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in VENDOR.iterdir()
        if file.name != "README.md"
    }
    assert listed == found


def test_no_script_ends_its_own_element() -> None:
    for folder in ("vendor", "scripts"):
        for file in files("pixelproof.report").joinpath(folder).iterdir():
            assert "</script" not in file.read_text("utf-8").lower(), file.name
