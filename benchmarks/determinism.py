"""Section `determinism`: the same records, bit for bit, for one thread or two, interrupted or not."""

import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import astuple, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import nn

from benchmarks import networks
from benchmarks.judged import equal
from benchmarks.options import Options, Parts, Row
from benchmarks.ours import need
from benchmarks.pictures import Pictures, correct
from pixelproof.data import ImageSet, default_class_names
from pixelproof.jobs.assess import AssessJob
from pixelproof.jobs.assess_spec import AssessSpec, make_spec
from pixelproof.jobs.runner import begin, carry_out
from pixelproof.models import wrap_model
from pixelproof.runs import RunStore
from pixelproof.runs.progress import Progress

#: Search, attack, threshold; few images, as bits either agree or do not.
CASES = (
    ("auto", "few-pixel", 3),
    ("auto", "threshold", 1),
    ("de", "few-pixel", 3),
    ("sep-cma-es", "threshold", 3),
    ("square", "threshold", 3),
    ("sparse-random", "few-pixel", 3),
)
#: Rounds of the engine after which a run is broken off; each leaves other samples to begin again, in another order.
BREAKS = (3, 9, 20)

Setup = Callable[[Path | None], tuple[RunStore, AssessJob]]


class _BrokenOffError(Exception):
    """Stands for whatever ends a run too early."""


def parts(options: Options) -> Parts:
    """One part a search."""
    cases = CASES[:2] if options.small else CASES
    return {f"{search} {attack} th={th}": partial(_part, options, search, attack, th) for search, attack, th in cases}


def _part(options: Options, search: str, attack: str, threshold: int) -> list[Row]:
    name = networks.main_network()
    network = networks.load(name)
    pictures = correct(network, options.data, 12)
    spec = make_spec(
        model="python:network",
        data="arrays",
        samples=len(pictures),
        attacks=[attack],
        levels=[threshold],
        search=need(search),
        max_queries=120,
        independent_levels=True,
        seed=options.seed,
        device="cpu",
    )
    begun = partial(_begun, spec, network, pictures)
    plain = _records(*begun(None))
    before = torch.get_num_threads()
    torch.set_num_threads(1 if before > 1 else 2)
    try:
        threads = _records(*begun(None))
    finally:
        torch.set_num_threads(before)
    with TemporaryDirectory() as folder:
        broken = [_records(*_broken(begun, Path(folder), rounds)) for rounds in BREAKS]
    claim = f"{attack} by {search}, th = {threshold}: records of"
    about: dict[str, Any] = {"network": name, "records": len(plain), "found": sum(bool(record[7]) for record in plain)}
    rows = [
        equal(f"{claim} one thread and two", threads == plain, **about),
        equal(f"{claim} a run and one broken off after {BREAKS} rounds", all(b == plain for b in broken), **about),
    ]
    if "workers" in AssessSpec.model_fields:
        two = _records(*_begun(spec.model_copy(update={"workers": 2}), network, pictures, None))
        rows.append(equal(f"{claim} one worker and two", two == plain, **about))
    return rows


def _begun(spec: AssessSpec, network: nn.Module, pictures: Pictures, out: Path | None) -> tuple[RunStore, AssessJob]:
    data = ImageSet(pictures.images, pictures.labels, default_class_names(pictures.labels, pictures.classes))
    job = AssessJob(spec, wrap_model(network), data)
    return begin(job, out), job


def _records(run: RunStore, job: AssessJob) -> list[tuple[Any, ...]]:
    """The records of the finished ``run`` with their images' bytes, timings apart, in one order."""
    carry_out(run, job)
    found = []
    for record in run.records():
        image = run.image(record)
        found.append((*astuple(replace(record, seconds=0.0)), None if image is None else image.tobytes()))
    run.close()
    return sorted(found, key=lambda row: (row[0], str(row[2:6])))


def _broken(begun: Setup, folder: Path, rounds: int) -> tuple[RunStore, AssessJob]:
    """A run broken off after so many rounds, begun again from a copy of its folder, as after a crash."""
    seen = 0

    def stop(_: Progress) -> None:
        nonlocal seen
        seen += 1
        if seen == rounds:
            raise _BrokenOffError

    run, job = begun(folder / f"run-{rounds}")
    with suppress(_BrokenOffError):
        carry_out(run, job, stop)
    run.close()
    shutil.copytree(folder / f"run-{rounds}", folder / f"again-{rounds}")
    return begun(folder / f"again-{rounds}")
