"""A torch ``nn.Module`` as a classifier, left exactly as it was found."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from pixelproof.errors import ModelError
from pixelproof.models.adapter import Adapter
from pixelproof.models.classifier import ScoreKind
from pixelproof.models.fingerprint import module_fingerprint
from pixelproof.models.folded import folded
from pixelproof.models.outputs import ModelMemoryError, ask
from pixelproof.wording import first_line


class ModuleClassifier(Adapter):
    """Scores from a module that maps images N×C×H×W in [0, 1] to N×K.

    The module answers in evaluation mode whatever mode it is in, and every submodule's mode is put back after each
    call; ``was_training`` tells whether any was in training mode on arrival. It is called with a channels-last copy of
    the images (so it may change its input; a plain one where it fails on that), in the precision of its own weights
    (``dtype``), without gradients unless ``differentiable`` and the images require them. The module stays where it is:
    when ``device`` is another device, a copy is put there. ``kind`` is detected later (``resolve_kind``) when it is
    ``None``.
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        name: str | None = None,
        kind: ScoreKind | None = None,
        device: torch.device | None = None,
        differentiable: bool = True,
        fingerprint: str | None = None,
    ) -> None:
        super().__init__(name or type(module).__name__, kind)
        self.module = _on_device(module, device)
        self.differentiable = differentiable
        self.was_training = any(each.training for each in module.modules())
        self.fingerprint = fingerprint or module_fingerprint(module)
        self.dtype = _first_floating(self.module).dtype
        self.memory_format = torch.channels_last

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, kind={self.kind!r}, dtype={self.dtype})"

    def scores(self, images: Tensor) -> Tensor:
        """Scores float32 N×K on the device of ``images``, which are float32 N×C×H×W in [0, 1].

        Gradients flow when the classifier is differentiable, gradients are enabled and ``images`` require
        them. Raises ``ModelError`` when the module fails on images of this shape or answers with anything but
        N×K numbers.
        """
        with_gradient = self.differentiable and torch.is_grad_enabled() and images.requires_grad
        if with_gradient:
            return self._scores(images)
        with torch.no_grad():  # not inference mode, in which a module that takes gradients of its own could not
            return self._scores(images)

    def _scores(self, images: Tensor) -> Tensor:
        place = _first_floating(self.module, images.device)
        batch = images.to(place.device, self.dtype, copy=True, memory_format=self.memory_format)
        try:
            with _evaluating(self.module):
                output = ask(self.module, batch, self.name)
        except ModelMemoryError:  # in no layout would there be more room
            raise
        except ModelError:
            if self.memory_format is torch.contiguous_format:
                raise
            # A network that flattens by view() needs the plain layout; it gets it from now on.
            self.memory_format = torch.contiguous_format
            return self._scores(images)
        return self.as_scores(output, len(images)).to(images.device, torch.float32)


class TorchClassifier(ModuleClassifier):
    """Scores from a module written in Python, which can also be computed in another precision."""

    def at_precision(self, dtype: torch.dtype, images: Tensor | None = None) -> TorchClassifier:
        """A copy computing in ``dtype`` (weights, buffers and inputs); its scores are still float32.

        Given some ``images``, N×C×H×W in [0, 1], to compare scores on, batch normalisations are folded where that
        changes nothing else. Raises ``ModelError`` when the module cannot be copied.
        """
        module = _copied(self.module, self.name)
        if images is not None:
            place = _first_floating(module, images.device)
            with _evaluating(module):
                module = folded(module, images.to(place.device, self.dtype))
        module = module.to(dtype)
        module = module.to(memory_format=self.memory_format)  # type: ignore[call-overload]
        kind = self.kind if self.kind_given else None
        twin = TorchClassifier(module, name=self.name, kind=kind, differentiable=self.differentiable)
        twin.dtype, twin.was_training, twin.memory_format = dtype, self.was_training, self.memory_format
        twin.classes = self.classes
        return twin


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    """Every submodule in evaluation mode inside, as it was outside; a module's own ``train`` is not run."""
    training = [each for each in module.modules() if each.training]
    for each in training:
        each.training = False
    try:
        yield
    finally:
        for each in training:
            each.training = True


def _first_floating(module: nn.Module, device: torch.device | None = None) -> Tensor:
    """The first floating weight or buffer, for device and dtype; an empty float32 one if there is none."""
    for group in (module.parameters(), module.buffers()):
        for tensor in group:
            if tensor.is_floating_point():
                return tensor
    return torch.empty(0, device=device)


def _on_device(module: nn.Module, device: torch.device | None) -> nn.Module:
    here = _first_floating(module, device).device
    if device is None or torch.empty(0, device=device).device == here:
        return module
    return _copied(module, type(module).__name__).to(device)


def _copied(module: nn.Module, name: str) -> nn.Module:
    try:
        return copy.deepcopy(module)
    except Exception as error:
        raise ModelError(
            f"The model {name} cannot be copied ({first_line(error)}); put it on the device and in the "
            "precision wanted before handing it over."
        ) from error
