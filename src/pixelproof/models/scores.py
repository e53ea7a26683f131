"""What scores mean: logits, probabilities or labels, and how they are put on one scale."""

from typing import Protocol

import torch
from torch import Tensor

from pixelproof.models.classifier import ScoreKind

FLOOR = 2.0**-149  # the smallest positive float32; its logarithm is about -103.3
_SUM_TOLERANCE = 5e-3  # bfloat16 rounds each of them by up to 2⁻⁹ of itself, so their sum by no more


class HasKind(Protocol):
    """Anything that says what its scores are."""

    kind: ScoreKind


def detect_kind(scores: Tensor) -> ScoreKind:
    """What ``scores`` N×K look like.

    ``labels`` when every row is exactly one-hot, ``probabilities`` when every row lies in [0, 1] and sums to
    1 within 0.005 (those of half precision are off by so much), otherwise ``logits``.

    The more rows the surer; a softmax saturated at exactly 1 on every row cannot be told from labels.
    """
    rows = scores.detach().double()
    if not bool(((rows >= 0) & (rows <= 1)).all()):
        return "logits"
    if bool(((rows == 0) | (rows == 1)).all()) and bool((rows.sum(1) == 1).all()):
        return "labels"
    return "probabilities" if bool(((rows.sum(1) - 1).abs() <= _SUM_TOLERANCE).all()) else "logits"


def resolve_kind(classifier: HasKind, scores: Tensor) -> ScoreKind:
    """The kind of ``classifier``, decided from ``scores`` N×K when nobody has told it.

    pixelproof's adapters begin with ``kind = "logits"`` and ``kind_given = False`` unless the user gave a
    kind; for these the kind is detected here, stored in the adapter, and settled. Any other classifier is
    believed.
    """
    if not getattr(classifier, "kind_given", True):
        settle_kind(classifier, detect_kind(scores))
    return classifier.kind


def log_scores(scores: Tensor, kind: ScoreKind) -> Tensor:
    """``scores`` N×K on a scale where the difference of two classes is their logit margin.

    Logits and labels come back unchanged (labels have no margin: differences are −1, 0 or 1). Probabilities
    become their logarithm in float64: log p_a − log p_b equals the difference of the logits behind them. A
    probability below 2⁻¹⁴⁹ (what float32 rounds to zero) counts as that, about −103.3.
    """
    return torch.log(scores.double().clamp(min=FLOOR)) if kind == "probabilities" else scores


def probabilities(scores: Tensor, kind: ScoreKind) -> Tensor:
    """``scores`` N×K as float64 probabilities: the softmax of logits, everything else unchanged."""
    return torch.softmax(scores.double(), 1) if kind == "logits" else scores.double()


def settle_kind(classifier: HasKind, kind: ScoreKind) -> None:
    """Tell an adapter whose kind nobody gave that it is ``kind``, as an earlier run found out."""
    if not getattr(classifier, "kind_given", True):
        classifier.kind = kind
        classifier.kind_given = True  # type: ignore[attr-defined]
