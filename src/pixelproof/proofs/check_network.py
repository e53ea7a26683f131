"""A torch module as a list of affine steps, ReLUs and maxima in float64: all that the checker can bound.

The steps are the nodes of ``torch.fx``, carried out as they stand: nothing is folded or rewritten.
"""

import copy
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

from pixelproof.data.imageset import UInt8Array

#: How far the steps' answer to the clean image may be from the module's own, as a share of the largest score.
TOLERANCE = 1e-9

#: What each layer is called here. All are affine but relu and max.
_LAYERS: dict[Any, str] = {
    **dict.fromkeys((nn.Conv2d, nn.Linear), "product"),
    **dict.fromkeys((nn.BatchNorm1d, nn.BatchNorm2d), "normalise"),
    **dict.fromkeys((nn.ReLU, torch.relu, torch.relu_, F.relu, F.relu_, "relu", "relu_"), "relu"),
    **dict.fromkeys((nn.MaxPool2d, F.max_pool2d, torch.max_pool2d), "max"),
    **dict.fromkeys((torch.add, operator.add, operator.iadd, "add", "add_"), "sum"),
    **dict.fromkeys((torch.sub, operator.sub, operator.isub, "sub", "sub_"), "sum"),
    **dict.fromkeys((torch.mul, operator.mul, operator.imul, "mul", "mul_"), "scale"),
    **dict.fromkeys((torch.div, operator.truediv, operator.itruediv, "div", "div_"), "quotient"),
    **dict.fromkeys((nn.AvgPool2d, nn.AdaptiveAvgPool2d, F.avg_pool2d, F.adaptive_avg_pool2d), "mean"),
    **dict.fromkeys((torch.mean, "mean"), "mean"),
    **dict.fromkeys((nn.Flatten, nn.Identity, nn.Dropout, nn.Dropout2d, nn.ZeroPad2d), "move"),
    **dict.fromkeys((torch.flatten, torch.cat, torch.concat, operator.getitem, F.pad, F.dropout), "move"),
    **dict.fromkeys(("flatten", "view", "reshape", "expand", "contiguous", "permute", "squeeze", "unsqueeze"), "move"),
}
_POOL_ARGUMENTS = ("kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices")


class UncheckableError(Exception):
    """The module has something that the checker does not know; the text says what, without a full stop."""


@dataclass(frozen=True, eq=False)
class Step:
    """One node. ``inputs`` are the nodes before it that depend on the image; ``run`` maps their values to its own."""

    node: fx.Node
    layer: str  # one of ``_LAYERS``, or ``image``
    inputs: tuple[fx.Node, ...]
    run: Callable[..., Tensor]
    module: nn.Module | None = None
    cells: Tensor | None = None  # of a maximum: the flat indices n×rows×columns that each of n values is taken over


class Network:
    """The ``steps`` of ``module``, and what each comes to on the clean ``image``, uint8 H×W×C: float64, 1×…

    Raises ``UncheckableError`` where there is a layer that is not known here.
    """

    def __init__(self, module: nn.Module, image: UInt8Array) -> None:
        exact = copy.deepcopy(module).cpu().double().eval()
        pixels = torch.from_numpy(image.copy()).double().permute(2, 0, 1)[None].contiguous() / 255
        self._traced = _trace(exact)
        self._constants: dict[fx.Node, Any] = {}
        self.clean: dict[fx.Node, Tensor] = {}
        self.steps: list[Step] = []
        with torch.no_grad():
            for node in self._traced.graph.nodes:
                self._add(node, pixels)
            _check_same(self.scores, exact(pixels.clone()))

    @property
    def scores(self) -> Tensor:
        """K scores of the clean image."""
        return self.clean[self.output][0]

    def linear(self, step: Step, which: int, rows: Tensor) -> Tensor:
        """What the affine ``step`` adds for n values ``rows`` of its input ``which`` against zeros: n×…

        It is zero wherever the rows do not reach, which a difference of two normalised values is not, as these round.
        """
        if step.layer == "normalise":
            return rows * normalising(step, rows.ndim)
        zeros = [torch.zeros_like(self.clean[node]) for node in step.inputs]

        def run(row: Tensor) -> Tensor:
            return step.run(*zeros[:which], row[None], *zeros[which + 1 :])[0]

        answer: Tensor = torch.vmap(run, chunk_size=256)(rows)
        return answer - step.run(*zeros)

    def transposed(self, step: Step, which: int, rows: Tensor) -> Tensor:
        """Weights of the input ``which`` from n weights ``rows`` of what the affine ``step`` gives: n×…"""
        zeros = [torch.zeros_like(self.clean[node]) for node in step.inputs]

        def run(value: Tensor) -> Tensor:
            return step.run(*zeros[:which], value, *zeros[which + 1 :])

        pull = torch.func.vjp(run, zeros[which])[1]
        answer: Tensor = torch.vmap(lambda row: pull(row[None])[0][0], chunk_size=256)(rows)
        return answer

    def _add(self, node: fx.Node, pixels: Tensor) -> None:
        if node.op == "output":
            self.output = _sole_output(node, self.clean)
        elif node.op == "placeholder":
            if self.steps:
                raise UncheckableError(f"it takes a second input, {node.name}")
            self.clean[node] = pixels
            self.steps.append(Step(node, "image", (), lambda: pixels))
        elif node.op == "get_attr":
            self._constants[node] = _attribute(self._traced, str(node.target))
        else:
            self._add_call(node)

    def _add_call(self, node: fx.Node) -> None:
        inputs = tuple(each for each in node.all_input_nodes if each in self.clean)
        module = self._traced.get_submodule(str(node.target)) if node.op == "call_module" else None
        layer = _LAYERS.get(type(module) if module is not None else node.target)

        def run(*values: Tensor) -> Any:
            if layer == "relu":
                return torch.relu(values[0])
            known = {**self._constants, **dict(zip(inputs, (each.clone() for each in values), strict=True))}
            args, kwargs = fx.node.map_arg((node.args, node.kwargs), known.__getitem__)
            return _called(node, module)(*args, **kwargs)

        try:
            value = run(*(self.clean[each] for each in inputs))
        except Exception as error:
            raise UncheckableError(f"its layer {_name(node, module)} fails by itself in float64") from error
        if not inputs or not isinstance(value, Tensor):  # a constant, or a size
            self._constants[node] = value
            return
        if layer is None or not _as_expected(node, layer, module, inputs):
            raise UncheckableError(f"it has the layer {_name(node, module)}, which the checker does not know")
        cells = _cells(node, module, self.clean[inputs[0]]) if layer == "max" else None
        self.clean[node] = value
        self.steps.append(Step(node, layer, inputs, run, module, cells))


