"""A torch program run so that gradients pass whatever stops them in it, and its scores noted on their way.

Athalye, Carlini & Wagner, "Obfuscated Gradients Give a False Sense of Security", ICML 2018, section 4.1: backwards,
what has no gradient is taken for the identity (BPDA). ``defences.straight_through`` does so layer by layer; here it is
done operation by operation, wherever they stand in anybody's ``forward``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

#: Operations that keep the shape and have a gradient of 0 almost everywhere.
_STEPS = {
    "round",
    "floor",
    "ceil",
    "trunc",
    "fix",
    "sign",
    "sgn",
    "heaviside",
    "bernoulli",
    "fake_quantize_per_tensor_affine",
}
_STEPS_IN_PLACE = {"round_", "floor_", "ceil_", "trunc_", "fix_", "sign_"}
_DIVIDING = {"floor_divide", "__floordiv__"}
_WHOLE = {"byte", "int", "long", "short", "char", "bool"}
#: Comparisons, with the sign by which their left side makes them true.
_ABOVE = {
    "gt": 1,
    "ge": 1,
    "lt": -1,
    "le": -1,
    "__gt__": 1,
    "__ge__": 1,
    "__lt__": -1,
    "__le__": -1,
    "greater": 1,
    "less": -1,
}
#: Operations by which a whole number stays what it was made of.
_MOVING = {
    "permute",
    "view",
    "reshape",
    "contiguous",
    "transpose",
    "unsqueeze",
    "squeeze",
    "flatten",
    "cpu",
    "clone",
    "to",
}
_JOINING = {"stack", "cat", "concat", "concatenate"}
_LEAVING = {"numpy", "__array__"}
_ARRIVING = {"tensor", "as_tensor", "asarray"}
#: Of the filter that stands in for what changes images: its side, how far it is drawn to the identity, and the share of
#: the identity's error that it may leave; below an error of ``_NEAR``, that of a few grey levels, the identity does.
_SIDE, _RIDGE, _BETTER, _NEAR = 5, 1e-4, 0.7, (2 / 255) ** 2
_CHANNELS = 4
_SAME, _MOSTLY = 1e-5, 0.9  # apart by less, two values are one; the share of values that are a neighbour's
_FIRST, _LAST = 6, 24  # scores that are noted: a loop may make any number of them


class Passing(TorchFunctionMode):
    """Inside, rounding, comparing, ``detach``, ``no_grad`` and a way through NumPy that keeps the shape pass gradients.

    Forwards, everything is as it was. ``noted``: all float tensors r·n×``classes`` for n = ``rows`` images that were
    made of them, in order, the first and the last of them where there are many. ``steps``: gradients that the program
    took of its own accord.
    """

    def __init__(self, rows: int, classes: int) -> None:
        super().__init__()
        self.rows, self.classes = rows, classes
        self.noted: list[Tensor] = []
        self.steps = 0
        self._left: dict[tuple[int, ...], list[Tensor]] = {}  # what went to NumPy, by its shape
        self._sources: dict[int, tuple[Tensor, Tensor]] = {}  # whole or Boolean tensors, and what they were made of

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        name = getattr(func, "__name__", "")
        if name == "_set_grad_enabled":
            return func(True)
        if name in ("grad", "backward"):
            self.steps += 1
            kwargs["retain_graph"] = True
        special = self._special(func, name, args, kwargs)
        if special is not None:
            return special
        for each in args:
            self._note(each)
        found = self._continued(func, name, args, kwargs)
        self._note(found)
        return found

    def _special(self, func: Any, name: str, args: Any, kwargs: Any) -> Any:
        """What an operation gives that would stop the gradient; None for all others."""
        if name in _ARRIVING or func is torch.from_numpy:
            return self._arrived(func(*args, **kwargs))
        first = args[0] if args and isinstance(args[0], Tensor) else None
        if first is None:
            return None
        if name in ("detach", "detach_") or (name == "__get__" and getattr(func, "__self__", None) is Tensor.data):
            return first.view_as(first)
        if name == "requires_grad_":
            if first.requires_grad and not first.is_leaf:
                first.retain_grad()  # so that ``backward`` reaches it as it would a leaf
                return first
            return None
        if name in _LEAVING:
            _, source = self._sources.get(id(first), (first, first))
            self._left.setdefault(tuple(first.shape), []).append(source)
            return func(first.detach(), *args[1:], **kwargs)
        if not first.requires_grad:
            return None
        return self._stopping(func, name, first, args, kwargs)

    def _stopping(self, func: Any, name: str, first: Tensor, args: Any, kwargs: Any) -> Any:
        if name in _STEPS:
            return _straight(first, func(first.detach(), *args[1:], **kwargs))
        if name in _STEPS_IN_PLACE:
            moved = getattr(first.detach(), name.removesuffix("_"))(*args[1:], **kwargs)
            return first.add_(moved - first.detach())
        if name in _DIVIDING:
            return _straight(first / args[1], func(first.detach(), *args[1:], **kwargs))
        if name in _ABOVE:
            found = func(first.detach(), *args[1:], **kwargs)
            return self._remembered(found, _ABOVE[name] * (first - args[1]))
        if name in _WHOLE or name in ("to", "type"):
            found = func(first, *args[1:], **kwargs)
            return found if found.is_floating_point() else self._remembered(found, first)
        return None

    def _remembered(self, found: Tensor, source: Tensor) -> Tensor:
        """``found``, which has no gradient, and of what it was made, should it become a float again."""
        if found.shape == source.shape:
            self._sources[id(found)] = (found, source)
        return found

    def _continued(self, func: Any, name: str, args: Any, kwargs: Any) -> Any:
        """What ``func`` gives, with the gradient of what its whole numbers were made of, where it makes floats."""
        found = func(*args, **kwargs)
        if name in _JOINING and args and isinstance(args[0], list | tuple):
            parts = [self._sources.get(id(each), (each, None))[1] for each in args[0]]
            if not found.is_floating_point() and all(each is not None for each in parts):
                return self._remembered(found, func(parts, *args[1:], **kwargs))
            return found
        sources = [self._sources.get(id(each), (each, None))[1] for each in args]
        if not isinstance(found, Tensor) or all(each is None for each in sources):
            return found
        if not found.is_floating_point():
            return self._remembered(found, func(sources[0], *args[1:], **kwargs)) if name in _MOVING else found
        pairs = zip(args, sources, strict=True)
        floats = [each if of is None else _straight(of, each.to(of.dtype)) for each, of in pairs]
        try:
            passed = func(*floats, **kwargs)
        except Exception:  # an operation that takes nothing but whole numbers
            return found
        return passed if passed.shape == found.shape and passed.is_floating_point() else found

    def _arrived(self, found: Any) -> Any:
        source = self._source_of(tuple(found.shape)) if isinstance(found, Tensor) else None
        if source is None or not source.requires_grad:
            return found
        if found.is_floating_point():
            return _straight(source.to(found.dtype), found)
        return self._remembered(found, source)

    def _source_of(self, shape: tuple[int, ...]) -> Tensor | None:
        """What went to NumPy in this shape, or image by image."""
        if shape in self._left:
            return self._left[shape][-1]
        single = self._left.get(shape[1:], []) if shape else []
        return torch.stack(single[-shape[0] :]) if shape and 0 < shape[0] <= len(single) else None

    def _note(self, found: Any) -> None:
        if not isinstance(found, Tensor) or found.ndim != 2 or not found.is_floating_point():
            return
        if (
            found.shape[1] != self.classes
            or not found.shape[0]
            or found.shape[0] % self.rows
            or not found.requires_grad
        ):
            return
        if any(found is each for each in self.noted[-4:]):
            return
        self.noted.append(found)
        if len(self.noted) > _FIRST + _LAST:
            del self.noted[_FIRST]

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Inside, gradients pass; ``torch.from_numpy`` too is watched, which takes no tensors."""
        plain = torch.from_numpy

        def from_numpy(array: Any) -> Any:
            with torch._C.DisableTorchFunction():
                return self._arrived(plain(array))

        torch.from_numpy = from_numpy  # type: ignore[assignment]
        try:
            with self:
                yield
        finally:
            torch.from_numpy = plain


