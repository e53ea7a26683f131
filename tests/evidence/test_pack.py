"""A pack is found to be altered whatever byte was, and signed by whom it was signed."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from pathlib import Path

import pytest

from pixelproof.errors import InputError
from pixelproof.report.evidence import write_pack
from pixelproof.runs.pack import DIGESTS, SIGNATURE, STATEMENTS, check, seal
from tiny_run import Cli, run_tiny

pytestmark = pytest.mark.slow


@pytest.fixture
def copy(pack: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(pack, tmp_path / "pack"))


def flipped(path: Path, at: int) -> bytes:
    """The content of ``path`` before one bit of it was turned over."""
    content = path.read_bytes()
    path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    return content


def test_a_pack_is_as_it_was_written(pack, keys):
    for path in (pack, pack.parent / "pack.zip"):
        found = check(path, keys / "public.pem")
        assert found.problems == ()
        assert found.signed_by is not None
        assert found.statements > 20


def test_a_turned_bit_in_any_file_is_found(copy):
    for path in sorted(path for path in copy.rglob("*") if path.is_file()):
        size = path.stat().st_size
        for at in {0, size // 3, size // 2, size - 1}:
            before = flipped(path, at)
            assert check(copy).problems, f"{path.name}, byte {at}"
            path.write_bytes(before)
    assert check(copy).problems == ()


def test_a_turned_bit_anywhere_in_the_zip_file_is_found(pack, tmp_path):
    path = tmp_path / "pack.zip"
    path.write_bytes((pack.parent / "pack.zip").read_bytes())
    size = path.stat().st_size
    for at in (*range(60), *range(60, size, size // 40), *range(size - 120, size)):
        before = flipped(path, at)
        with suppress(InputError):  # no zip file any more
            assert check(path).problems, f"byte {at}"
        path.write_bytes(before)


def test_a_file_more_or_less_is_found(copy):
    (copy / "more.txt").write_text("more")
    (copy / "environment.json").unlink()
    problems = check(copy).problems
    assert "environment.json is missing." in problems
    assert "more.txt was added." in problems


def test_new_digests_over_an_altered_file_are_found_by_the_signature(copy, keys):
    path = copy / "environment.json"
    path.write_text(path.read_text("utf-8").replace("torch", "hcrot"), "utf-8")
    seal(copy)
    assert check(copy).problems == ("The signature does not fit the files.",)
    (copy / SIGNATURE).unlink()
    assert check(copy).problems == ()  # but for the root, nothing tells
    assert check(copy, keys / "public.pem").problems == ("The pack is not signed.",)


def test_another_key_is_refused(pack, keys):
    assert check(pack, keys / "other.pem").problems == ("The pack is signed by another key than the one given.",)


def test_a_statement_without_its_record_is_found_even_with_new_digests(copy):
    (copy / SIGNATURE).unlink()
    path = copy / STATEMENTS
    value = json.loads(path.read_text("utf-8"))
    value["statements"][0]["traces"] = []
    value["statements"][1]["traces"][0]["records"] = ["0" * 64]
    value["statements"][3]["traces"][0]["manifest"] = ["settings.invented"]
    path.write_text(json.dumps(value), "utf-8")
    seal(copy)
    said = check(copy).problems
    assert [text.split(" names")[0] for text in said] == ["Statement 1", "Statement 2", "Statement 4"]


def test_the_same_runs_give_the_same_bytes(pack, sources, keys, tmp_path):
    write_pack(sources, tmp_path / "pack", keys / "key.pem")
    assert (tmp_path / "pack.zip").read_bytes() == (pack.parent / "pack.zip").read_bytes()


def test_what_cannot_be_packed_is_refused_and_leaves_nothing(finished, keys, tmp_path):
    with pytest.raises(InputError, match=r"no private key"):
        write_pack([finished], tmp_path / "pack", keys / "public.pem")
    with run_tiny(tmp_path / "named", attacks=("fgsm(epsilon=3)",)):
        pass
    with pytest.raises(InputError, match="None of these runs has levels"):
        write_pack([tmp_path / "named"], tmp_path / "pack")
    (tmp_path / "there").mkdir()
    with pytest.raises(InputError, match="there already"):
        write_pack([finished], tmp_path / "there")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["named", "there"]


def test_the_commands(cli: Cli, finished, keys, tmp_path):
    out = tmp_path / "pack"
    assert cli("evidence", finished, "--out", out, "--sign", keys / "key.pem").code == 0
    said = cli("verify", tmp_path / "pack.zip", "--key", keys / "public.pem")
    assert (said.code, "verified" in said.out) == (0, True)
    assert cli("verify", out, "--key", keys / "other.pem").code == 1
    flipped(out / DIGESTS, 5)
    assert cli("verify", out).code == 1
    assert cli("verify", finished, "--key", keys / "public.pem").code == 2
    assert cli("verify", out, "--key", keys / "nowhere.pem").code == 2
