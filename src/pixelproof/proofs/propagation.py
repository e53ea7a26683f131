"""A batch of zonotopes through a graph, as differences from the clean image's activations, within windows."""

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional as F

from pixelproof.proofs.graph import Graph, Node
from pixelproof.proofs.layers import Add, Convolution, Linear, MaxPool, ReLU
from pixelproof.proofs.window import Table, Window, period, place_numbers, put_around, windows
from pixelproof.proofs.zonotope import Zonotope, larger, listed, rectified, slopes, spread

#: A layer within a window is one matrix up to so many entries; a matrix product is much faster than many small windows.
MATRIX = 1 << 21
#: Numbers that the symbols at one layer may have: 0.5 GB, of which a few are held at once.
LIMIT = 1 << 26
#: What stands for a value outside the picture in a maximum.
LOWEST = -1e30


#: Convolutions from window to window as matrices, by the number of the node and how the windows lie to each other.
Matrices = dict[tuple[int, ...], Tensor | None]
#: Bounds of what a ReLU reads, from its number and bounds that hold already.
Interval = Callable[[int, Tensor, Tensor], tuple[Tensor, Tensor]]


class TooLarge(Exception):  # noqa: N818 - no error: smaller sets may fit
    """The symbols would take more than ``LIMIT`` numbers."""


class Propagation:
    """Pushes zonotopes around the clean ``values`` of a graph through its nodes, up to its cut.

    values: those of one image, 1×C×H×W or 1×F. ``phase``: which pixels change; None for differences in the whole image.
    ``watch`` is called before every layer, and may raise to end it all. ``matrices`` are kept from phase to phase.
    ``interval`` may make the bounds of what a ReLU reads closer, by its number, before they are used.
    """

    def __init__(
        self,
        graph: Graph,
        values: list[Tensor],
        phase: tuple[int, int] | None,
        watch: Callable[[], None],
        matrices: Matrices,
        interval: Interval = lambda number, low, high: (low, high),
    ) -> None:
        self.graph, self.values, self.watch, self.matrices, self.interval = graph, values, watch, matrices, interval
        self.windows: list[tuple[Window | None, bool]] = [(None, False)] * len(values)
        if phase is not None:
            step, size = period(graph), (values[0].shape[2], values[0].shape[3])
            self.windows = windows(graph, [each.shape for each in values], phase, step)
            self.places = place_numbers(phase, step, size)
        self._tables: dict[int, Table] = {}
        self._cleans: dict[tuple[int, Window, float], Tensor] = {}

    def __call__(self, start: Zonotope, places: Tensor) -> Zonotope:
        """The differences at the cut, in the whole grid, from those at the image, within its window.

        places: B, each set's pixel by its number in the phase. Raises ``TooLarge``.
        """
        batch = _Batch(self, places)
        batch.count = start.symbols.shape[1]
        state = {0: start}
        for number, node in enumerate(self.graph.nodes[: self.graph.cut], 1):
            self.watch()
            if len(places) * batch.count * self.size(number) > LIMIT:
                raise TooLarge
            state[number] = batch.through(number, node, [state[i] for i in node.inputs])
            for each in node.inputs:
                if self.graph.last_reader[each] == number and each != self.graph.cut:
                    state.pop(each, None)
        return batch.whole(state[self.graph.cut], self.graph.cut)

    def size(self, number: int) -> int:
        """The numbers of a value, in its window where it is kept in one."""
        window, kept = self.windows[number]
        value = self.values[number][0]
        return len(value) * window.height * window.width if window and kept else value.numel()

    @cached_property
    def largest(self) -> int:
        """The numbers of the largest value."""
        return max(self.size(number) for number in range(self.graph.cut + 1))

    def table(self, number: int) -> Table:
        """Where the windows of a value lie."""
        if number not in self._tables:
            window, grid = self.windows[number][0], self.values[number].shape[2:]
            assert window is not None
            self._tables[number] = Table(window, window.origins(self.places), (grid[0], grid[1]))
        return self._tables[number]

    def clean(self, number: int, window: Window, outside: float = 0.0) -> Tensor:
        """The clean image's values in a window of every place, ``outside`` the picture as said: P×C×height×width."""
        key = (number, window, outside)
        if key not in self._cleans:
            grid = self.values[number].shape[2:]
            table = Table(window, window.origins(self.places), (grid[0], grid[1]))
            self._cleans[key] = table.cut_out(self.values[number][0], outside)
        return self._cleans[key]

    def matrix(self, number: int, layer: Convolution, source: Window, target: Window) -> Tensor | None:
        """The convolution from window to window as a matrix, inputs × outputs; None where that is too large."""
        pads = source.needed(target, layer.extent, layer.stride, (layer.padding[0], layer.padding[2]))
        key = (number, source.height, source.width, *pads)
        if key not in self.matrices:
            channels = self.values[self.graph.nodes[number - 1].inputs[0]].shape[1]
            entries = channels * source.height * source.width
            self.matrices[key] = None
            if entries * len(layer.weight) * target.height * target.width <= MATRIX:
                identity = torch.eye(entries, dtype=layer.weight.dtype).view(-1, channels, source.height, source.width)
                self.matrices[key] = _between(layer, source, target)(identity).flatten(1).contiguous()
        return self.matrices[key]


