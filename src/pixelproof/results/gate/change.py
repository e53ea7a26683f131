"""What changed from one run to another, image by image, and whether that is more than chance."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import fmean

from pixelproof.results import exact
from pixelproof.results.exact import differ, holm, more_often
from pixelproof.results.gate.measure import Measure

#: Terms that say nothing beside others of the same run, and would only make the family of tests larger.
_BESIDE = ("attack-success", "broken", "mce", "relative-mce", "normalised-mce")
_NOISE = 1e-9  # of means of the same values, summed up in another order


@dataclass(frozen=True)
class Change:
    """One measure of two runs over the images that both are of.

    ``corrected`` is the two-sided p-value after Holm's correction for all changes tested together; None before that.
    """

    old: Measure
    new: Measure
    corrected: float | None = None

    @property
    def name(self) -> str:
        return self.new.name

    @cached_property
    def drops(self) -> dict[int, float]:
        """By image how much worse it is: what of the measure was lost, or added where less is better."""
        sign, before, after = (1 if self.new.more_is_better else -1), self.old.values, self.new.values
        return {image: sign * (before[image] - after[image]) for image in before if image in after}

    @cached_property
    def worse(self) -> tuple[int, ...]:
        """The images that got worse, ascending."""
        return tuple(sorted(image for image, drop in self.drops.items() if drop > _NOISE))

    @cached_property
    def better(self) -> tuple[int, ...]:
        return tuple(sorted(image for image, drop in self.drops.items() if drop < -_NOISE))

    @property
    def total(self) -> int:
        return len(self.drops)

    @property
    def values(self) -> tuple[float, float]:
        """The measure of the old and of the new run, over the images of both."""
        return fmean(self.old.values[image] for image in self.drops), fmean(self.new.values[i] for i in self.drops)

    @property
    def drop(self) -> float:
        """The mean drop; of a share that of the share."""
        return fmean(self.drops.values())

    @property
    def p(self) -> float:
        """Two-sided, exact, of as many images worse as better: McNemar's of a share, the sign test of a mean."""
        return differ(len(self.worse), len(self.better))

    @property
    def p_worse(self) -> float:
        """One-sided, of more images worse than better."""
        return more_often(len(self.worse), len(self.better))

    def most(self, alpha: float) -> float:
        """The drop that the true one exceeds with a chance of ``alpha`` at most: what was lost less what was won."""
        lost, won = self._parts
        return self._most(lost, won, self.total, alpha)

    def enough(self, margin: float, alpha: float, level: float) -> int | None:
        """About as many samples, more than these, as tell a drop of ``margin`` from none; None where ``MOST`` do not.

        So many find that drop at ``level`` with the power wanted, and show at ``alpha`` that there is none where there
        is none. Beside it images go on changing either way as often as they were seen to.
        """
        lesser, either = min(len(self.worse), len(self.better)) / self.total, sum(self._parts) / 2

        def finds(n: int) -> bool:
            up = min(1.0, lesser + margin)
            return exact.power_of_change(up, min(lesser, 1 - up), n, level) >= exact.POWER

        def shows(n: int) -> bool:
            return self._most(either, either, n, alpha) <= margin

        needed = [exact.enough(each, self.total) for each in (finds, shows)]
        return None if None in needed else max(each for each in needed if each is not None)

    @property
    def _parts(self) -> tuple[float, float]:
        """What was lost, and what was won, a sample."""
        drops = self.drops.values()
        return sum(drop for drop in drops if drop > 0) / self.total, -sum(d for d in drops if d < 0) / self.total

    def _most(self, lost: float, won: float, total: int, alpha: float) -> float:
        """The largest drop that fits so much lost and won in ``total`` samples; α is shared by the two bounds."""
        half = alpha / 2
        if self.two_valued:
            worse, better = round(lost * total), round(won * total)
            return exact.upper_bound(worse, total, half) - exact.lower_bound(better, total, half)
        width = self.new.limits[1] - self.new.limits[0]
        most = exact.highest_mean(lost / width, total, half)
        return width * (most - (1 - exact.highest_mean(1 - won / width, total, half)))

    @property
    def two_valued(self) -> bool:
        return self.old.two_valued and self.new.two_valued


def changes(old: Sequence[Measure], new: Sequence[Measure]) -> list[Change]:
    """The changes of what both runs measured of common images, in the order of ``new``, corrected as one family."""
    before = {each.name: each for each in old if _counts(each)}
    pairs = [Change(before[each.name], each) for each in new if _counts(each) and each.name in before]
    found = [each for k, each in enumerate(pairs) if each.drops and not _says_nothing(each, pairs[:k])]
    corrected = holm([each.p for each in found])
    return [replace(each, corrected=p) for each, p in zip(found, corrected, strict=True)]


def _says_nothing(change: Change, earlier: Sequence[Change]) -> bool:
    """Proofs where none was sought, and a mean over what is one level."""
    if change.new.term == "proved":
        return not (change.old.count or change.new.count)
    mean = change.new.term.startswith("mean-")
    return mean and any((e.old.values, e.new.values) == (change.old.values, change.new.values) for e in earlier)


def _counts(measure: Measure) -> bool:
    """Whether it is one of those that runs are compared by: no verdict, no single strength of a corruption."""
    single = measure.term == "accuracy" and len(measure.arguments) > 1
    return bool(measure.values) and not measure.pending and measure.term not in _BESIDE and not single
