"""A plan: jobs to do one after the other, each in a folder of its own. What follows from them is each plan's own."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from pixelproof.errors import InputError, RunError
from pixelproof.files import folder_in
from pixelproof.jobs.job import Job
from pixelproof.jobs.runner import Backend, here, run_job
from pixelproof.runs.database import FILE
from pixelproof.runs.progress import Listener
from pixelproof.zoo.registry import absence

#: The folder of a plan's runs.
RUNS = "runs"
#: Shows how a job goes on, by its label: a context that gives a listener.
Show = Callable[[str], AbstractContextManager[Listener]]
#: Told what a reader must know at once.
Say = Callable[[str], None]


@contextmanager
def quiet(_: str) -> Iterator[Listener]:
    """Progress that nobody sees."""
    yield lambda _: None


@dataclass(frozen=True)
class Task:
    """A job of a plan, made when its turn comes, since it may need the runs before it."""

    label: str
    folder: Path
    job: Callable[[], Job]


def carry_out(tasks: Iterable[Task], out: Path, show: Show, backend: Backend = here) -> None:
    """Do what is left of ``tasks`` in the plan's folder ``out``, their steps by ``backend``.

    A plan goes on by its own command, so no single run is named when interrupted. Raises ``InputError`` where the way
    to a run leads out of ``out`` by a link.
    """
    try:
        for task in tasks:
            folder = folder_in(out, *task.folder.relative_to(out).parts)
            job = task.job()
            with show(task.label) as listener:
                run_job(job, folder, listener, backend).close()
    except KeyboardInterrupt as error:
        error.folder = None  # type: ignore[attr-defined]
        raise


def check_folder(out: Path, noun: str) -> None:
    """Raise ``RunError`` where ``out`` is the folder of a single run."""
    if (out / FILE).exists():
        raise RunError(f"{out} holds a run, not a {noun}; choose another --out.")


def without_weights(models: Iterable[tuple[str, str]], say: Say) -> dict[str, str]:
    """Of (model, label) pairs those that have no weights here: by label, why, which ``say`` is told.

    Raises ``InputError`` where none has any.
    """
    pairs = list(models)
    absent = {label: reason for model, label in pairs if (reason := absence(model, label))}
    for reason in absent.values():
        say(reason)
    if len(absent) == len({label for _, label in pairs}):
        raise InputError(
            f"None of {', '.join(absent)} has weights here; train at least one of them: "
            "pixelproof train NAME --data cifar10:ROOT --out DIR."
        )
    return absent