def passing(call: Callable[[Tensor], Any], images: Tensor, classes: int) -> Passing:
    """What ``call`` notes on its way from ``images`` n×C×H×W to scores, the last of which is what it answers."""
    mode = Passing(len(images), classes)
    with torch.enable_grad():
        with mode.watching():
            answer = call(images * 1)  # no leaf, so that it may be changed in place
        mode._note(answer)
    return mode


def by_image(noted: Tensor, rows: int, interleaved: bool) -> Tensor:
    """``noted`` r·n×K as means n×K over the r scores of each image, which lie beside each other or ``rows`` apart."""
    if len(noted) == rows:
        return noted
    parts = (
        noted.view(rows, -1, noted.shape[1]) if interleaved else noted.view(-1, rows, noted.shape[1]).transpose(0, 1)
    )
    return parts.mean(1)


def _straight(source: Tensor, found: Tensor) -> Tensor:
    """The values of ``found``, with the gradient of ``source``, which has the same shape; else ``found`` itself."""
    if source.shape != found.shape or not found.is_floating_point():
        return found
    near = _filtered(source, found.detach().to(source.dtype))
    return near + (found.detach() - near.detach()).to(source.dtype)


def _filtered(source: Tensor, found: Tensor) -> Tensor:
    """``source`` as something with a gradient that comes near to ``found``, or itself; both are images N×C×H×W.

    What blurs, moves or takes medians is no identity, and a gradient that goes where its values come from is a better
    stand-in. Where most values are those of a neighbour, it is these neighbours. Else it is a linear filter, one of
    ``_SIDE``×``_SIDE`` for all channels, fitted by least squares, drawn to the identity, and used where it explains
    much more of ``found`` than the identity does.
    """
    if source.ndim != 4 or source.shape[1] > _CHANNELS or min(source.shape[2:]) < _SIDE:
        return source
    known = source.detach()
    apart = (found - known).square().mean()
    if not bool(apart > _NEAR):
        return source
    flat = known.flatten(0, 1)[:, None]
    columns = functional.unfold(functional.pad(flat, (_SIDE // 2,) * 4, mode="replicate"), _SIDE)
    if (neighbours := _neighbours(source, columns, found)) is not None:
        return neighbours
    columns = columns.transpose(1, 2).reshape(-1, _SIDE * _SIDE).double()
    square = columns.T @ columns / len(columns)
    ridge = _RIDGE * square.diagonal().mean() * torch.eye(len(square), dtype=square.dtype, device=square.device)
    change = columns.T @ (found - known).flatten().double() / len(columns)
    kernel = torch.linalg.solve(square + ridge, change)
    kernel[len(kernel) // 2] += 1
    weight = kernel.to(source.dtype).view(1, 1, _SIDE, _SIDE)
    padded = functional.pad(source.flatten(0, 1)[:, None], (_SIDE // 2,) * 4, mode="replicate")
    near = functional.conv2d(padded, weight).view_as(source)
    return near if bool((found - near.detach()).square().mean() < _BETTER * apart) else source


def _neighbours(source: Tensor, columns: Tensor, found: Tensor) -> Tensor | None:
    """The values of ``source`` that stand in ``found`` in place of their neighbours; None where most are no such.

    ``columns`` are the windows around each value, N·C×side²×H·W. Of equal ones the nearest to the middle is taken.
    """
    place = torch.arange(_SIDE, dtype=source.dtype, device=source.device) - _SIDE // 2
    distance = (place[:, None].square() + place.square()).flatten()[None, :, None]
    apart = (columns - found.flatten(0, 1).flatten(1)[:, None]).abs()
    which = (apart + 1e-6 * distance).argmin(1, keepdim=True)
    if bool((apart.gather(1, which) < _SAME).float().mean() < _MOSTLY):
        return None
    flat = source.flatten(0, 1)[:, None]
    windows = functional.unfold(functional.pad(flat, (_SIDE // 2,) * 4, mode="replicate"), _SIDE)
    return windows.gather(1, which).view_as(source)
