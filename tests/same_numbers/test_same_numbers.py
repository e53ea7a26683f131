"""Small runs of every kind say what they have always said, field by field.

``values.json.gz`` holds what the commands below gave when they were first written down, before the upper house was
rebuilt; a change of a number that is meant goes with new values (``python tests/same_numbers/write_values.py FOLDER``)
and a line in the changelog. Last bits of scores follow the processor's instructions, so the values are of one kind.
"""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from pixelproof.runs.environment import arithmetic, moved
from same_numbers.commands import COMMANDS, NEEDS, SPECS
from same_numbers.recorded import recorded
from tiny_run import Cli

VALUES = Path(__file__).parent / "values.json.gz"
#: Quick enough for every `make test`; the others are for `make test-long`.
QUICK = ("square", "adaptive", "clever", "thesis")


@pytest.fixture(scope="module")
def values() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(gzip.decompress(VALUES.read_bytes()))
    here = arithmetic(torch.device("cpu"))
    if other := moved(found["arithmetic"], here):
        pytest.skip(f"the values are of another arithmetic: {other}")
    return found


@pytest.mark.parametrize(
    "name", [pytest.param(each, marks=pytest.mark.slow if each in QUICK else pytest.mark.long) for each in COMMANDS]
)
def test_a_command_gives_what_it_always_gave(
    name: str, values: dict[str, Any], cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for spec in SPECS:
        shutil.copy(spec, tmp_path)
    for needed in (*NEEDS.get(name, ()), name):
        answer = cli(*COMMANDS[needed], "--out", needed)
        assert answer.code == 0, answer.err
    found = {place: each for place, each in recorded(tmp_path).items() if place.split("/")[0].split(" ")[0] == name}
    expected = {place: each for place, each in values["runs"].items() if place.split("/")[0].split(" ")[0] == name}
    assert found.keys() == expected.keys()
    for place, said in expected.items():
        for part, value in said.items() if isinstance(said, dict) else [("rows", said)]:
            mine = found[place] if isinstance(said, list) else found[place][part]
            _assert_same(f"{place}, {part}", mine, value)


def _assert_same(where: str, found: Any, expected: Any) -> None:
    """Says the first entry that differs, not all of them."""
    if isinstance(expected, list) and isinstance(found, list):
        assert len(found) == len(expected), where
        for number, (one, other) in enumerate(zip(found, expected, strict=True)):
            assert one == other, f"{where}, entry {number}"
    else:
        assert found == expected, where
