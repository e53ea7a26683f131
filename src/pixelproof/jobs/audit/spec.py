"""What an audit is told beside the claim."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, field_validator

from pixelproof.jobs.assess_spec import DeviceChoice
from pixelproof.jobs.audit.checkpoints import CHECKPOINTS
from pixelproof.jobs.audit.effort import EFFORTS, Effort, Preset


class AuditSpec(BaseModel):
    """Everything ``pixelproof audit`` can be told; field names are those of its options."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    defence: str | None = None
    data: str
    claim: str
    preset: Preset = "quick"
    samples: int | None = Field(None, ge=1)  # None: as the preset
    iterations: int | None = Field(None, ge=1)  # None: as the preset; up to a million and more
    only: tuple[int, ...] = ()  # these checkpoints; empty: all
    stored: tuple[str, ...] = ()  # folders of runs whose adversarial images are shown to the model
    range: tuple[int, int] | None = None
    seed: int = Field(0, ge=0, lt=2**63)
    device: DeviceChoice = "auto"
    trust_code: bool = False

    @field_validator("only")
    @classmethod
    def _known(cls, only: tuple[int, ...]) -> tuple[int, ...]:
        numbers = [each.number for each in CHECKPOINTS]
        unknown = [each for each in only if each not in numbers]
        if unknown:
            raise ValueError(f"there is no checkpoint {unknown[0]}; they are numbered 1 to {max(numbers)}")
        return tuple(sorted(set(only)))

    @property
    def effort(self) -> Effort:
        """That of the preset, with the numbers given in their place."""
        values = vars(EFFORTS[self.preset]).copy()
        values.update({name: each for name in ("samples", "iterations") if (each := getattr(self, name)) is not None})
        return Effort(**values)
