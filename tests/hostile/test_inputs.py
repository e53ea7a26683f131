"""The small form of ``make torture``'s bad inputs: some of every part, and that what must be noticed is."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from benchmarks.torture import guarded, inputs, strangers

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("part", strangers.PARTS)
@pytest.mark.filterwarnings("ignore")
def test_spoilt_inputs_end_in_order(part: str) -> None:
    count = 6 if part == "folders of plans" else 25  # half a second each
    done, faults, codes, most = inputs.chunk(part, 1, count)
    assert done >= 0.8 * count
    assert not faults
    assert set(codes) <= {0, 1, 2, 3}
    assert codes[2]
    assert most <= inputs.MOST_HELD


def _connect() -> None:
    with socket.socket() as made:
        made.settimeout(0.1)
        made.connect_ex(("127.0.0.1", 9))
        made.connect(("127.0.0.1", 9))


def _fail() -> None:
    raise KeyError("x")


def _leave() -> None:
    raise SystemExit(7)


@pytest.mark.parametrize(
    ("does", "fault"),
    [
        (lambda: Path("keep").write_text("other"), "wrote"),
        (lambda: Path("../beside").write_text("x"), "wrote"),
        (lambda: Path("canary").mkdir(), "wrote"),
        (lambda: os.rename("keep", "kept"), "wrote"),
        (lambda: os.symlink("keep", "link"), "wrote"),
        (lambda: subprocess.run(["true"], check=False), "started"),
        (_connect, "connected"),
        (lambda: exec(compile("1", str(Path("net.py").resolve()), "exec")), "ran"),
        (_fail, "traceback"),
        (_leave, "exit code 7"),
    ],
)
def test_what_must_be_noticed_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, does: Callable[[], object], fault: str
) -> None:
    def main() -> None:
        try:
            does()
        except OSError:
            raise SystemExit(0) from None
        raise SystemExit(0)

    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "keep").write_text("as it was")
    monkeypatch.setattr("pixelproof.cli.main", main)
    ending = guarded.run((), folder, folder / "out")
    assert any(each.startswith(fault) for each in ending.faults), ending.faults
