"""A batch of zonotopes through a graph, as differences from the clean image's activations, within windows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from pixelproof.certify.graph import Graph, Node
from pixelproof.certify.layers import Add, Convolution, Linear, MaxPool, ReLU
from pixelproof.certify.window import Window, cut_out, inside, laid_out, period, windows
from pixelproof.certify.zonotope import Loss, Zonotope, larger, listed, rectified, slopes, spread

#: A layer within a window is one matrix up to so many entries; a matrix product is much faster than many small windows.
MATRIX = 1 << 21
#: What stands for a value outside the picture in a maximum.
LOWEST = -1e30


@dataclass
class Looseness:
    """What the first rectified layer lost to each of the first symbols: B×symbols. It says along which to split."""

    symbols: int
    scores: Tensor | None = None
    layer: int | None = None

    def note(self, layer: int, loss: Loss) -> None:
        """δ of the rectified values, B×…, shared among the symbols by their part of the radius."""
        if self.layer is None:
            self.layer = layer
        if self.layer == layer:
            share = loss.shift / loss.radius.clamp_min(1e-30)
            parts = loss.symbols[:, : self.symbols].abs() * share[:, None]
            scores = parts.flatten(2).sum(2)
            self.scores = scores if self.scores is None else self.scores + scores


class Propagation:
    """Pushes zonotopes around the clean ``values`` of a graph through its nodes, up to its cut.

    values: those of one image, 1×C×H×W or 1×F. ``phase``: which pixels; None for differences in the whole image.
    """

    def __init__(self, graph: Graph, values: list[Tensor], phase: tuple[int, int] | None) -> None:
        self.graph, self.values = graph, values
        self.windows: list[tuple[Window | None, bool]] = [(None, False)] * len(values)
        if phase is not None:
            self.windows = windows(graph, [each.shape for each in values], phase, period(graph))
        self._matrices: dict[int, Tensor | None] = {}

    def __call__(self, start: Zonotope, places: Tensor, looseness: Looseness | None = None) -> Zonotope:
        """The differences at the cut, in the whole grid, from those at the image, within its window.

        places: B×2, each set's pixel by its number in the phase.
        """
        batch = _Batch(self, places, looseness)
        batch.count = start.symbols.shape[1]
        state = {0: start}
        for number, node in enumerate(self.graph.nodes[: self.graph.cut], 1):
            state[number] = batch.through(number, node, [state[i] for i in node.inputs])
            for each in node.inputs:
                if self.graph.last_reader[each] == number and each != self.graph.cut:
                    state.pop(each, None)
        return batch.whole(state[self.graph.cut], self.graph.cut)

    def matrix(self, number: int, layer: Convolution, source: Window, target: Window) -> Tensor | None:
        """The convolution from window to window as a matrix, inputs × outputs; None where that is too large."""
        if number not in self._matrices:
            channels = self.values[self.graph.nodes[number - 1].inputs[0]].shape[1]
            entries = channels * source.height * source.width
            self._matrices[number] = None
            if entries * len(layer.weight) * target.height * target.width <= MATRIX:
                identity = torch.eye(entries, dtype=layer.weight.dtype).view(-1, channels, source.height, source.width)
                self._matrices[number] = _between(layer, source, target)(identity).flatten(1).contiguous()
        return self._matrices[number]


class _Batch:
    """One batch on its way: where its windows lie, and which of them are not zero outside the picture."""

    def __init__(self, of: Propagation, places: Tensor, looseness: Looseness | None) -> None:
        self.of, self.places, self.looseness = of, places, looseness
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
            found = self._laid_out(found, number, window)
        return self._settled(found) if self.of.graph.readers[number] > 1 else found

    def _settled(self, values: Zonotope) -> Zonotope:
        """The same set with its fresh symbols among the others, as more than one entry is about to read them."""
        if values.fresh is None:
            return values
        fresh = spread(values.fresh)
        between = values.symbols.new_zeros(len(fresh), self.count - values.symbols.shape[1], *fresh.shape[2:])  # of other ways
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
        rows = matrix.index_select(0, places.flatten()).view(*places.shape, -1)
        torch.mul(rows, sizes[:, :, None], out=symbols[:, self.count :])
        self.count = symbols.shape[1]
        return Zonotope(values.centre @ matrix, symbols)

    def whole(self, values: Zonotope, number: int) -> Zonotope:
        """The value ``number`` in its whole grid."""
        window, kept = self.of.windows[number]
        return self._laid_out(values, number, window) if window and kept else values

    def _laid_out(self, values: Zonotope, number: int, window: Window) -> Zonotope:
        self.ragged.discard(number)
        origins, grid = window.origins(self.places), self._grid(number)
        return _mapped(values, lambda x: laid_out(x, origins, grid))

    def _grid(self, number: int) -> tuple[int, int]:
        height, width = self.of.values[number].shape[2:]
        return height, width

    def _window(self, number: int) -> Window | None:
        """The window that the value is kept in."""
        window, kept = self.of.windows[number]
        return window if kept else None

    def _inside(self, number: int, window: Window) -> Tensor:
        """Which entries are in the picture: bools B×1×height×width."""
        return inside(window, window.origins(self.places), self._grid(number))[:, None]

    def _trimmed(self, values: Zonotope, number: int) -> Zonotope:
        """Zero outside the picture, as padding is."""
        window = self._window(number)
        if window is None or number not in self.ragged:
            return values
        self.ragged.discard(number)
        lies = self._inside(number, window).to(values.centre.dtype)
        return _mapped(values, lambda x: x * (lies if x.ndim == 4 else lies[:, None]))

    def _convolution(self, number: int, layer: Convolution, source: int, values: Zonotope) -> Zonotope:
        if layer.channelwise:
            return _scaled(values, layer.weight.flatten())
        values = self._trimmed(values, source)
        window, target = self._window(source), self.of.windows[number][0]
        if window is None or target is None:
            return _mapped(self._settled(values), lambda x: layer.linear(x.flatten(0, -4)).unflatten(0, x.shape[:-3]))
        if not bool(self._inside(number, target).all()):
            self.ragged.add(number)
        matrix = self.of.matrix(number, layer, window, target)
        if matrix is not None:
            shape = (len(layer.weight), target.height, target.width)
            return _mapped(self._times(_mapped(values, lambda x: x.flatten(-3)), matrix), lambda x: x.unflatten(-1, shape))
        through = _between(layer, window, target)
        return _mapped(self._settled(values), lambda x: through(x.flatten(0, -4)).unflatten(0, x.shape[:-3]))

    def _relu(self, number: int, source: int, values: Zonotope) -> Zonotope:
        window = self._window(source)
        before, after = self._clean(source, window), self._clean(number, window)
        radius = values.radius()
        slope, shift = slopes(before + values.centre, radius)
        if window is not None and source in self.ragged:
            lies = self._inside(number, window)
            slope, shift = slope * lies, shift * lies
        if self.looseness is not None:
            self.looseness.note(number, Loss(shift, values.symbols, radius))
        found = rectified(replace(values, centre=before + values.centre), slope, shift)
        if window is not None and source in self.ragged:
            return replace(found, centre=found.centre - after * lies)
        return replace(found, centre=found.centre - after)

    def _clean(self, number: int, window: Window | None, outside: float = 0.0) -> Tensor:
        value = self.of.values[number]
        return value if window is None else cut_out(value[0], window, window.origins(self.places), outside)

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
            pads = window.margins(target)
            parts.append(_mapped(values, lambda x, pads=pads: F.pad(x, pads)) if any(pads) else values)
        return _added(parts)

    def _max_pool(self, number: int, layer: MaxPool, source: int, values: Zonotope) -> Zonotope:
        """Maxima of rows, then of these; see ``certify/zonotope.larger``."""
        overlaps = layer.stride[0] < layer.kernel[0] or layer.stride[1] < layer.kernel[1]
        if overlaps:
            values = self._settled(values)
        window, target = self._window(source), self.of.windows[number][0]
        rows, columns = self.of.values[number].shape[2:]
        if window is None or target is None:
            pads = (layer.padding[1], layer.padding[1], layer.padding[0], layer.padding[0])
            clean = F.pad(self.of.values[source], pads, value=LOWEST)
        else:
            rows, columns = target.height, target.width
            pads = window.needed(target, layer.kernel, layer.stride, layer.padding)
            clean = self._clean(source, window.around(target, layer), LOWEST)
            if not bool(self._inside(number, target).all()):
                self.ragged.add(number)
        if any(pads):
            values = _mapped(values, lambda x: F.pad(x, pads))
        values = replace(values, centre=values.centre + clean)
        values = self._largest(number, values, 3, layer.kernel[1], layer.stride[1], columns)
        if overlaps:
            values = self._settled(values)
        values = self._largest(number, values, 2, layer.kernel[0], layer.stride[0], rows)
        return replace(values, centre=values.centre - self._clean(number, target))

    def _largest(self, number: int, values: Zonotope, dim: int, kernel: int, stride: int, count: int) -> Zonotope:
        """The maxima of ``kernel`` neighbours along ``dim`` (of the centre), ``stride`` apart, so many of them."""

        def taken(first: int) -> Zonotope:
            span = slice(first, first + (count - 1) * stride + 1, stride)
            return _mapped(values, lambda x: x[..., span, :] if dim == 2 else x[..., span])

        best = taken(0)
        for place in range(1, kernel):
            best, loss = larger(best, taken(place))
            if self.looseness is not None:
                self.looseness.note(number, loss)
        return best


def _between(layer: Convolution, source: Window, target: Window) -> Callable[[Tensor], Tensor]:
    """The convolution of differences that are zero outside ``source``, within ``target``."""
    pads = source.needed(target, layer.extent, layer.stride, (layer.padding[0], layer.padding[2]))
    bare = replace(layer, padding=(0, 0, 0, 0))
    return lambda x: bare.linear(F.pad(x, pads))


def _mapped(values: Zonotope, function: Callable[[Tensor], Tensor]) -> Zonotope:
    """``function``, which treats every set and symbol alike, and keeps signs, of all three parts."""
    fresh = None if values.fresh is None else function(values.fresh)
    return Zonotope(function(values.centre), function(values.symbols), fresh)


def _scaled(values: Zonotope, scale: Tensor) -> Zonotope:
    """Every channel by its factor."""
    factor = scale[:, None, None]
    fresh = None if values.fresh is None else values.fresh * factor.abs()
    return Zonotope(values.centre * factor, values.symbols * factor, fresh)


def _added(parts: list[Zonotope]) -> Zonotope:
    """The sum of sets; symbols of the same number are the same, and who has fewer has zeros for the rest."""
    most = max(each.symbols.shape[1] for each in parts)
    symbols = [F.pad(each.symbols, (0, 0) * (each.symbols.ndim - 2) + (0, most - each.symbols.shape[1])) for each in parts]
    fresh = [each.fresh for each in parts if each.fresh is not None]
    return Zonotope(_total([each.centre for each in parts]), _total(symbols), _total(fresh) if fresh else None)


def _total(terms: list[Tensor]) -> Tensor:
    total = terms[0]
    for each in terms[1:]:
        total = total + each
    return total
