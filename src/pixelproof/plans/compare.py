"""Finished runs of any networks side by side, as far as they may stand there."""

import re
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from pixelproof.errors import InputError
from pixelproof.plans.study.demonstrate import of_runs
from pixelproof.plans.study.view import StudyRun, StudyView
from pixelproof.results.study import Assessed, comparable_study
from pixelproof.runs import RunStore
from pixelproof.runs.database import FILE

_NAMED = re.compile(r"([^=/\\]+)=(.+)", re.DOTALL)


def compare(arguments: Sequence[str], *, force: bool = False) -> StudyView:
    """The runs in the folders ``arguments``, a folder or ``NAME=FOLDER`` each, which gives the network that name.

    Raises ``InputError`` when a run is missing or not finished, when two models have one name, and on the first
    difference that keeps the runs from being compared; with ``force`` unfinished runs are taken too, and differences
    are kept for marking.
    """
    with ExitStack() as stack:
        opened = [(name, folder, stack.enter_context(RunStore.open(folder))) for name, folder in map(_place, arguments)]
        runs = tuple(
            StudyRun(
                Assessed.of(run.manifest, run.records(), name, certificates=run.certificates()),
                run.manifest,
                str(folder),
            )
            for name, folder, run in opened
        )
        _check_finished(runs, force)
        _check_names(runs)
        differences = comparable_study([run.assessed for run in runs], force=force)
        return StudyView(
            kind="comparison",
            runs=runs,
            differences=tuple(differences),
            demonstration=of_runs([run for _, _, run in opened]),
        )


def _place(argument: str) -> tuple[str | None, Path]:
    """Name and folder. A path that holds a run is never taken apart, whatever is in it."""
    found = None if (Path(argument) / FILE).exists() else _NAMED.fullmatch(argument)
    return (found[1], Path(found[2])) if found else (None, Path(argument))


def _check_finished(runs: Sequence[StudyRun], force: bool) -> None:
    for run in runs:
        if not run.assessed.finished and not force:
            raise InputError(
                f"{run.place} is not finished; go on with pixelproof resume, or force the comparison to have it marked."
            )


def _check_names(runs: Sequence[StudyRun]) -> None:
    """One line of a table is of one model."""
    first: dict[str, StudyRun] = {}
    roles: dict[tuple[str, str], StudyRun] = {}
    for run in runs:
        label, role = run.assessed.label, run.assessed.role
        before = first.setdefault(label, run)
        if before.manifest.model.fingerprint != run.manifest.model.fingerprint:
            raise InputError(
                f"Two models are called {label}, in {before.place} and {run.place}; tell them apart as NAME=FOLDER."
            )
        before = roles.setdefault((label, role), run)
        if before is not run:
            raise InputError(
                f"Two runs of one kind are of {label}, in {before.place} and {run.place}; leave one out, or tell them "
                "apart as NAME=FOLDER."
            )
