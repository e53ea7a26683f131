"""One run of a study, as its analyses see it: what was assessed, by which rule, with which outcome."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from pixelproof.errors import InputError
from pixelproof.results.derived_levels import LEVELS, at_levels
from pixelproof.results.intervals import Rate
from pixelproof.results.levels import LevelRow, level_rows
from pixelproof.results.outcomes import complete
from pixelproof.results.status import LevelStatus, level_statuses
from pixelproof.runs.record import Certificate, Manifest, Record, Selection
from pixelproof.wording import FEW_PIXEL, THRESHOLD

NORMS = (FEW_PIXEL, THRESHOLD)
Level = tuple[str, int]  # attack and threshold
#: What a run is for: levels by the strongest searches, by CMA-ES or by DE, or the minimal threshold of each sample.
Role = Literal["levels", "cma-es", "de", "minimal"]
ROLES: tuple[Role, ...] = ("levels", "cma-es", "de", "minimal")
_CMA_ES = {"cma-es", "sep-cma-es"}  # one choice of the user's: large dimensions get the separable form
#: How the zoo's names of networks trained adversarially (AT) end, and what that defence is called.
_TRAINED = {
    "-fast": "fast AT",
    "-pgd": "PGD AT",
    "-noise": "Gaussian augmentation",
    "-label-smoothing": "label smoothing",
    "-distilled": "distillation",
}


@dataclass(frozen=True)
class Plan:
    """What a run set out to do at one level."""

    attack: str
    threshold: int
    search: str
    max_queries: int  # for one sample


@dataclass(frozen=True)
class Assessed:
    """A network, bare or with a ``defence``, and one run over it."""

    name: str
    defence: str | None
    clean: Rate  # clean images classified correctly, of those checked
    records: tuple[Record, ...]
    selection: Selection
    class_names: tuple[str, ...]
    data_name: str
    data_sha256: str  # over the images in range and their labels
    asked: int | None  # samples asked for
    shuffle: int | None  # the seed of the order in which images were considered; None: file order
    target: str
    nested: bool | None  # whether levels inherit from lower ones; None: to be seen from the records
    minimal: bool  # each sample's smallest threshold was sought
    plans: tuple[Plan, ...]
    finished: bool
    statuses: tuple[LevelStatus, ...] = ()

    @classmethod
    def of(
        cls,
        manifest: Manifest,
        records: Iterable[Record],
        name: str | None = None,
        defence: str | None = None,
        certificates: Iterable[Certificate] = (),
    ) -> Assessed:
        """The run of ``manifest``, ``records`` and ``certificates``.

        A defended network carries the ``name`` of the bare one, which it is compared with. Name and ``defence`` are
        those of the manifest unless given: the defence of its spec, and how one of the zoo's was trained.
        """
        settings, every = manifest.settings, tuple(records)
        own_name, own_defence = _named(manifest)
        searches = settings.get("searches", ())
        minimal = any(search.get("minimal") for search in searches)
        nested = settings.get("nested")
        return cls(
            name=name or own_name,
            defence=defence or own_defence,
            clean=Rate(manifest.model.right, manifest.model.checked),
            records=tuple(record for record in every if record.levelled),
            selection=manifest.selection,
            class_names=manifest.data.class_names,
            data_name=manifest.data.name,
            data_sha256=manifest.data.sha256,
            asked=settings.get("samples"),
            shuffle=settings.get("shuffle"),
            target=settings.get("target", "none"),
            nested=False if minimal else nested,
            minimal=minimal,
            plans=tuple(_plan(search) for search in searches),
            finished=manifest.status == "finished",
            statuses=tuple(level_statuses(manifest, every, certificates)),
        )

    @property
    def label(self) -> str:
        """``resnet20``, or ``resnet20 + tvm`` with a defence."""
        return self.name if self.defence is None else f"{self.name} + {self.defence}"

    @property
    def role(self) -> Role:
        if self.minimal:
            return "minimal"
        used = {plan.search for plan in self.plans}
        return "de" if used == {"de"} else "cma-es" if used <= _CMA_ES else "levels"

    @cached_property
    def at_levels(self) -> list[Record]:
        """Records at fixed levels: those kept, or what those of minimal thresholds stand for."""
        return at_levels(self.records) if self.minimal else list(self.records)

    @cached_property
    def complete(self) -> list[Record]:
        """Those of ``at_levels`` whose level all samples have been through: what rates are over."""
        return complete(self.at_levels, self.selection.samples)

    @cached_property
    def level_rows(self) -> list[LevelRow]:
        return level_rows(self.at_levels, self.selection, self.nested)

    @cached_property
    def fooled(self) -> Mapping[Level, Rate]:
        """Attack success rate at each level; of several searches at one level, the one that fooled most counts."""
        rising = sorted(self.level_rows, key=lambda row: (row.fooled.value or 0.0, row.fooled.successes))
        return {(row.attack, row.threshold): row.fooled for row in rising}

    @property
    def budgets(self) -> Mapping[Level, int]:
        """Queries allowed for one sample at each level; those of a minimal threshold served all its levels."""
        return {
            (plan.attack, th): plan.max_queries
            for plan in self.plans
            for th in (LEVELS if self.minimal else (plan.threshold,))
            if th <= plan.threshold
        }

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names by label, told apart where two classes share one."""
        names = self.class_names
        return tuple(name if names.count(name) == 1 else f"{name} ({k})" for k, name in enumerate(names))


def in_role(runs: Iterable[Assessed], role: Role) -> list[Assessed]:
    return [run for run in runs if run.role == role]


def level_runs(runs: Sequence[Assessed]) -> list[Assessed]:
    """The runs that stand for the study's levels: all of the first of ``ROLES`` that occurs, so of one kind only."""
    return next((found for role in ROLES if (found := in_role(runs, role))), [])


def one_each(runs: Iterable[Assessed]) -> dict[str, Assessed]:
    """Runs by label. Raises ``InputError`` when two share one."""
    found: dict[str, Assessed] = {}
    for run in runs:
        if run.label in found:
            raise InputError(f"Two runs of one kind are called {run.label}: give them names that differ.")
        found[run.label] = run
    return found


def _named(manifest: Manifest) -> tuple[str, str | None]:
    """The network's name, and its defence: the adversarial training and the preprocessor that the manifest names."""
    preprocessor = manifest.spec.get("defence")
    model = manifest.model.name
    name = model if preprocessor is None else model.partition(" + ")[0]
    bare, trained = name.removeprefix("zoo:"), None
    for ending, training in _TRAINED.items():
        if name.startswith("zoo:") and name.endswith(ending):
            bare, trained = bare.removesuffix(ending), training
    return bare, " + ".join(part for part in (trained, preprocessor) if part) or None


def _plan(search: Mapping[str, Any]) -> Plan:
    return Plan(search["constraint"], search["threshold"], search["method"], search["max_queries"])
