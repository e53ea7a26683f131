"""Pure functions of records: levels, rates with intervals, curves, classes, duality. No torch, no files."""

from pixelproof.results.attempts import AttemptRow, attempt_rows
from pixelproof.results.confusion import Change, class_changes
from pixelproof.results.curves import CurvePoint, accuracy_curves
from pixelproof.results.derived_levels import at_levels, first_level
from pixelproof.results.duality import DualityRow, duality_rows
from pixelproof.results.intervals import Interval, Rate, wilson
from pixelproof.results.levels import LevelRow, level_rows, robust_accuracy
from pixelproof.results.minimal import MinimalThresholds, distance, minimal_thresholds
from pixelproof.results.outcomes import Outcomes, by_attack, by_search
from pixelproof.results.per_class import ClassRow, class_rows, pooled_by_class
from pixelproof.results.query_curves import QueryCurve, query_curves
from pixelproof.results.status import ImageStatus, LevelStatus, level_statuses
from pixelproof.results.verdict import sentence, verdict

__all__ = [
    "AttemptRow",
    "Change",
    "ClassRow",
    "CurvePoint",
    "DualityRow",
    "ImageStatus",
    "Interval",
    "LevelRow",
    "LevelStatus",
    "MinimalThresholds",
    "Outcomes",
    "QueryCurve",
    "Rate",
    "accuracy_curves",
    "at_levels",
    "attempt_rows",
    "by_attack",
    "by_search",
    "class_changes",
    "class_rows",
    "distance",
    "duality_rows",
    "first_level",
    "level_rows",
    "level_statuses",
    "minimal_thresholds",
    "pooled_by_class",
    "query_curves",
    "robust_accuracy",
    "sentence",
    "verdict",
    "wilson",
]
