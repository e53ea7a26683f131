"""Workers unpickle what comes over their line, so nobody but the process that began them has an end of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pixelproof.errors import InputError
from pixelproof.jobs.assess_spec import make_spec
from pixelproof.jobs.backends.crew import Report
from pixelproof.jobs.backends.parcel import packed
from pixelproof.jobs.backends.processes import Processes
from pixelproof.jobs.open import open_job, told_spec
from pixelproof.jobs.runner import begin
from pixelproof.runs import RunStore
from tiny_run import TINY

#: Of a line of /proc/net/tcp: its state, where it listens, and the number of its socket.
_STATE, _LISTENS, _SOCKET = 3, "0A", 9


def listening(process: int | str) -> set[str]:
    """The sockets on which ``process`` waits for others, whatever their address."""
    found = set()
    for table in ("tcp", "tcp6"):
        lines = Path(f"/proc/{process}/net/{table}").read_text().splitlines()[1:]
        found |= {line.split()[_SOCKET] for line in lines if line.split()[_STATE] == _LISTENS}
    return {number for number in found if f"socket:[{number}]" in held(process)}


def held(process: int | str) -> set[str]:
    """What the file handles of ``process`` are of."""
    return {str(each.readlink()) for each in Path(f"/proc/{process}/fd").iterdir() if each.is_symlink()}


def unix_sockets(process: int | str) -> set[str]:
    """Sockets of this machine that have a name, by which others could find them."""
    named = [line.split() for line in Path(f"/proc/{process}/net/unix").read_text().splitlines()[1:]]
    return {each[-1] for each in named if len(each) > 7 and f"socket:[{each[6]}]" in held(process)}


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/net").is_dir(), reason="there is no /proc to look in")
def test_nobody_else_can_reach_a_worker() -> None:
    job = open_job(make_spec(**TINY))
    before = listening("self"), unix_sockets("self")
    crew = Processes(1)
    try:
        crew.open(0, packed(job, begin(job, None).manifest))
        assert isinstance(crew.listen()[1], Report)
        (worker,) = crew.pids()
        assert (listening("self"), unix_sockets("self")) == before
        assert (listening(worker), unix_sockets(worker)) == (set(), set())
    finally:
        crew.close()


@pytest.mark.parametrize("option", ["address", "backend", "workers"])
def test_a_run_names_no_cluster(run_copy: Path, option: str) -> None:
    """Else a stranger's run could have the one who resumes it join the stranger's cluster."""
    with RunStore.open(run_copy, write=True) as run:
        spec = json.dumps({**run.manifest.spec, option: "stranger:6379"})
        run._db.execute("UPDATE manifest SET value = ? WHERE key = 'spec'", (spec,))
        with pytest.raises(InputError, match=f"There is no option --{option}"):
            told_spec(run)
