"""What a user asks for, checked; and what that resolves to in numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from pixelproof.engine.settings import (
    Access,
    AttackName,
    AttackSettings,
    CertifyChoice,
    FitnessChoice,
    Knowledge,
    Precision,
    SearchName,
    SearchSettings,
    Settings,
)
from pixelproof.errors import InputError
from pixelproof.jobs.spec_file import given
from pixelproof.results.budgets import QUICK, STANDARD, papers_budget, papers_population
from pixelproof.results.derived_levels import LEVELS
from pixelproof.runs.record import TARGETS
from pixelproof.search.registry import DIFFERENTIAL_WEIGHT, SEARCHES, search_entry
from pixelproof.wording import meant, shown

PresetName = Literal["quick", "standard", "paper"]
Samples = int | Literal["all"] | None  # None: ``DEFAULT_SAMPLES``, or as many as there are
DeviceChoice = Literal["auto", "cpu", "cuda"]
Spec = TypeVar("Spec", bound=BaseModel)

#: Above this dimension a full covariance matrix costs more than the model does, and learns too slowly to pay.
FULL_COVARIANCE_LIMIT = 300

#: Samples that learn from each other, where a search does that: its unit of work.
COHORT = 32
#: Positions up to which searches keep a model: beyond them the pixel process has no room for its map, and of margins a
#: linear model helps no more. On foolbox's photographs and an EfficientNet-Lite0, th = 3, `textures` and gradient
#: regression needed 78 and 105 queries at 96×96 (400 at most), and of 17 at 224×224 fooled 13 and 9; th = 1, 600
#: queries, 271 and 278 at 96×96, 501 and 499 at 128×128.
LARGEST_MODELLED = 64 * 64
#: Pixels from which on, in larger images, segments are laid. Of ten pictures on EfficientNet-Lite0, 1,000 queries,
#: `segments` fooled 2, 5, 6 and 8 by 10, 50, 100 and 250 pixels, with 912, 644, 497 and 398 queries; `sparse-random` 3,
#: 6, 6 and 7 with 846, 621, 536 and 509.
FEWEST_IN_SEGMENTS = 100
#: Channel values of a batch on a CPU: on one thread a ResNet-20 is quickest with 16 to 256 images of 32×32, 4 to 8 of
#: 96×96 (twice as quick as with 64), 1 to 8 of 224×224. Fewer rows than the judge's batches have gain nothing.
CPU_VALUES, LEAST_BATCH = 1 << 18, 4
#: Batches that the queries of a job make, at least, so that what fills the last ones up is little beside them.
LEAST_BATCHES = 32
#: Queries of an attack by name on a sample, about: of the order of their iterations.
NAMED_QUERIES = 100
#: Samples attacked where no number is given, as in the papers.
DEFAULT_SAMPLES = 100
#: Queries that one estimate of a failure probability takes at most, where no number is given, and at least.
PROBABILITY_QUERIES, LEAST_PROBABILITY = 20_000, 1_000
#: Most pixels for which Sparse-RS changes one at a time, as ours does.
SPARSE_RS_PIXELS = 13
#: The attacks by name of those who know labels alone, of those who have surrogates, and of those who know gradients, at
#: each level.
BY_LABELS: Mapping[AttackName, str] = {"few-pixel": "label-pixels", "threshold": "label-regression"}
BY_SURROGATE: Mapping[AttackName, str] = {
    "threshold": "surrogate-regression(epsilon={th},queries={queries},surrogates={names})"
}
BY_GRADIENTS: Mapping[AttackName, Sequence[str]] = {
    "few-pixel": ("sigma-zero", "sparse-pgd(pixels={th})"),
    # The two losses of AutoAttack (Croce & Hein, 2020): each fools images that the other does not.
    "threshold": ("apgd(norm=linf,epsilon={th})", "apgd(norm=linf,epsilon={th},loss=targeted-dlr)"),
}
_WITH_SURROGATES = tuple(each.partition("(")[0] for each in BY_SURROGATE.values())
if TYPE_CHECKING:
    SearchChoice = str
else:
    SearchChoice = Literal["auto", *SEARCHES] | str  # a plug-in's too


class AssessSpec(BaseModel):
    """Everything ``pixelproof assess`` can be told; field names are those of its options."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    defence: str | None = None  # what the model's images go through first
    data: str
    corruption: str | None = None  # what happens to every image before anything else, as fog(3)
    range: tuple[int, int] | None = None
    samples: Samples = None  # of those classified correctly; None: 100, or as many as there are
    attacks: tuple[str, ...] = get_args(AttackName)  # with levels, or by name: pgd(epsilon=8), art:…
    knowledge: tuple[Knowledge, ...] = ("scores",)  # of the attackers whose levels are measured
    surrogate: tuple[str, ...] = ()  # networks that an attacker has who sees scores, beside these
    access: Access = "end-to-end"  # how attacks by name meet the defence
    search: SearchChoice = "auto"
    levels: tuple[int, ...] = (1, 3, 5, 10)
    minimal: int | None = Field(default=None, ge=1, le=255)  # seek every sample's smallest threshold, up to this one
    preset: PresetName = "quick"
    max_queries: int | None = Field(default=None, ge=2, le=10**9)
    give_up: bool = False  # a few-pixel search may end before its budget, where its map promises nothing
    independent_levels: bool = False
    target: str = "none"
    fitness: FitnessChoice = "margin"
    certify: CertifyChoice | None = None  # None: the preset's
    certify_seconds: float = Field(default=60, gt=0, allow_inf_nan=False)
    failure_probability: bool = False  # estimate what share of each random(…) of the attacks breaks a sample
    shuffle: int | None = Field(default=None, ge=0, lt=2**63)
    seed: int = Field(default=0, ge=0, lt=2**63)
    device: DeviceChoice = "auto"
    batch_size: int | None = Field(
        default=None, ge=1, le=1 << 16
    )  # None: by device, images and queries; part of the identity
    precision: Precision = "float32"
    trust_code: bool = False

    @field_validator(
        "samples", mode="plain", json_schema_input_type=Annotated[int, Field(ge=1)] | Literal["all"] | None
    )
    @classmethod
    def _samples(cls, samples: object) -> object:
        whole = isinstance(samples, int) and not isinstance(samples, bool)
        if not (samples is None or samples == "all" or (whole and samples >= 1)):  # type: ignore[operator]
            raise ValueError("a whole number from 1 on, or all, was expected")
        return samples

    @field_validator(
        "levels", "minimal", "max_queries", "certify_seconds", "shuffle", "seed", "batch_size", mode="before"
    )
    @classmethod
    def _no_truth_value(cls, value: object) -> object:
        """Python counts True as 1, whoever gives it for a number means something else."""
        if any(isinstance(each, bool) for each in (value if isinstance(value, (list, tuple)) else (value,))):
            raise ValueError("a number was expected, not True or False")
        return value

    @field_validator("search")
    @classmethod
    def _search(cls, search: str) -> str:
        if search != "auto":
            search_entry(search)
        return search

    @field_validator("levels")
    @classmethod
    def _levels(cls, levels: tuple[int, ...]) -> tuple[int, ...]:
        if not levels or min(levels) < 1 or max(levels) > 255:
            raise ValueError(f"every level th must lie in 1..255, not {shown(list(levels))}")
        return tuple(sorted(set(levels)))

    @field_validator("attacks")
    @classmethod
    def _attacks(cls, attacks: tuple[str, ...]) -> tuple[str, ...]:
        """Each once, attacks by name with all their parameters."""
        if not attacks:
            raise ValueError(f"name at least one attack, such as {', '.join(get_args(AttackName))} or pgd(epsilon=8)")
        named = tuple(dict.fromkeys(each if each in get_args(AttackName) else _full_spec(each) for each in attacks))
        if theirs := next((each for each in named if each.startswith(_WITH_SURROGATES)), None):
            raise ValueError(f"{theirs.partition('(')[0]} is made at each level of threshold with --surrogate MODEL")
        return named

    @property
    def random(self) -> tuple[str, ...]:
        """The distributions, which are no attacks."""
        return tuple(each for each in self.attacks if each.startswith("random("))

    @field_validator("knowledge")
    @classmethod
    def _knowledge(cls, knowledge: tuple[Knowledge, ...]) -> tuple[Knowledge, ...]:
        if not knowledge:
            raise ValueError("name at least one of labels, scores, gradients")
        return tuple(each for each in get_args(Knowledge) if each in knowledge)

    @property
    def constraints(self) -> tuple[AttackName, ...]:
        """The attacks with levels, whatever the attacker knows."""
        return tuple(each for each in get_args(AttackName) if each in self.attacks)

    @property
    def levelled(self) -> tuple[AttackName, ...]:
        """The attacks with levels that are searched, by scores."""
        return self.constraints if "scores" in self.knowledge else ()

    @model_validator(mode="after")
    def _levels_with_surrogates(self) -> AssessSpec:
        if self.surrogate and not BY_SURROGATE.keys() & set(self.constraints):
            raise ValueError(f"--surrogate is of the attack {', '.join(BY_SURROGATE)}: add it to --attacks")
        return self

    @model_validator(mode="after")
    def _of_scores(self) -> AssessSpec:
        if self.knowledge != ("scores",) and not self.constraints:
            raise ValueError("--knowledge is of attacks with levels: add few-pixel or threshold to --attacks")
        if "scores" in self.knowledge:
            return self
        searched = {
            "--search": self.search != "auto",
            "--minimal": self.minimal is not None,
            "--certify": self.certify not in (None, "none"),
        }
        for option, asked in searched.items():
            if asked:
                raise ValueError(f"{option} is of searches by scores: add scores to --knowledge")
        return self

    @model_validator(mode="after")
    def _way_of_defence(self) -> AssessSpec:
        if self.access == "end-to-end":
            return self
        if self.defence is None:
            raise ValueError(f"--access {self.access} is of attacks on a defence: add --defence")
        if self.constraints:
            raise ValueError(
                f"--access {self.access} is of attacks by name, as pgd; {self.constraints[0]} is end-to-end"
            )
        return self

    @model_validator(mode="after")
    def _search_of_attack(self) -> AssessSpec:
        of = None if self.search == "auto" else search_entry(self.search).constraint
        if of is not None and set(self.levelled) != {of}:
            raise ValueError(f"--search {self.search} is of the {of} attack alone: add --attacks {of}")
        return self

    @model_validator(mode="after")
    def _levels_of_sparse_rs(self) -> AssessSpec:
        if self.search == "sparse-rs" and max(self.levels) > SPARSE_RS_PIXELS:
            raise ValueError(
                f"--search sparse-rs changes up to {SPARSE_RS_PIXELS} pixels, not {max(self.levels)}: lower --levels "
                "or add --search sparse-random"
            )
        return self

    @model_validator(mode="after")
    def _search_of_minimal(self) -> AssessSpec:
        if self.minimal is None:
            return self
        seeks = self.search == "auto" or search_entry(self.search).takes_limits
        if not seeks or self.preset == "paper":
            raise ValueError(
                "--minimal: smallest thresholds are sought by the searches of --search auto alone, at the presets "
                "quick and standard"
            )
        return self

    @model_validator(mode="after")
    def _levels_of_certificates(self) -> AssessSpec:
        if self.certify in (None, "none"):
            return self
        if self.minimal is not None:
            raise ValueError(
                "--certify: certificates are of levels, which --minimal has none of; leave one of them out"
            )
        if not self.levelled:
            raise ValueError(
                "--certify: certificates are of attacks with levels: add few-pixel or threshold to --attacks"
            )
        return self

    @model_validator(mode="after")
    def _random(self) -> AssessSpec:
        if self.random and not self.failure_probability:
            raise ValueError(
                f"{self.random[0]} is a distribution and no attack: add --failure-probability to estimate what share "
                "of it breaks an image"
            )
        if not self.failure_probability:
            return self
        if not self.random:
            raise ValueError("--failure-probability: say of what, as in --attacks 'random(linf,th=3)'")
        if self.target != "none":
            raise ValueError("--failure-probability is of any wrong answer: leave --target out")
        if self.max_queries is not None and self.max_queries < LEAST_PROBABILITY:
            raise ValueError(
                f"--failure-probability takes --max-queries {LEAST_PROBABILITY:,} at least, not {self.max_queries}"
            )
        return self

    @field_validator("range")
    @classmethod
    def _range(cls, limits: tuple[int, int] | None) -> tuple[int, int] | None:
        if limits is not None and not 0 <= limits[0] < limits[1] < 2**63:
            raise ValueError(f"a range START:STOP needs 0 <= START < STOP, not {shown(limits[0])}:{shown(limits[1])}")
        return limits

    @field_validator("target", mode="before")
    @classmethod
    def _class_number(cls, target: object) -> object:
        return shown(target) if isinstance(target, int) else target

    @field_validator("target")
    @classmethod
    def _target(cls, target: str) -> str:
        if target not in TARGETS and not (target.isdecimal() and len(target) < 10):
            hint = meant(target, TARGETS)
            raise ValueError(f"it is none, least-likely, next, random or a class number, not {shown(target)}{hint}")
        return str(int(target)) if target.isdecimal() else target


