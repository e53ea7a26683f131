"""What is claimed of a model: a TOML file with the threat model, the accuracies, and how they were measured.

Carlini et al., "On Evaluating Adversarial Robustness", arXiv:1902.06705, 2019, section 2, on what a threat model is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import inf
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

Goal = Literal["untargeted", "targeted"]
Knowledge = Literal["white-box", "grey-box", "black-box"]
Norm = Literal["l0", "l1", "l2", "linf"]


def _length(value: float) -> float:
    if not 0 < value < inf:
        raise ValueError(f"a number above 0 was expected, not {value:g}; lengths are in grey levels, so 8 is 8/255")
    return value


def _percent(value: float) -> float:
    if not 0 <= value <= 100:
        raise ValueError(f"a number from 0 to 100 was expected, not {value:g}; accuracies are in percent")
    return value


def _digest(value: str) -> str:
    if not re.fullmatch(r"([0-9a-f]{64})?", value.lower()):
        raise ValueError(f"64 hexadecimal digits were expected, not {value!r}; copy them as pixelproof prints them")
    return value.lower()


Length = Annotated[float, AfterValidator(_length)]  # in grey levels (1/255)
Percent = Annotated[float, AfterValidator(_percent)]
Digest = Annotated[str, AfterValidator(_digest)]  # a SHA-256; empty: not told


def _check_range(norm: Norm | None, epsilon: float | None) -> None:
    if norm == "linf" and epsilon is not None and epsilon > 255:
        raise ValueError(f"an L∞ epsilon is at most 255 grey levels, the whole range, not {epsilon:g}; 8/255 is 8")


#: How the norms are written.
NORMS: Mapping[Norm, str] = {"l0": "L0", "l1": "L1", "l2": "L2", "linf": "L∞"}


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Threat(_Strict):
    """The attacker that the claim is about. ``epsilon`` is in grey levels (1/255) of ``norm``; L0 counts pixels."""

    goal: Goal
    knowledge: Knowledge
    norm: Norm
    epsilon: Length
    queries: int | None = Field(default=None, ge=1)  # None: as many as the attacker likes

    @model_validator(mode="after")
    def _in_range(self) -> Threat:
        _check_range(self.norm, self.epsilon)
        return self


class Evaluation(_Strict):
    """How the robust accuracy was measured, as far as it is told."""

    attack: str = Field(min_length=1)  # as people call it, or as pixelproof spells it
    norm: Norm | None = None
    epsilon: Length | None = None  # in grey levels, as the threat's
    goal: Goal | None = None
    iterations: int | None = Field(default=None, ge=1)
    restarts: int | None = Field(default=None, ge=1)
    step: Length | None = None  # in grey levels
    draws: int | None = Field(default=None, ge=1)  # of a random defence, that every step was averaged over (EOT)
    adaptive: bool = False  # the attack knew the defence: BPDA past what has no gradient
    detector: Literal["attacked", "ignored"] | None = None  # whether the attack aimed at the detector too
    samples: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _in_range(self) -> Evaluation:
        _check_range(self.norm, self.epsilon)
        return self


class Comparison(_Strict):
    """Another model's figure, that the claim is held against."""

    name: str
    robust_accuracy: Percent
    threat: Threat


class Claim(_Strict):
    """Accuracies in percent of all samples of the data.

    Where there is a detector, an image under attack is right or rejected; one that is rejected without any attack is a
    false alarm, and counts in neither.
    """

    clean_accuracy: Percent
    robust_accuracy: Percent
    threat: Threat
    evaluation: Evaluation
    comparisons: tuple[Comparison, ...] = ()
    data: str = ""  # what it was measured on, as people call it
    data_sha256: Digest = ""  # as pixelproof prints it
    model_sha256: Digest = ""  # the model's fingerprint, as pixelproof prints it
    source: str = ""  # where the claim stands

    @model_validator(mode="after")
    def _in_percent(self) -> Claim:
        if 0 < self.clean_accuracy <= 1:
            raise ValueError(
                f"clean_accuracy {self.clean_accuracy:g} is a share; accuracies are in percent, so write "
                f"{100 * self.clean_accuracy:g}, and robust_accuracy likewise"
            )
        return self

    @model_validator(mode="after")
    def _ordered(self) -> Claim:
        if self.robust_accuracy > self.clean_accuracy:
            raise ValueError(
                f"robust_accuracy {self.robust_accuracy:g} lies above clean_accuracy {self.clean_accuracy:g}: no "
                "attack makes a model better, so check both"
            )
        return self
