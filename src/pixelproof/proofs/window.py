"""The part of each layer's grid that one pixel reaches, for all pixels that lie alike towards the strides."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional as F

from pixelproof.proofs.graph import Graph
from pixelproof.proofs.layers import Convolution, MaxPool

#: A window over more than this share of its grid gains nothing; the whole grid is kept from there on.
WHOLE = 0.6


@dataclass(frozen=True)
class Window:
    """``height`` × ``width`` entries of a grid from (``row``, ``column``), which may lie outside of it.

    That is the place for the first pixel of a phase; it moves by ``steps`` for the next pixel of the phase below, or on
    the right.
    """

    row: int
    column: int
    height: int
    width: int
    steps: tuple[int, int]

    def origins(self, places: Tensor) -> Tensor:
        """Row and column, P×2, for pixels that are so many pixels of the phase below and right of the first: P×2."""
        return places * places.new_tensor(self.steps) + places.new_tensor((self.row, self.column))

    def after(self, kernel: tuple[int, int], stride: tuple[int, int], before: tuple[int, int]) -> Window:
        """The window of a layer whose output i sees the inputs i·stride − before … + kernel − 1."""
        row, height = _reach(self.row, self.height, kernel[0], stride[0], before[0])
        column, width = _reach(self.column, self.width, kernel[1], stride[1], before[1])
        return Window(row, column, height, width, (self.steps[0] // stride[0], self.steps[1] // stride[1]))

    def needed(
        self, output: Window, kernel: tuple[int, int], stride: tuple[int, int], before: tuple[int, int]
    ) -> tuple[int, int, int, int]:
        """Columns left and right, rows above and below that the layer sees beyond this window, or less than it."""
        top = self.row - (output.row * stride[0] - before[0])
        left = self.column - (output.column * stride[1] - before[1])
        bottom = (output.height - 1) * stride[0] + kernel[0] - top - self.height
        right = (output.width - 1) * stride[1] + kernel[1] - left - self.width
        return left, right, top, bottom

    def around(self, output: Window, pool: MaxPool) -> Window:
        """All that the outputs of ``pool`` see."""
        left, right, top, bottom = self.needed(output, pool.kernel, pool.stride, pool.padding)
        size = (self.height + top + bottom, self.width + left + right)
        return Window(self.row - top, self.column - left, *size, self.steps)

    def union(self, other: Window) -> Window:
        """The smallest window over both."""
        row, column = min(self.row, other.row), min(self.column, other.column)
        bottom = max(self.row + self.height, other.row + other.height)
        right = max(self.column + self.width, other.column + other.width)
        return Window(row, column, bottom - row, right - column, self.steps)

    def margins(self, outer: Window) -> tuple[int, int, int, int]:
        """Columns left and right, rows above and below by which ``outer`` is larger."""
        left, top = self.column - outer.column, self.row - outer.row
        return left, outer.width - left - self.width, top, outer.height - top - self.height


def _reach(first: int, size: int, kernel: int, stride: int, before: int) -> tuple[int, int]:
    """The first output that sees any of ``size`` inputs from ``first``, and how many do: one at least."""
    begin = -((kernel - 1 - before - first) // stride)
    end = (first + size - 1 + before) // stride
    return begin, max(1, end - begin + 1)


def windows(
    graph: Graph, shapes: list[torch.Size], phase: tuple[int, int], period: tuple[int, int]
) -> list[tuple[Window | None, bool]]:
    """For every value the window that the pixels (phase + period · place) reach, and whether it is kept.

    Where it is not, as it covers most of the grid, the value is laid out in the whole grid, and later values have no
    window. shapes: of the values of one image, 1×C×H×W or 1×F.
    """
    found: list[tuple[Window | None, bool]] = [(Window(*phase, 1, 1, period), True)]
    for node, shape in zip(graph.nodes, shapes[1:], strict=True):
        inputs = [window for window, kept in (found[i] for i in node.inputs) if window and kept]
        if len(inputs) < len(node.inputs) or len(shape) == 2 or len({each.steps for each in inputs}) > 1:
            found.append((None, False))
            continue
        window = inputs[0]
        if isinstance(node.layer, Convolution):
            window = window.after(node.layer.extent, node.layer.stride, (node.layer.padding[0], node.layer.padding[2]))
        elif isinstance(node.layer, MaxPool):
            window = window.after(node.layer.kernel, node.layer.stride, node.layer.padding)
        for each in inputs[1:]:
            window = window.union(each)
        found.append((window, window.height * window.width <= WHOLE * shape[2] * shape[3]))
    return _filled(graph, found)


def _filled(graph: Graph, found: list[tuple[Window | None, bool]]) -> list[tuple[Window | None, bool]]:
    """Windows that a maximum alone reads, as large as it wants them, so that nothing is to be put around them."""
    for number, node in enumerate(graph.nodes, 1):
        source, (window, kept), (target, _) = node.inputs[0], found[node.inputs[0]], found[number]
        if isinstance(node.layer, MaxPool) and graph.readers[source] == 1 and window and kept and target and source:
            found[source] = (window.around(target, node.layer), True)
    return found


def put_around(x: Tensor, pads: tuple[int, int, int, int]) -> Tensor:
    """Zeros in columns left and right, in rows above and below of ``x`` …×height×width; negative: cut off."""
    left, right, top, bottom = pads
    height, width = x.shape[-2:]
    if min(left, right) < -width or min(top, bottom) < -height:  # nothing is left of it
        return x.new_zeros(*x.shape[:-2], height + top + bottom, width + left + right)
    return F.pad(x, pads) if any(pads) else x


def period(graph: Graph) -> tuple[int, int]:
    """Pixels so many rows and columns apart meet the strides alike, on every way through the graph."""
    products = [(1, 1)]
    for node in graph.nodes:
        rows, columns = node.layer.stride if isinstance(node.layer, Convolution | MaxPool) else (1, 1)
        common = [math.lcm(*(products[i][axis] for i in node.inputs)) for axis in (0, 1)]
        products.append((common[0] * rows, common[1] * columns))
    return math.lcm(*(rows for rows, _ in products)), math.lcm(*(columns for _, columns in products))


@dataclass(frozen=True)
class Table:
    """One value's windows for every place of a phase, P places.

    lies: bools P×1×height×width, which entries are in the picture; ``whole`` P, whether all are. cells: P×(H·W), for
    each entry of the grid its number in the window, or the window's size where it has none.
    """

    window: Window
    origins: Tensor
    grid: tuple[int, int]

    @cached_property
    def _axes(self) -> tuple[Tensor, Tensor]:
        rows = self.origins[:, :1] + torch.arange(self.window.height)
        return rows, self.origins[:, 1:] + torch.arange(self.window.width)

    @cached_property
    def lies(self) -> Tensor:
        rows, columns = self._axes
        vertical, horizontal = (rows >= 0) & (rows < self.grid[0]), (columns >= 0) & (columns < self.grid[1])
        return (vertical[:, :, None] & horizontal[:, None, :])[:, None]

    @cached_property
    def whole(self) -> Tensor:
        return self.lies.flatten(1).all(1)

    @cached_property
    def cells(self) -> Tensor:
        rows = torch.arange(self.grid[0]) - self.origins[:, :1]
        columns = torch.arange(self.grid[1]) - self.origins[:, 1:]
        vertical, horizontal = (rows >= 0) & (rows < self.window.height), (columns >= 0) & (columns < self.window.width)
        numbers = rows[:, :, None] * self.window.width + columns[:, None, :]
        none = self.window.height * self.window.width
        return torch.where(vertical[:, :, None] & horizontal[:, None, :], numbers, none).flatten(1)

    def cut_out(self, value: Tensor, outside: float = 0.0) -> Tensor:
        """The entries of ``value`` C×H×W under the windows, ``outside`` where they lie outside: P×C×height×width."""
        rows, columns = (axis.clamp(0, size - 1) for axis, size in zip(self._axes, self.grid, strict=True))
        return torch.where(self.lies, value[:, rows[:, :, None], columns[:, None, :]].transpose(0, 1), outside)

    def laid_out(self, values: Tensor, places: Tensor) -> Tensor:
        """Windows B×…×height×width at ``places`` B in grids of zeros: B×…×H×W; what lies outside is dropped."""
        flat = F.pad(values.flatten(-2), (0, 1))
        cells = self.cells[places].view(len(places), *(1,) * (flat.ndim - 2), -1)
        return flat.gather(-1, cells.expand(*flat.shape[:-1], -1)).view(*flat.shape[:-1], *self.grid)


def place_numbers(phase: tuple[int, int], step: tuple[int, int], size: tuple[int, int]) -> Tensor:
    """The pixels of a phase in a picture of ``size``, as multiples of ``step`` from the first: P×2, row by row."""
    counts = [-(-(all_ - first) // by) for all_, first, by in zip(size, phase, step, strict=True)]
    return torch.cartesian_prod(*(torch.arange(count) for count in counts))
