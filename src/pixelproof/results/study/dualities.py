"""What each norm alone would have hidden, network by network."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pixelproof.results.duality import DualityRow, duality_rows
from pixelproof.results.intervals import Rate
from pixelproof.results.study.assessed import Assessed, one_each


@dataclass(frozen=True)
class NetworkDuality:
    """Who fooled the samples of one network at one level."""

    label: str
    defended: bool
    row: DualityRow

    @property
    def one_norm_only(self) -> Rate:
        """Samples that one norm fools and the other does not: what a single norm may hide."""
        return Rate(self.row.few_pixel_only + self.row.threshold_only, self.row.total)


def dualities(runs: Sequence[Assessed]) -> list[NetworkDuality]:
    """By network and threshold, where both norms were tried."""
    return [
        NetworkDuality(label, run.defence is not None, row)
        for label, run in one_each(runs).items()
        for row in duality_rows(run.complete)
    ]


def headline_networks(rows: Sequence[NetworkDuality]) -> str:
    """Which networks ``one_norm_only`` is over, in words."""
    return "the networks without a defence" if len({row.defended for row in rows}) > 1 else "all networks"


def one_norm_only(rows: Iterable[NetworkDuality]) -> dict[int, Rate]:
    """The headline by threshold: over the networks, the share of samples that one norm alone fools.

    Networks with a defence count only where there are no others, as the papers' claim is of networks. They are attacked
    on many of the same images, so their samples depend on each other: it needs no interval.
    """
    every = list(rows)
    pooled: dict[int, Rate] = {}
    for row in [row for row in every if not row.defended] or every:
        part, before = row.one_norm_only, pooled.get(row.row.threshold, Rate(0, 0))
        pooled[row.row.threshold] = Rate(before.successes + part.successes, before.total + part.total)
    return dict(sorted(pooled.items()))
