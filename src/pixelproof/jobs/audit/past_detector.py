"""The signal of a model's detector with gradients, wherever a torch program gives it."""

from collections.abc import Callable

import torch
from torch import Tensor

from pixelproof.jobs.audit.context import PROBED, AuditContext
from pixelproof.jobs.audit.detector import detector_of

Signal = Callable[[Tensor], Tensor]


def signal_of(audit: AuditContext) -> Signal | None:
    """D of n images, above 0 where one is rejected; None where there is no detector, or no gradient to it."""
    detector = detector_of(audit.classifier)
    if detector is None:
        return None
    seen = audit.access.made_differentiable(detector).classifier

    def signal(images: Tensor) -> Tensor:
        scores = seen.scores(images)
        return scores[:, 1] - scores[:, 0]

    return signal if _sloped(signal, audit.samples.images[:PROBED]) else None


def _sloped(signal: Signal, images: Tensor) -> bool:
    leaf = images.clone().requires_grad_()
    try:
        with torch.enable_grad():
            (found,) = torch.autograd.grad(signal(leaf).sum(), leaf)
    except Exception:  # through a stranger's code
        return False
    return bool(found.isfinite().all() and found.any())
