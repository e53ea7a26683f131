"""A torch module read as a graph of known layers, or refused by the name of the first unknown one."""

import copy
import operator
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.fx.node import map_aggregate, map_arg
from torch.nn import functional as F

from pixelproof.errors import InputError
from pixelproof.proofs.graph import Graph, Node
from pixelproof.proofs.layers import (
    Add,
    Convolution,
    Flatten,
    Layer,
    Linear,
    MaxPool,
    ReLU,
    averaging,
    channelwise,
    embedding,
)
from pixelproof.wording import first_line

KNOWN = (
    "convolution, linear layer, batch normalisation, ReLU, maximum and average pooling, sum, concatenation, padding, "
    "subsampling, mean and flattening"
)
#: How far the graph's scores may be from the module's in float64, as a share of the largest.
TOLERANCE = 1e-9
#: Roundings of a batch normalisation: a sum, a root, a quotient; two products and a sum.
NORMALISATION = 6


class Unprovable(InputError):  # noqa: N818 - as it reads in a sentence
    """What cannot be proved by bounds: a layer, a constraint, an image."""


def read_module(module: nn.Module, shape: tuple[int, int, int]) -> Graph:
    """The graph of ``module`` in evaluation mode for images of ``shape`` (height, width, channels), in float64.

    Nothing is merged yet, so that the roundings of every layer can be counted. Raises ``Unprovable`` when a layer is
    unknown, and when the graph does not compute what the module does.
    """
    height, width, channels = shape
    example = torch.rand(3, channels, height, width, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    try:
        twin = copy.deepcopy(module).cpu().double().eval().requires_grad_(False)
        traced = fx.symbolic_trace(twin)
        expected = twin(example.clone())
    except Exception as error:  # whatever code the module has
        raise Unprovable(
            f"The network {type(module).__name__} cannot be bounded, as torch.fx cannot trace it "
            f"({first_line(error)}); expected a forward pass without branches on values."
        ) from error
    with torch.no_grad():
        graph = _Reader(traced, example).graph()
        found = graph(example)
    if expected.shape != found.shape or not _close(expected, found):
        raise Unprovable(
            f"The network {type(module).__name__} cannot be bounded, as its graph computes other scores than it does; "
            "expected one in which no value changes in place."
        )
    return graph


def _is_table(scores: Tensor) -> bool:
    return scores.ndim == 2 and scores.shape[1] > 1


def _close(expected: Tensor, found: Tensor) -> bool:
    return bool((expected - found).abs().max() <= TOLERANCE * max(1.0, float(expected.abs().max())))


@dataclass(frozen=True)
class _Call:
    """One node of the trace: its arguments as the examples have them, ``x`` the first, and its output for these."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    output: Any

    @property
    def x(self) -> Tensor:
        value: Tensor = self.args[0]
        return value

    def argument(self, place: int, name: str, default: Any = None) -> Any:
        return self.args[place] if len(self.args) > place else self.kwargs.get(name, default)


class _Reader:
    """Reads node by node; beside each value stands what it is for some example images, which tells its shape."""

    def __init__(self, traced: fx.GraphModule, example: Tensor) -> None:
        self.traced, self.example = traced, example
        self.interpreter = fx.Interpreter(traced)
        self.nodes: list[Node] = []
        self.numbers: dict[fx.Node, int] = {}  # of the values that depend on the image, in the graph
        self.values: dict[fx.Node, Any] = {}

    def graph(self) -> Graph:
        for node in self.traced.graph.nodes:
            if node.op == "output":
                return self._finished(node.args[0])
            if node.op == "placeholder":
                if self.numbers:
                    raise Unprovable("The network cannot be bounded, as it has several inputs; expected images alone.")
                self.numbers[node], self.values[node] = 0, self.example
            elif node.op == "get_attr":
                self.values[node] = self.interpreter.fetch_attr(str(node.target))
            else:
                self._read(node)
        raise AssertionError("a traced graph ends with its output")

    def _finished(self, answer: object) -> Graph:
        if not isinstance(answer, fx.Node) or answer not in self.numbers or not _is_table(self.values[answer]):
            raise Unprovable(
                "The network cannot be bounded, as its answer is no table of scores; expected N×K, K at least 2."
            )
        if self.numbers[answer] < len(self.nodes):  # what comes after it is not used
            self.nodes = self.nodes[: self.numbers[answer]]
        return Graph(tuple(self.nodes))

    def _read(self, node: fx.Node) -> None:
        call = self._call(node)
        self.values[node] = call.output
        inputs = [self.numbers[each] for each in node.all_input_nodes if each in self.numbers]
        if not inputs or not isinstance(call.output, Tensor):
            return  # a constant, or a shape
        layers = self._layers(node, call)
        if layers is None:
            raise Unprovable(f"The layer {self._name(node)} cannot be bounded; expected one of: {KNOWN}.")
        if isinstance(layers, Add):
            self.numbers[node] = self._append(layers, *self._summands(node, call))
            return
        self.numbers[node] = inputs[0]
        for layer in layers:
            self.numbers[node] = self._append(_unstrided(layer, call.output), self.numbers[node])

    def _append(self, layer: Layer, *inputs: int) -> int:
        self.nodes.append(Node(layer, inputs))
        return len(self.nodes)

    def _call(self, node: fx.Node) -> _Call:
        args, kwargs = map_arg((node.args, node.kwargs), lambda each: self.values[each])
        copies = map_aggregate((args, kwargs), lambda each: each.clone() if isinstance(each, Tensor) else each)
        run = getattr(self.interpreter, node.op)
        return _Call(args, kwargs, run(node.target, *copies))  # copies, as some layers write over their input

    def _layers(self, node: fx.Node, call: _Call) -> list[Layer] | Add | None:
        """The layers in a row that ``node`` stands for, the sum that it is, or None where it is unknown."""
        if node.op == "call_module":
            module = self.traced.get_submodule(str(node.target))
            reader = MODULES.get(type(module))
            return reader(module, call) if reader else None
        if node.target in ARITHMETIC:
            return self._arithmetic(node, call)
        if node.target is torch.cat and any(each not in self.numbers for each in node.all_input_nodes):
            return None  # a constant among its parts
        function = FUNCTIONS.get(node.target)
        return function(call) if function else None

    def _arithmetic(self, node: fx.Node, call: _Call) -> list[Layer] | Add | None:
        """The sum of two values; of a value and a constant for each channel, whatever the operation does, if affine."""
        depends = [isinstance(each, fx.Node) and each in self.numbers for each in node.args]
        if len(depends) != 2 or node.kwargs:
            return None
        if all(depends):
            return Add(terms=1) if node.target in ADDITIONS and call.args[0].shape == call.args[1].shape else None
        place, ones = depends.index(True), torch.ones_like(call.args[depends.index(True)][:1, ..., :1, :1])
        if ones.ndim != 4 or (place == 1 and node.target in DIVISIONS):
            return None
        run = getattr(self.interpreter, node.op)
        at = [
            run(node.target, tuple(x if k == place else each for k, each in enumerate(call.args)), {})
            for x in (torch.zeros_like(ones), ones)
        ]
        if at[1].shape != ones.shape:
            return None
        return [channelwise((at[1] - at[0]).flatten(), at[0].flatten(), terms=1)]

    def _summands(self, node: fx.Node, call: _Call) -> list[int]:
        """The values that a sum adds, each embedded among empty channels where they are concatenated."""
        if node.target is not torch.cat:
            return [self.numbers[each] for each in node.all_input_nodes] * (2 // len(node.all_input_nodes))
        parts: Any = node.args[0]
        channels = [value.shape[1] for value in call.args[0]]
        numbers = []
        for place, part in enumerate(parts):
            before, after = sum(channels[:place]), sum(channels[place + 1 :])
            layer = embedding(channels[place], before, after, self.example)
            numbers.append(self._append(layer, self.numbers[part]))
        return numbers

    def _name(self, node: fx.Node) -> str:
        if node.op == "call_module":
            return f"{node.target} ({type(self.traced.get_submodule(str(node.target))).__name__})"
        return str(getattr(node.target, "__name__", node.target))


def _unstrided(layer: Layer, output: Tensor) -> Layer:
    """Where there is one output only, nothing strides; so pixels need not be told apart by it."""
    if not isinstance(layer, Convolution | MaxPool) or output.ndim != 4:
        return layer
    rows, columns = (1 if size == 1 else by for size, by in zip(output.shape[2:], layer.stride, strict=True))
    return replace(layer, stride=(rows, columns))


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else tuple(value)


def _same(*_: Any) -> list[Layer]:
    return []


def _convolution(module: nn.Conv2d, _: _Call) -> list[Layer] | None:
    if module.padding_mode != "zeros":
        return None
    rows, columns = _pair(module.dilation)
    height, width = (rows * (module.kernel_size[0] - 1), columns * (module.kernel_size[1] - 1))
    if module.padding == "same":
        padding = (height // 2, height - height // 2, width // 2, width - width // 2)
    else:
        vertical, horizontal = (0, 0) if module.padding == "valid" else _pair(module.padding)
        padding = (vertical, vertical, horizontal, horizontal)
    bias = module.weight.new_zeros(len(module.weight)) if module.bias is None else module.bias
    terms = module.weight[0].numel() + 1
    return [Convolution(module.weight, bias, _pair(module.stride), padding, (rows, columns), module.groups, terms)]


def _linear(module: nn.Linear, call: _Call) -> list[Layer] | None:
    bias = module.weight.new_zeros(len(module.weight)) if module.bias is None else module.bias
    layer = Linear(module.weight, bias, module.in_features + 1)
    return [layer] if call.x.ndim == 2 else None


def _batch_norm(module: nn.BatchNorm2d, _: _Call) -> list[Layer] | None:
    if module.running_mean is None or module.running_var is None:
        return None  # it normalises by the batch, so an answer depends on its neighbours
    scale = (module.running_var + module.eps).rsqrt()
    shift = -module.running_mean * scale
    magnitude = shift.abs()
    if module.affine:
        scale, shift = scale * module.weight, shift * module.weight
        magnitude, shift = shift.abs() + module.bias.abs(), shift + module.bias
    return [channelwise(scale, shift, NORMALISATION, magnitude)]


def _max_pool(module: nn.MaxPool2d, _: _Call) -> list[Layer] | None:
    if module.ceil_mode or _pair(module.dilation) != (1, 1) or module.return_indices:
        return None
    return [MaxPool(_pair(module.kernel_size), _pair(module.stride), _pair(module.padding))]


def _max_pooled(call: _Call) -> list[Layer] | None:
    module = nn.MaxPool2d(
        call.argument(1, "kernel_size"),
        call.argument(2, "stride"),
        call.argument(3, "padding", 0),
        call.argument(4, "dilation", 1),
        ceil_mode=call.argument(5, "ceil_mode", False),
    )
    return _max_pool(module, call)


def _average_pool(module: nn.AvgPool2d, call: _Call) -> list[Layer] | None:
    padding = _pair(module.padding)
    if module.ceil_mode or module.divisor_override or (padding != (0, 0) and not module.count_include_pad):
        return None
    return [averaging(call.x.shape[1], _pair(module.kernel_size), _pair(module.stride), padding, call.x)]


def _average_pooled(call: _Call) -> list[Layer] | None:
    module = nn.AvgPool2d(
        call.argument(1, "kernel_size"),
        call.argument(2, "stride"),
        call.argument(3, "padding", 0),
        call.argument(4, "ceil_mode", False),
        call.argument(5, "count_include_pad", True),
        call.argument(6, "divisor_override"),
    )
    return _average_pool(module, call)


def _adaptive(call: _Call) -> list[Layer] | None:
    (height, width), (rows, columns) = call.x.shape[2:], call.output.shape[2:]
    if call.x.ndim != 4 or height % rows or width % columns:
        return None
    kernel = (height // rows, width // columns)
    stride = (
        1 if rows == 1 else kernel[0],
        1 if columns == 1 else kernel[1],
    )  # no stride that pixels could meet unlike
    return [averaging(call.x.shape[1], kernel, stride, (0, 0), call.x)]


def _mean(call: _Call) -> list[Layer] | None:
    dims = call.argument(1, "dim")
    if call.x.ndim != 4 or not isinstance(dims, list | tuple) or sorted(dim % 4 for dim in dims) != [2, 3]:
        return None
    size = (call.x.shape[2], call.x.shape[3])
    layer = averaging(call.x.shape[1], size, (1, 1), (0, 0), call.x)
    return [layer] if call.output.ndim == 4 else [layer, Flatten()]


def _flattened(call: _Call) -> list[Layer] | None:
    if call.output.shape == call.x.shape:
        return []
    return [Flatten()] if call.output.shape == (len(call.x), call.x[0].numel()) else None


def _padded(call: _Call) -> list[Layer] | None:
    pads: list[int] = list(call.argument(1, "pad"))
    if call.argument(2, "mode", "constant") != "constant" or call.argument(3, "value", None) or call.x.ndim != 4:
        return None
    left, right, top, bottom, before, after, *rest = [*pads, *[0] * (8 - len(pads))]
    if any(rest) or min(pads) < 0:
        return None
    layers: list[Layer] = []
    if left or right or top or bottom:
        plain = channelwise(call.x.new_ones(call.x.shape[1]), call.x.new_zeros(call.x.shape[1]))
        layers.append(Convolution(plain.weight, plain.bias, padding=(top, bottom, left, right), groups=plain.groups))
    if before or after:
        layers.append(embedding(call.x.shape[1], before, after, call.x))
    return layers


def _zero_pad(module: nn.ZeroPad2d, call: _Call) -> list[Layer] | None:
    return _padded(_Call((call.x, module.padding), {}, call.output))


def _sliced(call: _Call) -> list[Layer] | None:
    """``x[:, :, ::s, ::s]``: a 1×1 convolution that strides."""
    key = call.args[1]
    whole = slice(None)
    if call.x.ndim != 4 or not isinstance(key, tuple) or len(key) != 4 or key[:2] != (whole, whole):
        return None
    steps = [each.step or 1 for each in key[2:] if isinstance(each, slice) and each == slice(None, None, each.step)]
    if len(steps) != 2 or min(steps) < 1:
        return None
    plain = channelwise(call.x.new_ones(call.x.shape[1]), call.x.new_zeros(call.x.shape[1]))
    return [Convolution(plain.weight, plain.bias, (steps[0], steps[1]), groups=plain.groups)]


def _expanded(call: _Call) -> list[Layer] | None:
    """One channel repeated, or nothing."""
    if call.output.shape == call.x.shape:
        return []
    channels = call.output.shape[1]
    if call.x.shape[1] != 1 or call.output.shape != (len(call.x), channels, *call.x.shape[2:]):
        return None
    return [Convolution(call.x.new_ones(channels, 1, 1, 1), call.x.new_zeros(channels))]


def _concatenated(call: _Call) -> Add | None:
    dim = call.argument(1, "dim", 0)
    return Add() if dim % 4 == 1 and all(each.ndim == 4 for each in call.args[0]) else None


MODULES: dict[type[nn.Module], Callable[..., list[Layer] | None]] = {
    nn.Conv2d: _convolution,
    nn.Linear: _linear,
    nn.BatchNorm2d: _batch_norm,
    nn.ReLU: lambda *_: [ReLU()],
    nn.MaxPool2d: _max_pool,
    nn.AvgPool2d: _average_pool,
    nn.AdaptiveAvgPool2d: lambda _, call: _adaptive(call),
    nn.Flatten: lambda _, call: _flattened(call),
    nn.ZeroPad2d: _zero_pad,
    nn.Identity: _same,
    nn.Dropout: _same,
    nn.Dropout2d: _same,
}

FUNCTIONS: dict[Any, Callable[[_Call], list[Layer] | Add | None]] = {
    **dict.fromkeys((torch.relu, torch.relu_, F.relu, F.relu_, "relu", "relu_"), lambda _: [ReLU()]),
    **dict.fromkeys((F.max_pool2d, torch.max_pool2d), _max_pooled),
    F.avg_pool2d: _average_pooled,
    F.adaptive_avg_pool2d: _adaptive,
    **dict.fromkeys((torch.mean, "mean"), _mean),
    **dict.fromkeys((torch.flatten, torch.reshape, "flatten", "view", "reshape"), _flattened),
    **dict.fromkeys((F.dropout, F.dropout2d, "contiguous", "clone"), _same),
    F.pad: _padded,
    operator.getitem: _sliced,
    **dict.fromkeys(("expand", "repeat"), _expanded),
    torch.cat: _concatenated,
}
ADDITIONS = (operator.add, operator.iadd, torch.add, "add", "add_")
DIVISIONS = (operator.truediv, operator.itruediv, torch.div, "div", "div_")
ARITHMETIC = {
    *ADDITIONS,
    *DIVISIONS,
    *(operator.sub, operator.isub, torch.sub, "sub", "sub_"),
    *(operator.mul, operator.imul, torch.mul, "mul", "mul_"),
}
