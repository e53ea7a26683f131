"""What decides a search, an attack and a whole run, in numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from pixelproof.search.registry import Constraint

AttackName = Constraint
SearchName = str  # in the registry of searches, or a plug-in's
FitnessChoice = Literal["margin", "confidence"]
Access = Literal["end-to-end", "replayed", "adaptive"]
Precision = Literal["float32", "bfloat16"]
CertifyChoice = Literal["auto", "sweep", "bounds", "masks", "none"]
Knowledge = Literal["labels", "scores", "gradients"]  # what an attacker sees of the model


@dataclass(frozen=True)
class SearchSettings:
    """One attack's search in numbers. ``population`` None means the search's own default for its dimension."""

    constraint: AttackName
    threshold: int
    method: SearchName
    population: int | None
    sigma: float | None  # initial step size, in pixels and grey levels (CMA-ES only)
    differential_weight: float | None  # F (differential evolution only)
    max_queries: int  # for one sample at one threshold, verification included
    cohort: int = 1  # consecutive samples that learn from each other
    minimal: bool = False  # the smallest threshold of each sample is sought, ``threshold`` being the largest allowed
    give_up: bool = False  # a search that sees no success ahead may end before its budget


@dataclass(frozen=True)
class AttackSettings:
    """One attack by name; ``spec`` is how it is typed, with every parameter. ``norm`` None: it has no bound."""

    method: str
    spec: str
    norm: str | None
    epsilon: float | None  # in grey levels
    version: str | None = None  # of the library whose attack it is


@dataclass(frozen=True)
class Settings:
    """A spec resolved to the numbers that decide the result; with the model and the data this is a run's identity."""

    searches: tuple[SearchSettings, ...]
    attacks: tuple[AttackSettings, ...]
    access: Access
    nested: bool
    target: str
    fitness: FitnessChoice
    seed: int
    precision: Precision
    device: str  # the kind of device: results are equal bit for bit on one kind only
    batch_size: int  # rows of a call of the model, whatever goes through it
    samples: int | Literal["all"] | None
    shuffle: int | None
    certify: CertifyChoice = "none"  # what is proved of samples that no search broke
    certify_seconds: float | None = None  # of one sample at one level; None where nothing is certified
    failure_probability: tuple[str, ...] = ()  # distributions whose share that breaks a sample is estimated
    probability_queries: int = 0  # for one sample and distribution
    surrogates: tuple[str, ...] = ()  # fingerprints of networks that attacks with surrogates ask

    @property
    def estimates(self) -> int:
        """Queries that failure probabilities take of one sample at most."""
        return self.probability_queries * len(self.failure_probability)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; without those of failure probabilities and of surrogates where there are none."""
        values = asdict(self)
        if not self.failure_probability:
            del values["failure_probability"], values["probability_queries"]
        if not self.surrogates:
            del values["surrogates"]
        return values
