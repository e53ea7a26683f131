"""One attack at one threshold: the groups that wait for it, and the cells that search."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence

from pixelproof.engine.cell import Cell
from pixelproof.engine.group import Group
from pixelproof.engine.settings import SearchSettings


class Stage:
    """Cells of the same ``settings`` that take turns, so that one makes candidates for the batch another leaves open.

    Lanes do not depend on each other, nor groups, so it is immaterial which cell takes which.
    """

    def __init__(self, settings: SearchSettings, cells: Sequence[Cell]) -> None:
        self.settings, self.cells = settings, cells
        self.queue: deque[Group] = deque()

    @property
    def lanes(self) -> int:
        """Lanes in flight."""
        return sum(len(cell.lanes) for cell in self.cells)

    @property
    def rows(self) -> int:
        """Candidates that one round of all its cells asks for, at most."""
        return sum(cell.rows for cell in self.cells)

    def fill(self, room: int, batch_size: int, asking: Collection[Cell]) -> int:
        """Start groups until there is no ``room`` for more candidates; returns how many candidates they make a round.

        Cells that are ``asking`` cannot take any. Less than one batch is better made by one cell than by two.
        """
        fresh: dict[Cell, list[Group]] = {cell: [] for cell in self.cells if cell not in asking}
        rows = {cell: cell.rows for cell in self.cells}
        begun = 0
        while fresh and self.queue and begun < room:
            group = self.queue.popleft()
            choose = max if sum(rows.values()) < batch_size else min
            cell = choose(fresh, key=lambda cell: rows[cell])
            fresh[cell].append(group)
            wanted = len(group.samples) * cell.search.population
            rows[cell] += wanted
            begun += wanted
        for cell, groups in fresh.items():
            cell.start(groups)
        return begun
