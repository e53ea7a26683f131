"""17. No class falls behind the others."""

from __future__ import annotations

from collections.abc import Iterator

from pixelproof.errors import InputError
from pixelproof.jobs.audit.case import Case
from pixelproof.jobs.audit.checkpoint import Answer, Checkpoint, Plot
from pixelproof.jobs.audit.measures.classes import Classes, by_class
from pixelproof.jobs.audit.measures.clean import clean_answers, clean_labels
from pixelproof.jobs.audit.measures.withstood import withstood
from pixelproof.jobs.audit.remarks import Remark, summed
from pixelproof.wording import percent

_SHOWN = 20  # classes in the figure, the worst ones
_QUESTIONS = ("Which classes matter most where the model is used, and is the accuracy of the worst of them enough?",)


def judge(case: Case) -> Answer:
    """Warns where a class is right less often than all are, by more than chance. No claim is about single classes."""
    measured, names = _measured(case), case.data.class_names
    remarks = [found for when, each in measured.items() for found in _of_class(when, each, names)]
    numbers = [text for when, each in measured.items() for text in _numbers(when, each, names)]
    last = list(measured.values())[-1]
    kept = f"No class falls behind by more than chance; the worst, {names[last.worst]}, has {last.rates[last.worst]}."
    plots = (_plot(measured, names),)
    notes = [] if len(measured) > 1 else [Remark("pass", "Under attack nothing could be measured.")]
    return summed([*remarks, *notes], kept, numbers=tuple(numbers), plots=plots, questions=_QUESTIONS)


def _measured(case: Case) -> dict[str, Classes]:
    """Without attack, and under all that are permitted, where there are any."""
    labels = clean_labels(case)
    clean = by_class(labels, [a == b for a, b in zip(clean_answers(case), labels, strict=True)])
    try:
        left = withstood(case)
    except InputError:
        return {"without attack": clean}
    attacked = by_class(case.labels[: left.samples].tolist(), [row not in left.fallen for row in range(left.samples)])
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
        _bar(names[label], when, classes, label)
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


def _bar(name: str, when: str, classes: Classes, label: int) -> dict[str, object]:
    found, share = classes.interval(label), classes.rates[label].value or 0.0
    return {"name": name, "y": 100 * share, "low": 100 * found.low, "high": 100 * found.high, "group": when}


CHECKPOINT = Checkpoint(
    number=17,
    name="fairness",
    title="No class falls behind the others",
    asks="Is every class as accurate as all are, without attack and under it?",
    needs="labels",
    source="Tekwani & Parmar, section III-E",
    judge=judge,
)
