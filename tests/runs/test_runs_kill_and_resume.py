"""Killed anywhere and resumed, a run ends equal to one that was never killed."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pixelproof.jobs.assess_spec import make_spec
from pixelproof.jobs.open import open_job
from pixelproof.jobs.runner import run_job
from pixelproof.runs import RunStore
from pixelproof.runs.database import FILE
from tiny_run import TINY, TINY_ARGUMENTS, TINY_RECORDS, contents, run_tiny

pytestmark = pytest.mark.long

#: Runs the command line, and sends itself a signal at a moment: when the run file is about to be put in place,
#: or once COUNT records are about to be, are half or are just committed.
DRIVER = """
import os, signal, sys
from pixelproof.cli import main
from pixelproof.runs import store

signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's job in the background is told to ignore

name, moment, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
del sys.argv[1:4]
real, replace, seen = store.RunStore.commit, os.replace, 0

def stop():
    os.kill(os.getpid(), getattr(signal, name))

def commit(self, outcomes, step=None):
    global seen
    outcomes = list(outcomes)
    seen += len(outcomes)
    if seen < count:
        return real(self, outcomes, step)
    if moment == "before":
        stop()
    real(self, halfway(outcomes) if moment == "within" else outcomes, step)
    if moment == "after":
        stop()

def halfway(outcomes):
    yield from outcomes
    stop()

def put_in_place(*paths):
    stop()
    replace(*paths)

store.RunStore.commit = commit
if moment == "create":
    store.os.replace = put_in_place
main()
"""


def _run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", DRIVER, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})


def _state(out: Path) -> tuple[int, str]:
    with RunStore.open(out) as run:
        return len(run.records()), run.manifest.status


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory) -> dict[bool, list]:  # type: ignore[type-arg]
    """What runs that nobody disturbs end with, by whether their levels are independent."""
    found = {}
    for independent in (False, True):
        with run_tiny(tmp_path_factory.mktemp("whole") / "run", independent_levels=independent) as run:
            assert len(run.records()) == TINY_RECORDS
            found[independent] = contents(run)
    return found


@pytest.mark.parametrize("independent", [False, True], ids=["nested", "independent"])
@pytest.mark.parametrize(("moment", "count"), [("within", 3), ("after", 1), ("before", 12), ("after", TINY_RECORDS)])
def test_killed_and_resumed(tmp_path, cli, uninterrupted, independent, moment, count):
    out = tmp_path / "run"
    extra = ["--independent-levels"] if independent else []
    done = _run("SIGKILL", moment, count, "assess", *TINY_ARGUMENTS, *extra, "--out", out)
    assert done.returncode == -signal.SIGKILL
    records, status = _state(out)
    assert status == "running"
    assert records >= count if moment == "after" else records < count
    assert cli("resume", out).code == 0
    assert _state(out) == (TINY_RECORDS, "finished")
    with RunStore.open(out) as run:
        assert contents(run) == uninterrupted[independent]
    assert cli("verify", out).code == 0


def test_killed_twice(tmp_path, cli, uninterrupted):
    out = tmp_path / "run"
    _run("SIGKILL", "after", 2, "assess", *TINY_ARGUMENTS, "--out", out)
    before, _ = _state(out)
    done = _run("SIGKILL", "within", 4, "resume", out)
    assert done.returncode == -signal.SIGKILL
    assert before <= _state(out)[0] < TINY_RECORDS
    assert cli("assess", *TINY_ARGUMENTS, "--out", out).code == 0  # which takes it up as well as resume does
    with RunStore.open(out) as run:
        assert contents(run) == uninterrupted[False]


def test_killed_while_it_is_created(tmp_path, cli, uninterrupted):
    out = tmp_path / "run"
    done = _run("SIGKILL", "create", 0, "assess", *TINY_ARGUMENTS, "--out", out)
    assert done.returncode == -signal.SIGKILL
    assert "holds no run" in cli("resume", out).err
    assert cli("assess", *TINY_ARGUMENTS, "--out", out).code == 0
    with RunStore.open(out) as run:
        assert contents(run) == uninterrupted[False]


def test_killed_from_outside(tmp_path, cli, uninterrupted):
    """As a person or a scheduler does it: at whatever it is doing once there are records."""
    out = tmp_path / "run"
    command = [sys.executable, "-m", "pixelproof", "assess", *TINY_ARGUMENTS, "--out", str(out)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and _committed(out) < 2:
            time.sleep(0.002)
        process.kill()
    assert cli("resume", out).code == 0
    with RunStore.open(out) as run:
        assert contents(run) == uninterrupted[False]
    assert cli("verify", out).code == 0


def _committed(out: Path) -> int:
    if not (out / FILE).exists():
        return 0
    connection = sqlite3.connect(f"file:{out / FILE}?mode=ro", uri=True)
    try:
        return int(connection.execute("SELECT count(*) FROM records").fetchone()[0])
    except sqlite3.OperationalError:
        return 0
    finally:
        connection.close()


def test_interrupted_by_hand(tmp_path, cli, uninterrupted):
    out = tmp_path / "run [a]"
    done = _run("SIGINT", "after", 2, "assess", *TINY_ARGUMENTS, "--out", out)
    assert done.returncode == 130
    assert done.stderr == f"Interrupted; nothing finished is lost. Continue with: pixelproof resume '{out}'\n"
    assert _state(out)[1] == "running"
    assert cli("resume", out).code == 0
    with RunStore.open(out) as run:
        assert contents(run) == uninterrupted[False]


def test_two_threads_or_one_make_no_difference(tmp_path, uninterrupted):
    out = tmp_path / "run"
    done = _run("SIGKILL", "never", 0, "assess", *TINY_ARGUMENTS, "--out", out, OMP_NUM_THREADS="2")
    assert done.returncode == 0, done.stderr
    with RunStore.open(out) as run:
        assert run.manifest.environment["threads"] == "2"
        assert contents(run) == uninterrupted[False]


@pytest.mark.parametrize("attack", ["few-pixel", "threshold"])
def test_an_attack_alone_gives_the_same_as_in_company(tmp_path, uninterrupted, attack):
    with run_tiny(tmp_path / "run", attacks=[attack]) as run:
        assert contents(run) == [each for each in uninterrupted[False] if each[0].attack == attack]


def test_another_seed_gives_another_run(tmp_path, uninterrupted):
    with run_tiny(tmp_path / "run", seed=1) as run:
        assert contents(run) != uninterrupted[False]


@pytest.mark.parametrize(
    "options",
    [{"precision": "bfloat16"}, {"search": "de"}, {"target": "least-likely"}, {"fitness": "confidence", "shuffle": 3}],
    ids=str,
)
def test_other_settings_resume_as_well(tmp_path, options):
    with run_tiny(tmp_path / "whole", **options) as run:
        expected = contents(run)

    def stop(status):
        if status.done >= 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_job(open_job(make_spec(**{**TINY, **options})), tmp_path / "halves", stop)
    assert 4 <= _state(tmp_path / "halves")[0] < TINY_RECORDS
    with run_tiny(tmp_path / "halves", **options) as run:
        assert contents(run) == expected
