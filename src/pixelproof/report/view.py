"""A run read once: its manifest and records, and what the analysis makes of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from pixelproof.analysis.levels import LevelRow, level_rows
from pixelproof.analysis.outcomes import Outcomes, by_attack
from pixelproof.analysis.per_class import ClassRow, class_rows
from pixelproof.analysis.wording import FEW_PIXEL, THRESHOLD
from pixelproof.runs.record import Manifest, Record
from pixelproof.runs.store import RunStore

_MOST_CLASSES = 30
_NORMS_FIRST = {FEW_PIXEL: 0, THRESHOLD: 1}


@dataclass(frozen=True)
class View:
    """Everything the report says, but the pictures; ``folder`` is the run folder's name, None in memory."""

    manifest: Manifest
    records: list[Record]
    folder: str | None

    @cached_property
    def nested(self) -> bool | None:
        """Whether levels inherit, when the settings say so; None: to be seen from the records."""
        value = self.manifest.settings.get("nested")
        return value if isinstance(value, bool) else None

    @cached_property
    def levels(self) -> list[LevelRow]:
        return level_rows(self.records, self.manifest.selection, self.nested)

    @cached_property
    def outcomes(self) -> list[Outcomes]:
        """Each attack over all its searches, the two norms first."""
        return sorted(by_attack(self.records), key=lambda o: (_NORMS_FIRST.get(o.attack, 2), o.attack))

    @cached_property
    def attacks(self) -> list[str]:
        return [o.attack for o in self.outcomes]

    @cached_property
    def classes(self) -> list[ClassRow]:
        return class_rows(self.records)

    @cached_property
    def many_classes(self) -> bool:
        """Whether the attacked classes are too many to show each at first sight."""
        return len({row.label for row in self.classes}) > _MOST_CLASSES

    @property
    def finished(self) -> bool:
        return self.manifest.status == "finished"

    @cached_property
    def several_searches(self) -> bool:
        """Whether any attack was carried out by more than one search."""
        pairs = {(r.attack, r.search) for r in self.records}
        return len(pairs) > len({attack for attack, _ in pairs})

    @cached_property
    def started(self) -> int:
        """Selected samples with at least one record."""
        return len({r.sample for r in self.records})

    @cached_property
    def targeted(self) -> bool:
        return any(r.target is not None for r in self.records)

    @cached_property
    def date(self) -> str | None:
        """The day the run was made, when its environment notes one."""
        environment = self.manifest.environment
        return next((environment[k] for k in ("date", "started", "created") if environment.get(k)), None)

    def class_name(self, label: int) -> str:
        names = self.manifest.data.class_names
        return names[label] if 0 <= label < len(names) else f"class {label}"


def read(run: RunStore) -> View:
    """The run as it stands now, finished or not."""
    folder = None if run.folder is None else run.folder.resolve().name
    return View(run.manifest, run.records(), folder)
