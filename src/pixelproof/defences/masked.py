"""Double masking: a classifier that answers from masked images, so that nothing hidden by one mask can lead it astray.

Xiang, Mahloujifar & Mittal, "PatchCleanser: Certifiably Robust Defense against Adversarial Patches for Any Image
Classifier", USENIX Security 2022, section 3.3.
"""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor
from torch.nn import functional as F

from pixelproof.defences.fill import fill
from pixelproof.defences.masks import Masks
from pixelproof.models.classifier import Classifier, ScoreKind
from pixelproof.models.query import NO_CLASS, Asked, ask_whole, classes
from pixelproof.models.scores import log_scores, resolve_kind

#: Rows of every call, as the last bits of a score depend on the size of the batch: what one mask hides from the model
#: must change nothing at all. Few, since second rounds are small.
ROWS = 32
#: Masks that a disagreeing one is held against before it is looked whether it still stands.
WAVE = 8
#: By how much the class decided leads where the mean of the scores has another first, at most.
LEAD = 2.0**-6


class MaskedClassifier:
    """``classifier`` asked about masked images only, its answers joined by the double-masking rule (Algorithm 1).

    First round: every mask of ``masks`` hides its part, which is filled from the rest (``fill``), and ``classifier``
    is asked about each image so made. If all say one class, that is the answer. Otherwise each mask that says another
    class than most do (of equal numbers the lowest class) has a second round, every mask being laid over it: the class
    of one that all of these confirm is the answer. If there is none, it is the class that most said.

    Hence the theorem: where every mask and every two together leave an image its right class, no change inside any one
    mask changes the answer. That mask still says the right class, and is confirmed; and whoever says another class
    meets it in the second round. ``masks.certified`` says in words which changes lie inside one mask. The theorem is
    about this model and says nothing of the one beneath, which must answer the same image always alike, whatever else
    is in the batch.

    Scores are logits: the mean of the log-scores of the first round, over its masks whose scores are numbers. Where
    another class is first there, the one decided is put above it by up to ``LEAD``, the less the further it is behind.
    So the first class is always the rule's, and a search sees how near the next one is. Where masks without numbers
    decide, all scores are NaN. Gradients are those of that mean, where ``classifier`` has some.

    One answer costs as many images as there are masks, more where they disagree: ``asked`` counts them, as ``queries``
    and ``padding``. ``defences/parse.py`` puts other defences between masks and model, never before the masks.
    """

    kind: ScoreKind = "logits"

    def __init__(self, classifier: Classifier, masks: Masks, asked: Asked | None = None) -> None:
        self.classifier, self.masks = classifier, masks
        self.asked = Asked() if asked is None else asked
        self.name = f"{classifier.name} + {masks.name}"
        self.differentiable = classifier.differentiable
        content = f"masked\n{classifier.fingerprint}\n{masks.spec}"
        self.fingerprint = hashlib.sha256(content.encode()).hexdigest()
        self.was_training: bool = getattr(classifier, "was_training", False)
        self.dtype: torch.dtype = getattr(classifier, "dtype", torch.float32)

    def __repr__(self) -> str:
        return f"MaskedClassifier({self.name!r})"

    def around(self, classifier: Classifier) -> MaskedClassifier:
        """The same masks around another ``classifier``, counted together."""
        return MaskedClassifier(classifier, self.masks, self.asked)

    def scores(self, images: Tensor) -> Tensor:
        """Scores float32 N×K of ``images``, float32 N×C×H×W in [0, 1].

        Raises ``InputError`` for images that the masks do not suit, and ``ModelError`` as the inner classifier does.
        """
        with torch.set_grad_enabled(self.differentiable and torch.is_grad_enabled()):
            some = images[: _without_repeats(images)]
            first = self._first_round(some)
            with torch.no_grad():
                labels = self._decide(some, classes(first.flatten(0, 1)).view(first.shape[:2]), first.shape[2])
            scores = _led_by(labels, _mean(first).float())
            return torch.cat([scores, scores[-1:].expand(len(images) - len(some), -1)])

    def masked_scores(self, images: Tensor, rows: Tensor, blocks: Tensor) -> Tensor:
        """Log-scores R×K of R masked images: of ``images`` N×C×H×W that of each of ``rows``, R integers below N, with
        its ``blocks`` hidden, R×n numbers of blocks, the same ones more than once where there are fewer."""
        layout = self.masks.blocks(*images.shape[2:]).to(images.device)
        parts = []
        for some, hidden in zip(torch.split(rows, ROWS), torch.split(blocks, ROWS), strict=True):
            seen = fill(images[some].contiguous(), layout[hidden].any(1))
            scores = ask_whole(self.classifier, seen, ROWS, self.asked)
            parts.append(log_scores(scores, resolve_kind(self.classifier, scores)))
        return torch.cat(parts)

    def _first_round(self, images: Tensor) -> Tensor:
        """Log-scores N×M×K behind every mask."""
        masks = self.masks.first_round(*images.shape[2:]).to(images.device)
        n, m = len(images), len(masks)
        rows = torch.arange(n, device=images.device).repeat_interleave(m)
        return self.masked_scores(images, rows, masks.repeat(n, 1)).view(n, m, -1)

    def _decide(self, images: Tensor, said: Tensor, number: int) -> Tensor:
        """The classes N of ``images`` whose masks ``said`` N×M of ``number`` classes; −1, which is none, may be one."""
        masks = self.masks.first_round(*images.shape[2:]).to(images.device)
        votes = F.one_hot(said.where(said != NO_CLASS, number), number + 1).sum(1)
        labels = votes.argmax(1)
        labels = labels.where(labels != number, NO_CLASS)
        rows, disagreeing = (said != labels[:, None]).nonzero(as_tuple=True)
        for others in torch.split(masks, WAVE):
            pairs = torch.cat(
                [masks[disagreeing].repeat_interleave(len(others), 0), others.repeat(len(rows), 1)], dim=1
            )
            if not len(pairs):
                break
            found = classes(self.masked_scores(images, rows.repeat_interleave(len(others)), pairs))
            confirmed = (found.view(len(rows), -1) == said[rows, disagreeing][:, None]).all(1)
            rows, disagreeing = rows[confirmed], disagreeing[confirmed]
        labels[rows] = said[rows, disagreeing]  # several of one image have met each other, so they say the same
        return labels


def _without_repeats(images: Tensor) -> int:
    """How many of ``images`` there are but for repetitions of the last one, which only fill a batch."""
    others = (images != images[-1:]).flatten(1).any(1).nonzero()
    return int(others[-1]) + 2 if len(others) else 1


def _mean(first: Tensor) -> Tensor:
    """The mean N×K of ``first`` N×M×K over the masks whose scores are numbers; NaN where there are none."""
    numbers = first.isfinite().all(2, keepdim=True)
    return torch.where(numbers, first, 0).sum(1) / numbers.sum(1)


def _led_by(labels: Tensor, scores: Tensor) -> Tensor:
    """``scores`` N×K, changed only where their first class is not that of ``labels`` N, which then leads."""
    top = scores.amax(1)
    own = scores.gather(1, labels.clamp(min=0)[:, None])[:, 0]
    above = top + LEAD / (1 + top - own)
    leading = torch.maximum(above, torch.nextafter(top.detach(), top.new_tensor(torch.inf)))
    is_own = F.one_hot(labels.clamp(min=0), scores.shape[1]).bool()
    behind = (scores.argmax(1) != labels)[:, None]
    changed = torch.where(is_own & behind, leading[:, None], scores)
    return torch.where((labels == NO_CLASS)[:, None], torch.nan, changed)
