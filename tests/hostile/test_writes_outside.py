"""Nothing is written outside the folder for output, whatever the names in a run, a spec or a folder say."""

from __future__ import annotations

import json
import os
import sqlite3
import struct
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from benchmarks.torture import cases

from pixelproof.errors import InputError
from pixelproof.files import file_name, folder_in, write_whole
from pixelproof.report.figure import write_drawings
from pixelproof.report.table import Column, Table, write_forms
from pixelproof.runs import RunStore
from pixelproof.runs.database import FILE
from tiny_run import TINY_ARGUMENTS

ESCAPES = ("../../escape", "/tmp/escape", "..", "a/b", "a\\b", ".hidden", "x\x00y", "x" * 400, "\ud800", "CON:", "")


@pytest.mark.parametrize("name", ESCAPES)
def test_a_name_made_of_others_words_is_that_of_one_file(name: str, tmp_path: Path) -> None:
    made = file_name(name)
    assert Path(made).name == made
    assert not made.startswith(".")
    assert len(made.encode()) < 200
    assert write_whole(tmp_path / f"{made}.svg", "x").parent == tmp_path
    assert file_name(made) == made


def test_names_stay_as_they_are_where_they_may_and_two_stay_two() -> None:
    for name in ("levels-few-pixel", "pgd(epsilon=8)", "curve of θ, th = 3"):
        assert file_name(name) == name
    assert file_name("a/b") != file_name("a\\b") != file_name("a_b")


def test_tables_and_figures_of_hostile_names_stay_in_their_folder(tmp_path: Path) -> None:
    inside = tmp_path / "run" / "tables"
    table = Table("../../escape", "t", (Column("a"),), (("b",),))
    for path in write_forms([table], inside):
        assert path.parent == inside
    assert {each.name for each in tmp_path.iterdir()} == {"run"}


