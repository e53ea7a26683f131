"""A journal survives crashes and refuses to mix measurements."""

from __future__ import annotations

from pathlib import Path

import pytest

from pixelproof.errors import RunError
from pixelproof.runs.journal import Journal

FILE = "perturbations.jsonl"
HEAD = {"identity": "a"}


def test_lines_come_back_in_order(tmp_path: Path):
    journal = Journal.begin(tmp_path / "new" / FILE, HEAD)
    journal.add({"cell": 1})
    journal.add({"least": 2})
    journal.add({"cell": 3})
    again = Journal.begin(tmp_path / "new" / FILE, HEAD)
    assert again.lines == journal.lines
    assert again.of("cell") == [1, 3]


def test_a_torn_line_is_dropped(tmp_path: Path):
    journal = Journal.begin(tmp_path / FILE, HEAD)
    journal.add({"cell": 1})
    with (tmp_path / FILE).open("ab") as file:
        file.write(b'{"cell": 2')
    again = Journal.open(tmp_path / FILE)
    assert again.of("cell") == [1]
    again.add({"cell": 3})
    assert Journal.open(tmp_path / FILE).of("cell") == [1, 3]


def test_another_identity_is_refused(tmp_path: Path):
    Journal.begin(tmp_path / FILE, HEAD)
    with pytest.raises(RunError, match="other perturbations"):
        Journal.begin(tmp_path / FILE, {"identity": "b"})


@pytest.mark.parametrize("content", [b"", b"nonsense\n", b'{"cell": 1}\n'])
def test_damage_is_named(tmp_path: Path, content: bytes):
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(RunError, match="damaged"):
        Journal.open(tmp_path / FILE)


def test_where_there_is_none(tmp_path: Path):
    with pytest.raises(RunError, match="has no"):
        Journal.open(tmp_path / FILE)


def test_in_memory():
    journal = Journal.begin(None, HEAD)
    journal.add({"cell": 1})
    assert journal.of("cell") == [1]
