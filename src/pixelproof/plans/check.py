"""Whether runs meet what is required of them, and are no worse than a baseline."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from pydantic import Field, field_validator

from pixelproof.errors import InputError
from pixelproof.jobs.spec_file import Options
from pixelproof.results.gate.checked import Checked
from pixelproof.results.gate.decision import ALPHA, MARGIN, decide, no_worse
from pixelproof.results.gate.measure import Measure
from pixelproof.results.gate.read import measures
from pixelproof.results.gate.requirement import Requirement, parse_requirement
from pixelproof.results.gate.settings import SettingDifference, setting_differences
from pixelproof.runs import RunStore
from pixelproof.runs.database import FILE

#: The folder in an assessment's in which perturbations lie that were measured beside.
BESIDE = "perturbations"


class CheckSpec(Options):
    """What is required of runs, as a TOML file or the options of the command say it."""

    require: tuple[str, ...] = Field(default=(), description="Requirements, as robust-accuracy(linf,3) >= 40%.")
    baseline: str | None = Field(default=None, description="The folder of a run that must not be better.")
    alpha: float = Field(default=ALPHA, description="The chance of a wrong answer, above 0 and below 0.5.")
    margin: float = Field(
        default=100 * MARGIN, description="Points that may be lost against the baseline, above 0 and up to 100."
    )

    @field_validator("alpha")
    @classmethod
    def _chance(cls, alpha: float) -> float:
        if not 0 < alpha < 0.5:
            raise ValueError(f"alpha lies above 0 and below 0.5, not at {alpha:g}")
        return alpha

    @field_validator("margin")
    @classmethod
    def _points(cls, margin: float) -> float:
        if not 0 < margin <= 100:
            raise ValueError(f"the margin is a number of points above 0 and up to 100, not {margin:g}")
        return margin


def check(places: Sequence[Path], spec: CheckSpec, *, force: bool = False) -> Checked:
    """Whether the runs in the folders ``places`` do as ``spec`` says; perturbations that lie in one count too.

    Raises ``InputError`` where nothing is required, where a run has no such measure, and where the baseline cannot be
    compared with, unless ``force`` has it compared and the differences kept.
    """
    required = [parse_requirement(each) for each in spec.require]
    if not required and spec.baseline is None:
        raise InputError("Nothing is required; give --require, a file of requirements, or --baseline.")
    with ExitStack() as stack:
        runs = _opened(stack, places)
        before = None if spec.baseline is None else _opened(stack, [Path(spec.baseline)])
        differences = _differences(before or [], runs, force)
        found, old = _measures(runs), None if before is None else _measures(before)
        return Checked(
            tuple(str(run.folder) for run in runs),
            tuple(run.manifest for run in runs),
            spec.alpha,
            spec.baseline,
            tuple(decide(_all(required, found, old, spec), found, old, spec.alpha)),
            tuple(differences),
        )


def _all(
    required: list[Requirement], found: Sequence[Measure], old: Sequence[Measure] | None, spec: CheckSpec
) -> list[Requirement]:
    """What is required; where there is a baseline and nothing speaks of it, that nothing is worse."""
    if old is None or any(each.kind == "baseline" for each in required):
        return required
    compared = no_worse(found, old, spec.margin / 100)
    if not compared:
        raise InputError("The run and its baseline have no measure and image in common; measure both alike.")
    return [*required, *compared]


def _opened(stack: ExitStack, places: Sequence[Path]) -> list[RunStore]:
    folders = [folder for place in places for folder in (place, place / BESIDE)]
    return [stack.enter_context(RunStore.open(f)) for f in folders if f in places or (f / FILE).exists()]


def _measures(runs: Sequence[RunStore]) -> list[Measure]:
    """Those of all ``runs``; what two of them have the first one says."""
    found: dict[str, Measure] = {}
    for run in runs:
        for each in measures(run):
            found.setdefault(each.name, each)
    return list(found.values())


def _differences(old: Sequence[RunStore], new: Sequence[RunStore], force: bool) -> list[SettingDifference]:
    before = {run.manifest.job: run.manifest for run in reversed(old)}
    pairs = [(before[m.job], m) for m in (run.manifest for run in new) if m.job in before]
    if old and not pairs:
        jobs = f"of {old[0].manifest.job}, the run of {new[0].manifest.job}"
        raise InputError(f"The baseline is {jobs}; compare runs of one kind.")
    found = [each for pair in pairs for each in setting_differences(*pair)]
    return checked_differences(found, force)


def checked_differences(found: list[SettingDifference], force: bool) -> list[SettingDifference]:
    """``found``; raises ``InputError`` on the first that is grave, unless ``force`` has it marked."""
    grave = [each for each in found if each.grave]
    if grave and not force:
        text = str(grave[0])
        raise InputError(
            f"{text[:1].upper()}{text[1:]}; measure both alike, or force the comparison to have it marked."
        )
    return found
