"""What perturbations do to a model, in a few sentences that need no background."""

from __future__ import annotations

from collections.abc import Sequence

from pixelproof.results.perturb_view import DISTANCE_TITLES, PerturbView, name_of
from pixelproof.results.perturbations import Standing
from pixelproof.wording import listed, percent, plural

_FEW_SAMPLES = 100
_NAMED = 2


def perturb_summary(view: PerturbView) -> list[str]:
    """Sentences on: the whole, the strongest and weakest two, corruption errors, worst case, distances, trust."""
    sentences = [
        _whole(view),
        _extremes(view),
        _errors(view),
        _least(view),
        _worst(view),
        _distances(view),
        _trust(view),
    ]
    return [sentence for sentence in sentences if sentence]


def _whole(view: PerturbView) -> str:
    if view.perturbed is None or view.clean.value is None:
        return ""
    return (
        f"{percent(view.clean.value)} of the clean images are classified correctly; over "
        f"{plural(len(view.standings), 'perturbation')} it is {percent(view.perturbed)} on average, "
        f"{percent(view.clean.value - view.perturbed)} less."
    )


def _extremes(view: PerturbView) -> str:
    rows = view.standings
    if len(rows) < 2 * _NAMED:
        return ""
    strongest, weakest = _those(rows[:_NAMED]), _those(rows[-_NAMED:][::-1])
    return f"{strongest[:1].upper()}{strongest[1:]} take most of the accuracy, {weakest} least: means over strengths."


def _those(rows: Sequence[Standing]) -> str:
    return listed([f"{name_of(row.perturbation)} ({percent(row.accuracy)} right)" for row in rows])


def _errors(view: PerturbView) -> str:
    mean = view.mean_corruption_error
    if mean is None:
        return ""
    text = (
        f"The mean corruption error over the {mean.corruptions} standard corruptions is {percent(mean.raw)} raw, "
        f"{percent(mean.relative)} of it beyond the error on clean images."
    )
    if mean.normalised is not None and view.references is not None:
        text += f" Divided by that of {view.references.name}, it is {percent(mean.normalised)}."
    return text


def _least(view: PerturbView) -> str:
    rows = [row for row in view.least if row.area is not None]
    if not rows:
        return ""
    first = min(rows, key=lambda row: row.area or 0.0)
    if first.median is None:
        return ""
    return (
        f"Walked to step by step, {name_of(first.perturbation)} made images wrong soonest: half of them by "
        f"{first.median:.3g} {first.unit}."
    )


def _worst(view: PerturbView) -> str:
    if view.worst_case is None:
        return ""
    return (
        f"With the worst of {view.worst_case.candidates} random turns, shifts and lights of each image, "
        f"{percent(view.worst_case.right(view.labels).value)} stay right."
    )


def _distances(view: PerturbView) -> str:
    known = {key: found for key, found in view.correlations.items() if found.rho is not None}
    if not known:
        return ""
    said = listed([f"{DISTANCE_TITLES[key]} {found.rho:+.2f}" for key, found in known.items()])
    return f"Rank correlation of accuracy with distance: {said}; −1 for a distance would mean that it tells all."


def _trust(view: PerturbView) -> str:
    samples = len(view.labels)
    return f"With {plural(samples, 'sample')} single rates are rough; the intervals say how rough." * (
        samples < _FEW_SAMPLES
    )
