"""The one way in which jobs are run: begun or taken up, committed as they finish, interrupted and gone on with."""

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from pixelproof.errors import InputError, RunError
from pixelproof.interrupts import terminable
from pixelproof.jobs.job import Batch, Job, another_run
from pixelproof.models import settle_kind
from pixelproof.runs import Finding, Manifest, RunStore
from pixelproof.runs.database import FILE
from pixelproof.runs.environment import arithmetic, moved
from pixelproof.runs.progress import Listener, Pace, Progress
from pixelproof.wording import plural

#: Seconds between notes of how far a job is in its run, for whoever looks meanwhile.
NOTE_INTERVAL = 2.0

#: Has steps of a job done, wherever that is; what they bring comes back here, to the one writer.
Backend = Callable[[Job, RunStore, list[str]], Iterator[Batch]]


def here(job: Job, run: RunStore, steps: list[str]) -> Iterator[Batch]:
    """Do ``steps`` in this process."""
    yield from job.work(run, steps)


def run_job(job: Job, out: Path | None, listener: Listener = lambda _: None, backend: Backend = here) -> RunStore:
    """The finished run of ``job`` in the folder ``out`` (None: in memory), with what is left of it done by ``backend``.

    Raises ``InputError`` for anything the user must put right, before anything is written.
    """
    run = begin(job, out)
    try:
        carry_out(run, job, listener, backend)
    except BaseException:
        run.close()
        raise
    return run


def begin(job: Job, out: Path | None) -> RunStore:
    """The run of ``job`` in ``out``: a new one, or the one there, if it is this job's. Raises as ``run_job`` does."""
    if out is None or not (out / FILE).exists():
        begun = job.begin()
        return RunStore.create(out, begun.manifest, begun.clean, job.records)
    with RunStore.open(out) as run:
        manifest = run.manifest
        settle_kind(job.classifier, manifest.model.kind)
        if "batch_size" in manifest.settings:
            job.keep_batch(manifest.settings["batch_size"])
        _check_same(out, manifest, job)
        finished = manifest.status == "finished" and not job.left(run)
    run = RunStore.open(out, write=not finished)
    try:
        check_whole(out, run)
        if not finished:
            job.take_up(run)
            _note_move(run, job)
    except BaseException:
        run.close()
        raise
    return run


def _check_same(out: Path, manifest: Manifest, job: Job) -> None:
    if manifest.job != job.kind or manifest.identity != job.identity:
        if manifest.model.fingerprint != job.classifier.fingerprint:
            raise another_run(out, "the model is not the one of the run: its fingerprint differs")
        raise another_run(out)


def check_whole(out: Path, run: RunStore) -> None:
    """Raise ``RunError`` where a failing disk, or a hand, has changed something: what is added would be sealed with it,
    and what is told of it would be wrong.
    """
    with run.reading():
        found = run.altered()
    if found:
        raise RunError(f"{out} was damaged or altered, so it is not gone on with ({found[0]}); choose another --out.")


def _note_move(run: RunStore, job: Job) -> None:
    """Mark a run that is gone on with where the last bits of scores may be others.

    It is not refused: a queue of unlike machines must be able to go on, and every answer is judged by the model itself.
    """
    if how := moved(run.manifest.environment, arithmetic(job.device)):
        text = (
            f"The run was gone on with, after {plural(run.sizes()[0], 'record')}, where the last bits of scores may "
            f"differ ({how}); what it found stands, but one processor alone may find other images."
        )
        run.add_findings([Finding("other-arithmetic", "warning", text)])


def carry_out(run: RunStore, job: Job, listener: Listener = lambda _: None, backend: Backend = here) -> None:
    """Do what is left of ``run``, which ``begin`` gave; safe to kill and to call again."""
    if run.manifest.status == "finished":
        return
    begun, queries, finished = time.perf_counter(), 0, False
    before, total = job.total(run)
    note = job.watch(run)
    done, noted, pace = before, 0.0, Pace(before)
    with interruptible(run):
        try:
            run.note_progress(Progress(job.label, done, total, before, 0, 0.0))
            with closing(_batches(backend, job, run)) as batches:
                for batch in batches:
                    if batch.outcomes or batch.step:
                        run.commit(batch.outcomes, batch.step)
                    done, queries = min(done + batch.done, total), queries + batch.queries
                    seconds = time.perf_counter() - begun
                    lately = pace.lately(seconds, done)
                    progress = Progress(job.label, done, total, before, queries, seconds, note(batch), *lately)
                    listener(progress)
                    if seconds - noted >= NOTE_INTERVAL:
                        noted = seconds
                        run.note_progress(progress)
            job.end(run)
            finished = True
        finally:
            run.add_findings(job.findings())
            run.add_timings({"seconds": time.perf_counter() - begun, **job.timings()}, finished=finished)


def _batches(backend: Backend, job: Job, run: RunStore) -> Generator[Batch]:
    """What ``backend`` brings, so that it is closed wherever that ends."""
    yield from backend(job, run, job.left(run))


@contextmanager
def interruptible(run: RunStore) -> Iterator[None]:
    """Ends in order on SIGTERM as on Ctrl-C; the exception says which run goes on where (``folder``).

    A new run whose first step fails for something that the user must put right is no run: nothing is left of it.
    """
    with terminable():
        try:
            yield
        except (KeyboardInterrupt, InputError) as error:
            if not (isinstance(error, InputError) and run.discard_unused()):
                error.folder = run.folder  # type: ignore[union-attr]
            raise
