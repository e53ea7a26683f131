"""Answers to images that nobody attacked, each asked about once."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import torch

from pixelproof.data.imageset import Int64Array
from pixelproof.defences.preprocessed import PreprocessedClassifier
from pixelproof.jobs.audit.attacking import BATCH
from pixelproof.jobs.audit.case import Case
from pixelproof.models.call import CallableClassifier
from pixelproof.models.classifier import Classifier
from pixelproof.models.query import Scorer
from pixelproof.results.intervals import Rate

_AVERAGED = 1_000  # images that a mean of many answers is taken on


def clean_positions(case: Case) -> Int64Array:
    """The images that the clean accuracy is measured on: the samples, and more in the same random order."""
    return case.order[: case.effort.clean]


def clean_labels(case: Case) -> list[int]:
    labels: list[int] = case.data.labels[clean_positions(case)].tolist()
    return labels


def clean_answers(case: Case, call: int = 1) -> list[int]:
    """A single answer each; another ``call`` draws anew where answers are random."""
    found: list[int] = case.once(
        f"clean accuracy|call {call}", lambda: _asked(case, case.classifier, clean_positions(case))
    )
    return found


def mean_answers(case: Case) -> list[int]:
    """What decides under attack, of the first of them: of a random model the mean of several answers."""
    positions = clean_positions(case)[:_AVERAGED]
    found: list[int] = case.once("clean accuracy|mean", lambda: _asked(case, case.judge, positions))
    return found


def moved_answers(case: Case) -> list[int]:
    """The same, asked for in another order, so that other images share each batch."""
    found: list[int] = case.once("clean accuracy|moved", lambda: _moved(case))
    return found


def answers_as_found(case: Case) -> list[int] | None:
    """The same of the model in the mode that it was handed over in; None where it cannot be asked so."""
    found: list[int] | None = case.once("clean accuracy|as found", lambda: _as_found(case))
    return found


def right(answers: list[int], labels: list[int]) -> Rate:
    """Of the first images, those that there are ``answers`` to."""
    return Rate(sum(a == b for a, b in zip(answers, labels, strict=False)), len(answers))


def _moved(case: Case) -> list[int]:
    positions = clean_positions(case)
    order = np.random.default_rng(case.seed).permutation(len(positions))
    found = np.empty(len(positions), np.int64)
    found[order] = _asked(case, case.classifier, positions[order])
    answers: list[int] = found.tolist()
    return answers


def _as_found(case: Case) -> list[int] | None:
    classifier = _unchanged(case.classifier)
    return None if classifier is None else _asked(case, classifier, clean_positions(case))


def _unchanged(classifier: Classifier) -> Classifier | None:
    """``classifier`` in the mode that it came in; a copy, as batch normalisation learns from whatever it sees."""
    if isinstance(classifier, PreprocessedClassifier):
        inner = _unchanged(classifier.classifier)
        return None if inner is None else PreprocessedClassifier(inner, classifier.preprocessor)
    try:
        module = deepcopy(classifier.module)  # type: ignore[attr-defined]
    except Exception:  # whatever a stranger's module raises when it is copied, or there is none
        return None
    weight = next(module.parameters(), torch.empty(0))
    return CallableClassifier(lambda images: module(images.to(weight.device, weight.dtype)), kind=classifier.kind)


def _asked(case: Case, classifier: Classifier, positions: Int64Array) -> list[int]:
    scorer, answers = Scorer(classifier, BATCH, case.device), []
    for start in range(0, len(positions), BATCH):
        pixels = torch.from_numpy(case.data.images[positions[start : start + BATCH]])
        answers.append(scorer(pixels.to(case.device).float()).argmax(1).cpu())
    found: list[int] = torch.cat(answers).tolist()
    return found
