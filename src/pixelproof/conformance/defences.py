"""What the engine relies on in a defence, of images or of scores."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from pixelproof.conformance.check import Checks, images, repeated, require, same, unchanged
from pixelproof.conformance.network import network
from pixelproof.conformance.runs import assessed
from pixelproof.defences.parse import parse_defence
from pixelproof.defences.preprocessor import encodes, parts
from pixelproof.plugins import Plugin

SAMPLES = 6


def _call(plugin: Plugin) -> tuple[Callable[[Tensor], Tensor], bool]:
    """The defence as a function of images alone, and whether it is of scores."""
    steps, outputs = parts(parse_defence(plugin.name))
    if not outputs:
        return steps[0], False
    output = outputs[0]
    return lambda shown: output(_probabilities(shown), shown), True


def _probabilities(shown: Tensor) -> Tensor:
    """Float64 N×K."""
    chances: Tensor = network()(shown).double().softmax(1)
    return chances


def parameters(plugin: Plugin) -> None:
    defence = parse_defence(plugin.name)
    again = parse_defence(defence.spec)
    require(again == defence, f"its spec {defence.spec!r} is read as {again!r}; name every parameter in it")


def shapes(plugin: Plugin) -> None:
    (call, of_scores), shown = _call(plugin), images(SAMPLES)
    expected = _probabilities(shown) if of_scores else shown
    found = call(shown)
    fits = found.dtype == expected.dtype and len(found) == len(expected)
    keeps = found.shape == expected.shape or encodes(parse_defence(plugin.name))
    require(
        fits and keeps,
        f"it makes {tuple(found.shape)} {found.dtype} of {tuple(expected.shape)} {expected.dtype}; keep both",
    )
    require(bool(found.isfinite().all()), "it gives numbers that are not finite")
    unchanged(call, shown.clone(), "the defence")


def determinism(plugin: Plugin) -> None:
    call, _ = _call(plugin)
    repeated(lambda: call(images(SAMPLES)).detach(), "the defence")


def independence(plugin: Plugin) -> None:
    (call, of_scores), rows = _call(plugin), torch.tensor([4, 1])
    together, alone = call(images(SAMPLES))[rows], call(images(SAMPLES)[rows])
    near = torch.allclose(together, alone, atol=1e-6) if of_scores else same(together, alone)
    require(near, "what it makes of an image depends on the images beside it")


def gradients(plugin: Plugin) -> None:
    (call, _), defence = _call(plugin), parse_defence(plugin.name)
    if not defence.differentiable:
        return
    shown = images(SAMPLES).requires_grad_()
    with torch.enable_grad():
        found = call(shown)
        require(found.requires_grad, "it says that it is differentiable, and no gradient flows through it")
        (gradient,) = torch.autograd.grad(found.sum(), shown)
    require(bool(gradient.isfinite().all()), "its gradient is not finite")


def runs(plugin: Plugin) -> None:
    assessed(plugin, defence=plugin.name)


CHECKS: Checks = {
    "its parameters can be typed": parameters,
    "shapes and dtypes": shapes,
    "it follows from the images": determinism,
    "images do not depend on each other": independence,
    "gradients flow where it says so": gradients,
    "a run resumes to the same records": runs,
}
