"""Does the model know the images that it was given, rather than what is on them?

A model that looks images up is right on those it holds and on whatever lies near, and no attack says anything about it.
What it cannot do is answer alike about the same picture moved by a pixel or two, which an honest network does: its
answers there, taken together, are as good as its answer to the image itself (A. Krizhevsky et al., NeurIPS 2012,
average over such crops because that is better). Carlini et al., arXiv:1902.06705, 2019, section 4.2, on accuracy that
is too good; Recht et al., "Do ImageNet Classifiers Generalize to ImageNet?", ICML 2019, on images from elsewhere.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from pixelproof.jobs.audit.context import BATCH, AuditContext, to_images
from pixelproof.models.query import Scorer
from pixelproof.results.audit.statistics import more_often
from pixelproof.results.intervals import Rate
from pixelproof.units import to_8_bit, to_levels

_IMAGES = 300  # at most
_NOISE = 2.0  # grey levels, either way: less than anybody sees
_SHIFT = 2  # pixels
_FAR = 4  # pixels, where a neighbour in the space of images is no longer the image itself
_CROP = 0.06  # of the side, cut off all around
_ALIKE = 0.9  # share of images whose scores do not change at all, from which on nothing but looking up explains it
#: The share that a model loses which remembers: six networks of the zoo lost 1.2 % on balance at most.
_SHARE = 0.03
_MUCH = 0.75  # of the images that are right, how many stay so where the picture is moved but its neighbours are far

Change = Callable[[Tensor, torch.Generator], Tensor]


@dataclass(frozen=True)
class Memory:
    """Of ``images``, how many are ``right`` as they are, and by the mean of their slight ``variants``; ``lost``: right
    alone as they are, ``won``: alone by the mean of the variants. ``each``: right under each change, by name.
    ``frozen``: images whose scores stay the same to the last bit under noise of less than visible size; None where
    that says nothing, as of labels. ``distinct``: how many different rows of scores there are.
    """

    images: int
    right: int
    variants: int
    lost: int
    won: int
    each: dict[str, int]
    frozen: int | None
    distinct: int

    @property
    def remembers(self) -> bool:
        """Whether more is lost than chance explains, and more than a few of a hundred in all."""
        return more_often(self.lost, self.won) and self.lost - self.won > _SHARE * self.right

    @property
    def looks_up(self) -> bool:
        """Whether noise does not reach the scores: what answers is not computed from the image.

        Scores that are rounded to a few values do not tell it apart; then moving the image has to change much, too.
        """
        still = self.frozen is not None and self.frozen >= _ALIKE * self.images
        return still and (self.distinct > self.images / 2 or min(self.each.values()) < _MUCH * self.right)

    @property
    def own(self) -> Rate:
        return Rate(self.right, self.images)

    @property
    def moved(self) -> Rate:
        return Rate(self.variants, self.images)


def memory(audit: AuditContext) -> Memory:
    """What the model says of the given images and of slight variants of them."""
    return Memory(**audit.evidence.memoise("memory", lambda: asdict(_measured(audit))))


def _measured(audit: AuditContext) -> Memory:
    positions = audit.samples.order[: min(_IMAGES, audit.effort.clean)]
    images = to_images(audit.data.images[positions], audit.device)
    labels = torch.from_numpy(audit.data.labels[positions].copy()).to(audit.device)
    scorer = Scorer(audit.decision.classifier, BATCH, audit.device)
    numbers = torch.Generator().manual_seed(audit.seed)
    own = scorer(to_levels(images)).double()
    total, right = torch.zeros_like(own), {}
    frozen: int | None = None
    for name, change in _changes():
        seen = to_8_bit(change(images, numbers).clamp(0, 1))
        scores = scorer(to_levels(seen)).double()
        right[name] = int((scores.argmax(1) == labels).sum())
        total += scores.softmax(1).nan_to_num()
        if name == _NOISY and audit.classifier.kind != "labels" and not audit.random:
            frozen = int((scores == own).all(1).sum())
    alone, together = own.argmax(1) == labels, total.argmax(1) == labels
    lost, won = int((alone & ~together).sum()), int((together & ~alone).sum())
    distinct = len(set(map(tuple, own.tolist())))
    return Memory(len(images), int(alone.sum()), int(together.sum()), lost, won, right, frozen, distinct)


_NOISY = f"noise of {_NOISE:g} grey levels"


def _changes() -> Iterator[tuple[str, Change]]:
    yield _NOISY, _noisy
    for down, across in [(s * d, s * a) for s in (_SHIFT, _FAR) for d, a in ((-1, 0), (1, 0), (0, -1), (0, 1))]:
        yield f"moved by {down}, {across}", partial(_shifted, down, across)
    yield "slightly cropped", _cropped


def _noisy(images: Tensor, numbers: torch.Generator) -> Tensor:
    drawn = torch.rand(images.shape, generator=numbers).to(images.device)
    return images + (2 * drawn - 1) * _NOISE / 255


def _shifted(down: int, across: int, images: Tensor, _: torch.Generator) -> Tensor:
    """Moved, the edge being drawn out."""
    height, width = images.shape[2:]
    padded = functional.pad(images, (_FAR,) * 4, mode="replicate")
    return padded[:, :, _FAR + down : _FAR + down + height, _FAR + across : _FAR + across + width]


def _cropped(images: Tensor, _: torch.Generator) -> Tensor:
    height, width = images.shape[2:]
    top, left = max(1, round(_CROP * height)), max(1, round(_CROP * width))
    inner = images[:, :, top : height - top, left : width - left]
    return functional.interpolate(inner, (height, width), mode="bilinear", align_corners=False)
