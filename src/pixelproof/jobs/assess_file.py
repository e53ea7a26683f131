"""The spec of an assessment in a TOML file: what ``pixelproof init`` writes and ``pixelproof assess FILE`` reads."""

from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, Field, field_validator

from pixelproof.jobs.assess_spec import AssessSpec
from pixelproof.jobs.spec_file import checked, read_toml


class AssessFile(AssessSpec):
    """What such a file may say: the options of ``pixelproof assess``, any of which may be left to the command line."""

    model_config = ConfigDict(title="pixelproof assess")

    model: str = ""
    data: str = ""
    out: str = ""  # the folder of the run
    fail_under: tuple[str, ...] = ()  # what is required of the run
    with_: Literal["perturbations"] | None = Field(default=None, alias="with")

    @field_validator("trust_code", mode="before")
    @classmethod
    def _trust(cls, value: object) -> object:
        raise ValueError("no file can give trust to code; leave it out and give --trust-code on the command line")


def read_assess_file(path: Path) -> dict[str, Any]:
    """What the TOML file ``path`` says, by option. Raises ``InputError`` with one sentence on what is wrong in it."""
    values = read_toml(path, "spec")
    checked(AssessFile, values, str(path))
    return values