def normalising(step: Step, dimensions: int) -> Tensor:
    """weight/√(variance + ε) of a batch norm, C×1×… for values of so many dimensions, N×C×…"""
    module = step.module
    assert isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d))
    assert module.running_var is not None
    slope = (module.running_var + module.eps).rsqrt()
    slope = slope if module.weight is None else module.weight * slope
    return slope.view(-1, *[1] * (dimensions - 2))


def _trace(module: nn.Module) -> fx.GraphModule:
    try:
        return fx.symbolic_trace(module)
    except Exception as error:  # whatever code the module has
        raise UncheckableError(f"torch.fx cannot trace it ({str(error).splitlines()[0]})") from error


def _called(node: fx.Node, module: nn.Module | None) -> Callable[..., Any]:
    if module is not None:
        return module
    if callable(node.target):
        return node.target
    name = node.target
    return lambda value, *args, **kwargs: getattr(value, name)(*args, **kwargs)


def _as_expected(node: fx.Node, layer: str, module: nn.Module | None, inputs: tuple[fx.Node, ...]) -> bool:
    """Whether the layer does what its name says, for the arguments it has."""
    if layer == "scale":
        return len(inputs) == 1 and node.args.count(inputs[0]) == 1
    if layer == "quotient":
        return len(inputs) == 1 and inputs[0] not in node.args[1:]
    if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
        return module.running_mean is not None and module.running_var is not None
    if node.target is F.dropout:
        return node.kwargs.get("training") is False
    if node.target is F.pad:
        return node.kwargs.get("mode", "constant") == "constant"
    return layer == "sum" or node.target in (torch.cat, torch.concat) or len(inputs) == 1


def _cells(node: fx.Node, module: nn.Module | None, value: Tensor) -> Tensor:
    """The flat indices n×rows×columns of the windows that n maxima are taken over; −1, which come last, are padding."""
    given: dict[str, Any] = dict(zip(_POOL_ARGUMENTS, node.args[1:], strict=False)) | dict(node.kwargs)
    if module is not None:
        given = {name: getattr(module, name) for name in _POOL_ARGUMENTS}
    if given.get("ceil_mode") or given.get("return_indices"):
        raise UncheckableError(f"its maximum {node.name} rounds sizes up or returns places")
    rows, columns = _pair(given["kernel_size"])
    numbers = torch.arange(1.0, value.numel() + 1, dtype=torch.float64).view(-1, 1, *value.shape[-2:])
    windows = F.unfold(
        numbers,
        (rows, columns),
        dilation=given.get("dilation") or 1,
        padding=given.get("padding") or 0,
        stride=given.get("stride") or (rows, columns),
    )
    cells = windows.transpose(1, 2).reshape(-1, rows, columns).long() - 1
    cells = cells.gather(2, (cells < 0).int().argsort(dim=2, stable=True))
    filled = (cells < 0).all(2).int().argsort(dim=1, stable=True)
    return cells.gather(1, filled[..., None].expand_as(cells))


def _pair(size: Any) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (size[0], size[1])


def _attribute(traced: fx.GraphModule, path: str) -> Any:
    return operator.attrgetter(path)(traced)


def _sole_output(node: fx.Node, varying: dict[fx.Node, Tensor]) -> fx.Node:
    answer = node.args[0]
    if not isinstance(answer, fx.Node) or answer not in varying or not _is_row(varying[answer]):
        raise UncheckableError("it returns something else than one row of scores an image")
    return answer


def _is_row(scores: Tensor) -> bool:
    return scores.ndim == 2 and scores.shape[1] > 1  # without another class everything would be proved


def _check_same(scores: Tensor, expected: Tensor) -> None:
    if not bool(((scores - expected[0]).abs() <= TOLERANCE * expected.abs().max()).all()):
        raise UncheckableError("its graph as traced answers otherwise than it does")


def _name(node: fx.Node, module: nn.Module | None) -> str:
    if module is not None:
        return f"{node.target} ({type(module).__name__})"
    return str(getattr(node.target, "__name__", node.target))
