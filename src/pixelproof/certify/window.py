"""The part of each layer's grid that one pixel reaches, for all pixels that lie alike towards the strides."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pixelproof.certify.graph import Graph
from pixelproof.certify.layers import Convolution, Flatten, Linear, MaxPool

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
        """Row and column, B×2, for pixels that are so many pixels of the phase below and right of the first: B×2."""
        return places * places.new_tensor(self.steps) + places.new_tensor((self.row, self.column))

    def after(self, kernel: tuple[int, int], stride: tuple[int, int], before: tuple[int, int]) -> Window:
        """The window of a layer whose output i sees the inputs i·stride − before … + kernel − 1, in rows and columns."""
        row, height = _reach(self.row, self.height, kernel[0], stride[0], before[0])
        column, width = _reach(self.column, self.width, kernel[1], stride[1], before[1])
        return Window(row, column, height, width, (self.steps[0] // stride[0], self.steps[1] // stride[1]))

    def needed(self, output: Window, kernel: tuple[int, int], stride: tuple[int, int], before: tuple[int, int]) -> tuple[int, int, int, int]:
        """Columns left and right, rows above and below that the layer sees beyond this window; negative: does not see."""
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


def period(graph: Graph) -> tuple[int, int]:
    """Pixels so many rows and columns apart meet the strides alike: the largest product of strides on a way."""
    products = [(1, 1)]
    for node in graph.nodes:
        rows, columns = node.layer.stride if isinstance(node.layer, Convolution | MaxPool) else (1, 1)
        products.append(
            (max(products[i][0] for i in node.inputs) * rows, max(products[i][1] for i in node.inputs) * columns)
        )
        if isinstance(node.layer, Flatten):
            break
    return products[-1]


def inside(window: Window, origins: Tensor, grid: tuple[int, int]) -> Tensor:
    """Which entries of the windows at ``origins`` B×2 lie in the grid: bools B×height×width."""
    rows = origins[:, :1] + torch.arange(window.height)
    columns = origins[:, 1:] + torch.arange(window.width)
    lies = ((rows >= 0) & (rows < grid[0]))[:, :, None] & ((columns >= 0) & (columns < grid[1]))[:, None, :]
    return lies


def cut_out(grid: Tensor, window: Window, origins: Tensor, outside: float = 0.0) -> Tensor:
    """The entries of ``grid`` C×H×W under the windows at ``origins`` B×2, ``outside`` it as said: B×C×height×width."""
    rows = origins[:, :1] + torch.arange(window.height)
    columns = origins[:, 1:] + torch.arange(window.width)
    height, width = grid.shape[1:]
    values = grid[:, rows.clamp(0, height - 1)[:, :, None], columns.clamp(0, width - 1)[:, None, :]].transpose(0, 1)
    lies = inside(window, origins, (height, width))[:, None]
    return torch.where(lies, values, outside)


def laid_out(values: Tensor, origins: Tensor, grid: tuple[int, int]) -> Tensor:
    """Windows B×…×height×width at ``origins`` B×2 in grids of zeros: B×…×H×W; what lies outside is dropped."""
    out = values.new_zeros(*values.shape[:-2], *grid)
    height, width = values.shape[-2:]
    places, which = torch.unique(origins, dim=0, return_inverse=True)
    for number, (row, column) in enumerate(places.tolist()):
        top, left = max(row, 0), max(column, 0)
        bottom, right = min(row + height, grid[0]), min(column + width, grid[1])
        if top < bottom and left < right:
            chosen = (which == number).nonzero().flatten()
            part = values[chosen, ..., top - row : bottom - row, left - column : right - column]
            out[chosen, ..., top:bottom, left:right] = part
    return out
