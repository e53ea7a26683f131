"""The run: one SQLite file with the manifest, the records and the images."""

from pixelproof.runs.record import (
    Certificate,
    DataCard,
    FailureProbability,
    Finding,
    Manifest,
    ModelCard,
    Record,
    Selection,
)
from pixelproof.runs.store import RunStore, reading

__all__ = [
    "Certificate",
    "DataCard",
    "FailureProbability",
    "Finding",
    "Manifest",
    "ModelCard",
    "Record",
    "RunStore",
    "Selection",
    "reading",
]
