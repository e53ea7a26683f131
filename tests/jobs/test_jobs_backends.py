"""Steps spread over workers: the same records as in one process, whoever dies, and one sentence where it cannot be."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import pixelproof as pp
from crew_kit import TamedCrew
from kinds import KINDS, job_of_kind, said
from pixelproof.errors import InputError, RunError
from pixelproof.jobs.assess_spec import make_spec
from pixelproof.jobs.backends import opened
from pixelproof.jobs.backends.crew import Lost
from pixelproof.jobs.backends.parcel import Parcel, packed, unpacked
from pixelproof.jobs.backends.processes import Processes
from pixelproof.jobs.backends.spread import TRIES, spread
from pixelproof.jobs.job import Job
from pixelproof.jobs.open import open_job
from pixelproof.jobs.runner import Backend, begin, carry_out, run_job
from pixelproof.runs import RunStore
from pixelproof.runs.database import FILE
from tiny_run import TINY, TINY_ARGUMENTS, Cli, contents, run_tiny

MODEL = """
from pixelproof.zoo import registry

def model():
    network = registry.load("lenet")
    next(network.parameters()).data.mul_(1.0)
    return network
"""


def backend(crew: Any, say: Callable[[str], None] = lambda _: None) -> Backend:
    return lambda job, run, steps: spread(crew, job, run, steps, say)


def unordered(found: dict[str, Any]) -> dict[str, Any]:
    """What a run says, in whatever order its steps came."""
    return {name: sorted(map(str, each)) if isinstance(each, list) else each for name, each in found.items()}


@pytest.fixture(scope="module")
def processes() -> Iterator[Processes]:
    crew = Processes(2)
    yield crew
    crew.close()


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_says_the_same_from_two_processes(
    kinds: dict[str, Path], claim_file: Path, tmp_path: Path, processes: Processes, kind: str
):
    out = tmp_path / "run"
    run_job(job_of_kind(kind, kinds["levels"], claim_file), out, backend=backend(processes)).close()
    assert unordered(said(out)) == unordered(said(kinds[kind]))
    with RunStore.open(out) as run, RunStore.open(kinds[kind]) as alone:
        ours, theirs = run.manifest, alone.manifest
        assert (ours.status, ours.findings) == ("finished", theirs.findings)
        assert ours.timings["queries"] == theirs.timings["queries"] if "queries" in theirs.timings else True
        assert ours.timings.get("gradient_steps") == theirs.timings.get("gradient_steps")
        assert run.steps() == alone.steps()


@pytest.mark.slow
@pytest.mark.parametrize("moment", [0, 1])
def test_what_a_dead_worker_had_in_hand_is_done_again(tmp_path: Path, moment: int):
    spec = make_spec(**{**TINY, "search": "sparse-random", "attacks": ("few-pixel",)})
    whole = contents(run_job(open_job(spec), None))
    crew = TamedCrew(2, deaths={0: moment, 3: moment})
    with run_job(open_job(spec), tmp_path / "run", backend=backend(crew)) as run:
        assert contents(run) == whole
    assert len(crew.given) >= 5 + 1
    assert len(crew.opened) == 4


@pytest.mark.slow
def test_a_resumed_step_is_told_what_is_recorded_of_it():
    spec = make_spec(**TINY)
    with run_job(open_job(spec), None) as whole:
        job = open_job(spec)
        run = begin(job, None)
        some = [record for record in whole.records() if record.attack == "few-pixel"][:3]
        run.commit((record, whole.image(record)) for record in some)
        crew, before = TamedCrew(2), len(some)
        carry_out(run, job, backend=backend(crew))
        assert contents(run) == contents(whole)
        assert sorted(len(share.known) for _, share in crew.given) == [0, before]


@pytest.mark.slow
def test_proofs_come_after_searches_and_those_of_a_sample_together():
    spec = make_spec(
        **{**TINY, "samples": 2, "levels": (1, 2), "attacks": ("threshold",), "max_queries": 3, "certify": "bounds"}
    )
    with run_job(open_job(spec), None) as whole:
        crew = TamedCrew(2)
        with run_job(open_job(spec), None, backend=backend(crew)) as run:
            assert contents(run) == contents(whole)
            plain = [replace(each, seconds=0.0) for each in run.certificates()]
            assert sorted(plain, key=str) == sorted((replace(e, seconds=0.0) for e in whole.certificates()), key=str)
            assert run.steps() == whole.steps()
    kinds = [step.startswith("certify") for step in crew.steps()]
    assert kinds == sorted(kinds)
    assert any(len(share.steps) == 2 and share.known for _, share in crew.given)


def test_what_a_worker_said_of_the_job_before_is_not_heard_by_one_that_needs_fewer():
    spec = make_spec(**{**TINY, "search": "sparse-random", "attacks": ("few-pixel",)})
    crew = TamedCrew(9)
    crew.say(8)
    run_job(open_job(spec), None, backend=backend(crew)).close()
    assert 8 not in {worker for worker, _ in crew.given}


def test_no_worker_takes_what_another_could_do(tmp_path: Path):
    spec = make_spec(**{**TINY, "search": "sparse-random", "attacks": ("few-pixel",)})
    crew, told = TamedCrew(9), list[str]()
    run_job(open_job(spec), None, backend=backend(crew, told.append)).close()
    assert sorted(worker for worker, _ in crew.given) == [0, 1, 2, 3, 4]
    assert told == ["There is work for 5 at once and no more, so 5 workers of 9 do it."]


def test_steps_that_always_kill_are_given_up(tmp_path: Path):
    crew = TamedCrew(2, dies_always=True)
    match = rf"A worker ended {TRIES} times in few-pixel, samples 0 \(killed by SIGKILL\)"
    with pytest.raises(RunError, match=match):
        run_job(open_job(make_spec(**{**TINY, "attacks": ("few-pixel",)})), tmp_path / "run", backend=backend(crew))
    assert len(crew.given) == TRIES
    assert not (tmp_path / "run" / FILE).exists()  # nothing was measured, so nothing is kept


def test_workers_that_never_begin_are_given_up():
    class Stillborn(TamedCrew):
        def open(self, worker: int, parcel: Parcel) -> None:
            self._words.append((worker, Lost("exit code 1")))

    with pytest.raises(RunError, match=rf"ended {TRIES} times before it had begun \(exit code 1\)"):
        run_job(open_job(make_spec(**TINY)), None, backend=backend(Stillborn(2)))


# What cannot be.


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ((0, None, None), "--workers: a whole number of 1 or more was expected, not 0."),
        ((-3, "ray", None), "--workers: a whole number of 1 or more was expected, not -3."),
        ((True, None, None), "--workers: a whole number of 1 or more was expected, not True."),
        ((2, "rai", None), "--backend: it is processes or ray, not 'rai' (is ray meant?)."),
        ((2, None, "head:6379"), "--address: only a Ray cluster has one; add --backend ray."),
    ],
)
def test_what_no_backend_is(asked: tuple[Any, Any, Any], sentence: str):
    with pytest.raises(InputError) as caught, opened(*asked):
        pass
    assert str(caught.value) == sentence


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nowhere"])
def test_an_address_where_no_cluster_is(cli: Cli, tmp_path: Path, address: str):
    pytest.importorskip("ray")
    answer = cli("assess", *TINY_ARGUMENTS, "--out", tmp_path / "run", "--backend", "ray", "--address", address)
    assert answer.code == 2
    assert answer.err.startswith("error: --address: ")
    assert answer.err.count("\n") == 1
    assert not (tmp_path / "run").exists()


def file_job(folder: Path) -> Job:
    (folder / "net.py").write_text(MODEL, "utf-8")
    return open_job(make_spec(**{**TINY, "model": f"{folder / 'net.py'}:model", "trust_code": True}))


def test_a_worker_without_the_models_file(tmp_path: Path):
    job = file_job(tmp_path)
    run = begin(job, None)
    parcel = packed(job, run.manifest)
    (tmp_path / "net.py").unlink()
    with pytest.raises(InputError, match=r"^The worker on .* cannot do its part: .*net\.py"):
        unpacked(parcel)


def test_a_worker_with_another_model_of_that_name(tmp_path: Path):
    job = file_job(tmp_path)
    parcel = packed(job, begin(job, None).manifest)
    (tmp_path / "net.py").write_text(MODEL.replace("mul_(1.0)", "mul_(1.1)"), "utf-8")
    with pytest.raises(InputError, match="is another model there: its fingerprint differs"):
        unpacked(parcel)


def test_mixed_versions():
    job = open_job(make_spec(**TINY))
    parcel = packed(job, begin(job, None).manifest)
    old = replace(parcel, versions={**parcel.versions, "torch": "1.0"})
    with pytest.raises(InputError, match=rf"has torch {re.escape(torch.__version__)} and not 1\.0 as the process"):
        unpacked(old)


def test_a_model_that_cannot_be_handed_over():
    class Stubborn(torch.nn.Flatten):
        def __reduce__(self) -> Any:
            raise TypeError("it stays where it is")

    images, labels = torch.rand(4, 3, 8, 8), [0, 1, 2, 3]
    net = torch.nn.Sequential(Stubborn(), torch.nn.Linear(192, 4))
    with torch.no_grad():
        labels = net(images).argmax(1)
    with pytest.raises(
        InputError, match=r"cannot be handed to another process \(it stays where it is\); go on with one"
    ):
        pp.assess(net, images, labels, class_names=list("abcd"), workers=2, max_queries=10, levels=1, device="cpu")


# Real processes.


@pytest.mark.slow
def test_a_model_of_this_program_and_a_mistake_in_it():
    class Net(torch.nn.Module):  # which another process cannot import
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(192, 4)
            self.home = os.getpid()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.layer(x.flatten(1))

    class Abroad(Net):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if os.getpid() != self.home:
                raise ArithmeticError("not here")
            return super().forward(x)

    torch.manual_seed(0)
    images, options = torch.rand(12, 3, 8, 8), {"max_queries": 20, "levels": (1, 3), "device": "cpu"}
    with torch.no_grad():
        labels = (net := Net()).layer(images.flatten(1)).argmax(1)
    names = list("abcd")
    alone = pp.assess(net, images, labels, class_names=names, **options)
    found = pp.assess(net, images, labels, class_names=names, workers=2, **options)
    assert contents(found.run) == contents(alone.run)
    with pytest.raises(InputError, match=r"The model Abroad failed on .* with ArithmeticError: not here"):
        pp.assess(Abroad(), images, labels, class_names=names, workers=1, **options)


@pytest.mark.slow
def test_a_killed_worker_loses_nothing(tmp_path: Path):
    crew, killed = Processes(2), list[int]()

    def listen(_: object) -> None:
        if not killed:
            killed.append(crew.pids()[0])
            os.kill(killed[0], signal.SIGKILL)

    options = {**TINY, "samples": 12, "range": (0, 60), "search": "sparse-random", "attacks": ("few-pixel",)}
    with run_job(open_job(make_spec(**options)), None) as whole:
        run = run_job(open_job(make_spec(**options)), tmp_path / "run", listen, backend(crew))
        assert contents(run) == contents(whole)
        run.close()
    assert killed[0] not in crew.pids()
    crew.close()
    assert crew.pids() == []


@pytest.mark.long
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_interrupted_with_workers(tmp_path: Path, cli: Cli, number: signal.Signals, code: int):
    out, options = tmp_path / "run", ["--samples", "20", "--range", "0:60", "--max-queries", "300"]
    command = [sys.executable, "-m", "pixelproof", "assess", *TINY_ARGUMENTS, *options, "--out", str(out)]
    with subprocess.Popen(
        [*command, "--workers", "2"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        while process.poll() is None and not begun(out):
            time.sleep(0.02)
        workers = children(process.pid)
        if number == signal.SIGINT:
            os.killpg(process.pid, number)  # as a terminal does it
        else:
            process.send_signal(number)
        error = process.communicate()[1]
    assert process.returncode == code
    if number != signal.SIGKILL:
        resume = f"pixelproof resume {out} --workers 2"
        assert error == f"Interrupted; nothing finished is lost. Continue with: {resume}\n"
    for _ in range(500):
        if not any(Path(f"/proc/{each}").exists() for each in workers):
            break
        time.sleep(0.02)
    else:
        pytest.fail("workers outlive the process that writes")
    assert cli("resume", out, "--workers", "2").code == 0
    more = {"samples": 20, "range": (0, 60), "max_queries": 300}
    with RunStore.open(out) as run, run_tiny(tmp_path / "whole", **more) as whole:
        assert contents(run) == contents(whole)


def begun(out: Path) -> bool:
    try:
        with RunStore.open(out) as run:
            return bool(run.sizes()[0])
    except RunError:
        return False


def children(pid: int) -> list[int]:
    """The processes that ``pid`` has started."""
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