class _Batch:
    """One batch on its way: where its windows lie, and which of them are not zero outside the picture."""

    def __init__(self, of: Propagation, places: Tensor) -> None:
        self.of, self.places = of, places
        self.ragged: set[int] = set()
        self.count = 0  # of symbols so far: each has one number on all ways through the graph

    def through(self, number: int, node: Node, inputs: list[Zonotope]) -> Zonotope:
        """The value ``number`` from those that its node reads."""
        layer, sources = node.layer, node.inputs
        if isinstance(layer, Convolution):
            found = self._convolution(number, layer, sources[0], inputs[0])
        elif isinstance(layer, Linear):
            found = self._times(inputs[0], layer.weight.T)
        elif isinstance(layer, ReLU):
            found = self._relu(number, sources[0], inputs[0])
        elif isinstance(layer, MaxPool):
            found = self._max_pool(number, layer, sources[0], inputs[0])
        elif isinstance(layer, Add):
            found = self._sum(number, sources, inputs)
        else:
            found = _mapped(self.whole(inputs[0], sources[0]), lambda x: x.flatten(-3))
        window, kept = self.of.windows[number]
        if window and not kept:
            found = self._laid_out(found, number)
        return self._without_fresh(found) if self.of.graph.readers[number] > 1 else found

    def _without_fresh(self, values: Zonotope) -> Zonotope:
        """The same set with its fresh symbols among the others, as more than one entry is about to read them."""
        if values.fresh is None:
            return values
        fresh = spread(values.fresh)
        between = values.symbols.new_zeros(
            len(fresh), self.count - values.symbols.shape[1], *fresh.shape[2:]
        )  # of other ways
        self.count += fresh.shape[1]
        return Zonotope(values.centre, torch.cat([values.symbols, between, fresh], 1))

    def _times(self, values: Zonotope, matrix: Tensor) -> Zonotope:
        """The products of flat sets, B×N, with ``matrix`` N×M; a fresh symbol becomes its row, scaled."""
        if values.fresh is None:
            return Zonotope(values.centre @ matrix, values.symbols @ matrix)
        sizes, places = listed(values.fresh)
        old = values.symbols.shape[1]
        symbols = matrix.new_empty(len(places), self.count + places.shape[1], matrix.shape[1])
        symbols[:, :old] = values.symbols @ matrix
        symbols[:, old : self.count] = 0
        rows = matrix.index_select(0, places.flatten()).view(*places.shape, matrix.shape[1])
        torch.mul(rows, sizes[:, :, None], out=symbols[:, self.count :])
        self.count = symbols.shape[1]
        return Zonotope(values.centre @ matrix, symbols)

    def whole(self, values: Zonotope, number: int) -> Zonotope:
        """The value ``number`` in its whole grid."""
        window, kept = self.of.windows[number]
        return self._laid_out(values, number) if window and kept else values

    def _laid_out(self, values: Zonotope, number: int) -> Zonotope:
        self.ragged.discard(number)
        table = self.of.table(number)
        return _mapped(values, lambda x: table.laid_out(x, self.places))

    def _window(self, number: int) -> Window | None:
        """The window that the value is kept in."""
        window, kept = self.of.windows[number]
        return window if kept else None

    def _inside(self, number: int) -> Tensor:
        """Which entries are in the picture: bools B×1×height×width."""
        return self.of.table(number).lies[self.places]

    def _note_edges(self, number: int) -> None:
        """A layer has just filled windows of which some may lie outside of the picture."""
        if not bool(self.of.table(number).whole[self.places].all()):
            self.ragged.add(number)

    def _trimmed(self, values: Zonotope, number: int) -> Zonotope:
        """Zero outside the picture, as padding is."""
        if number not in self.ragged:
            return values
        self.ragged.discard(number)
        lies = self._inside(number).to(values.centre.dtype)
        return _mapped(values, lambda x: x * (lies if x.ndim == 4 else lies[:, None]))

    def _clean(self, number: int, window: Window | None, outside: float = 0.0) -> Tensor:
        """The clean image's values in each set's window."""
        return self.of.values[number] if window is None else self.of.clean(number, window, outside)[self.places]

    def _convolution(self, number: int, layer: Convolution, source: int, values: Zonotope) -> Zonotope:
        if layer.channelwise:
            if source in self.ragged:
                self.ragged.add(number)
            return _scaled(values, layer.weight.flatten())
        values = self._trimmed(values, source)
        window, target = self._window(source), self.of.windows[number][0]
        if window is None or target is None:
            return _convolved(self._without_fresh(values), layer.linear)
        self._note_edges(number)
        matrix = self.of.matrix(number, layer, window, target)
        if matrix is None:
            return _convolved(self._without_fresh(values), _between(layer, window, target))
        flat = self._times(_mapped(values, lambda x: x.flatten(-3)), matrix)
        return _mapped(flat, lambda x: x.view(*x.shape[:-1], len(layer.weight), target.height, target.width))

    def _relu(self, number: int, source: int, values: Zonotope) -> Zonotope:
        values = replace(values, centre=values.centre + self._clean(source, self._window(source)))
        radius = values.radius()
        slope, shift = slopes(*self.of.interval(number, values.centre - radius, values.centre + radius))
        if source in self.ragged:
            lies = self._inside(number)
            slope, shift = slope * lies, shift * lies
        found = rectified(values, slope, shift)
        return replace(found, centre=found.centre - self._clean(number, self._window(number)))

    def _sum(self, number: int, sources: tuple[int, ...], inputs: list[Zonotope]) -> Zonotope:
        target = self.of.windows[number][0]
        parts = []
        for source, values in zip(sources, inputs, strict=True):
            window = self._window(source)
            if target is None:
                parts.append(self.whole(values, source))
                continue
            assert window is not None  # a sum has a window where all its summands have
            values = self._trimmed(values, source)
            parts.append(_padded(values, window.margins(target)))
        return _added(parts)

    def _max_pool(self, number: int, layer: MaxPool, source: int, values: Zonotope) -> Zonotope:
        """Maxima of rows, then of these; see ``proofs/zonotope.larger``."""
        overlaps = layer.stride[0] < layer.kernel[0] or layer.stride[1] < layer.kernel[1]
        if overlaps:
            values = self._without_fresh(values)
        window, target = self._window(source), self.of.windows[number][0]
        rows, columns = self.of.values[number].shape[2:]
        if window is None or target is None:
            pads = (layer.padding[1], layer.padding[1], layer.padding[0], layer.padding[0])
            clean = F.pad(self.of.values[source], pads, value=LOWEST)
        else:
            rows, columns = target.height, target.width
            pads = window.needed(target, layer.kernel, layer.stride, layer.padding)
            self._note_edges(number)
            clean = self._clean(source, window.around(target, layer), LOWEST)
        values = _padded(values, pads)
        values = replace(values, centre=values.centre + clean)
        values = self._largest(values, 3, layer.kernel[1], layer.stride[1], columns)
        if overlaps:
            values = self._without_fresh(values)
        values = self._largest(values, 2, layer.kernel[0], layer.stride[0], rows)
        return replace(values, centre=values.centre - self._clean(number, target))

    def _largest(self, values: Zonotope, dim: int, kernel: int, stride: int, count: int) -> Zonotope:
        """The maxima of ``kernel`` neighbours along ``dim`` (of the centre), ``stride`` apart, so many of them."""

        def taken(first: int) -> Zonotope:
            span = slice(first, first + (count - 1) * stride + 1, stride)
            return _mapped(values, lambda x: x[..., span, :] if dim == 2 else x[..., span])

        best = taken(0)
        for place in range(1, kernel):
            best = larger(best, taken(place))
        return best


