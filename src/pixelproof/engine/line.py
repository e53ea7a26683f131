"""The line of candidates in front of the model: full batches from cells that take turns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pixelproof.engine.cell import Cell
from pixelproof.models.query import Scorer


@dataclass(eq=False)
class Waiting:
    """A cell whose candidates stand in line."""

    cell: Cell
    images: Tensor  # those not yet asked
    answers: list[Tensor] = field(default_factory=list)


class Line:
    """Asks in the order in which candidates were made, and only what fills batches, unless there is less than one.

    A cell learns once all of its candidates are answered; the batch that its last ones leave open is filled up with
    those of the next in line. Memory: at most the candidates of one round of all cells, and one batch.
    """

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self._waiting: list[Waiting] = []

    @property
    def cells(self) -> set[Cell]:
        """The cells that wait for answers."""
        return {waiting.cell for waiting in self._waiting}

    def advance(self, cells: Iterable[Cell]) -> list[tuple[Cell, Tensor]]:
        """Let ``cells`` join the line and ask its head; returns the cells that are through, with their log-scores."""
        self._waiting += [Waiting(cell, cell.ask()) for cell in cells]
        rows = sum(len(waiting.images) for waiting in self._waiting)
        room = rows - rows % self._scorer.batch_size or rows
        asked: list[tuple[Waiting, Tensor]] = []
        for waiting in self._waiting:
            part, waiting.images = waiting.images[:room], waiting.images[room:]
            room -= len(part)
            asked.append((waiting, part))
        scores = self._scorer(torch.cat([part for _, part in asked]) if len(asked) > 1 else asked[0][1])
        for (waiting, _), answer in zip(asked, torch.split(scores, [len(part) for _, part in asked]), strict=True):
            waiting.answers.append(answer)
        through = [waiting for waiting in self._waiting if not len(waiting.images)]
        self._waiting = [waiting for waiting in self._waiting if len(waiting.images)]
        return [(w.cell, torch.cat(w.answers) if len(w.answers) > 1 else w.answers[0]) for w in through]