def make_spec(**options: Any) -> AssessSpec:
    """The spec of ``options``. Raises ``InputError`` with one sentence that names the option and the trouble."""
    return from_options(AssessSpec, options)


def from_options(kind: type[Spec], options: Mapping[str, Any]) -> Spec:
    """The spec of ``kind`` that ``options`` of the command line tell of; raises as ``make_spec`` does."""
    try:
        return kind(**options)
    except ValidationError as error:
        first = error.errors()[0]
        text = first["msg"].removeprefix("Value error, ")
        if not first["loc"]:  # of several options together
            raise InputError(f"{text}.") from error
        option = "--" + str(first["loc"][0]).replace("_", "-")
        if first["type"] == "extra_forbidden":
            raise InputError(f"There is no option {option}.") from error
        text = f"{text[:1].lower()}{text[1:]}".rstrip(".")
        raise InputError(f"{option}: {text} (given: {given(first)}).") from error


def resolve(
    spec: AssessSpec,
    shape: tuple[int, int, int],
    device: str,
    images: int = DEFAULT_SAMPLES,
    fixed_batch: int | None = None,
) -> Settings:
    """The settings of ``spec`` for so many ``images`` of ``shape`` (height, width, channels) on a kind of ``device``.

    ``fixed_batch``: images that the model takes at once, where it takes no other number.
    """
    levels = spec.levels if spec.minimal is None else (spec.minimal,)
    searches = tuple(
        _search_settings(spec, attack, threshold, shape) for attack in spec.levelled for threshold in levels
    )
    others = [each for each in spec.attacks if each not in get_args(AttackName) and each not in spec.random]
    attacks = tuple(map(_attack_settings, dict.fromkeys([*others, *_by_knowledge(spec)])))
    samples, probability = most_samples(spec.samples, images), spec.max_queries or PROBABILITY_QUERIES
    queries = planned_queries(searches, attacks, samples, probability * len(spec.random))
    return Settings(
        searches=searches,
        attacks=attacks,
        access=spec.access,
        nested=not spec.independent_levels,
        target=spec.target,
        fitness=spec.fitness,
        seed=spec.seed,
        precision=spec.precision,
        device=device,
        batch_size=spec.batch_size or _batch_size(shape, device, queries, fixed_batch or 1),
        samples=spec.samples,
        shuffle=spec.shuffle,
        certify=(certify := _certify(spec)),
        certify_seconds=None if certify == "none" else spec.certify_seconds,
        failure_probability=spec.random,
        probability_queries=probability if spec.random else 0,
    )


