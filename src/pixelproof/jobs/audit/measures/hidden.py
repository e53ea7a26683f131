"""How much a model tells of its scores."""

from __future__ import annotations

import torch
from torch import Tensor

from pixelproof.defences.preprocessed import PreprocessedClassifier
from pixelproof.jobs.audit.attacking import BATCH
from pixelproof.jobs.audit.case import Case
from pixelproof.models.classifier import Classifier
from pixelproof.models.scores import detect_kind
from pixelproof.wording import listed

_ASKED = 200  # samples whose scores are looked at, at most
_MOST = 0.9  # share of them that show it, where something is hidden
_DECIMALS = 3  # of rounded scores, at most
_FINE = 1e5  # above it single precision itself rounds to about whole numbers
_DISTINCT = 0.1  # distinct values among all scores, as a share, below which they are coarse


def hidden(case: Case) -> str:
    """What is kept back, in words that follow ``the model tells``; empty where all of the scores is told."""
    found: str = case.once("hidden scores", lambda: _of_defence(case.classifier) or _of_scores(case))
    return found


def _of_defence(classifier: Classifier) -> str:
    names: list[str] = []
    while isinstance(classifier, PreprocessedClassifier):
        names += [each.name for each in classifier.outputs]
        classifier = classifier.classifier
    return f"its scores only behind {listed(names)}" if names else ""


def _of_scores(case: Case) -> str:
    with torch.no_grad():
        parts = [case.classifier.scores(part) for part in torch.split(case.images[:_ASKED], BATCH)]
    scores = torch.cat(parts).double().cpu()
    if case.classifier.kind == "labels" or detect_kind(scores) == "labels":
        return "labels alone"
    return _rounded(scores) or _first_alone(scores)


def _first_alone(scores: Tensor) -> str:
    """Whether all but the first few scores are alike, exactly."""
    apart = (scores > scores.amin(1, keepdim=True)).sum(1)
    classes = scores.shape[1]
    told = int(apart.double().quantile(_MOST).ceil())
    return f"only the highest {told} of {classes} scores" if told < classes - 1 else ""


def _rounded(scores: Tensor) -> str:
    for decimals in range(_DECIMALS + 1):
        scaled = scores * 10**decimals
        exact = (scaled - scaled.round()).abs() <= 1e-6 * scaled.abs().clamp(min=1)
        exact = (exact & (scaled.abs() < _FINE)).all(1)
        if exact.double().mean() >= _MOST:
            return f"scores rounded to {decimals} decimals"
    coarse = int(scores.flatten().sort().values.diff().count_nonzero()) < _DISTINCT * scores.numel()
    return "scores of few distinct values" if coarse and len(scores) > 1 else ""
