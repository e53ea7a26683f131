"""What the command says and how it exits."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest

from pixelproof.runs import RunStore
from pixelproof.runs.database import FILE
from pixelproof.runs.identity import root_of, verify_command
from tiny_run import TINY_RECORDS, Cli, found_in

pytestmark = pytest.mark.slow


def test_a_run_that_holds(cli: Cli, finished: Path) -> None:
    answer = cli("verify", finished)
    assert (answer.code, answer.err) == (0, "")
    told, searches, digest = answer.out.splitlines()
    assert told == (f"verified: {TINY_RECORDS} records and {found_in(finished)} adversarial images of {finished} hold.")
    assert searches.startswith("as told: That searches found nothing")
    with RunStore.open(finished) as run:
        assert digest.startswith(f"digest: {run.root}, ")


def test_a_replay_says_how_much_it_did(cli: Cli, finished: Path) -> None:
    answer = cli("verify", finished, "--replay", "100%")
    assert (answer.code, answer.err) == (0, "")
    assert f"done again: 2 of 2 steps, which brought {TINY_RECORDS} records." in answer.out


def test_the_command_of_a_report_demands_this_very_run(cli: Cli, run_copy: Path) -> None:
    with RunStore.open(run_copy) as run:
        command = verify_command(str(run_copy), run.manifest)
        assert command == f"pixelproof verify {run_copy} --digest {root_of(run.manifest)}"
    assert cli(*command.split()[1:]).code == 0
    with RunStore.open(run_copy, write=True) as run:
        run.add_timings({"seconds": -1.0}, finished=True)
    answer = cli(*command.split()[1:])
    assert answer.code == 1
    assert re.search("does not hold: The digest of the run is [0-9a-f]{64}, not [0-9a-f]{64}.", answer.out)
    assert cli("verify", run_copy).code == 0


def test_an_unfinished_run_has_no_digest_to_demand(run_copy: Path) -> None:
    with RunStore.open(run_copy, write=True) as run:
        run.reopen({})
        assert verify_command("run", run.manifest) == "pixelproof verify run"


@pytest.mark.parametrize("share", ["0", "0%", "101%", "2", "-5%", "some", "nan", "inf"])
def test_no_share(cli: Cli, finished: Path, share: str) -> None:
    answer = cli("verify", finished, f"--replay={share}")
    assert answer.code == 2
    assert "--replay: a" in answer.err


@pytest.mark.parametrize("option", [("--replay", "10%"), ("--model", "zoo:lenet"), ("--data", "bundled")])
def test_records_only_loads_nothing(cli: Cli, finished: Path, option: tuple[str, str]) -> None:
    answer = cli("verify", finished, "--records-only", *option)
    assert answer.code == 2
    assert "--records-only loads nothing" in answer.err


def test_a_spec_that_cannot_be_read_is_told_as_altered(cli: Cli, run_copy: Path) -> None:
    with sqlite3.connect(run_copy / FILE) as db:
        db.execute("UPDATE manifest SET value = '{\"model\": 7}' WHERE key = 'spec'")
    answer = cli("verify", run_copy)
    assert answer.code == 1
    assert "does not hold: The manifest was altered after it was written." in answer.out
    assert "does not hold: What was asked for cannot be read: " in answer.out
