"""One pixel of any colour: corners are tried first, then every position's colours are split until all is proved.

Branch and bound: a box of colours whose bound does not hold is asked about at its middle colour; where the network is
right there, the box is halved along its widest channels. (Which channel loosens a bound most would be a better guide in
principle; on LeNet even the best choice in hindsight saves 1 % of the boxes.)
"""

from __future__ import annotations

import base64
import itertools
import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pixelproof.proofs.asking import Asked
from pixelproof.proofs.effort import Effort
from pixelproof.proofs.margins import Margins
from pixelproof.proofs.propagation import TooLarge
from pixelproof.proofs.window import period, place_numbers

#: A box of at most so many colours is left to the deployed network itself.
ENUMERATED = 64
#: What halving a box's widest channel leaves of the distance between its bound and the truth, about.
SHRINKAGE = 0.4
#: Numbers that the symbols of one batch have at the largest layer, about: 64 MB.
NUMBERS = 1 << 23


@dataclass(frozen=True)
class Boxes:
    """B boxes of colours: places B by number in a phase, and lowest and highest colours, B×2×C, inclusive."""

    places: Tensor
    colours: Tensor

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, chosen: Tensor | slice) -> Boxes:
        return Boxes(self.places[chosen], self.colours[chosen])

    def sides(self) -> Tensor:
        """How many colours each channel has: B×C."""
        return self.colours[:, 1] - self.colours[:, 0] + 1

    def count(self) -> Tensor:
        """How many colours each box has: B."""
        return self.sides().prod(1)

    def middles(self) -> Tensor:
        """B×C."""
        return self.colours.sum(1) // 2

    @staticmethod
    def joined(parts: list[Boxes]) -> Boxes:
        return Boxes(torch.cat([each.places for each in parts]), torch.cat([each.colours for each in parts]))

    def halved(self) -> Boxes:
        """Two boxes for each, split at the middle of the widest channel."""
        rows, channels = torch.arange(len(self)), self.sides().argmax(1)
        low, high = self.colours.clone(), self.colours.clone()
        middles = self.colours[rows, :, channels].sum(1) // 2
        low[rows, 1, channels] = middles
        high[rows, 0, channels] = middles + 1
        return Boxes.joined([Boxes(self.places, low), Boxes(self.places, high)])


class OnePixel:
    """The proof for one image. ``leaves``: rows of position, lowest colour, highest colour, as far as proved.

    A box counts as proved where its bound is above ``needed``.
    """

    def __init__(self, margins: Margins, asked: Asked, needed: float, effort: Effort) -> None:
        self.margins, self.asked, self.needed, self.effort = margins, asked, needed, effort
        self.channels, self.height, self.width = margins.image.shape
        self.leaves: list[Tensor] = []
        self.looked_at = 0

    def certificate(self) -> dict[str, Any]:
        """The leaves in order: position, lowest colour, highest colour."""
        leaves = torch.cat(self.leaves).numpy()
        return {"count": len(leaves), "leaves": packed(leaves[np.lexsort(leaves.T[::-1])])}

    def prove(self) -> None:
        """Fill ``leaves``. Raises ``Broken`` or ``GaveUp``."""
        self._try_corners()
        self.effort.attacked()
        rows, columns = period(self.margins.graph)
        step = (min(rows, self.height), min(columns, self.width))
        for phase in itertools.product(range(step[0]), range(step[1])):  # each is spread evenly over the picture
            self.prove_phase(phase, step)

    def _try_corners(self) -> None:
        corners = torch.cartesian_prod(*[torch.tensor([0, 255])] * self.channels).view(-1, self.channels)
        for row in range(self.height):
            self.effort.check()
            positions = torch.tensor([[row, column] for column in range(self.width)])
            self._ask(positions.repeat_interleave(len(corners), 0), corners.repeat(self.width, 1))

    def _ask(self, positions: Tensor, colours: Tensor) -> Tensor:
        """The network's margins for the image with one pixel changed; see ``Asked.margins`` for what it raises."""
        return self.asked.margins(self.asked.with_pixel(positions, colours))

    def prove_phase(self, phase: tuple[int, int], step: tuple[int, int]) -> None:
        """All colours at the pixels phase + step · place."""
        numbers = place_numbers(phase, step, (self.height, self.width))
        whole = torch.tensor([[0] * self.channels, [255] * self.channels]).expand(len(numbers), -1, -1)
        waiting, batch = Boxes(torch.arange(len(numbers)), whole), 4
        while len(waiting):
            self.effort.check()
            boxes = waiting[:batch]
            positions = torch.tensor(phase) + torch.tensor(step) * numbers[boxes.places]
            try:
                bounds = self.margins.one_pixel(boxes.places, phase, positions, boxes.colours).amin(1)
                per_box = self.margins.numbers
            except TooLarge:
                if batch > 1:
                    batch = 1
                    continue
                bounds, per_box = torch.full((1,), -torch.inf, dtype=torch.float64), NUMBERS
            waiting = waiting[batch:]
            batch = max(1, min(256, NUMBERS // per_box))
            self.looked_at += len(boxes)
            holds = bounds > self.needed
            self._keep(boxes[holds], positions[holds])
            waiting = Boxes.joined([waiting, *self._split(boxes[~holds], positions[~holds], bounds[~holds])])

    def _split(self, boxes: Boxes, positions: Tensor, bounds: Tensor) -> list[Boxes]:
        """Smaller boxes where the bound did not hold; small ones are left to the network."""
        small = boxes.count() <= ENUMERATED
        for number in small.nonzero().flatten().tolist():
            self._enumerate(boxes.colours[number], positions[number])
        self._keep(boxes[small], positions[small])
        boxes, positions, bounds = boxes[~small], positions[~small], bounds[~small]
        if not len(boxes):
            return []
        truth = self._ask(positions, boxes.middles())
        # So many halvings, about, until the distance of bound and truth is below the truth.
        halvings = ((truth - bounds) / (truth - self.needed).clamp_min(1e-9)).log() / -math.log(SHRINKAGE)
        return list(_cut(boxes, halvings.ceil().clamp(1, self.channels).long()))

    def _enumerate(self, colours: Tensor, position: Tensor) -> None:
        """Every colour of the box through the network."""
        each = torch.cartesian_prod(*(torch.arange(int(low), int(high) + 1) for low, high in colours.T)).view(
            -1, self.channels
        )
        self._ask(position.expand(len(each), 2), each)

    def _keep(self, boxes: Boxes, positions: Tensor) -> None:
        numbers = positions[:, :1] * self.width + positions[:, 1:]
        self.leaves.append(torch.cat([numbers, boxes.colours.flatten(1)], 1))
        colours = self.height * self.width * 256.0**self.channels
        self.effort.share += float(boxes.count().double().sum()) / colours


def packed(leaves: npt.NDArray[np.int64]) -> str:
    """Rows of whole numbers as base64 of zlib of little-endian int16."""
    return base64.b64encode(zlib.compress(leaves.astype("<i2").tobytes(), 9)).decode("ascii")


def _cut(boxes: Boxes, halvings: Tensor) -> Iterator[Boxes]:
    """Each box, of two colours at least, halved so many times along its widest channel."""
    for times in torch.unique(halvings).tolist():
        part = boxes[halvings == times]
        for _ in range(times):
            sides = part.sides()
            part = Boxes.joined([part[sides.amax(1) == 1], part[sides.amax(1) > 1].halved()])
        yield part
