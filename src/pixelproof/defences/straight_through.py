"""BPDA inside a torch module: layers without a gradient are passed straight, whatever their author called them.

Athalye, Carlini & Wagner, "Obfuscated Gradients Give a False Sense of Security", ICML 2018, section 4.1.
"""

import copy
import hashlib
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from pixelproof.defences.bpda import HasStandIn, in_place_of
from pixelproof.models.classifier import Classifier
from pixelproof.models.torch_module import TorchClassifier


class StraightThrough(NamedTuple):
    """``passed``: layers whose backward pass is a stand-in now. ``stuck``: those without a gradient that has none."""

    classifier: Classifier
    passed: tuple[str, ...]
    stuck: tuple[str, ...]


def straight_through(classifier: Classifier, images: Tensor) -> StraightThrough:
    """``classifier`` with the layers passed that let no gradient through on ``images``, a few real ones N×C×H×W.

    Such a layer has gradients of exactly 0, or none, for all of them, though its outputs differ. In a copy of the
    module it keeps its values, and gets backwards the gradients of its ``stand_in`` where it has one, those of the
    identity where it keeps the shape of its input. Inner layers come first, so that as little as possible is passed.
    The classifier itself where there is nothing to pass, or no module written in Python to look into; what stands in
    the module's own ``forward`` is out of reach.
    """
    if not (isinstance(classifier, TorchClassifier) and classifier.differentiable):
        return StraightThrough(classifier, (), ())
    try:
        module = copy.deepcopy(classifier.module)
    except Exception:  # whatever a stranger's module raises: it stays closed then
        return StraightThrough(classifier, (), ())
    kind = classifier.kind if classifier.kind_given else None
    found = TorchClassifier(module, name=classifier.name, kind=kind)
    found.classes = classifier.classes
    for each in module.modules():
        each.training = False
    passed, stuck = _pass(module, _inputs(found, images))
    if not passed:
        return StraightThrough(classifier, (), stuck)
    content = "\n".join(["straight through", classifier.fingerprint, *passed])
    found.fingerprint = hashlib.sha256(content.encode()).hexdigest()
    return StraightThrough(found, passed, stuck)


def _inputs(classifier: TorchClassifier, images: Tensor) -> dict[str, Tensor]:
    """By name the first input of every layer that takes one tensor of floats, when ``images`` are classified."""
    found: dict[str, Tensor] = {}

    def note(name: str, layer: nn.Module, given: tuple[Any, ...]) -> None:
        if name not in found and len(given) == 1 and isinstance(given[0], Tensor) and given[0].is_floating_point():
            found[name] = given[0].detach().clone()

    layers = classifier.module.named_modules()
    handles = [layer.register_forward_pre_hook(partial(note, name)) for name, layer in layers]
    classifier.scores(images)
    for handle in handles:
        handle.remove()
    return {name: each.clone() for name, each in found.items()}  # outside of inference mode, so with gradients


def _pass(module: nn.Module, inputs: dict[str, Tensor]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Change the layers of ``module`` in place; the names of those that are passed now, and of those that cannot be."""
    passed: dict[str, str] = {}
    stuck: dict[str, str] = {}
    for name, layer in reversed(list(module.named_modules())):  # children before their parents
        given = inputs.get(name)
        if given is None or isinstance(layer, torch.jit.ScriptModule):
            continue
        outcome = _outcome(layer, given)
        if outcome is None or not _blank(*outcome):
            continue
        label = f"layer {name} ({type(layer).__name__})" if name else f"forward ({type(layer).__name__})"
        if isinstance(layer, HasStandIn) or outcome[0].shape == outcome[1].shape:
            passed, stuck = _outside(name, passed), _outside(name, stuck)
            passed[name] = label
            layer.forward = partial(_straight, layer.forward, getattr(layer, "stand_in", _identity))
        elif _outside(name, stuck) == stuck:  # otherwise it is blank for what is inside it
            stuck[name] = label
    return tuple(reversed(passed.values())), tuple(reversed(stuck.values()))


def _outside(name: str, layers: dict[str, str]) -> dict[str, str]:
    """Those of ``layers`` that are no part of the layer ``name``."""
    return {key: each for key, each in layers.items() if name and not key.startswith(f"{name}.")}


def _outcome(layer: nn.Module, given: Tensor) -> tuple[Tensor, Tensor] | None:
    """What goes into ``layer`` and what comes out, joined by the graph; None where that is not one tensor of floats."""
    with torch.enable_grad():
        leaf = given.clone().requires_grad_()
        try:
            found = layer(leaf.clone())  # a copy, for it may be changed in place
        except Exception:  # a layer that cannot be called by itself
            return None
    return (leaf, found) if isinstance(found, Tensor) and found.is_floating_point() else None


def _blank(given: Tensor, found: Tensor) -> bool:
    """Whether ``found`` differs from image to image, and yet has no gradient, or 0, everywhere."""
    rows = found.detach().flatten(1) if found.ndim > 1 else found.detach()[:, None]
    if torch.equal(rows, rows[:1].expand_as(rows)):
        return False
    if not found.requires_grad:
        return True
    weights = torch.linspace(0.5, 1.5, found.numel(), device=found.device, dtype=found.dtype)  # no sum that is constant
    value = (found * weights.view_as(found)).sum()
    (gradient,) = torch.autograd.grad(value, given, allow_unused=True)
    return gradient is None or not bool(gradient.any())


def _straight(forward: Callable[[Tensor], Tensor], stand_in: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """``forward(images)`` bit for bit, with the gradients of ``stand_in``."""
    with torch.no_grad():
        exact = forward(images.clone())  # it may change what it is given
    return in_place_of(stand_in(images), exact) if torch.is_grad_enabled() and images.requires_grad else exact


def _identity(images: Tensor) -> Tensor:
    return images
