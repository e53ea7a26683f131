"""17. No class falls behind the others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import comb, hypot

from pixelproof.errors import InputError
from pixelproof.jobs.audit.checkpoint import high
from pixelproof.jobs.audit.context import AuditContext
from pixelproof.jobs.audit.surviving import surviving
from pixelproof.results.audit.checkpoint import Answer, Plot, Remark, summed
from pixelproof.results.audit.statistics import CONFIDENCE
from pixelproof.results.intervals import Interval, Rate, wilson
from pixelproof.wording import percent

_SHOWN = 20  # classes in the figure, the worst ones
_QUESTIONS = ("Which classes matter most where the model is used, and is the accuracy of the worst of them enough?",)


def check(audit: AuditContext) -> Answer:
    """Warns where a class is right less often than all are, by more than chance. No claim is about single classes."""
    measured, names = _measured(audit), audit.data.class_names
    remarks = [found for when, each in measured.items() for found in _of_class(when, each, names)]
    numbers = [text for when, each in measured.items() for text in _numbers(when, each, names)]
    last = list(measured.values())[-1]
    kept = f"No class falls behind by more than chance; the worst, {names[last.worst]}, has {last.rates[last.worst]}."
    plots = (_plot(measured, names),)
    notes = [] if len(measured) > 1 else [Remark("pass", "Under attack nothing could be measured.")]
    return summed([*remarks, *notes], kept, numbers=tuple(numbers), plots=plots, questions=_QUESTIONS)


def _measured(audit: AuditContext) -> dict[str, Classes]:
    """Without attack, and under all that are permitted, where there are any."""
    labels = audit.clean_labels
    clean = by_class(labels, [a == b for a, b in zip(audit.clean_answers(), labels, strict=True)])
    try:
        left = surviving(audit)
    except InputError:
        return {"without attack": clean}
    attacked = by_class(
        audit.samples.labels[: left.samples].tolist(), [row not in left.broken for row in range(left.samples)]
    )
    return {"without attack": clean, "under attack": attacked}


def _of_class(when: str, classes: Classes, names: tuple[str, ...]) -> Iterator[Remark]:
    if classes.behind:
        worst = classes.worst
        yield Remark(
            "warn",
            f"The class {names[worst]} falls behind {when}: {classes.rates[worst]} are right, against "
            f"{percent(classes.overall.value)} of all.",
            "State the accuracy of the worst class beside the mean, and look at what this class lacks in training.",
        )


def _numbers(when: str, classes: Classes, names: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    gap, interval = classes.gap
    yield f"All, {when}", str(classes.overall)
    yield f"Worst class, {when}", f"{names[classes.worst]}, {classes.rates[classes.worst]}"
    yield f"Best class, {when}", f"{names[classes.best]}, {classes.rates[classes.best]}"
    yield f"From worst to best, {when} (99 % over all pairs)", f"{100 * gap:.1f} points {interval}"


def _plot(measured: dict[str, Classes], names: tuple[str, ...]) -> Plot:
    last = list(measured.values())[-1]
    shown = sorted(last.rates, key=lambda label: last.rates[label].value or 0.0)[:_SHOWN]
    rows = [
        {"name": names[label], **high(classes.rates[label], classes.confidence), "group": when}
        for label in sorted(shown)
        for when, classes in measured.items()
        if label in classes.rates
    ]
    return Plot(
        name="classes",
        title="Accuracy of each class",
        kind="bar",
        x="Class",
        y="Images right, %",
        rows=tuple(rows),
        caption="With intervals that all classes together leave one time in a hundred."
        + (f" The {_SHOWN} classes that are worst under attack." if len(last.rates) > _SHOWN else ""),
        rule=(100 * (last.overall.value or 0.0), f"all, {list(measured)[-1]}"),
    )


@dataclass(frozen=True)
class Classes:
    """``rates`` of the classes that have images, by their number."""

    rates: dict[int, Rate]

    @property
    def overall(self) -> Rate:
        rates = self.rates.values()
        return Rate(sum(each.successes for each in rates), sum(each.total for each in rates))

    @property
    def worst(self) -> int:
        return min(self.rates, key=self._share)

    @property
    def best(self) -> int:
        return max(self.rates, key=self._share)

    @property
    def confidence(self) -> float:
        """The level of intervals that leaves one false alarm in a hundred for all classes together (Bonferroni)."""
        return 1 - (1 - CONFIDENCE) / len(self.rates)

    @property
    def behind(self) -> bool:
        """Whether the worst class lies wholly below the accuracy of all."""
        worst = self.rates[self.worst]
        return wilson(worst.successes, worst.total, self.confidence).high < (self.overall.value or 0.0)

    @property
    def gap(self) -> tuple[float, Interval]:
        """From the worst class to the best, as a share, with its interval for the choice of both among all pairs."""
        pairs = max(1, comb(len(self.rates), 2))
        return difference(self.rates[self.best], self.rates[self.worst], 1 - (1 - CONFIDENCE) / pairs)

    def _share(self, label: int) -> float:
        return self.rates[label].value or 0.0


def by_class(labels: Iterable[int], right: Iterable[bool]) -> Classes:
    """Of N samples with their ``labels`` those that are ``right``."""
    counts: dict[int, list[bool]] = {}
    for label, each in zip(labels, right, strict=True):
        counts.setdefault(label, []).append(each)
    return Classes({label: Rate(sum(counts[label]), len(counts[label])) for label in sorted(counts)})


def difference(one: Rate, other: Rate, confidence: float) -> tuple[float, Interval]:
    """``one`` less ``other``, as shares, with the interval of Newcombe (1998), Statistics in Medicine 17, method 10.

    The interval lies within [-1, 1].
    """
    p, q = one.value or 0.0, other.value or 0.0
    of_one, of_other = (wilson(each.successes, each.total, confidence) for each in (one, other))
    low = p - q - hypot(p - of_one.low, of_other.high - q)
    high = p - q + hypot(of_one.high - p, q - of_other.low)
    return p - q, Interval(low, high)
