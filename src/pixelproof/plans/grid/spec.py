"""What a grid is told: a TOML file of models, defences, attacks and targets."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import get_args

from pydantic import Field, field_validator, model_validator

from pixelproof.attacks.norm_ball import Norm
from pixelproof.engine.settings import Access, AttackName, Precision
from pixelproof.files import slug
from pixelproof.jobs.assess_spec import AssessSpec, DeviceChoice, make_spec
from pixelproof.jobs.spec_file import Options, read_spec_file
from pixelproof.results.rank_correlation import FEWEST

#: A model without a preprocessing defence, as the spec spells it.
UNDEFENDED = "none"


class ModelSpec(Options):
    """A model of the grid; its ``name`` is the model's own spelling unless given."""

    model: str = Field(min_length=1)
    name: str = ""

    @property
    def label(self) -> str:
        return self.name or self.model.removeprefix("zoo:")


class GridClever(Options):
    """CLEVER of every bare model: random points, ``batches`` × ``batch_samples`` an image, up to ``radius`` away.

    They are few here, as each costs a gradient for every class. The radius is in grey levels, None that of
    ``pixelproof clever``.
    """

    norm: Norm = "l2"
    radius: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    batches: int = Field(default=10, ge=2)
    batch_samples: int = Field(default=20, ge=1)


@dataclass(frozen=True)
class Block:
    """One run of the grid: a model, bare or behind a defence that attacks meet in one way, and what they aim at."""

    model: ModelSpec
    defence: str | None
    access: Access
    target: str

    @property
    def label(self) -> str:
        """``resnet20 + tvm, adaptive, target next``."""
        met = "" if self.defence is None else f" + {self.defence}, {self.access}"
        return f"{self.model.label}{met}, target {self.target}"

    @property
    def folder(self) -> Path:
        """Its folder among the runs."""
        met = "undefended" if self.defence is None else f"{self.defence} {self.access}"
        return Path(slug(self.model.label), slug(met), slug(self.target))


class GridSpec(Options):
    """A whole grid. Fields that ``pixelproof assess`` has too mean the same here; paths are seen from the shell."""

    data: str
    range: tuple[int, int] | None = None
    samples: int = Field(default=20, ge=1)
    attacks: tuple[str, ...] = Field(min_length=1)
    targets: tuple[str, ...] = ("none",)
    defences: tuple[str, ...] = (UNDEFENDED,)
    access: tuple[Access, ...] = ("replayed",)
    levels: tuple[int, ...] = (1, 3, 5, 10)  # of few-pixel and threshold
    max_queries: int | None = None  # of few-pixel and threshold, a sample and level
    shuffle: int | None = None
    seed: int = 0
    device: DeviceChoice = "auto"
    precision: Precision = "float32"
    clever: GridClever | None = None  # of the first of ``targets``
    models: tuple[ModelSpec, ...] = Field(min_length=1)

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The runs: every model bare, then behind every defence in each way but replays, which need none."""
        bare = [Block(model, None, "end-to-end", target) for model, target in product(self.models, self.targets)]
        accesses = [access for access in self.access if access != "replayed"]
        defended = [
            Block(model, defence, access, target)
            for model, defence, access, target in product(self.models, self.preprocessors, accesses, self.targets)
        ]
        return (*bare, *defended)

    @property
    def preprocessors(self) -> tuple[str, ...]:
        """The defences but for none."""
        return tuple(each for each in self.defences if each != UNDEFENDED)

    def run(self, block: Block, trust_code: bool = False) -> AssessSpec:
        """What the run of ``block`` is told. Raises ``InputError`` for values that cannot be."""
        levelled = get_args(AttackName)
        attacks = [each for each in self.attacks if block.access != "adaptive" or each not in levelled]
        return make_spec(
            model=block.model.model,
            defence=block.defence,
            access=block.access,
            target=block.target,
            attacks=attacks,
            trust_code=trust_code,
            **self.model_dump(
                include={"data", "range", "samples", "levels", "max_queries", "shuffle", "seed", "device", "precision"}
            ),
        )

    @field_validator("attacks", "targets", "defences", "access")
    @classmethod
    def _differ(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        for value in values:
            if values.count(value) > 1:
                raise ValueError(f"{value!r} stands there twice; leave one out")
        return values

    @model_validator(mode="after")
    def _names(self) -> GridSpec:
        names = [slug(model.label) for model in self.models]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(
                    f"two models would have the folder {name}; give names that differ in letters or digits"
                )
        return self

    @model_validator(mode="after")
    def _enough(self) -> GridSpec:
        if self.clever is not None and self.samples < FEWEST:
            raise ValueError(f"clever correlates samples, so it needs {FEWEST} at least, not {self.samples}")
        return self

    @model_validator(mode="after")
    def _runs(self) -> GridSpec:
        for block in self.blocks:
            self.run(block)
        return self


def read_grid(path: Path, data: str | None = None) -> GridSpec:
    """The grid in the TOML file ``path``, with other ``data`` where given.

    Raises ``InputError`` with one sentence that names the file, the place in it and the trouble.
    """
    return read_spec_file(GridSpec, path, "grid", {} if data is None else {"data": data})
