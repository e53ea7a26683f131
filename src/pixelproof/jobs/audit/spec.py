"""What an audit is told: the claim, options, and how much is measured, in numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from pixelproof.jobs.assess_spec import DeviceChoice
from pixelproof.jobs.spec_file import Options, read_spec_file
from pixelproof.results.audit.claim import Claim

#: The checkpoints are numbered from 1 to this.
LAST = 20

Preset = Literal["quick", "standard"]


@dataclass(frozen=True)
class Effort:
    """Numbers of images and of what is tried on each; those of the preset ``quick`` where nothing else is said."""

    clean: int = 1_000  # images that the clean accuracy is measured on, at most
    samples: int = 100  # images that are attacked
    further: int = 400  # at most, where the claim lies above what was measured and more samples could tell
    iterations: int = 400  # of gradient attacks, where their number is doubled until nothing changes, at most
    restarts: int = 5  # of a gradient attack
    queries: int = 1_000  # that an attack on scores has for an image
    label_samples: int = 20  # images that attacks on labels alone are run on
    label_queries: int = 1_000  # that they have for each
    noise_samples: int = 10  # images that noise is drawn for
    noise_draws: int = 2_000  # of it for each
    level_samples: int = 10  # images whose few-pixel and threshold levels are measured
    perturbed: int = 200  # images under common perturbations
    draws: int = 10  # answers of a random model that are averaged
    substitute_epochs: int = 10  # that a substitute learns the model's answers for
    surface: int = 21  # points of a side where the loss surface is drawn


EFFORTS: Mapping[Preset, Effort] = {
    "quick": Effort(),
    "standard": Effort(
        clean=10_000,
        samples=500,
        further=4_000,
        iterations=1_600,
        restarts=10,
        queries=5_000,
        label_samples=100,
        label_queries=5_000,
        noise_samples=100,
        noise_draws=10_000,
        level_samples=50,
        perturbed=1_000,
        draws=30,
        substitute_epochs=30,
        surface=41,
    ),
}


class AuditSpec(Options):
    """Everything ``pixelproof audit`` can be told; field names are those of its options."""

    model: str
    bare: str | None = None  # the network without its defence, where it cannot be found inside
    defence: str | None = None
    data: str
    claim: str
    preset: Preset = "quick"
    samples: int | None = Field(default=None, ge=1)  # None: as the preset
    iterations: int | None = Field(default=None, ge=1)  # None: as the preset; up to a million and more
    only: tuple[int, ...] = ()  # these checkpoints; empty: all
    stored: tuple[str, ...] = ()  # folders of runs whose adversarial images are shown to the model
    range: tuple[int, int] | None = None
    seed: int = Field(default=0, ge=0, lt=2**63)
    device: DeviceChoice = "auto"
    trust_code: bool = False

    @field_validator("only")
    @classmethod
    def _known(cls, only: tuple[int, ...]) -> tuple[int, ...]:
        unknown = [each for each in only if not 1 <= each <= LAST]
        if unknown:
            raise ValueError(f"there is no checkpoint {unknown[0]}; they are numbered 1 to {LAST}")
        return tuple(sorted(set(only)))

    @property
    def effort(self) -> Effort:
        """That of the preset, with the numbers given in their place."""
        values = vars(EFFORTS[self.preset]).copy()
        values.update({name: each for name in ("samples", "iterations") if (each := getattr(self, name)) is not None})
        return Effort(**values)


def read_claim(path: Path) -> Claim:
    """The claim in the TOML file ``path``. Raises ``InputError`` with one sentence that names what is missing."""
    return read_spec_file(Claim, path, "claim", {})
