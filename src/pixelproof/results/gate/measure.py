"""What can be required of a run and compared with another: a term, and a value for each image.

The field's terms, each with what it counts, stand in ``TERMS``; the documentation is written from there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from statistics import fmean
from typing import Literal, NamedTuple

Unit = Literal["share", "count", "verdict"]


class Term(NamedTuple):
    """How its arguments are written, which commands measure it, and what it counts or is."""

    form: str
    of: tuple[str, ...]
    what: str


TERMS: Mapping[str, Term] = {
    "clean-accuracy": Term("", ("assess", "perturb"), "images that are classified correctly without any change"),
    "robust-accuracy": Term(
        "(NORM,TH) or (ATTACK)",
        ("assess", "audit"),
        "images considered that are right and not broken within TH of the norm l0 or linf, or by an attack by name",
    ),
    "mean-robust-accuracy": Term(
        "(NORM)", ("assess",), "its mean over the levels of the norm; without (NORM) over all levels"
    ),
    "attack-success": Term("(NORM,TH) or (ATTACK)", ("assess",), "images attacked that were broken"),
    "broken": Term("(NORM,TH)", ("assess",), "images attacked that were broken, their number or, with %, their share"),
    "proved": Term("(NORM,TH)", ("assess",), "images attacked that are proved, their number or, with %, their share"),
    "accuracy": Term(
        "(CORRUPTION) or (CORRUPTION,STRENGTH)", ("perturb",), "images right under a corruption, a mean over strengths"
    ),
    "mean-accuracy": Term("", ("perturb",), "the mean of accuracy over all corruptions"),
    "mce": Term("", ("perturb",), "the mean corruption error: wrong answers, 15 corruptions at 5 severities"),
    "relative-mce": Term("", ("perturb",), "what corruptions add to the error on clean images"),
    "normalised-mce": Term("", ("perturb",), "the same in parts of a reference classifier's errors"),
    "worst-case-accuracy": Term("", ("perturb",), "images right under the worst of random turns, shifts and lights"),
    "transfer-success": Term("(NORM,TH)", ("transfer",), "right images that a stored image of another model breaks"),
    "clever": Term("(LENGTH)", ("clever",), "images whose CLEVER score is LENGTH or more, in grey levels"),
    "surviving": Term("", ("audit",), "samples right under every attack that the threat model permits"),
    "audit": Term("", ("audit",), "the verdict: fail, warn or pass"),
    "checkpoint": Term("(NUMBER)", ("audit",), "the verdict of one checkpoint"),
}
#: Terms of which less is better.
_LESS = ("attack-success", "broken", "mce", "relative-mce", "normalised-mce", "transfer-success")
#: Verdicts, the worst first.
VERDICTS = ("fail", "warn", "pass")


@dataclass(frozen=True)
class Measure:
    """One term with its ``arguments``, as a run answers to it.

    ``values`` hold one value for each image, by its index in the data; ``unlisted`` are those of images that are known
    by their number alone, which no other run can be compared with. Values lie within ``limits``; those of a share are 0
    or 1, or a mean of such. A ``verdict`` has no values. ``pending``: the run is not finished there, so that it says
    nothing yet.
    """

    term: str
    arguments: tuple[str, ...] = ()
    values: Mapping[int, float] = field(default_factory=dict)
    unlisted: Sequence[float] = ()
    limits: tuple[float, float] = (0.0, 1.0)
    unit: Unit = "share"
    verdict: str | None = None
    pending: bool = False

    @property
    def name(self) -> str:
        """As it is required: ``robust-accuracy(linf,3)``."""
        return f"{self.term}({','.join(self.arguments)})" if self.arguments else self.term

    @property
    def more_is_better(self) -> bool:
        return self.term not in _LESS

    @cached_property
    def all(self) -> list[float]:
        return [*self.values.values(), *self.unlisted]

    @property
    def total(self) -> int:
        """How many images it is of."""
        return len(self.all)

    @property
    def value(self) -> float | None:
        """The mean of the values, a share in [0, 1] but for errors in parts of others; None of nothing."""
        return fmean(self.all) if self.all else None

    @property
    def count(self) -> int:
        """The sum of the values."""
        return round(sum(self.all))

    @cached_property
    def two_valued(self) -> bool:
        """Whether every image is counted or not, so that binomial tests hold."""
        return self.limits == (0.0, 1.0) and all(value in (0.0, 1.0) for value in self.all)


def mean_of(measures: Sequence[Measure]) -> Mapping[int, float]:
    """By image the mean over ``measures`` of the same images."""
    return {image: fmean(each.values[image] for each in measures) for image in measures[0].values}
