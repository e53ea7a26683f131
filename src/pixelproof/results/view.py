"""A run read once: its manifest and records, and what the analysis makes of them."""

from dataclasses import dataclass, field
from functools import cached_property

from pixelproof.results.attempts import AttemptRow, attempt_rows
from pixelproof.results.derived_levels import at_levels
from pixelproof.results.failure import FailureRow, failure_rows
from pixelproof.results.knowledge import KnowledgeLevel, knowledge_levels
from pixelproof.results.levels import LevelRow, level_rows
from pixelproof.results.minimal import MinimalThresholds, minimal_thresholds
from pixelproof.results.outcomes import Outcomes, by_attack, complete
from pixelproof.results.per_class import ClassRow, class_rows
from pixelproof.results.status import LevelStatus, level_statuses
from pixelproof.runs.record import Certificate, FailureProbability, Manifest, Record
from pixelproof.runs.store import RunStore
from pixelproof.wording import FEW_PIXEL, THRESHOLD

_MOST_CLASSES = 30
_NORMS_FIRST = {FEW_PIXEL: 0, THRESHOLD: 1}


@dataclass(frozen=True)
class View:
    """Everything the report says, but the pictures; ``folder`` is the run folder's name, None in memory.

    ``records`` are those of attacks with levels, ``named`` those of attacks by name. Rates are over levels that all
    images have been through (``complete``); of the others there are counts, in ``statuses``.
    """

    manifest: Manifest
    records: list[Record]
    folder: str | None
    named: list[Record] = field(default_factory=list)
    certificates: list[Certificate] = field(default_factory=list)
    shares: list[FailureProbability] = field(default_factory=list)

    @cached_property
    def attempts(self) -> list[AttemptRow]:
        """Attacks by name in the order of the settings, then their worst case."""
        return attempt_rows(self.named, self.manifest.selection)

    @cached_property
    def failures(self) -> list[FailureRow]:
        """The shares of each distribution that break the samples, in the order of the settings."""
        return failure_rows(self.shares, len(self.manifest.selection.samples))

    @cached_property
    def knowledge(self) -> list[KnowledgeLevel]:
        """Levels by what the attacker sees of the model; none where all attacks see the same."""
        return knowledge_levels(self.manifest, [*self.at_levels, *self.named])

    @property
    def access(self) -> str:
        """How attacks by name met the defence."""
        return str(self.manifest.settings.get("access", "end-to-end"))

    @cached_property
    def minimal(self) -> bool:
        """Whether the run sought each sample's minimal threshold; its levels are then derived."""
        return any(search.get("minimal") for search in self.manifest.settings.get("searches", ()))

    @cached_property
    def at_levels(self) -> list[Record]:
        """Records at fixed levels: those kept, or what those of minimal thresholds stand for."""
        return at_levels(self.records) if self.minimal else self.records

    @cached_property
    def complete(self) -> list[Record]:
        """Those of ``at_levels`` whose level all images have been through."""
        return complete(self.at_levels, self.manifest.selection.samples)

    @cached_property
    def statuses(self) -> list[LevelStatus]:
        """What is known of every image, level by level, few-pixel first. Raises ``RunError`` where it contradicts."""
        return level_statuses(self.manifest, [*self.records, *self.named], self.certificates)

    @property
    def constraints(self) -> list[str]:
        """Those with a level in ``statuses``."""
        return list(dict.fromkeys(level.constraint for level in self.statuses))

    def statuses_of(self, attack: str) -> list[LevelStatus]:
        return [level for level in self.statuses if level.constraint == attack]

    @cached_property
    def minimal_thresholds(self) -> list[MinimalThresholds]:
        """Of each attack that all images have been through, in the order of ``attacks``."""
        found = minimal_thresholds(complete(self.records, self.manifest.selection.samples))
        return sorted(found, key=lambda m: _place(m.attack))

    @cached_property
    def nested(self) -> bool | None:
        """Whether levels inherit, when the settings say so; None: to be seen from the records."""
        if self.minimal:
            return False
        value = self.manifest.settings.get("nested")
        return value if isinstance(value, bool) else None

    @cached_property
    def levels(self) -> list[LevelRow]:
        return level_rows(self.at_levels, self.manifest.selection, self.nested)

    @cached_property
    def outcomes(self) -> list[Outcomes]:
        """Each attack over all its searches, the two norms first."""
        return sorted(by_attack(self.complete), key=lambda o: _place(o.attack))

    @cached_property
    def attacks(self) -> list[str]:
        """The attacks with levels: those with a record, and once there is any those that are still to come."""
        planned = [level.constraint for level in self.statuses] if self.records else []
        return sorted({*planned, *(record.attack for record in self.records)}, key=_place)

    @property
    def rated(self) -> list[str]:
        """Those with a level that all images have been through."""
        return [o.attack for o in self.outcomes]

    @cached_property
    def classes(self) -> list[ClassRow]:
        return class_rows(self.complete)

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
        pairs = {(r.attack, r.spec) for r in self.records}
        return len(pairs) > len({attack for attack, _ in pairs})

    @cached_property
    def started(self) -> int:
        """Selected samples with at least one record."""
        attacked = {r.sample for r in (*self.records, *self.named)}
        return len(attacked.union(share.sample for share in self.shares))

    @cached_property
    def targeted(self) -> bool:
        return any(r.target is not None for r in (*self.records, *self.named))

    @cached_property
    def date(self) -> str | None:
        """The day the run was made, when its environment notes one."""
        environment = self.manifest.environment
        return next((environment[k] for k in ("date", "started", "created") if environment.get(k)), None)

    def class_name(self, label: int) -> str:
        names = self.manifest.data.class_names
        return names[label] if 0 <= label < len(names) else f"class {label}"


def _place(attack: str) -> tuple[int, str]:
    return _NORMS_FIRST.get(attack, 2), attack


def read(run: RunStore) -> View:
    """The run as it stands now, finished or not."""
    folder = None if run.folder is None else run.folder.resolve().name
    records = run.records()
    levelled, named = [r for r in records if r.levelled], [r for r in records if not r.levelled]
    return View(run.manifest, levelled, folder, named, run.certificates(), run.failure_probabilities())
