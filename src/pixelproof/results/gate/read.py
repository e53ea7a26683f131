"""The measures of a run of any kind."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from statistics import fmean

import numpy as np

from pixelproof.data.order import consideration_order
from pixelproof.results.audit.view import audit_view
from pixelproof.results.clever import CleverRecord
from pixelproof.results.derived_levels import LEVELS
from pixelproof.results.gate.measure import Measure, mean_of
from pixelproof.results.intervals import Rate
from pixelproof.results.perturb_view import PerturbView, perturb_view
from pixelproof.results.perturbations import STANDARD, PerturbationRecord, by_perturbation
from pixelproof.results.status import LevelStatus
from pixelproof.results.study.fast import nearest_stored
from pixelproof.results.study.transfer import answers_in, right_in
from pixelproof.results.view import View, read
from pixelproof.runs.record import NORM_OF, Manifest
from pixelproof.runs.store import RunStore


def measures(run: RunStore) -> list[Measure]:
    """What ``run`` answers to, in the order in which a table shows it."""
    return list(_KINDS[run.manifest.job](run))


# Levels and attacks by name.


def _assessment(run: RunStore) -> Iterator[Measure]:
    view = read(run)
    samples = view.manifest.selection.samples
    wrong = _Wrong(view.manifest)
    yield wrong.beside("clean-accuracy", (), dict.fromkeys(samples, 1.0), pending=False)
    levels: dict[str, list[Measure]] = {}
    for level in view.statuses:
        norm, arguments = NORM_OF[level.constraint], (NORM_OF[level.constraint], str(level.threshold))
        kept = {image.sample: float(image.answer != "broken") for image in level.images}
        robust = wrong.beside("robust-accuracy", arguments, kept, pending=level.pending > 0)
        levels.setdefault(norm, []).append(robust)
        yield robust
        yield from _of_attacked(level, arguments)
    yield from _means(levels)
    yield from _named(view, wrong)


def _of_attacked(level: LevelStatus, arguments: tuple[str, ...]) -> Iterator[Measure]:
    broken = {image.sample: float(image.answer == "broken") for image in level.images}
    proved = {image.sample: float(image.answer == "proved") for image in level.images}
    pending = level.pending > 0
    yield Measure("attack-success", arguments, broken, pending=pending)
    yield Measure("broken", arguments, broken, unit="count", pending=pending)
    yield Measure("proved", arguments, proved, unit="count", pending=pending)


def _means(levels: Mapping[str, Sequence[Measure]]) -> Iterator[Measure]:
    """Of each norm, then of all levels."""
    groups = [((norm,), found) for norm, found in levels.items() if found]
    for arguments, found in [*groups, ((), [each for _, group in groups for each in group])] if groups else []:
        yield Measure(
            "mean-robust-accuracy",
            arguments,
            mean_of(found),
            found[0].unlisted,
            pending=any(each.pending for each in found),
        )


def _named(view: View, wrong: "_Wrong") -> Iterator[Measure]:
    samples = view.manifest.selection.samples
    for row in view.attempts:
        records = [record for record in view.named if record.spec == row.spec or not row.spec]
        fooled = {record.sample for record in records if record.success}
        broken = {sample: float(sample in fooled) for sample in samples}
        name = (row.spec or "worst-case",)
        yield wrong.beside("robust-accuracy", name, {s: 1 - value for s, value in broken.items()}, row.pending > 0)
        yield Measure("attack-success", name, broken, pending=row.pending > 0)


class _Wrong:
    """The images that were considered and not attacked, since they are wrong already: not robust, whatever is done."""

    def __init__(self, manifest: Manifest) -> None:
        chosen = manifest.selection
        self.number = chosen.considered - len(chosen.samples)
        settings, start = manifest.settings, (manifest.spec.get("range") or (0,))[0]
        order: Iterable[int] = ()
        if not str(settings.get("target", "none")).isdecimal():  # else images of one class, unknown here, were left out
            labels = np.zeros(manifest.data.images, np.int64)
            order = (start + consideration_order(labels, settings.get("shuffle"), "none")[: chosen.considered]).tolist()
        considered = set(order)
        known = considered >= set(chosen.samples)
        self.listed = sorted(considered - set(chosen.samples)) if known else []
        self.unlisted = [] if known else [0.0] * self.number

    def beside(self, term: str, arguments: tuple[str, ...], kept: Mapping[int, float], pending: bool) -> Measure:
        values = {**kept, **dict.fromkeys(self.listed, 0.0)}
        return Measure(term, arguments, values, self.unlisted, pending=pending)


# Common perturbations.


def _perturbations(run: RunStore) -> Iterator[Measure]:
    view = perturb_view(run)
    pending, samples, labels = not view.finished, view.manifest.selection.samples, view.labels

    def right(answers: Iterable[int]) -> dict[int, float]:
        return {s: float(a == b) for s, a, b in zip(samples, answers, labels, strict=True)}

    clean = right(view.clean_answers)
    yield Measure("clean-accuracy", (), clean)
    means: list[Measure] = []
    for name, cells in by_perturbation(view.cells).items():
        each = [
            Measure("accuracy", (name, f"{cell.strength:g}"), right(cell.answers), pending=pending) for cell in cells
        ]
        means.append(Measure("accuracy", (name,), mean_of(each), pending=pending))
        yield means[-1]
        yield from each
    if means:
        yield Measure("mean-accuracy", (), mean_of(means), pending=pending)
    yield from _corruption_errors(view, clean)
    if view.worst_case is not None:
        yield Measure("worst-case-accuracy", (), right(view.worst_case.answers))


def _corruption_errors(view: PerturbView, clean: Mapping[int, float]) -> Iterator[Measure]:
    """mCE as a mean over images: of each image's errors over the corruptions, in parts of the reference's if any."""
    mean, pending = view.mean_corruption_error, not view.finished
    if mean is None:
        return
    errors = {name: _errors(view, cells) for name, cells in by_perturbation(view.cells).items() if name in STANDARD}
    wrong = {image: fmean(errors[name][image] for name in STANDARD) for image in clean}
    yield Measure("mce", (), wrong, pending=pending)
    relative = {image: wrong[image] - (1 - clean[image]) for image in clean}
    yield Measure("relative-mce", (), relative, limits=(-1.0, 1.0), pending=pending)
    if mean.normalised is not None and view.references is not None:
        reference = view.references.errors
        parts = {image: fmean(errors[name][image] / reference[name] for name in STANDARD) for image in clean}
        highest = fmean(1 / reference[name] for name in STANDARD)
        yield Measure("normalised-mce", (), parts, limits=(0.0, highest), pending=pending)


def _errors(view: PerturbView, cells: Sequence[PerturbationRecord]) -> dict[int, float]:
    """By image the share of wrong answers over severities 1 to 5."""
    answers = zip(*(cell.answers for cell in cells if cell.strength in range(1, 6)), strict=True)
    samples = view.manifest.selection.samples
    return {s: fmean(a != label for a in each) for s, label, each in zip(samples, view.labels, answers, strict=True)}


# The other jobs.


def _clever(run: RunStore) -> Iterator[Measure]:
    """A measure for each length there is, by ``at_length``; here the lengths themselves."""
    values = {each.sample: each.score for each in run.of(CleverRecord) if each.score is not None}
    yield Measure("clever", (), values, limits=(0.0, float("inf")), pending=run.manifest.status != "finished")


def at_length(scores: Measure, length: float) -> Measure:
    """Of CLEVER ``scores`` the images whose score is ``length`` or more."""
    values = {image: float(score >= length) for image, score in scores.values.items()}
    return Measure("clever", (f"{length:g}",), values, pending=scores.pending)


def _transfer(run: RunStore) -> Iterator[Measure]:
    name, pending = run.manifest.model.name, run.manifest.status != "finished"
    right = [sample for sample, found in right_in(run).items() if found]
    answers = answers_in(run, name, run.manifest.details["attacks"])
    for attack, (_, lowest) in nearest_stored(name, answers).items():
        for th in LEVELS:
            fooled = {sample: float(lowest.get(sample, th + 1) <= th) for sample in right}
            yield Measure("transfer-success", (NORM_OF[attack], str(th)), fooled, pending=pending)


def _audit(run: RunStore) -> Iterator[Measure]:
    view = audit_view(run)
    samples = run.manifest.selection.samples
    yield Measure("audit", unit="verdict", verdict=view.verdict, pending=not view.finished)
    for each in view.answers:
        yield Measure("checkpoint", (str(each.number),), unit="verdict", verdict=each.verdict)
    if (found := view.surviving) is not None and found.value is not None:
        yield Measure("surviving", (), {}, _flat(found), pending=not view.finished)
    for made in view.attacks:
        kept = {samples[row]: float(row not in made.broken) for row in made.rows}
        beside = ("adaptive",) if made.view == "open" else ()
        yield Measure("robust-accuracy", (made.attack, *beside), kept)


def _flat(rate: Rate) -> list[float]:
    return [1.0] * rate.successes + [0.0] * (rate.total - rate.successes)


_KINDS: Mapping[str, Callable[[RunStore], Iterable[Measure]]] = {
    "assess": _assessment,
    "perturb": _perturbations,
    "clever": _clever,
    "transfer": _transfer,
    "audit": _audit,
}