def _between(layer: Convolution, source: Window, target: Window) -> Callable[[Tensor], Tensor]:
    """The convolution of differences that are zero outside ``source``, within ``target``."""
    pads = source.needed(target, layer.extent, layer.stride, (layer.padding[0], layer.padding[2]))
    bare = replace(layer, padding=(0, 0, 0, 0))
    return lambda x: bare.linear(put_around(x, pads))


def _mapped(values: Zonotope, function: Callable[[Tensor], Tensor]) -> Zonotope:
    """``function``, which treats every set and symbol alike, and keeps signs, of all three parts."""
    fresh = None if values.fresh is None else function(values.fresh)
    return Zonotope(function(values.centre), function(values.symbols), fresh)


def _padded(values: Zonotope, pads: tuple[int, int, int, int]) -> Zonotope:
    """Columns left and right, rows above and below put around the sets, or cut off where negative."""
    return _mapped(values, lambda x: put_around(x, pads))


def _convolved(values: Zonotope, function: Callable[[Tensor], Tensor]) -> Zonotope:
    """``function`` of images N×C×H×W of every set and symbol; nothing is fresh."""

    def convolved(x: Tensor) -> Tensor:
        images = function(x.flatten(0, -4))
        return images.view(*x.shape[:-3], *images.shape[1:])

    return _mapped(values, convolved)


def _scaled(values: Zonotope, scale: Tensor) -> Zonotope:
    """Every channel by its factor."""
    factor = scale[:, None, None]
    fresh = None if values.fresh is None else values.fresh * factor.abs()
    return Zonotope(values.centre * factor, values.symbols * factor, fresh)


def _added(parts: list[Zonotope]) -> Zonotope:
    """The sum of sets; symbols of the same number are the same, and who has fewer has zeros for the rest."""
    most = max(each.symbols.shape[1] for each in parts)
    symbols = [
        F.pad(each.symbols, (0, 0) * (each.symbols.ndim - 2) + (0, most - each.symbols.shape[1])) for each in parts
    ]
    fresh = [each.fresh for each in parts if each.fresh is not None]
    return Zonotope(_total([each.centre for each in parts]), _total(symbols), _total(fresh) if fresh else None)


def _total(terms: list[Tensor]) -> Tensor:
    total = terms[0]
    for each in terms[1:]:
        total = total + each
    return total
