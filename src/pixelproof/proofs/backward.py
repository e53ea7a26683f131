"""Lower bounds of linear functions of one layer, carried backwards to the image, and closer bounds of ReLUs by them.

Zhang, Weng, Chen, Hsieh & Daniel ("Efficient neural network robustness certification with general activation
functions", 2018), section 3 with its adaptive choice of slopes: going backwards each ReLU is replaced by what is lower
where it counts positively and by what is higher where it counts negatively, which a zonotope, carried forwards, cannot.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.grad import conv2d_input

from pixelproof.proofs.graph import Graph
from pixelproof.proofs.layers import Add, Convolution, Flatten, Layer, Linear, ReLU
from pixelproof.proofs.zonotope import Zonotope

#: Entries whose two bounds are sought at once.
AT_ONCE = 64
#: Entries that are tried first, and by what share their intervals must shrink on the average for all to be tried.
TRIED, WORTH = 16, 0.1


class Backward:
    """Bounds over one box of images around a clean one; only for graphs without maxima (``Backward.serves``).

    values: those of the clean image, as ``Graph.values`` gives them. box: its centre, as a difference to the clean
    image, and one symbol for every value. ``watch`` is called before every pass, and may raise. ``closer`` counts the
    ReLUs, from 0 in the graph's order, whose bounds were made closer.
    """

    def __init__(self, graph: Graph, values: list[Tensor], box: Zonotope, watch: Callable[[], None]) -> None:
        self.graph, self.values, self.watch = graph, values, watch
        self._centre, self._half = box.centre, box.radius()
        self._intervals: dict[int, tuple[Tensor, Tensor]] = {}  # of what each ReLU reads, by the ReLU's number
        self.closer: list[int] = []

    @staticmethod
    def serves(graph: Graph) -> bool:
        """Whether all layers can be passed backwards."""
        return all(isinstance(node.layer, Convolution | Linear | ReLU | Add | Flatten) for node in graph.nodes)

    def interval(self, number: int, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
        """Closer bounds, where they are worth their time, of what the ReLU ``number`` reads: 1×… each.

        ``low`` and ``high`` are bounds already. Every ReLU before it must have been asked about.
        """
        value = self.graph.nodes[number - 1].inputs[0]
        unstable = ((low < 0) & (high > 0)).flatten().nonzero().flatten()
        tried = unstable[:: max(1, len(unstable) // TRIED)]
        below, above = self._tightened(value, tried, low, high)
        before, after = (high - low).flatten()[tried].sum(), (above - below).flatten()[tried].sum()
        if after < (1 - WORTH) * before:
            self.closer.append(len(self._intervals))
            low, high = self._tightened(value, unstable, low, high)
        self._intervals[number] = (low, high)
        return low, high

    def _tightened(self, value: int, entries: Tensor, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
        """``low`` and ``high`` with closer bounds of the ``entries`` of a value, by number, where there are any."""
        below, above = low.flatten().clone(), high.flatten().clone()
        for part in torch.split(entries, AT_ONCE) if len(entries) else ():
            self.watch()
            rows = F.one_hot(part, low.numel()).to(low.dtype).view(-1, *low.shape[1:])
            lowest, highest = self.lowest(value, torch.cat([rows, -rows])).chunk(2)
            below[part], above[part] = torch.maximum(below[part], lowest), torch.minimum(above[part], -highest)
        return below.view(low.shape), above.view(high.shape)

    def lowest(self, value: int, rows: Tensor) -> Tensor:
        """R lower bounds, over the box, of Σ rows · (the value ``value``), rows R×…"""
        bound = (rows * self.values[value]).flatten(1).sum(1)
        waiting = {value: rows}
        for number in range(value, 0, -1):
            if number not in waiting:
                continue
            node, here = self.graph.nodes[number - 1], waiting.pop(number)
            if isinstance(node.layer, ReLU):
                here, constant = self._through_relu(number, here)
                bound = bound + constant
            for source in node.inputs:
                there = _back(node.layer, here, self.values[source])
                waiting[source] = waiting[source] + there if source in waiting else there
        slope = waiting[0]
        return bound + (slope * self._centre).flatten(1).sum(1) - (slope.abs() * self._half).flatten(1).sum(1)

    def _through_relu(self, number: int, rows: Tensor) -> tuple[Tensor, Tensor]:
        """The coefficients of what the ReLU reads, and R constants: of relu(v) less relu of the clean v."""
        low, high = self._intervals[number]
        clean, answer = self.values[self.graph.nodes[number - 1].inputs[0]], self.values[number]
        unstable, line = (low < 0) & (high > 0), (low >= 0).to(low.dtype)
        upper = torch.where(unstable, high / (high - low), line)  # relu(v) ≤ upper · (v − low)
        lower = torch.where(unstable, (high > -low).to(low.dtype), line)  # relu(v) ≥ lower · v, of least area
        shift = torch.where(unstable, -upper * low, 0.0)
        positive, negative = rows.clamp_min(0), rows.clamp_max(0)
        constants = positive * (lower * clean - answer) + negative * (upper * clean + shift - answer)
        return positive * lower + negative * upper, constants.flatten(1).sum(1)


def _back(layer: Layer, rows: Tensor, source: Tensor) -> Tensor:
    """Coefficients of what ``layer`` reads, 1×…, from those of what it gives; its constants are the clean image's."""
    if isinstance(layer, Linear):
        return rows @ layer.weight
    if isinstance(layer, Flatten):
        return rows.view(-1, *source.shape[1:])
    if not isinstance(layer, Convolution):
        return rows
    top, bottom, left, right = layer.padding
    height, width = source.shape[2] + top + bottom, source.shape[3] + left + right
    size = (len(rows), source.shape[1], height, width)
    geometry = layer.stride, 0, layer.dilation, layer.groups
    padded: Tensor = conv2d_input(size, layer.weight, rows, *geometry)  # type: ignore[no-untyped-call]
    return padded[:, :, top : height - bottom, left : width - right]
