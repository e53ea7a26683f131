"""Every search by its name: for which constraint it is and how it is built. A new one is its file and a line here.

Other packages bring theirs as an ``Entry`` by entry points of the group ``pixelproof.searches``.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from pixelproof.errors import InputError
from pixelproof.plugins import Plugin, names, plugin
from pixelproof.search.brusle import BruSLe
from pixelproof.search.cma_es import CMAES
from pixelproof.search.de import DifferentialEvolution
from pixelproof.search.gradient_regression import GradientRegression
from pixelproof.search.pixel_process import PixelProcess
from pixelproof.search.search import LaneSearch, Search
from pixelproof.search.segment_search import SegmentSearch
from pixelproof.search.sep_cma_es import SeparableCMAES
from pixelproof.search.sparse_random_search import SparseRandomSearch
from pixelproof.search.sparse_rs import SparseRS
from pixelproof.search.square_search import SquareSearch
from pixelproof.search.strategy import EvolutionStrategy
from pixelproof.search.texture_search import TextureSearch
from pixelproof.wording import meant

Constraint = Literal["few-pixel", "threshold"]

#: Candidates a round of the random searches: with the papers' 1, the last images leave the batch nearly empty. On the
#: zoo's ResNet-20 at th = 3, sparse-random with 1, 2 and 4 fooled 81, 81 and 83 % of 64 images, with 281, 268 and 275
#: queries on average.
AT_ONCE = 4

#: F of differential evolution, which the papers do not state. Small, as 100 generations leave no time for long steps:
#: at th = 3 on a CIFAR-10 ResNet-20, 0.2 fooled 14 of 20 samples, 0.3 12, 0.5 10, and a dither from 0.5 to 1 9.
DIFFERENTIAL_WEIGHT = 0.2


@dataclass(frozen=True)
class Problem:
    """What a search is built for: genomes of ``dimension`` numbers, images of ``shape`` (H, W, C), and parameters.

    ``population``, ``sigma`` and ``weight`` (F) are of the searches that have them; None: the search's own.
    """

    dimension: int
    threshold: int
    shape: tuple[int, int, int]
    population: int | None = None
    sigma: float | None = None
    weight: float | None = None


@dataclass(frozen=True)
class Entry:
    """A search: what it is, how it is built, and the one ``constraint`` it is for (None: both)."""

    kind: type[LaneSearch[Any]]
    build: Callable[[Problem], Search]
    constraint: Constraint | None = None

    @property
    def evolves(self) -> bool:
        """Whether it moves a mean, and so begins with a step size."""
        return issubclass(self.kind, EvolutionStrategy)

    @property
    def learns_together(self) -> bool:
        """Whether the lanes of a cohort learn one model."""
        return self.kind.learns_together

    @property
    def takes_limits(self) -> bool:
        """Whether it can go on within other limits with what it knows, and so seek minimal thresholds."""
        return self.kind.takes_limits


SEARCHES: dict[str, Entry] = {
    "gradient-regression": Entry(GradientRegression, lambda p: GradientRegression(p.shape), "threshold"),
    "square": Entry(SquareSearch, lambda p: SquareSearch(p.shape, population=AT_ONCE), "threshold"),
    "textures": Entry(TextureSearch, lambda p: TextureSearch(p.shape, population=AT_ONCE), "threshold"),
    "pixel-process": Entry(PixelProcess, lambda p: PixelProcess(p.threshold, p.shape), "few-pixel"),
    "sparse-random": Entry(
        SparseRandomSearch, lambda p: SparseRandomSearch(p.threshold, p.shape, population=AT_ONCE), "few-pixel"
    ),
    "segments": Entry(SegmentSearch, lambda p: SegmentSearch(p.threshold, p.shape, population=AT_ONCE), "few-pixel"),
    "sparse-rs": Entry(SparseRS, lambda p: SparseRS(p.threshold, p.shape), "few-pixel"),
    "brusle": Entry(BruSLe, lambda p: BruSLe(p.threshold, p.shape), "few-pixel"),
    "de": Entry(
        DifferentialEvolution,
        lambda p: DifferentialEvolution(
            p.dimension, p.population or 400, differential_weight=p.weight or DIFFERENTIAL_WEIGHT
        ),
    ),
    "cma-es": Entry(CMAES, lambda p: CMAES(p.dimension, p.sigma or 1.0, p.population)),
    "sep-cma-es": Entry(SeparableCMAES, lambda p: SeparableCMAES(p.dimension, p.sigma or 1.0, p.population)),
}


def search_entry(name: str) -> Entry:
    """The search called ``name``, pixelproof's or a plug-in's. Raises ``InputError`` naming the known ones."""
    theirs = plugin("searches", name, SEARCHES)
    if theirs is not None:
        entry: Entry = theirs.load(
            "an Entry of pixelproof.search.registry", lambda e: e.kind if isinstance(e, Entry) else None
        )
        return replace(entry, build=lambda problem: _built(theirs, entry, problem))
    if name not in SEARCHES:
        known = ("auto", *SEARCHES, *names("searches"))
        raise InputError(f"there is no search {name!r}{meant(name, known)}; expected {', '.join(known)}")
    return SEARCHES[name]


def _built(theirs: Plugin, entry: Entry, problem: Problem) -> Search:
    search = entry.build(problem)
    if not isinstance(search, entry.kind) or search.dimension != problem.dimension:
        raise theirs.fault(f"built {search!r} where a {entry.kind.__name__} of dimension {problem.dimension} was due")
    return search
