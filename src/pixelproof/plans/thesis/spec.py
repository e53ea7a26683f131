"""What the protocol is told: a TOML file of data sets, each with its network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import Field, model_validator

from pixelproof.errors import InputError
from pixelproof.files import slug
from pixelproof.jobs.assess_spec import AssessSpec, DeviceChoice, make_spec
from pixelproof.jobs.perturb.spec import PerturbSpec
from pixelproof.jobs.spec_file import Options, read_spec_file

#: The thesis's PGD (its table 5): ε 0.3, steps of 0.1, 100 iterations, no random start; here in grey levels.
PGD = "pgd(epsilon=76.5,step=25.5,iterations=100,random_start=false)"


class SubjectSpec(Options):
    """A data set and the network that is to be tried on it.

    ``name`` is the published one where the thesis has the data set. ``rgb``: grey images are shown as three equal
    channels, as the thesis does, so that one of them can be changed alone.
    """

    name: str = Field(min_length=1)
    model: str
    data: str
    rgb: bool = False


class ThesisSpec(Options):
    """The whole protocol. Fields that ``pixelproof perturb`` has too mean the same here."""

    per_class: int = Field(default=1, ge=1)  # the thesis: one image of each class
    gate: float = Field(default=90, ge=0, le=100)  # accuracy on the test set, in percent
    pgd: str = PGD
    shuffle: int | None = None
    seed: int = 0
    device: DeviceChoice = "auto"
    subjects: tuple[SubjectSpec, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _names(self) -> ThesisSpec:
        names = [slug(each.name) for each in self.subjects]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise ValueError(f"two data sets would have the folder {twice[0]}; give names that differ")
        for each in self.subjects:
            self.perturb(each)
            self.assess(each)
        return self

    def perturb(self, subject: SubjectSpec) -> PerturbSpec:
        """The perturbations of ``subject``."""
        shared = self.model_dump(include={"per_class", "shuffle", "seed", "device"})
        return PerturbSpec(model=subject.model, data=subject.data, suite="thesis", **shared)

    def assess(self, subject: SubjectSpec, samples: int = 1) -> AssessSpec:
        """PGD on ``samples`` of ``subject``."""
        shared = self.model_dump(include={"seed", "device"})
        return make_spec(model=subject.model, data=subject.data, attacks=(self.pgd,), samples=samples, **shared)


def read_thesis(path: Path, places: Mapping[str, str] | None = None) -> ThesisSpec:
    """The protocol in the TOML file ``path``, with other data for the subjects named in ``places``.

    Raises ``InputError`` with one sentence that names the file, the place in it and the trouble.
    """
    spec = read_spec_file(ThesisSpec, path, "protocol", {})
    known = {each.name for each in spec.subjects}
    unknown = [name for name in places or {} if name not in known]
    if unknown:
        raise InputError(f"--data: {path} has no subject {unknown[0]!r}; it has {', '.join(sorted(known))}.")
    subjects = tuple(
        each.model_copy(update={"data": (places or {}).get(each.name, each.data)}) for each in spec.subjects
    )
    return spec.model_copy(update={"subjects": subjects})
