"""What a study is made of: the TOML file a person writes, checked, and the runs that follow from it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from pixelproof.engine.settings import Precision
from pixelproof.files import slug
from pixelproof.jobs.assess_spec import AssessSpec, DeviceChoice, make_spec
from pixelproof.jobs.spec_file import Options, read_spec_file
from pixelproof.results.study import Role

#: In the order in which they are done.
STUDY_ROLES: tuple[Role, ...] = ("levels", "de", "cma-es", "minimal")
#: The folder in ``runs/`` of the run over one image that the false-adversarial demonstration shows.
DEMONSTRATION = "false-adversarial"


class NetworkSpec(Options):
    """A network without a defence; its ``name`` is the model's own spelling unless given."""

    model: str = Field(min_length=1)
    name: str | None = None


class DefenceSpec(Options):
    """A defence ``of`` a network: a preprocessor before it (``defence``), or a network trained as one (``model``)."""

    of: str
    defence: str | None = None
    model: str | None = None
    name: str | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> DefenceSpec:
        if (self.defence is None) == (self.model is None):
            raise ValueError("give either a defence, as in tvm, or a model trained as one, as in zoo:resnet20-fast")
        if self.model is not None and self.name is None:
            raise ValueError("a model trained as a defence needs a name for that defence")
        return self


@dataclass(frozen=True)
class Member:
    """One line of the study: a network, bare or with a ``defence`` (its name), and how its model is opened."""

    name: str
    defence: str | None
    model: str
    preprocessor: str | None

    @property
    def label(self) -> str:
        """As the analyses call it: ``resnet20``, or ``resnet20 + tvm``."""
        return self.name if self.defence is None else f"{self.name} + {self.defence}"

    @property
    def folder(self) -> str:
        """The name of its folder."""
        return slug(self.label)


class StudySpec(Options):
    """A whole study. Fields that ``pixelproof assess`` has too mean the same here; paths are seen from the shell."""

    data: str
    range: tuple[int, int] | None = None
    samples: int = 100
    preset: Literal["quick", "standard"] = "quick"  # the papers' preset knows no minimal thresholds
    levels: tuple[int, ...] = (1, 3, 5, 10)
    minimal: int = 127
    shuffle: int | None = None
    seed: int = 0
    device: DeviceChoice = "auto"
    precision: Precision = "float32"
    max_queries: int | None = None
    networks: tuple[NetworkSpec, ...] = Field(min_length=1)
    defences: tuple[DefenceSpec, ...] = ()

    @cached_property
    def members(self) -> tuple[Member, ...]:
        """Networks, then defences, in the order of the file."""
        networks = {_name(each): each for each in self.networks}
        bare = [Member(name, None, each.model, None) for name, each in networks.items()]
        defended = [
            Member(each.of, each.name or each.defence, each.model or networks[each.of].model, each.defence)
            for each in self.defences
        ]
        return (*bare, *defended)

    def run(self, member: Member, role: Role, trust_code: bool = False) -> AssessSpec:
        """What one of the four runs over ``member`` is told. Raises ``InputError`` for values that cannot be."""
        own: dict[str, Any] = {"minimal": self.minimal} if role == "minimal" else {}
        return make_spec(
            model=member.model,
            defence=member.preprocessor,
            certify="none",  # which no page of a study shows
            search=role if role in ("de", "cma-es") else "auto",
            trust_code=trust_code,
            **self.model_dump(exclude={"networks", "defences", "minimal"}),
            **own,
        )

    @model_validator(mode="after")
    def _names(self) -> StudySpec:
        names = [_name(each) for each in self.networks]
        _check_differ(names, "two entries have the name {}; give names that differ")
        for each in self.defences:
            if each.of not in names:
                raise ValueError(f"a defence is of {each.of!r}, but the networks are {', '.join(names)}")
        for text in (*names, *(each.name for each in self.defences if each.name is not None)):
            if not text.strip() or not text.isprintable():
                raise ValueError(f"a name needs letters that can be printed, not {text!r}")
        _check_differ([member.label for member in self.members], "two entries are called {}; give names that differ")
        _check_differ(
            [*(member.folder for member in self.members), DEMONSTRATION],
            "two entries would have the folder runs/{}; give names that differ in letters or digits",
        )
        return self

    @model_validator(mode="after")
    def _runs(self) -> StudySpec:
        for role in STUDY_ROLES:
            self.run(self.members[0], role)
        return self


def read_study(path: Path, data: str | None = None) -> StudySpec:
    """The study in the TOML file ``path``, with other ``data`` where given.

    Raises ``InputError`` with one sentence that names the file, the place in it and the trouble.
    """
    return read_spec_file(StudySpec, path, "study", {} if data is None else {"data": data})


def _name(network: NetworkSpec) -> str:
    return network.name if network.name is not None else network.model.removeprefix("zoo:")


def _check_differ(values: list[str], complaint: str) -> None:
    for value in values:
        if values.count(value) > 1:
            raise ValueError(complaint.format(value))