def test_a_grid_whose_model_has_a_path_for_a_name(cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its figures are named after the model."""
    monkeypatch.chdir(tmp_path)
    spec = '{}\n[[models]]\nmodel = "zoo:lenet"\nname = "../../../escape"\n'
    head = (
        'data = "bundled"\nsamples = 2\nrange = [0, 9]\nattacks = ["fgsm(epsilon=2)"]\ndefences = ["none", "bits(3)"]'
    )
    Path("grid.toml").write_text(spec.format(head))
    assert cli("grid", "grid.toml", "--out", "deep/er/out").code == 0
    assert {str(each.relative_to(tmp_path)) for each in tmp_path.rglob("*escape*")} <= {
        str(each.relative_to(tmp_path)) for each in (tmp_path / "deep/er/out").rglob("*")
    }
    assert {each.name for each in tmp_path.iterdir()} == {"grid.toml", "deep"}
    assert {each.name for each in (tmp_path / "deep").iterdir()} == {"er"}


def forge(folder: Path, *statements: str) -> None:
    with closing(sqlite3.connect(folder / FILE, isolation_level=None)) as database:
        for statement in statements:
            database.execute(statement)


def test_pictures_of_an_attack_with_a_path_for_a_name(cli, run_copy: Path, tmp_path: Path) -> None:
    forge(run_copy, "UPDATE OR IGNORE records SET method = '../../../escape', \"constraint\" = NULL WHERE success")
    before = set(tmp_path.rglob("*"))
    assert cli("export", run_copy, "--to", "png", "--out", tmp_path / "out").code == 0
    new = set(tmp_path.rglob("*")) - before
    assert any("escape" in each.name for each in new)
    assert all(each.is_relative_to(tmp_path / "out") or each.parent == run_copy for each in new)


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ("figures", ("report", "--figures", "svg")),
        ("tables", ("report",)),
        ("images", ("export", "--to", "png")),
    ],
)
def test_a_folder_in_a_run_that_is_a_link_is_refused(cli, run_copy: Path, tmp_path: Path, link: str, words) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (run_copy / link).symlink_to(elsewhere)
    answer = cli(words[0], run_copy, *words[1:])
    assert answer.code == 2
    assert f"{run_copy / link} is a link to {elsewhere}" in answer.err
    assert not list(elsewhere.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("plan", "links"),
    [
        ("grid", ("runs", "runs/lenet/undefended", "runs/lenet/undefended/next", "clever", "clever/lenet")),
        ("study", ("runs", "runs/lenet", "runs/lenet/levels", "transfer", "transfer/lenet")),
        ("thesis", ("cifar-10", "cifar-10/perturbations", "cifar-10/pgd")),
    ],
)
def test_a_folder_of_a_plan_that_is_a_link_is_refused(cli, tmp_path: Path, plan: str, links: Sequence[str]) -> None:
    cases.cases(tmp_path / "given")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for number, link in enumerate(links):
        path = tmp_path / f"{plan} {number}" / link
        path.parent.mkdir(parents=True)
        path.symlink_to(elsewhere)
        answer = cli(plan, tmp_path / "given" / f"{plan}.toml", "--out", tmp_path / f"{plan} {number}")
        assert (answer.code, f"{path} is a link to {elsewhere}" in answer.err) == (2, True), answer.err
    assert not list(elsewhere.iterdir())


def test_perturbations_beside_a_run_are_not_written_through_a_link(cli, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    for folder in (elsewhere, tmp_path / "out"):
        folder.mkdir()
    (tmp_path / "out" / "perturbations").symlink_to(elsewhere)
    answer = cli("assess", *TINY_ARGUMENTS, "--with", "perturbations", "--out", tmp_path / "out")
    assert (answer.code, "perturbations is a link to" in answer.err) == (2, True)
    assert not list(elsewhere.iterdir())


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ("records.csv", ("export",)),
        ("records.parquet", ("export", "--to", "parquet")),
        ("certificates.csv", ("export",)),
        ("report.html", ("report",)),
        ("results.json", ("report",)),
    ],
)
def test_a_file_in_a_run_that_is_a_link_is_replaced_not_followed(
    cli, run_copy: Path, tmp_path: Path, link: str, words
) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine")
    (run_copy / link).symlink_to(precious)
    assert cli(words[0], run_copy, *words[1:]).code == 0
    assert precious.read_text() == "mine"


def test_a_run_that_is_a_link_is_read_but_not_written(cli, run_copy: Path, tmp_path: Path) -> None:
    forge(run_copy, "UPDATE manifest SET value = '\"running\"' WHERE key = 'status'")
    folder = tmp_path / "linked"
    folder.mkdir()
    (folder / FILE).symlink_to(run_copy / FILE)
    assert cli("status", folder).code == 0
    answer = cli("resume", folder)
    assert answer.code == 2
    assert "is a link to" in answer.err


def naming(path: Path, run: Path) -> bytes:
    """A journal of SQLite's that says it is part of a transaction over several databases, with ``path`` to be removed.

    Its layout: https://www.sqlite.org/fileformat.html, "The Rollback Journal"; its end: pager.c, writeSuperJournal.
    """
    magic, name = bytes.fromhex("d9d505f920a163d7"), str(path).encode()
    head = (magic + struct.pack(">IIIII", 0, 1, (run / FILE).stat().st_size // 4096, 512, 4096)).ljust(512, b"\0")
    end = struct.pack(">I", 0x40000000 // 4096 + 1) + name + struct.pack(">II", len(name), sum(name)) + magic
    return head + end


@pytest.mark.parametrize("words", [("status",), ("report",), ("export",), ("verify",), ("resume",)])
def test_a_strangers_journal_removes_no_file(cli, run_copy: Path, tmp_path: Path, words) -> None:
    """SQLite (3.40 here) would: it takes the file named there for what is left of a transaction that was broken off."""
    precious = tmp_path / "precious"
    precious.write_text("mine")
    (run_copy / f"{FILE}-journal").write_bytes(naming(precious, run_copy))
    answer = cli(words[0], run_copy)
    assert (answer.code, "names a file outside the run" in answer.err) == (2, True), answer.err
    assert precious.read_text() == "mine"


@pytest.mark.parametrize("name", [".run.lock", f"{FILE}-journal", f"{FILE}-wal", f"{FILE}-shm", f"{FILE}.partial"])
@pytest.mark.parametrize("command", ["status", "resume"])
def test_what_lies_beside_a_run_is_not_written_through_a_link(
    cli, run_copy: Path, tmp_path: Path, name: str, command: str
) -> None:
    forge(run_copy, "UPDATE manifest SET value = '\"running\"' WHERE key = 'status'")
    precious = tmp_path / "precious"
    precious.write_text("mine" * 999)
    (run_copy / name).unlink(missing_ok=True)
    (run_copy / name).symlink_to(precious)
    assert cli(command, run_copy).code in (0, 2)
    assert precious.read_text() == "mine" * 999


def test_what_is_written_whole_says_which_file_finds_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match=str(tmp_path / "page.html")):
        write_whole(tmp_path / "page.html", "x")
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_one_sentence_that_names_the_file(cli, run_copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    answer = cli("export", run_copy)
    assert answer.code == 2
    expected = f"error: {run_copy / 'records.csv'} cannot be used (No space left on device); free some space there, or"
    assert answer.err.startswith(expected)
    assert answer.err.count("\n") == 1


@pytest.mark.slow
def test_a_full_disk_while_a_checkpoint_is_saved_is_one_sentence(
    cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was saved before stays, and is gone on with."""
    monkeypatch.chdir(tmp_path)
    data = ("--data", "pentomino:32,channels=3", "--test-data", "pentomino:9,channels=3")
    words = ("train", "lenet", *data, "--epochs", "2", "--full-precision", "--out", "out")
    real, saved = os.fsync, []

    def full(file: int) -> None:
        if saved:
            raise OSError(28, "No space left on device")
        saved.append(file)
        real(file)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        answer = cli(*words)
    assert answer.code == 2
    assert answer.err.count("error: ") == 1
    assert "checkpoint.pt cannot be used (No space left on device)" in answer.err.replace("\n", " ")
    assert {each.name for each in (tmp_path / "out").iterdir()} <= {"checkpoint.pt", ".run.lock"}
    assert cli(*words).code == 0


def test_what_a_spreadsheet_would_carry_out_is_quoted(cli, run_copy: Path, tmp_path: Path) -> None:
    formula = '=HYPERLINK("http://127.0.0.1/","x")'
    forge(run_copy, f"UPDATE records SET method = '{formula}' WHERE id = 1")
    assert cli("export", run_copy, "--out", tmp_path / "out.csv").code == 0
    text = (tmp_path / "out.csv").read_text()
    assert "'=HYPERLINK" in text
    assert ",=HYPERLINK" not in text
    assert ',"=HYPERLINK' not in text
    for start in ("=1", "+1", "-1", "@x", "\t=1"):
        assert Table("t", "t", (Column("a"),), ((start,),)).csv().splitlines()[1].lstrip('"').startswith("'")
    assert Table("t", "t", (Column("a", "decimal"),), ((-1.5,),)).csv().splitlines()[1] == "-1.5"


def test_json_for_scripts_holds_no_control_characters(cli, run_copy: Path) -> None:
    with closing(sqlite3.connect(run_copy / FILE, isolation_level=None)) as database:
        ((value,),) = database.execute("SELECT value FROM manifest WHERE key = 'model'").fetchall()
        model = {**json.loads(value), "name": "\x1b[2J\x9b31m\u202eevil"}
        database.execute("UPDATE manifest SET value = ? WHERE key = 'model'", (json.dumps(model),))
    answer = cli("status", run_copy, "--json")
    assert not {"\x1b", "\x9b", "\u202e"} & set(answer.out + answer.err)
    assert json.loads(answer.out)[0]["model"] == model["name"]
    answer = cli("status", run_copy)
    assert not {"\x1b", "\x9b", "\u202e"} & set(answer.out + answer.err)
    assert r"\u001b[2J\u009b31m\u202eevil" in answer.out.replace("\n", "")


def test_a_view_in_a_run_is_refused(run_copy: Path) -> None:
    """It might never end."""
    forge(run_copy, "CREATE VIEW v AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c")
    with pytest.raises(InputError, match="it holds more than tables"):
        RunStore.open(run_copy)


def test_folder_in_gives_the_folder(tmp_path: Path) -> None:
    assert folder_in(tmp_path, "tables") == tmp_path / "tables"
    assert write_drawings([], tmp_path) == []
