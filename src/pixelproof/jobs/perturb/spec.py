"""What an assessment under common perturbations is told, and which perturbations at which strengths that means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field, field_validator, model_validator

from pixelproof.corruptions.corruption import Corruption
from pixelproof.corruptions.severity import Rounding, SeverityCorruption
from pixelproof.corruptions.suites import CORRUPTIONS, PERTURBATIONS, THESIS, make, table_for
from pixelproof.corruptions.thesis import RANGES
from pixelproof.jobs.assess_spec import AssessSpec, DeviceChoice, from_options
from pixelproof.jobs.spec_file import Options
from pixelproof.plugins import names as plugin_names
from pixelproof.wording import meant

SuiteName = Literal["thesis", "imagenet-c", "cifar-c", "all"]
#: Samples where no number is given.
DEFAULT_SAMPLES = 1_000


@dataclass(frozen=True)
class Setting:
    """A perturbation and the strengths it is tried at."""

    corruption: Corruption
    strengths: tuple[float, ...]


class PerturbSpec(Options):
    """Everything ``pixelproof perturb`` can be told; field names are those of its options."""

    model: str
    defence: str | None = None
    data: str
    corruption: str | None = None  # what happens to every image before anything else, as fog(3)
    range: tuple[int, int] | None = None
    samples: int | None = Field(default=None, ge=1)  # None: 1,000, or as many as there are
    per_class: int | None = Field(default=None, ge=1)  # as many of every class, in place of ``samples``
    shuffle: int | None = Field(default=None, ge=0)
    suite: SuiteName = "all"
    only: tuple[str, ...] = ()  # of the suite, and of plug-ins; empty: all of the suite
    severities: tuple[float, ...] = (1, 2, 3, 4, 5)
    rounding: Rounding = "reference"  # of what severities give, to whole grey levels
    minimal: int | None = Field(default=None, ge=1, le=1000)  # even steps in which each least strength is sought
    worst_case: int | None = Field(default=None, ge=1)  # random turns, shifts and lights tried on each sample
    gate: float | None = Field(default=None, ge=0, le=100)  # clean accuracy in percent below which nothing is measured
    seed: int = Field(default=0, ge=0, lt=2**63)
    device: DeviceChoice = "auto"
    trust_code: bool = False

    @field_validator("severities")
    @classmethod
    def _severities(cls, severities: tuple[float, ...]) -> tuple[float, ...]:
        wrong = [each for each in severities if not 1 <= each <= 5]
        if wrong or not severities:
            raise ValueError(f"severities lie from 1 to 5, not at {', '.join(f'{each:g}' for each in wrong) or 'none'}")
        return tuple(sorted(set(severities)))

    @model_validator(mode="after")
    def _known(self) -> PerturbSpec:
        known = (*names(self.suite), *plugin_names("corruptions"))
        unknown = [each for each in self.only if each not in known]
        if unknown:
            hint = meant(unknown[0], known)
            raise ValueError(f"--only: the suite {self.suite} has no {unknown[0]!r}{hint}; it has {', '.join(known)}")
        if self.per_class is not None and self.samples is not None:
            raise ValueError("--samples and --per-class both say how many samples to take: leave one out")
        return self

    def settings(self, shape: tuple[int, int, int]) -> list[Setting]:
        """The perturbations for images of ``shape`` (H, W, C). Raises ``InputError`` where one cannot take them."""
        table = table_for(shape)
        if self.suite in ("imagenet-c", "cifar-c"):
            table = "imagenet" if self.suite == "imagenet-c" else "cifar"
        of_thesis = {corruption.name: strengths for corruption, strengths in RANGES}
        found = []
        for name in self.only or names(self.suite):
            corruption = make(name, table, self.rounding)
            corruption.require(shape[2], *shape[:2])
            found.append(Setting(corruption, of_thesis.get(name) or self._strengths(corruption)))
        return found

    def _strengths(self, corruption: Corruption) -> tuple[float, ...]:
        """The severities; of one in another unit so many fifths of the way to each of its ends."""
        if isinstance(corruption, SeverityCorruption):
            return self.severities
        none = corruption.none
        return tuple(none + (end - none) * part / 5 for end in corruption.ends for part in self.severities)


def beside(spec: AssessSpec) -> PerturbSpec:
    """All perturbations of what ``spec`` assesses. Raises ``InputError``."""
    shared = spec.model_dump(
        include={"model", "defence", "data", "corruption", "range", "shuffle", "seed", "device", "trust_code"}
    )
    return from_options(PerturbSpec, shared)


def names(suite: SuiteName) -> Sequence[str]:
    """The perturbations of ``suite``."""
    if suite == "all":
        return tuple(PERTURBATIONS)
    return tuple(THESIS) if suite == "thesis" else tuple(CORRUPTIONS)
