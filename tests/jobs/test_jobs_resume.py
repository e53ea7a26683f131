"""Every kind of run, killed anywhere, goes on and ends equal to one that nobody disturbed; one process writes it."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
import torch

from kinds import KINDS, job_of_kind, said
from pixelproof.errors import RunError
from pixelproof.jobs.runner import run_job
from pixelproof.runs import RunStore
from pixelproof.runs.database import FILE, LOCK
from tiny_run import TINY_ARGUMENTS, TINY_RECORDS, Cli

TESTS = Path(__file__).parent.parent
#: Runs a kind, and kills itself before, within or after its COUNT-th commit.
DRIVER = """
import os, runpy, signal, sys
from pixelproof.runs import store

moment, count, script = sys.argv[1], int(sys.argv[2]), sys.argv[3]
sys.argv = sys.argv[3:]
real, seen = store.RunStore.commit, 0

def stop():
    os.kill(os.getpid(), signal.SIGKILL)

def halfway(outcomes):
    yield from outcomes
    stop()

def commit(self, outcomes, step=None):
    global seen
    seen += 1
    if seen == count and moment == "before":
        stop()
    real(self, halfway(outcomes) if seen == count and moment == "within" else outcomes, step)
    if seen == count and moment == "after":
        stop()

store.RunStore.commit = commit
runpy.run_path(script, run_name="__main__")
"""


def environment() -> dict[str, str]:
    path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path}


def killed(moment: str, count: int, kind: str, *places: Path) -> int:
    script = str(TESTS / "kinds.py")
    command = [sys.executable, "-c", DRIVER, moment, str(count), script, kind, *map(str, places)]
    return subprocess.run(command, capture_output=True, check=False, env=environment()).returncode


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("moment", "count"), [("before", 1), ("within", 2), ("after", 3)])
def test_killed_and_resumed(
    kinds: dict[str, Path], claim_file: Path, tmp_path: Path, cli: Cli, kind: str, moment: str, count: int
):
    out = tmp_path / "run"
    ended = killed(moment, count, kind, kinds["levels"], claim_file, out)
    few = kind in ("clever", "clever-with", "transfer")  # which have one step
    assert ended == (0 if few and count > 1 else -signal.SIGKILL)
    if ended:
        with RunStore.open(out) as run:
            assert run.manifest.status == "running"
            assert run.sizes()[0] < sum(len(each) for each in said(kinds[kind]).values() if isinstance(each, list))
    answer = cli("resume", out)
    assert answer.code == 0, answer.err
    assert said(out) == said(kinds[kind])
    assert cli("verify", out).code == 0


@pytest.mark.long
@pytest.mark.parametrize("kind", ["clever", "clever-with", "transfer"])
def test_killed_in_its_only_step(kinds: dict[str, Path], claim_file: Path, tmp_path: Path, cli: Cli, kind: str):
    for moment in ("within", "after"):
        out = tmp_path / moment
        assert killed(moment, 1, kind, kinds["levels"], claim_file, out) == -signal.SIGKILL
        assert cli("resume", out).code == 0
        assert said(out) == said(kinds[kind])
        assert cli("verify", out).code == 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_another_identity_is_refused(kinds: dict[str, Path], claim_file: Path, tmp_path: Path, kind: str):
    job = job_of_kind(kind, kinds["levels"], claim_file)
    other = "clever" if kind == "perturb" else "perturb"
    before = (kinds[other] / FILE).read_bytes()
    with pytest.raises(RunError, match=r"holds another run .*choose another --out\.$"):
        run_job(job, kinds[other])
    assert (kinds[other] / FILE).read_bytes() == before


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["perturb", "audit", "clever", "transfer"])
@pytest.mark.parametrize("content", [b"", b"nonsense\n", b"SQLite format 3\x00 and then nothing"])
def test_damage_is_named(kinds: dict[str, Path], claim_file: Path, tmp_path: Path, cli: Cli, kind: str, content: bytes):
    out = Path(shutil.copytree(kinds[kind], tmp_path / "run"))
    (out / FILE).write_bytes(content)
    with pytest.raises(RunError, match="is not a pixelproof run, or it is damaged"):
        run_job(job_of_kind(kind, kinds["levels"], claim_file), out)
    for command in ("resume", "verify", "report"):
        answer = cli(command, out)
        assert answer.code == 2
        assert answer.err.count("\n") == 1
    assert (out / FILE).read_bytes() == content


def _broken_off(kind: str, run: Path, claim: Path, out: Path) -> None:
    def stop(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_job(job_of_kind(kind, run, claim), out, stop)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["levels", "perturb"])
def test_what_was_changed_meanwhile_is_not_gone_on_with(
    kinds: dict[str, Path], claim_file: Path, tmp_path: Path, cli: Cli, kind: str
):
    out = tmp_path / "run"
    _broken_off(kind, kinds["levels"], claim_file, out)
    with closing(sqlite3.connect(out / FILE, isolation_level=None)) as db:
        change = "records SET queries = 1" if kind == "levels" else "perturbations SET unit = 'm'"
        db.execute(f"UPDATE {change} WHERE id = 1")
    content = (out / FILE).read_bytes()
    answer = cli("resume", out)
    assert answer.code == 2
    assert "was damaged or altered, so it is not gone on with (Entry 1 of the " in answer.err
    assert answer.err.count("\n") == 1
    assert (out / FILE).read_bytes() == content


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("queries = 1", "was damaged or altered, so it is not gone on with (Entry 2 of the "),
        ("method = x'00ff'", "says what no run of pixelproof does"),
    ],
)
def test_of_a_finished_run_that_was_changed_nothing_is_told(
    kinds: dict[str, Path], tmp_path: Path, cli: Cli, change: str, words: str
):
    out = Path(shutil.copytree(kinds["levels"], tmp_path / "run"))
    assert cli("resume", out).code == 0
    with closing(sqlite3.connect(out / FILE, isolation_level=None)) as db:
        db.execute(f"UPDATE records SET {change} WHERE id = 2")
    answer = cli("resume", out)
    assert answer.code == 2
    assert words in answer.err
    assert answer.err.count("\n") == 1


@pytest.mark.slow
def test_a_run_that_moves_to_another_processor_says_so_once(
    kinds: dict[str, Path], claim_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for moved in (False, True):
        out = tmp_path / str(moved)
        _broken_off("levels", kinds["levels"], claim_file, out)
        if moved:
            monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "SVE256")
            _broken_off("levels", kinds["levels"], claim_file, out)
        with run_job(job_of_kind("levels", kinds["levels"], claim_file), out) as run:
            found = [each.message for each in run.manifest.findings if each.name == "other-arithmetic"]
            assert len(found) == moved
            assert all("SVE256" in each and "may differ (instructions " in each for each in found)


# One writer.


def state(folder: Path) -> dict[str, tuple[int, int]]:
    return {path.name: (path.stat().st_mtime_ns, path.stat().st_size) for path in folder.iterdir()}


@pytest.mark.slow
def test_a_second_writer_is_refused_and_touches_nothing(cli: Cli, tmp_path: Path, kinds: dict[str, Path]):
    out = Path(shutil.copytree(kinds["levels"], tmp_path / "run"))
    with RunStore.open(out, write=True) as run:
        run.reopen({})
    hold = (
        "import sys\nfrom pathlib import Path\nfrom pixelproof.runs import RunStore\n"
        "with RunStore.open(Path(sys.argv[1]), write=True):\n    print('held', flush=True)\n    sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", hold, str(out)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        before = state(out)
        answer = cli("resume", out)
        after = state(out)
        process.communicate("")
    assert answer.code == 2
    assert "is being written by another process" in answer.err
    assert answer.err.count("\n") == 1
    assert {name: each for name, each in after.items() if not name.endswith(("-shm", LOCK))} == {
        name: each for name, each in before.items() if not name.endswith(("-shm", LOCK))
    }
    assert cli("resume", out).code == 0


@pytest.mark.long
@pytest.mark.slow
def test_two_assessments_started_together_leave_one_good_run(cli: Cli, tmp_path: Path, finished: Path):
    out = tmp_path / "run"
    command = [sys.executable, "-m", "pixelproof", "assess", *TINY_ARGUMENTS, "--out", str(out)]
    processes = [
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for _ in range(2)
    ]
    ends = [(process.communicate()[1], process.returncode) for process in processes]
    codes = sorted(code for _, code in ends)
    assert codes in ([0, 0], [0, 2])
    for error, code in ends:
        assert error.count("\n") == (code != 0)
        assert "Traceback" not in error
    with RunStore.open(out) as run:
        assert (len(run.records()), run.manifest.status) == (TINY_RECORDS, "finished")
    assert said(out) == said(finished)
    assert cli("verify", out).code == 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_to_read_a_finished_run_changes_no_file(kinds: dict[str, Path], cli: Cli, tmp_path: Path, kind: str):
    out = Path(shutil.copytree(kinds[kind], tmp_path / "run"))
    before = state(out)
    said(out)
    with RunStore.open(out) as run:
        assert run.altered() == []
        assert state(out) == before
    assert cli("verify", out).code == 0
    assert state(out) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_finished_run_opens_where_nothing_can_be_written(kinds: dict[str, Path], tmp_path: Path):
    out = Path(shutil.copytree(kinds["levels"], tmp_path / "run"))
    out.chmod(0o555)
    try:
        with RunStore.open(out) as run:
            assert run.altered() == []
        with pytest.raises(RunError):
            RunStore.open(out, write=True)
    finally:
        out.chmod(0o755)


@pytest.mark.slow
@pytest.mark.parametrize("vanish", [shutil.rmtree, lambda out: out.rename(out.with_name("elsewhere"))])
@pytest.mark.parametrize("kind", ["levels", "attacks", "minimal", "perturb", "audit"])
def test_a_folder_that_vanishes_in_the_middle(
    kinds: dict[str, Path], claim_file: Path, tmp_path: Path, kind: str, vanish
):
    out, calls = tmp_path / "run", 0

    def listen(_: object) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            vanish(out)

    with pytest.raises(RunError, match="was removed or renamed while the run was written"):
        run_job(job_of_kind(kind, kinds["levels"], claim_file), out, listen)
    assert not (out / FILE).exists()


@pytest.mark.slow
def test_a_folder_that_vanishes_is_one_sentence_and_exit_code_2(tmp_path: Path):
    out = tmp_path / "run"
    options = ("--model", "zoo:lenet", "--data", "bundled", "--levels", "1,10", "--max-queries", "400")
    command = [sys.executable, "-m", "pixelproof", "assess", *options, "--out", str(out)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None and not (out / FILE).exists():
            time.sleep(0.01)
        out.rename(tmp_path / "elsewhere")
        _, error = process.communicate()
    assert process.returncode == 2
    assert error.startswith("error: ")
    assert "was removed or renamed" in error
    assert error.count("\n") == 1
