"""Whether gradients exist, repeat themselves, and say what the loss does a grey level away.

Athalye, Carlini & Wagner, "Obfuscated Gradients Give a False Sense of Security", ICML 2018, section 3: shattered,
stochastic, and vanishing or exploding gradients.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from pixelproof.attacks.goal import LossName
from pixelproof.attacks.oracle import Oracle
from pixelproof.jobs.audit.attacked import View
from pixelproof.jobs.audit.case import Case
from pixelproof.jobs.audit.measures.chance import seeded

#: Lengths of the steps along the gradient, in grey levels of every value.
_STEPS = (0.5, 1.0)
#: The share of the change promised below which a gradient falls short.
_DELIVERED = 0.25
#: Relative difference of two gradients of one image that arithmetic alone can cause.
_ARITHMETIC = 1e-3


@dataclass(frozen=True)
class Health:
    """Counts are of the ``samples`` that stand without an attack; gradients are of the cross-entropy.

    ``zero``: exactly 0 for every value. ``invalid``: NaN or infinite somewhere. ``unsteady``: another one at the next
    call. ``certain``: the softmax is exactly 1. ``change``: the median rise that is promised for one grey level.

    The rest tells of the ``sloped`` samples, those whose margin has a gradient. ``rising``: half or one grey level
    against it raises the margin, in place of lowering it. ``short``: half a grey level lowers it by less than a quarter
    of what is promised. ``ratio``: the median of the true change over the promised one. ``cosine``: the median, of
    gradients half a grey level of noise apart. ``agreement``: the correlation of both changes along random directions.
    ``repeats``: the draws of a random model could be held fast; otherwise nothing is known of the loss nearby.
    """

    samples: int
    zero: int
    invalid: int
    unsteady: int
    certain: int
    sloped: int
    rising: int
    short: int
    change: float
    ratio: float
    cosine: float
    agreement: float
    repeats: bool


def health(case: Case, view: View) -> Health:
    """The gradients of the model so seen, at the samples classified correctly."""
    return Health(**case.once(f"gradient health|{view}", lambda: asdict(_Look(case, view).health())))


class _Look:
    """Gradients and margins at the samples, between grey levels too, with the draws of a random model held fast."""

    def __init__(self, case: Case, view: View) -> None:
        self.case = case
        self.rows = torch.tensor(case.right, device=case.device)
        self.images, self.goal = case.images[self.rows], case.goal(self.rows)
        self.oracle: Oracle = case.oracle(len(self.rows), view, eight_bit=False, finite=False)

    def health(self) -> Health:
        once, again = self.gradient(self.images, "cross-entropy"), self.gradient(self.images, "cross-entropy")
        finite = once.isfinite() & again.isfinite()
        once, again = once.where(finite, 0), again.where(finite, 0)
        moved = (again - once).norm(dim=1) > _ARITHMETIC * once.norm(dim=1).maximum(again.norm(dim=1))
        scores = self.oracle.log_scores(self.images, self.goal.rows).float()
        slope = self.fast(self.images)
        sloped = slope.isfinite().all(1) & (slope != 0).any(1)
        change = once.abs().sum(1) / 255
        return Health(
            samples=len(self.rows),
            zero=int((finite.all(1) & (once == 0).all(1)).sum()),
            invalid=int((~finite).any(1).sum()),
            unsteady=int(moved.sum()),
            certain=int((scores.softmax(1).amax(1) == 1).sum()),
            sloped=int(sloped.sum()),
            change=_median(change),
            repeats=self.repeats(),
            **dict(self.small_scale(torch.where(sloped[:, None], slope, 0), sloped)),
        )

    def small_scale(self, slope: Tensor, sloped: Tensor) -> Iterator[tuple[str, Any]]:
        """The numbers about the loss a grey level away, of the samples that are ``sloped``."""
        begun, rising, ratios = self.margin(self.images), torch.zeros_like(sloped), []
        for step in _STEPS:
            predicted, true = self.changes(-slope.sign() * step / 255, slope, begun)
            rising |= true > 0
            ratios.append(true / predicted)
        yield "rising", int((rising & sloped).sum())
        yield "short", int(((ratios[0] < _DELIVERED) & sloped).sum())
        yield "ratio", _median(ratios[0][sloped])
        shift = self.case.streams("gradient health", self.rows).uniform(*self.images.shape[1:]).sub(0.5) / 255
        near = self.fast((self.images + shift).clamp(0, 1)).nan_to_num(0, 0, 0)
        yield "cosine", _median(functional.cosine_similarity(slope, near, dim=1)[sloped])
        signs = self.case.streams("gradient health|signs", self.rows).integers(2, *self.images.shape[1:]) * 2 - 1
        predicted, true = self.changes(signs.flatten(1) * 0.5 / 255, slope, begun)
        yield "agreement", _correlation(predicted[sloped], true[sloped])

    def changes(self, direction: Tensor, slope: Tensor, begun: Tensor) -> tuple[Tensor, Tensor]:
        """The change of the margin that the ``slope`` predicts of a step, inside the range of values, and the true."""
        moved = (self.images + direction.view_as(self.images)).clamp(0, 1)
        predicted = ((moved - self.images).flatten(1) * slope).sum(1)
        return predicted, self.margin(moved) - begun

    def gradient(self, images: Tensor, loss: LossName) -> Tensor:
        _, found = self.oracle.gradient(images, self.goal.rows, lambda s, part: self.goal.of(part).loss(loss, s))
        return found.flatten(1)

    def fast(self, images: Tensor) -> Tensor:
        """The gradient of the margin."""
        self.hold()
        return self.gradient(images, "margin")

    def margin(self, images: Tensor) -> Tensor:
        self.hold()
        return self.goal.loss("margin", self.oracle.log_scores(images, self.goal.rows)).float()

    def hold(self) -> None:
        """Begin the model's draws anew: images are compared under the same ones. ``Case.once`` puts all back."""
        torch.manual_seed(self.case.seed)

    def repeats(self) -> bool:
        return not seeded(self.case) and torch.equal(self.margin(self.images), self.margin(self.images))


def _median(values: Tensor) -> float:
    return float(values.median()) if len(values) else 0.0


def _correlation(one: Tensor, other: Tensor) -> float:
    """Pearson's; 0 where there are too few values, or nothing varies."""
    if len(one) < 3 or not bool(one.std() > 0) or not bool(other.std() > 0):
        return 0.0
    return float(torch.corrcoef(torch.stack([one, other]))[0, 1])
