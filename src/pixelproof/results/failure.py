"""What is known of the shares of a distribution that break images: over all of them, in a few numbers."""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median_low
from typing import Any

from pixelproof.runs.record import FailureProbability


@dataclass(frozen=True)
class FailureRow:
    """The shares of one distribution, image by image in rising order; those without a failure come first."""

    distribution: str
    shares: tuple[FailureProbability, ...]
    pending: int  # images that have none yet

    @property
    def reached(self) -> list[FailureProbability]:
        """Those with a failure, and so with an estimate."""
        return [each for each in self.shares if each.reached]

    @property
    def below(self) -> list[FailureProbability]:
        """Those without a failure: ``high`` is all that is known of their share."""
        return [each for each in self.shares if not each.reached]

    @property
    def middle(self) -> FailureProbability:
        """The lower median image."""
        rank = median_low(range(len(self.shares)))
        return self.shares[rank]


def failure_rows(shares: Iterable[FailureProbability], samples: int) -> list[FailureRow]:
    """A row for each distribution, in their order, of a run of so many ``samples``."""
    found: dict[str, list[FailureProbability]] = {}
    for each in shares:
        found.setdefault(each.distribution, []).append(each)
    return [
        FailureRow(spec, tuple(sorted(some, key=lambda p: (p.reached, p.estimate or p.high))), samples - len(some))
        for spec, some in found.items()
    ]


def plain(share: FailureProbability) -> dict[str, Any]:
    """For scripts: what is claimed of one image."""
    return {
        "sample": share.sample,
        "distribution": share.distribution,
        "estimate": share.estimate,
        "low": share.low,
        "high": share.high,
        "queries": share.queries,
    }