def _certify(spec: AssessSpec) -> CertifyChoice:
    if spec.certify is not None:
        return spec.certify
    return "auto" if spec.preset == "standard" and spec.levelled and spec.minimal is None else "none"


def _full_spec(attack: str) -> str:
    from pixelproof.attacks.named import parse_attack  # torch is read where an attack by name is asked for
    from pixelproof.probability.distribution import parse_distribution

    distribution = parse_distribution(attack)
    return parse_attack(attack).spec if distribution is None else distribution.spec


def _by_knowledge(spec: AssessSpec) -> Iterator[str]:
    """The attacks by name for those who know labels alone, or gradients: the nearest image, or within each level."""
    levels = spec.levels if spec.minimal is None else [th for th in LEVELS if th <= spec.minimal]
    queries = spec.max_queries or (QUICK if spec.preset == "quick" else STANDARD)
    for constraint in spec.constraints:
        if "labels" in spec.knowledge:
            yield _full_spec(f"{BY_LABELS[constraint]}(queries={queries})")
        if spec.surrogate and constraint in BY_SURROGATE:
            told = {"queries": queries, "names": named_together(spec.surrogate)}
            yield from (_full_spec(BY_SURROGATE[constraint].format(th=th, **told)) for th in levels)
        if "gradients" in spec.knowledge:
            yield from (_full_spec(each.format(th=th)) for each in BY_GRADIENTS[constraint] for th in levels)


