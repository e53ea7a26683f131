"""What so many samples can tell: the smallest inflation of a claim that would have been found, and how many it takes.

A claim is refuted where it lies above the Wilson interval at 99 % of what was measured (``statistics.interval``); one
that lies above what was measured and inside of it is not decided.
"""

from math import ceil, log

from pixelproof.results.audit.statistics import CONFIDENCE, interval, overstated
from pixelproof.results.intervals import Rate
from pixelproof.wording import count, plural

#: Points of inflation that must be found where there are, for a claim to be called sound.
COARSE = 25.0
_MOST = 1_000_000  # samples that anybody is asked for


def smallest_inflation(rate: Rate) -> float:
    """By how many points a claim must exceed the measured ``rate`` to be refuted; 100 of nothing."""
    return 100 * (interval(rate).high - rate.value) if rate.value is not None else 100.0


def samples_to_tell(claimed: float, rate: Rate) -> int:
    """On how many samples a claim in percent that exceeds the measured ``rate`` would be refuted; 0 where it is so.

    The share that was measured is taken to stay as it is.
    """
    if rate.value is None or claimed <= 100 * rate.value:
        raise ValueError(f"{claimed:g} % does not lie above {rate}.")
    if overstated(claimed, rate):
        return 0
    few, many = rate.total, rate.total
    while many < _MOST and not overstated(claimed, _at(rate, many)):
        few, many = many, 2 * many
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if overstated(claimed, _at(rate, middle)) else (middle, many)
    return min(many, _MOST)


def fewest_discordant() -> int:
    """How many samples, fooled by one of two attacks alone, the sign test takes to tell a difference, at the least."""
    return ceil(log(1 - CONFIDENCE) / log(0.5))


def power_number(rate: Rate) -> tuple[str, str]:
    """The row of a checkpoint that compares a claim with ``rate``."""
    return _NAME, f"{smallest_inflation(rate):.1f} points above what was measured, on {plural(rate.total, 'sample')}"


def sign_number(samples: int) -> tuple[str, str]:
    """The row of one that compares two attacks on so many ``samples``."""
    fewest = fewest_discordant()
    if samples < fewest:
        return _NAME, f"none on {plural(samples, 'sample')}: at least {fewest} have to differ"
    return _NAME, f"{100 * fewest / samples:.1f} points: {fewest} of {plural(samples, 'sample')} on one side alone"


def more_samples(claimed: float, rate: Rate) -> str:
    """``take at least 312 samples``: what a claim takes that lies above ``rate`` and is not refuted by it."""
    needed = samples_to_tell(claimed, rate)
    return f"take {'more than' if needed == _MOST else 'at least'} {count(needed)} samples"


_NAME = "Smallest inflation that could have been found"


def _at(rate: Rate, total: int) -> Rate:
    return Rate(round((rate.value or 0.0) * total), total)
