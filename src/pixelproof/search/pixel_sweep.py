"""The sweep: one pixel at every position in every colour of a grid, the most promising first, until all were asked."""

import itertools

import torch
from torch import Tensor

from pixelproof.search.pixel_prior import PixelPrior

LARGEST_GRID = 1 << 17  # cells that a finer grid may add: 125 colours at 32 × 32 positions are 100,352 more than 27
FARTHEST = 1e30  # margin of a cell that was not answered, where others are predicted from it


class Sweep:
    """What one lane was told of single pixels, and the ones to ask next.

    First come the 2^C corner colours at every position, then grids of 3^C, 5^C … colours, each of which holds the one
    before; a *cell* is a position and a colour of the grid under way, number position + P × colour. ``count`` is how
    many different cells were answered, those that other ways of asking came upon included where they are corners: at
    P × 2^C the corners are complete, at P × 3^C the next grid is. It ends with all 256^C colours, or before the grid
    that adds more than ``LARGEST_GRID`` cells.

    Memory: P × 2^C numbers, and twice those of the grid once it is under way.
    """

    def __init__(self, prior: PixelPrior) -> None:
        self._prior = prior
        self._colours = prior.corners * 255  # (colours, C) of the grid under way
        self._side = 2  # values of a channel in it
        self._margins = torch.full((prior.positions * len(self._colours),), torch.inf, device=prior.corners.device)
        self._queue: Tensor | None = None  # (n,): cells to ask
        self.count = 0

    @property
    def corners_left(self) -> bool:
        """Whether a cell of a corner colour was not answered."""
        return self.count < len(self._margins)

    def observe_corners(self, cells: Tensor, margins: Tensor) -> None:
        """Corner cells (n,) were answered, with these lowest margins (n,)."""
        self._margins[cells] = margins.clamp(max=FARTHEST)
        self.count = int(self._margins.isfinite().sum())

    def begin(self, scores: Tensor) -> None:
        """Sweep what is left of the corners by these scores (colours, P), the lowest first."""
        order = scores.flatten().argsort(stable=True)
        self._queue = order[self._margins[order].isinf()]

    @property
    def begun(self) -> bool:
        """Whether the order is fixed."""
        return self._queue is not None

    def next(self, count: int) -> Tensor:
        """The next cells of the grid under way, at most ``count``; none once all grids are through."""
        while self._queue is not None and not len(self._queue) and self._refine():
            pass
        assert self._queue is not None
        cells, self._queue = self._queue[:count], self._queue[count:]
        return cells

    def pixels(self, cells: Tensor) -> Tensor:
        """(n, 2 + C): row, column and values of cells (n,) of the grid under way."""
        positions = self._prior.positions
        return torch.cat([self._prior.place[cells % positions], self._colours[cells // positions]], 1)

    def observe(self, cells: Tensor, margins: Tensor) -> None:
        """Cells (n,) of the grid under way were answered, with these lowest margins (n,)."""
        if self._side == 2:
            self.observe_corners(cells, margins)
        else:
            self.count += len(cells)

    def _refine(self) -> bool:
        """Go on with the colours that the next grid adds, if it is not too large."""
        channels, corners = self._prior.shape[2], self._prior.corners
        before, values = _values(self._side), _values(2 * self._side - 1)
        if len(values) == len(before) or (len(values) ** channels - len(before) ** channels) > (
            LARGEST_GRID // self._prior.positions
        ):
            return False
        old = set(before)
        fresh = [colour for colour in itertools.product(values, repeat=channels) if not old.issuperset(colour)]
        self._side, self._colours = 2 * self._side - 1, torch.tensor(fresh, device=corners.device).float()
        # Predicted from the corners, by multilinear interpolation.
        share = self._colours[:, None] / 255
        weight = torch.where(corners > 0, share, 1 - share).prod(2)  # (colours, 2^C)
        margins = self._margins.clamp(max=FARTHEST).view(len(corners), -1)
        self._queue = (weight @ margins).flatten().argsort(stable=True)
        return True


def _values(side: int) -> list[int]:
    """``side`` values of a channel from 0 to 255, evenly; fewer where two would be the same."""
    return sorted({round(255 * k / (side - 1)) for k in range(side)})
