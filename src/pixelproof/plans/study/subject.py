"""The networks of a study, opened; and those that have no weights to open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from pixelproof.defences import defend, parse_defence
from pixelproof.errors import InputError
from pixelproof.jobs.assess import choose_device
from pixelproof.models import Classifier, load_model
from pixelproof.plans.study.spec import Member, StudySpec
from pixelproof.zoo.registry import absence


@dataclass(frozen=True, eq=False)
class Subject:
    """A line of the study and its model, behind its defence."""

    member: Member
    classifier: Classifier


def open_subjects(study: StudySpec, trust_code: bool) -> tuple[list[Subject], Mapping[str, str]]:
    """Every network and defence whose weights are here; by label, one sentence for each that is left out.

    All are opened before anything is run, so that a mistake in the last one costs nothing. Raises ``InputError`` when
    one cannot be opened for another reason, or none has weights.
    """
    for preprocessor in dict.fromkeys(member.preprocessor for member in study.members):
        if preprocessor is not None:
            parse_defence(preprocessor)
    absent = {member.label: missing for member in study.members if (missing := absence(member.model, member.label))}
    present = [member for member in study.members if member.label not in absent]
    if not present:
        raise InputError(
            f"None of {', '.join(absent)} has weights here; train at least one of them: "
            "pixelproof train NAME --data cifar10:ROOT --out DIR."
        )
    device = choose_device(study.device)
    return [Subject(member, _open(member, device, trust_code)) for member in present], absent


def _open(member: Member, device: torch.device, trust_code: bool) -> Classifier:
    return defend(load_model(member.model, trust_code=trust_code, device=device), member.preprocessor)