def named_together(surrogates: Sequence[str]) -> str:
    """Their names, such that they can stand in the spec of an attack."""
    return "+".join(re.sub(r"[^\w.:/~-]+", ";", each) for each in surrogates)


def _attack_settings(spec: str) -> AttackSettings:
    from pixelproof.attacks.named import parse_attack

    attack = parse_attack(spec)
    ball = attack.ball
    norm, epsilon = (ball.norm, ball.epsilon) if ball else (None, None)
    return AttackSettings(attack.name, spec, norm, epsilon, attack.version)


def most_samples(samples: Samples, images: int) -> int:
    """How many samples there can be, of so many ``images``, where ``samples`` were asked for."""
    return images if samples == "all" else min(samples or DEFAULT_SAMPLES, images)


def planned_queries(
    searches: Sequence[SearchSettings], attacks: Sequence[AttackSettings], samples: int, estimates: int
) -> int:
    """Queries that ``searches`` make of so many ``samples`` at most, and ``attacks`` by name about; ``estimates`` are
    those that failure probabilities take of one at most."""
    return samples * (sum(search.max_queries for search in searches) + NAMED_QUERIES * len(attacks) + estimates)


def _batch_size(shape: tuple[int, int, int], device: str, queries: int, fixed: int) -> int:
    """Enough rows to fill the device, and no more than ``queries`` fill often: a power of two, or whole ``fixed`` ones.

    A rule and not a measurement, since the last bits of scores depend on it: the same command gives the same records.
    """
    values = shape[0] * shape[1] * shape[2]
    most = min(64, CPU_VALUES // values) if device == "cpu" else min(1024, max(64, (1 << 25) // values))
    rows = max(LEAST_BATCH, min(most, queries // LEAST_BATCHES))
    rows = 1 << rows.bit_length() - 1
    return max(fixed, rows - rows % fixed)


def _search_settings(
    spec: AssessSpec, attack: AttackName, threshold: int, shape: tuple[int, int, int]
) -> SearchSettings:
    search = _search_name(spec, attack, threshold, shape)
    # Vargas & Kotyan (2019), table I: σ = 31.75 for few-pixel, th/4 for threshold.
    sigma = (31.75 if attack == "few-pixel" else threshold / 4) if search_entry(search).evolves else None
    population = _de_population(spec.preset, attack) if search == "de" else None
    weight = DIFFERENTIAL_WEIGHT if search == "de" else None
    budget = spec.max_queries or _budget(spec.preset, attack, search)
    cohort = COHORT if search_entry(search).learns_together else 1
    minimal = spec.minimal is not None
    if minimal and not search_entry(search).takes_limits:
        raise InputError(
            f"--minimal: smallest numbers of pixels are sought in images of up to {LARGEST_MODELLED} positions and 4 "
            f"channels, not {shape[0]}×{shape[1]}×{shape[2]}: add --attacks threshold."
        )
    pixels = shape[0] * shape[1]
    if search == "brusle" and threshold > pixels:
        raise InputError(
            f"--search brusle changes up to all {pixels} pixels of an image, not {threshold}: lower --levels."
        )
    return SearchSettings(attack, threshold, search, population, sigma, weight, budget, cohort, minimal, spec.give_up)


def _search_name(spec: AssessSpec, attack: AttackName, threshold: int, shape: tuple[int, int, int]) -> SearchName:
    """The search of ``attack``; ``auto`` is the papers' CMA-ES under the preset ``paper``, else the strongest one."""
    height, width, channels = shape
    choice = spec.search
    if choice == "auto" and spec.preset != "paper":
        if attack == "few-pixel":
            if height * width <= LARGEST_MODELLED and channels <= 4:
                return "pixel-process"
            return "segments" if threshold >= FEWEST_IN_SEGMENTS else "sparse-random"
        linear = height * width <= LARGEST_MODELLED or spec.minimal is not None
        return "gradient-regression" if linear else "textures"
    if choice != "auto" and choice != "cma-es":
        return choice
    dimension = threshold * (2 + channels) if attack == "few-pixel" else height * width * channels
    return "sep-cma-es" if dimension > FULL_COVARIANCE_LIMIT else "cma-es"


def _de_population(preset: PresetName, attack: AttackName) -> int:
    # The papers' populations (table II) would fill a small budget with random draws, so small budgets get small ones.
    if preset == "paper":
        return papers_population(attack)
    return 40 if preset == "quick" else 100


def _budget(preset: PresetName, attack: AttackName, search: SearchName) -> int:
    if preset == "paper":
        return papers_budget(attack, search)
    return QUICK if preset == "quick" else STANDARD
