"""Expectation over transformation: scores and gradients averaged over the draws of a random defence.

Athalye, Engstrom, Ilyas & Kwok, "Synthesizing Robust Adversarial Examples", ICML 2018; against random defences Athalye,
Carlini & Wagner, "Obfuscated Gradients Give a False Sense of Security", ICML 2018, section 4.2.
"""

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor

from pixelproof.errors import InputError
from pixelproof.models.classifier import Classifier, ScoreKind


class ExpectedClassifier:
    """The mean scores of ``draws``, one classifier behind one random defence with different seeds, itself a classifier.

    Of logits that is their mean, so a margin is the mean margin; of probabilities theirs; labels become shares of
    votes, which are probabilities. Gradients flow, averaged too, where they flow through the draws. ``calls`` is the
    number of forward passes that one answer costs.
    """

    def __init__(self, draws: Sequence[Classifier]) -> None:
        if not draws:
            raise InputError("An expectation over no draws is asked for; expected at least 1, so raise draws.")
        self.draws, self.calls = tuple(draws), len(draws)
        first = self.draws[0]
        self.name = f"{first.name}, mean of {self.calls} draws"
        self.differentiable = all(each.differentiable for each in self.draws)
        content = "\n".join(["expected", *(each.fingerprint for each in self.draws)])
        self.fingerprint = hashlib.sha256(content.encode()).hexdigest()
        self.dtype: torch.dtype = getattr(first, "dtype", torch.float32)

    def __repr__(self) -> str:
        return f"ExpectedClassifier({self.name!r}, kind={self.kind!r})"

    @property
    def kind(self) -> ScoreKind:
        kind = self.draws[0].kind
        return "probabilities" if kind == "labels" else kind

    @kind.setter
    def kind(self, kind: ScoreKind) -> None:
        for each in self.draws:
            each.kind = kind

    def scores(self, images: Tensor) -> Tensor:
        """Mean scores N×K of ``images``, float32 N×C×H×W in [0, 1]. Raises ``ModelError`` as the draws do."""
        total = self.draws[0].scores(images)
        for each in self.draws[1:]:
            total = total + each.scores(images)
        return total / self.calls
