"""A rate and how far it can be trusted: the Wilson score interval (Wilson 1927, JASA 22, 209–212)."""

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

from pixelproof.wording import percent

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """Shares ``low`` ≤ ``high`` in [0, 1]; prints in percent, ``[7.0, 19.8]``."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"[{100 * self.low:.1f}, {100 * self.high:.1f}]"


@dataclass(frozen=True)
class Rate:
    """``successes`` of ``total``; prints ``12/100 = 12.0 % [7.0, 19.8]``.

    ``missing`` are those that are to be counted and have no answer yet. While there are any it is no share: what is
    done first is not what comes later. It then prints as ``12/100 so far``, of all that are to be counted.
    """

    successes: int
    total: int
    missing: int = 0

    @property
    def value(self) -> float | None:
        """The share in [0, 1]; None of nothing, and while some are missing."""
        return self.successes / self.total if self.total and not self.missing else None

    @property
    def interval(self) -> Interval:
        """The 95 % Wilson interval: what the choice of the samples leaves open; [0, 1] where there is no share."""
        return wilson(self.successes, self.total) if self.value is not None else Interval(0.0, 1.0)

    @property
    def ratio(self) -> str:
        return f"{self.successes:,}/{self.total + self.missing:,}{' so far' if self.missing else ''}"

    def __str__(self) -> str:
        return self.ratio if self.value is None else f"{self.ratio} = {percent(self.value)} {self.interval}"


def wilson(successes: int, total: int, confidence: float = CONFIDENCE) -> Interval:
    """The score interval of ``successes`` in ``total`` independent trials; of no trials it is [0, 1].

    Raises ``ValueError`` unless 0 ≤ successes ≤ total and 0 < confidence < 1.
    """
    if not 0 <= successes <= total:
        raise ValueError(f"There cannot be {successes} successes in {total} trials.")
    if not 0 < confidence < 1:
        raise ValueError(f"A confidence lies between 0 and 1, not at {confidence}.")
    if total == 0:
        return Interval(0.0, 1.0)
    z, p = NormalDist().inv_cdf((1 + confidence) / 2), successes / total
    centre = (p + z**2 / (2 * total)) / (1 + z**2 / total)
    half = z / (1 + z**2 / total) * sqrt(p * (1 - p) / total + z**2 / (4 * total**2))
    low = 0.0 if successes == 0 else centre - half
    high = 1.0 if successes == total else centre + half
    return Interval(max(0.0, min(low, p)), min(1.0, max(high, p)))
