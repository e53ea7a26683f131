"""Evidence packs from strangers: nothing is unpacked, followed or held without bounds, and each is judged in order."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from benchmarks.torture import corpus

from pixelproof.errors import InputError
from pixelproof.report.evidence import write_pack
from pixelproof.runs import pack
from pixelproof.runs.pack import DIGESTS, SIGNATURE, STATEMENTS, check, seal

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def whole(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack of one run, without a signature; the zip file lies beside it."""
    pytest.importorskip("cyclonedx")
    folder = tmp_path_factory.mktemp("packs") / "pack"
    write_pack([finished], folder)
    return folder


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "pack"))


def members(folder: Path) -> dict[str, bytes]:
    return {str(each.relative_to(folder)): each.read_bytes() for each in folder.rglob("*") if each.is_file()}


def refused(place: Path, why: str) -> None:
    with pytest.raises(InputError, match=why) as caught:
        check(place)
    assert "\n" not in str(caught.value)


def test_a_link_in_a_pack_is_not_followed(copy: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cr3t")
    (copy / "link").symlink_to(tmp_path / "secret")
    refused(copy, "link is a link, or no file")
    (copy / "link").unlink()
    (copy / "link").symlink_to(tmp_path)
    refused(copy, "link is a link, or no file")


def test_a_pipe_in_a_pack_is_not_passed_over(copy: Path) -> None:
    os.mkfifo(copy / "pipe")
    refused(copy, "pipe is a link, or no file")


def test_a_pack_of_more_than_it_may_hold_is_not_read(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open(copy / "large", "wb") as file:
        file.truncate(pack.MOST + 1)  # which takes no room on the disk, and would in memory
    monkeypatch.setattr(Path, "read_bytes", lambda self: pytest.fail(f"{self} was read"))
    refused(copy, "more than the 4,294,967,296 that a pack may")


def test_members_that_are_packed_are_not_unpacked(whole: Path, tmp_path: Path) -> None:
    place = tmp_path / "bomb.zip"
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(1 << 24))
    refused(place, "its members are packed")
    place.write_bytes(corpus.zipped(members(whole), "packed"))
    refused(place, "its members are packed")


def test_members_that_overlap_are_refused(whole: Path, tmp_path: Path) -> None:
    """A directory of thousands of names over the same bytes would be as many copies of them in memory."""
    place = tmp_path / "pack.zip"
    place.write_bytes(corpus.zipped(members(whole), "overlapping"))
    refused(place, "its members overlap")


def test_a_member_with_a_path_for_a_name_is_written_nowhere(cli, whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "deep"
    folder.mkdir()
    (folder / "pack.zip").write_bytes(corpus.zipped({**members(whole), "../escape": b"x", "/tmp/escape-22": b"x"}))
    answer = cli("verify", folder / "pack.zip")
    assert (answer.code, "../escape was added" in answer.out) == (1, True)
    assert {each.name for each in tmp_path.rglob("*")} == {"deep", "pack.zip"}
    assert not Path("/tmp/escape-22").exists()


def test_a_name_in_a_pack_does_not_steer_the_terminal(cli, copy: Path) -> None:
    (copy / "\x1b[2Jevil\nverified").write_text("x")
    answer = cli("verify", copy)
    assert answer.code == 1
    assert "\x1b" not in answer.out + answer.err
    assert not any(line.startswith("verified") for line in answer.out.splitlines())
    assert r"\u001b[2Jevil\nverified was added" in answer.out.replace("\n", "")


def test_a_name_that_is_no_text_is_refused(cli, copy: Path) -> None:
    (copy / os.fsdecode(b"\xff")).write_text("x")
    answer = cli("verify", copy)
    assert (answer.code, "is no evidence pack" in answer.err) == (2, True)


DEEP = "[" * 100_000
#: Texts that another hand wrote, which fit nothing.
OTHERS: dict[str, str] = {
    "nothing": "",
    "deep": DEEP,
    "a number of 5,000 digits": "9" * 5_000,
    "a list": "[]",
    "no statements": "{}",
    "statements without traces": json.dumps({"statements": [{"number": 1}]}),
    "traces that are none": json.dumps({"statements": [{"number": 1, "traces": 5}]}),
    "a run that is not there": json.dumps(
        {"statements": [{"number": 1, "traces": [{"run": "../x", "records": ["0"], "manifest": []}]}]}
    ),
    "no text": "\ud800",
}


@pytest.mark.parametrize("text", OTHERS.values(), ids=OTHERS)
def test_statements_of_another_form_are_told(copy: Path, text: str) -> None:
    (copy / STATEMENTS).write_bytes(text.encode("utf-8", "surrogatepass"))
    seal(copy)
    assert check(copy).problems


@pytest.mark.parametrize("name", [DIGESTS, SIGNATURE])
@pytest.mark.parametrize(
    "value",
    [
        None,
        {"files": [["a", 1], [2, 3]]},
        {"files": {"a": 1}},
        {"public_key": 1, "signature": []},
        {"public_key": "00", "signature": "zz"},
    ],
    ids=str,
)
def test_digests_and_signatures_of_another_form_are_told(copy: Path, name: str, value: Any) -> None:
    pytest.importorskip("cryptography")
    (copy / name).write_text(json.dumps(value))
    assert check(copy).problems
    (copy / name).write_text(DEEP)
    assert check(copy).problems


def _not_sqlite(run: bytes) -> bytes:
    return b"SQLite format 3\x00" + bytes(5_000)


def _with_a_view(run: bytes) -> bytes:
    return corpus.forged(run, [("CREATE VIEW v AS SELECT 1", ())])


def _without_manifest(run: bytes) -> bytes:
    return corpus.forged(run, [("DROP TABLE manifest", ())])


def _of_no_numbers(run: bytes) -> bytes:
    return corpus.forged(run, [("UPDATE manifest SET value = '[]' WHERE key IN ('model', 'data', 'selection')", ())])


@pytest.mark.parametrize("spoil", [_not_sqlite, _with_a_view, _without_manifest, _of_no_numbers, lambda run: b""])
def test_a_run_in_a_pack_that_cannot_be_read_is_told(copy: Path, spoil: Callable[[bytes], bytes]) -> None:
    (run,) = copy.rglob("run.sqlite")
    run.write_bytes(spoil(run.read_bytes()))
    seal(copy)
    assert check(copy).problems


@pytest.mark.parametrize("entry", ["__class__", "__class__.__mro__", "spec.__len__", "model.__dict__"])
def test_what_python_has_is_no_entry_of_a_manifest(copy: Path, entry: str) -> None:
    value = json.loads((copy / STATEMENTS).read_text("utf-8"))
    value["statements"][0]["traces"][0] |= {"records": [], "manifest": [entry]}
    (copy / STATEMENTS).write_text(json.dumps(value), "utf-8")
    seal(copy)
    assert check(copy).problems == (f"Statement 1 names what is not in runs/{_name(copy)}.",)


def _name(folder: Path) -> str:
    (run,) = (folder / "runs").iterdir()
    return run.name
