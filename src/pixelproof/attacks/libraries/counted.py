"""The model as libraries want it, a torch module, that counts what it is asked."""

from typing import Any

import torch
from torch import Tensor, nn

from pixelproof.attacks.oracle import Oracle
from pixelproof.models.scores import log_scores
from pixelproof.units import to_8_bit


class CountedModel(nn.Module):
    """Log-scores n×K, float32, of images n×C×H×W in [0, 1] of any floating type; what an ``Oracle`` would answer.

    The model sees the 8-bit images nearest to these (gradients pass through the rounding) in chunks that it can take.
    ``forwards`` and ``backwards`` count the images of all forward and of all backward passes. Gradients reach images
    only: nothing accumulates in the weights of the model, which is no submodule either, so that no library can put it
    into another mode.
    """

    def __init__(self, oracle: Oracle) -> None:
        super().__init__()
        self._oracle = oracle
        self.forwards = self.backwards = 0
        #: Libraries ask the first parameter for the device.
        self.place = nn.Parameter(torch.empty(0, device=oracle.device), requires_grad=False)
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        self.forwards += len(images)
        if torch.is_grad_enabled() and images.requires_grad and self._oracle.classifier.differentiable:
            scores: Tensor = _Differentiable.apply(images, self)  # type: ignore[no-untyped-call]
            return scores
        with torch.no_grad():
            return self.answer(self.seen(images)).clone()  # the classifier's are of inference mode

    def seen(self, images: Tensor) -> Tensor:
        """What the model is shown for ``images``."""
        images = images.detach().float()
        return to_8_bit(images) if self._oracle.eight_bit else images

    def answer(self, images: Tensor) -> Tensor:
        """Log-scores of ``images`` as they are."""
        classifier, size = self._oracle.classifier, self._oracle.batch_size
        parts = [log_scores(classifier.scores(each), classifier.kind) for each in torch.split(images, size)]
        return torch.cat(parts).float()


class _Differentiable(torch.autograd.Function):
    """``CountedModel.answer``, with a graph of its own behind it that ends at the images."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, model: CountedModel) -> Tensor:
        with torch.enable_grad():
            ctx.seen = model.seen(images).requires_grad_()
            ctx.scores = model.answer(ctx.seen)
        ctx.model, ctx.dtype = model, images.dtype
        answer: Tensor = ctx.scores.detach()
        return answer

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        ctx.model.backwards += len(ctx.seen)
        (found,) = torch.autograd.grad(ctx.scores, ctx.seen, gradients, retain_graph=True)  # libraries may come again
        return found.to(ctx.dtype), None
