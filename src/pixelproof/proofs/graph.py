"""A network as a list of layers, each reading earlier ones: what bounds are computed on."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from torch import Tensor

from pixelproof.proofs.layers import AFFINE, Convolution, Layer, MaxPool, ReLU


@dataclass(frozen=True)
class Node:
    """A layer and the numbers of the values that it reads: 0 is the image, i + 1 the output of node i."""

    layer: Layer
    inputs: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Graph:
    """``nodes`` in an order in which each reads earlier values; the last one's value, N×K, is the answer."""

    nodes: tuple[Node, ...]

    def values(self, images: Tensor) -> list[Tensor]:
        """The images N×C×H×W and the output of every node, in order."""
        values = [images]
        for node in self.nodes:
            values.append(node.layer(*(values[i] for i in node.inputs)))
        return values

    def __call__(self, images: Tensor) -> Tensor:
        return self.values(images)[-1]

    @cached_property
    def readers(self) -> Counter[int]:
        """How many inputs of nodes each value is."""
        return Counter(i for node in self.nodes for i in node.inputs)

    @cached_property
    def last_reader(self) -> dict[int, int]:
        """Of each value the number of the last one computed from it."""
        return {i: number for number, node in enumerate(self.nodes, 1) for i in node.inputs}

    @cached_property
    def cut(self) -> int:
        """The first value through which all goes and after which all is affine; at the latest the answer."""
        for value in range(len(self.nodes)):
            after = self.nodes[value:]
            if all(isinstance(node.layer, AFFINE) and min(node.inputs) >= value for node in after):
                return value
        return len(self.nodes)

    def tail(self, value: Tensor) -> Tensor:
        """The answer, N×K, from the value at ``cut``."""
        values = {self.cut: value}
        for number, node in enumerate(self.nodes[self.cut :], self.cut + 1):
            values[number] = node.layer(*(values[i] for i in node.inputs))
        return values[len(self.nodes)]


def simplified(graph: Graph) -> Graph:
    """The same function, batch norms folded into convolutions, and maxima, tighter there, before ReLU."""
    return _used(_pool_first(_used(_folded(graph))))


def _folded(graph: Graph) -> Graph:
    """A convolution that alone feeds a channelwise one does that itself."""
    nodes = list(graph.nodes)
    for number, node in enumerate(graph.nodes):
        before = node.inputs[0] - 1
        if before < 0 or graph.readers[before + 1] > 1:
            continue
        convolution, after = nodes[before].layer, node.layer
        if isinstance(convolution, Convolution) and isinstance(after, Convolution) and after.channelwise:
            nodes[number] = Node(convolution.scaled(after), nodes[before].inputs)
    return replace(graph, nodes=tuple(nodes))


def _pool_first(graph: Graph) -> Graph:
    """ReLU and maximum commute: the two layers change places."""
    nodes = list(graph.nodes)
    for number, node in enumerate(graph.nodes):
        before = node.inputs[0] - 1
        if isinstance(node.layer, MaxPool) and before >= 0 and graph.readers[before + 1] == 1:
            relu = nodes[before]
            if isinstance(relu.layer, ReLU):
                nodes[before], nodes[number] = Node(node.layer, relu.inputs), Node(relu.layer, node.inputs)
    return replace(graph, nodes=tuple(nodes))


def _used(graph: Graph) -> Graph:
    """Without the nodes that nothing reads any more."""
    needed, stack = set[int](), [len(graph.nodes)]
    while stack:
        value = stack.pop()
        if value > 0 and value not in needed:
            needed.add(value)
            stack.extend(graph.nodes[value - 1].inputs)
    number = {0: 0} | {value: place for place, value in enumerate(sorted(needed), 1)}
    nodes: Sequence[Node] = [graph.nodes[value - 1] for value in sorted(needed)]
    return Graph(tuple(Node(node.layer, tuple(number[i] for i in node.inputs)) for node in nodes))
