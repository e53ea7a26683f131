"""Finished runs side by side: what changed from the old to the new one, and networks in one table."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from pixelproof.errors import InputError
from pixelproof.plans.check import checked_differences
from pixelproof.plans.compared import Compared
from pixelproof.plans.study.demonstrate import of_runs
from pixelproof.plans.study.view import StudyRun, StudyView
from pixelproof.results.gate.pair import Pair, pair
from pixelproof.results.study import Assessed, comparable_study
from pixelproof.runs import RunStore
from pixelproof.runs.database import FILE

_NAMED = re.compile(r"([^=/\\]+)=(.+)", re.DOTALL)


@dataclass(frozen=True, eq=False)
class _Opened:
    """A run, what it is called, and of an assessment how its levels were searched."""

    name: str
    run: RunStore
    place: str
    assessed: Assessed | None

    @property
    def kind(self) -> tuple[str, str]:
        """What it is compared with: runs of the same job and, of assessments, of the same role."""
        return self.run.manifest.job, "" if self.assessed is None else self.assessed.role


def compare(arguments: Sequence[str], *, force: bool = False) -> Compared:
    """The runs in the folders ``arguments``, a folder or ``NAME=FOLDER`` each, which gives the network that name.

    Of each kind of run the first is the old one, which the others are compared with, image by image. Assessments stand
    in the tables of a study besides, where they differ in the network alone. Raises ``InputError`` when a run is
    missing or not finished, and on the first difference that makes comparing them meaningless; with ``force``
    unfinished runs are taken too, and differences are kept for marking.
    """
    with ExitStack() as stack:
        opened = [_open(stack, argument) for argument in arguments]
        _check_finished(opened, force)
        opened = _told_apart(opened)
        pairs = tuple(_pairs(opened, force))
        study, apart = _study([each for each in opened if each.assessed is not None], bool(pairs), force)
        if not pairs and study is None:
            raise InputError("There is nothing to compare: expected two runs of one kind, the old one and the new one.")
        return Compared(pairs, study, apart)


def _open(stack: ExitStack, argument: str) -> _Opened:
    name, folder = _place(argument)
    run = stack.enter_context(RunStore.open(folder))
    if run.manifest.job != "assess":
        return _Opened(name or run.manifest.model.name.removeprefix("zoo:"), run, str(folder), None)
    assessed = Assessed.of(run.manifest, run.records(), name, certificates=run.certificates())
    return _Opened(assessed.label, run, str(folder), assessed)


def _place(argument: str) -> tuple[str | None, Path]:
    """Name and folder. A path that holds a run is never taken apart, whatever is in it."""
    found = None if (Path(argument) / FILE).exists() else _NAMED.fullmatch(argument)
    return (found[1], Path(found[2])) if found else (None, Path(argument))


def _check_finished(runs: Sequence[_Opened], force: bool) -> None:
    for each in runs:
        if each.run.manifest.status != "finished" and not force:
            raise InputError(
                f"{each.place} is not finished; go on with pixelproof resume, or force the comparison to have it "
                "marked."
            )


def _told_apart(runs: Sequence[_Opened]) -> list[_Opened]:
    """``runs``, those that share a name and are no one's different roles called by their folders too."""
    models: dict[str, set[str]] = defaultdict(set)
    for each in runs:
        models[each.name].add(each.run.manifest.model.fingerprint)
    kinds = Counter((each.name, each.kind) for each in runs)
    shared = {name for (name, _), number in kinds.items() if number > 1}
    shared |= {name for name, fingerprints in models.items() if len(fingerprints) > 1}
    folders = Counter(Path(each.place).name for each in runs if each.name in shared)
    return [_called(each, folders[Path(each.place).name] == 1) if each.name in shared else each for each in runs]


def _called(each: _Opened, short: bool) -> _Opened:
    folder = Path(each.place).name if short else each.place
    if each.assessed is None:
        return replace(each, name=f"{each.name} ({folder})")
    assessed = replace(each.assessed, name=f"{each.assessed.name} ({folder})")
    return replace(each, name=assessed.label, assessed=assessed)


def _pairs(runs: Sequence[_Opened], force: bool) -> Iterator[Pair]:
    """The first of each kind with each of the others."""
    first: dict[tuple[str, str], _Opened] = {}
    for each in runs:
        old = first.setdefault(each.kind, each)
        if old is not each:
            found = pair(old.run, each.run, (old.name, each.name))
            checked_differences(list(found.differences), force)
            yield found


def _study(runs: Sequence[_Opened], paired: bool, force: bool) -> tuple[StudyView | None, str]:
    """The assessments ``runs`` in one table, or why they do not stand in one, which is refused of those in no pair."""
    assessed = [each.assessed for each in runs if each.assessed is not None]
    differences = comparable_study(assessed, force=force or paired)
    if not assessed or (differences and not force):
        return None, str(differences[0]) if differences else ""
    view = StudyView(
        kind="comparison",
        runs=tuple(StudyRun(found, each.run.manifest, each.place) for found, each in zip(assessed, runs, strict=True)),
        differences=tuple(differences),
        demonstration=of_runs([each.run for each in runs]),
    )
    return view, ""
