"""What is claimed of a model: a TOML file with the threat model, the accuracies, and how they were measured.

Carlini et al., "On Evaluating Adversarial Robustness", arXiv:1902.06705, 2019, section 2, on what a threat model is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pixelproof.spec_file import read_spec_file

Goal = Literal["untargeted", "targeted"]
Knowledge = Literal["white-box", "grey-box", "black-box"]
Norm = Literal["l0", "l1", "l2", "linf"]


class Threat(BaseModel):
    """Whom the model is said to withstand. ``epsilon`` is in grey levels (1/255) of ``norm``; L0 counts pixels."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    goal: Goal
    knowledge: Knowledge
    norm: Norm
    epsilon: float = Field(gt=0)
    queries: int | None = Field(None, ge=1)  # None: as many as the attacker likes


class Evaluation(BaseModel):
    """How the robust accuracy was measured, as far as it is told."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    attack: str = Field(min_length=1)  # as people call it
    norm: Norm | None = None
    epsilon: float | None = Field(None, gt=0)  # in grey levels, as the threat's
    goal: Goal | None = None
    iterations: int | None = Field(None, ge=1)
    restarts: int | None = Field(None, ge=1)
    step: float | None = Field(None, gt=0)  # in grey levels
    draws: int | None = Field(None, ge=1)  # of a random defence, that every step was averaged over (EOT)
    adaptive: bool = False  # the attack knew the defence: BPDA past what has no gradient
    detector: Literal["attacked", "ignored"] | None = None  # whether the attack aimed at the detector too
    samples: int | None = Field(None, ge=1)


class Comparison(BaseModel):
    """Another model's figure, that the claim is held against."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    robust_accuracy: float = Field(ge=0, le=100)
    threat: Threat


class Claim(BaseModel):
    """Accuracies in percent of all samples of the data, right under attack or, where there is a detector, rejected."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    clean_accuracy: float = Field(ge=0, le=100)
    robust_accuracy: float = Field(ge=0, le=100)
    threat: Threat
    evaluation: Evaluation
    comparisons: tuple[Comparison, ...] = ()
    data: str = ""  # what it was measured on, as people call it
    data_sha256: str = ""  # as pixelproof prints it
    model_sha256: str = ""  # the model's fingerprint, as pixelproof prints it
    source: str = ""  # where the claim stands

    @model_validator(mode="after")
    def _ordered(self) -> Claim:
        if self.robust_accuracy > self.clean_accuracy:
            raise ValueError(
                f"robust_accuracy {self.robust_accuracy:g} lies above clean_accuracy {self.clean_accuracy:g}: no "
                "attack makes a model better, so check both"
            )
        return self


def read_claim(path: Path) -> Claim:
    """The claim in the TOML file ``path``. Raises ``InputError`` with one sentence that names what is missing."""
    return read_spec_file(Claim, path, "claim", {})
