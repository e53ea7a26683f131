"""Fixed levels from minimal thresholds: a sample is fooled at th exactly where its minimal threshold is th or less."""

from collections.abc import Iterable
from dataclasses import replace

from pixelproof.results.minimal import distance
from pixelproof.runs.record import Record

LEVELS = (1, 3, 5, 10)  # the robustness levels of Vargas & Kotyan (arXiv:1906.06026)


def at_levels(records: Iterable[Record]) -> list[Record]:
    """The records that a run of minimal thresholds stands for at ``LEVELS``, each up to its largest threshold.

    Every level carries the queries of the whole search, which served them all; so count each level alone.
    """
    return [_at(record, th) for record in records for th in LEVELS if th <= record.level]


def first_level(record: Record) -> int:
    """The lowest of ``LEVELS`` at which ``record``, a success, counts; beyond them its largest threshold."""
    return next((th for th in LEVELS if distance(record) <= th <= record.level), record.level)


def _at(record: Record, threshold: int) -> Record:
    if record.success and distance(record) > threshold:
        return replace(
            record,
            threshold=threshold,
            success=False,
            predicted=record.label,
            confidence=record.clean_confidence,
            l0=None,
            l1=None,
            l2=None,
            linf=None,
        )
    return replace(record, threshold=threshold)
