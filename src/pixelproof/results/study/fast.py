"""The fast assessment: robustness levels from stored images alone, as lower bounds."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from pixelproof.results.derived_levels import LEVELS
from pixelproof.results.intervals import Rate
from pixelproof.results.study.assessed import NORMS
from pixelproof.results.study.transfer import Answers, answers_in, right_in
from pixelproof.runs.store import RunStore


@dataclass(frozen=True)
class FastRow:
    """Samples of ``target`` fooled within ``threshold`` by a stored image of any of ``sources``: a lower bound.

    A search against the target itself may fool more of them, never fewer.
    """

    target: str
    attack: str
    threshold: int
    sources: tuple[str, ...]
    fooled: Rate


def fast_rows(
    target: str, answers: Answers, right: Collection[int], thresholds: Iterable[int] = LEVELS
) -> list[FastRow]:
    """Rows by norm and threshold, without the target's own images; norms without an answer are left out.

    ``right`` are the samples, of those that any source attacked, that the target classifies correctly: they are the
    denominator, whether or not a source found an image of them.
    """
    rows = []
    for attack, (sources, lowest) in nearest_stored(target, answers).items():
        for th in thresholds:
            fooled = sum(lowest.get(sample, th + 1) <= th for sample in set(right))
            rows.append(FastRow(target, attack, th, sources, Rate(fooled, len(set(right)))))
    return rows


def nearest_stored(target: str, answers: Answers) -> dict[str, tuple[tuple[str, ...], dict[int, int]]]:
    """By norm the other sources, and how near the nearest of their images lies that fools ``target``, by sample."""
    found = {}
    for attack in NORMS:
        sources = tuple(s for s, t, a in answers if (t, a) == (target, attack) and s != target)
        lowest: dict[int, int] = {}
        for answer in (answer for s in sources for answer in answers[s, target, attack] if answer.fooled):
            lowest[answer.sample] = min(answer.distance, lowest.get(answer.sample, answer.distance))
        if sources:
            found[attack] = sources, lowest
    return found


def fast_rows_of(run: RunStore) -> list[FastRow]:
    """What a ``run`` of transfers says of its model."""
    manifest = run.manifest
    answers = answers_in(run, manifest.model.name, manifest.details["attacks"])
    return fast_rows(manifest.model.name, answers, [sample for sample, right in right_in(run).items() if right])
