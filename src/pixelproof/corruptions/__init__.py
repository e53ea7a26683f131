"""What happens to images by itself: common perturbations and corruptions, batched, and the same for the same image."""

from pixelproof.corruptions.corruption import Corruption
from pixelproof.corruptions.severity import SeverityCorruption, Table
from pixelproof.corruptions.suites import (
    CORRUPTIONS,
    EXTRA,
    PERTURBATIONS,
    STANDARD,
    THESIS,
    Perturbation,
    make,
    parse_perturbations,
    perturbed,
    table_for,
)
from pixelproof.corruptions.thesis import RANGES, Rotation
from pixelproof.corruptions.worst_case import SpatialWorstCase, Worst

__all__ = [
    "CORRUPTIONS",
    "EXTRA",
    "PERTURBATIONS",
    "RANGES",
    "STANDARD",
    "THESIS",
    "Corruption",
    "Perturbation",
    "Rotation",
    "SeverityCorruption",
    "SpatialWorstCase",
    "Table",
    "Worst",
    "make",
    "parse_perturbations",
    "perturbed",
    "table_for",
]
