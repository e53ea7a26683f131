"""Answers to images that nobody attacked, each asked about once."""

from __future__ import annotations

import torch

from pixelproof.data.imageset import Int64Array
from pixelproof.jobs.audit.context import BATCH, AuditContext
from pixelproof.models.classifier import Classifier
from pixelproof.models.query import Scorer
from pixelproof.results.intervals import Rate


def clean_positions(audit: AuditContext) -> Int64Array:
    """The images that the clean accuracy is measured on: the samples, and more in the same random order."""
    return audit.samples.order[: audit.effort.clean]


def clean_labels(audit: AuditContext) -> list[int]:
    labels: list[int] = audit.data.labels[clean_positions(audit)].tolist()
    return labels


def clean_answers(audit: AuditContext, call: int = 1) -> list[int]:
    """A single answer each; another ``call`` draws anew where answers are random."""
    found: list[int] = audit.evidence.memoise(
        f"clean accuracy|call {call}", lambda: ask(audit, audit.classifier, clean_positions(audit))
    )
    return found


def right(answers: list[int], labels: list[int]) -> Rate:
    """Of the first images, those that there are ``answers`` to."""
    return Rate(sum(a == b for a, b in zip(answers, labels, strict=False)), len(answers))


def ask(audit: AuditContext, classifier: Classifier, positions: Int64Array) -> list[int]:
    """The answers of ``classifier`` to the images of the data at ``positions``."""
    scorer, answers = Scorer(classifier, BATCH, audit.device), []
    for start in range(0, len(positions), BATCH):
        pixels = torch.from_numpy(audit.data.images[positions[start : start + BATCH]])
        answers.append(scorer(pixels.to(audit.device).float()).argmax(1).cpu())
    found: list[int] = torch.cat(answers).tolist()
    return found
