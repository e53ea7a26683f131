"""Label pixels: the image with the fewest changed pixels that fools, from labels alone, by random search.

Ours. A regression of the boundary, as `label_regression` makes one, did not help: on zoo:resnet20, twenty images, the
mean number of pixels after 1,000 and 3,000 queries was 4.7 and 3.4 with it, 2.8 and 2.5 without.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from pixelproof.attacks.attack import Attack
from pixelproof.attacks.goal import Goal
from pixelproof.attacks.nearest import Nearest
from pixelproof.attacks.oracle import Oracle
from pixelproof.seeds import Streams
from pixelproof.units import to_levels, to_unit

#: Samples that are attacked at once, and values of the fields below that are held at once.
LANES, VALUES = 64, 1 << 24
#: Sets asked of a sample in a round, and how many of them are smaller than the best.
ASKED, SMALLER = 12, 6
#: Pixels by which those are smaller, as a share of all, at most (one at least); and of the pixels left, those that are
#: replaced, at most.
DROPPED, REPLACED = 0.15, 0.2
#: Pixels of the first sets, as a share of all, then each time twice as many; and how often that is gone through.
FIRST, PASSES = 1 / 256, 3
#: Cells on a side of the fields, in turn.
CELLS = (8, 16, 32)
#: Deviations of what a pixel is worth by the direction of its change, of a channel alone and of all, and by its size.
OWN, SHARED, SIZE = 0.35, 0.3, 0.9


@dataclass(frozen=True)
class LabelPixels(Attack):
    """The image with the fewest changed pixels; ``queries`` of a sample at most.

    Sets of pixels in corner colours are asked: the best so far less a few, some others in their place. Which go and
    which come is drawn, but neighbours alike: the worth of all pixels is a smooth random field, as the effects that
    pixels have on a network are. A set of the same size that fools takes the place of the best.
    """

    name = "label-pixels"
    nearest_in = "l0"
    needs = "labels"
    positive = ("queries",)

    queries: int = 10_000

    def __call__(self, oracle: Oracle, images: Tensor, goal: Goal, streams: Streams) -> Tensor:
        nearest = Nearest(oracle, images, goal, "l0", self.queries)
        rows = goal.rows[~nearest.fools(images, goal.rows)]
        at_once = max(1, min(LANES, VALUES // (ASKED * images[0].numel())))
        for part in torch.split(rows, at_once):
            _Lanes(nearest, part, streams.of(part)).go()
        return nearest.images


class _Lanes:
    """Samples that are searched side by side: of each the positions of its best set, n×P bools, and its image there,
    n×P×C grey levels."""

    def __init__(self, nearest: Nearest, rows: Tensor, streams: Streams) -> None:
        self.nearest, self.rows, self.streams = nearest, rows, streams
        self.side = nearest.clean.shape[2:]
        self.clean = to_levels(nearest.clean[rows]).flatten(1, 2)
        self.image = self.clean.clone()
        self.chosen = torch.zeros(self.clean.shape[:2], dtype=torch.bool, device=self.clean.device)

    def go(self) -> None:
        """Until their queries are spent, or one pixel is left."""
        self._start()
        self._keep(self.chosen.any(1))
        while True:
            self._keep((self.nearest.left(self.rows) >= ASKED) & (self.chosen.sum(1) > 1))
            if not len(self.rows):
                return
            self._round()

    def _keep(self, mask: Tensor) -> None:
        if bool(mask.all()):
            return
        self.streams = self.streams.of(mask.nonzero().flatten())
        self.rows, self.clean = self.rows[mask], self.clean[mask]
        self.image, self.chosen = self.image[mask], self.chosen[mask]

    def _start(self) -> None:
        """Sets of ever more pixels, up to all and then from the first on again, until one of a sample's fools."""
        positions = self.chosen.shape[1]
        least = max(1, int(FIRST * positions))
        sizes = [least << k for k in range((positions // least).bit_length())]
        for size in (*sizes, positions) * PASSES:
            waiting = (~self.chosen.any(1) & (self.nearest.left(self.rows) >= ASKED)).nonzero().flatten()
            if not len(waiting):
                return
            added = torch.full((len(waiting), ASKED), size, device=self.rows.device)
            self._ask(waiting, torch.zeros_like(added), added)

    def _round(self) -> None:
        every, size = torch.arange(len(self.rows), device=self.rows.device), self.chosen.sum(1, keepdim=True)
        smaller = torch.arange(ASKED, device=size.device) < SMALLER
        drawn = self.streams.uniform(2, ASKED)
        dropped = (DROPPED * size * drawn[:, 0]).floor().clamp(min=1).long() * smaller
        least = (~smaller).long()  # a set of the same size has another pixel at least
        most = (size * REPLACED).long().clamp(min=1)
        replaced = (least + (drawn[:, 1] * (most - least + 1)).long()).minimum(size - dropped)
        self._ask(every, dropped + replaced, replaced)

    def _ask(self, which: Tensor, removed: Tensor, added: Tensor) -> None:
        """Ask sets of the samples ``which`` with so many pixels ``removed`` and ``added``, (n, q), and go on from the
        smallest that fools, of several from any."""
        chosen, images = self._sets(which, removed, added)
        fooling = self.nearest.answers(self._seen(images), self.rows[which].repeat_interleave(removed.shape[1]))
        sizes = chosen.sum(2).masked_fill(~fooling.view(removed.shape), chosen.shape[2] + 1)
        tie = self.streams.of(which).uniform(removed.shape[1])
        best, k = (sizes + tie).min(1)
        before = self.chosen[which].sum(1)
        taken = (best.long() <= torch.where(before > 0, before, chosen.shape[2])).nonzero().flatten()
        which, k = which[taken], k[taken]
        self.chosen[which], self.image[which] = chosen[taken, k], images[taken, k]
        self.nearest.keep(self._seen(self.image[which]), self.rows[which])

    def _sets(self, which: Tensor, removed: Tensor, added: Tensor) -> tuple[Tensor, Tensor]:
        """(n, q, P) bools and (n, q, P, C) grey levels: the best sets less those of least worth, and those of most."""
        clean, now, chosen = self.clean[which][:, None], self.image[which][:, None], self.chosen[which][:, None]
        field = self._field(which, removed.shape[1])
        corner, worth = _corners(clean, field)
        own = _worth(now - clean, field).sum(3)
        out = _rank(own.masked_fill(~chosen, torch.inf)) < removed[..., None]
        new = _rank(-worth.masked_fill(chosen, -torch.inf)) < added[..., None]
        images = torch.where(new[..., None], corner, torch.where(out[..., None], clean, now))
        return (chosen & ~out) | new, images

    def _field(self, which: Tensor, count: int) -> Tensor:
        """(n, q, P, C + 1): what a pixel is worth for each channel's change, and for the size of any."""
        streams, channels = self.streams.of(which), self.clean.shape[2]
        parts = [streams.normal(-(-count // len(CELLS)), channels + 2, cells, cells) for cells in CELLS]
        smooth = torch.cat([self._smoothed(part) for part in parts], 1)[:, :count]
        colours = OWN * smooth[:, :, :channels] + SHARED * smooth[:, :, channels, None]
        return torch.cat([colours, SIZE * smooth[:, :, -1:]], 2).transpose(2, 3)

    def _smoothed(self, noise: Tensor) -> Tensor:
        """(n, q, f, P) of noise on a coarse grid, (n, q, f, cells, cells)."""
        fine = functional.interpolate(noise.flatten(0, 2)[:, None], self.side, mode="bicubic", align_corners=True)
        return fine.view(*noise.shape[:3], -1)

    def _seen(self, images: Tensor) -> Tensor:
        """Images m×C×H×W in [0, 1] of grey levels (…, P, C)."""
        return to_unit(images.reshape(-1, *self.side, images.shape[-1]))


def _corners(clean: Tensor, field: Tensor) -> tuple[Tensor, Tensor]:
    """(n, q, P, C) black or white for each channel, whichever is worth more, and (n, q, P) what that is worth."""
    black, white = _worth(-clean, field), _worth(255 - clean, field)
    return 255.0 * (white > black), torch.maximum(black, white).sum(3)


def _worth(changes: Tensor, field: Tensor) -> Tensor:
    """(n, q, P, C) what ``changes``, grey levels, are worth: by their direction and by their size."""
    return field[..., :-1] * changes + field[..., -1:] * changes.abs()


def _rank(values: Tensor) -> Tensor:
    """The place of each of ``values`` among those of the last dimension, the smallest first."""
    return values.argsort(dim=-1).argsort(dim=-1)
