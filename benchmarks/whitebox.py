"""The white-box limit: the least L∞ threshold at which projected gradient descent fools a network."""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from benchmarks.check import stands, to_unit
from benchmarks.pictures import Pictures


def minimal_thresholds(
    network: nn.Module, pictures: Pictures, highest: int, *, steps: int = 100, restarts: int = 3, seed: int = 0
) -> npt.NDArray[np.int64]:
    """The least th of 1..``highest`` for each picture, found by bisection; ``highest`` + 1 where there is none.

    Each th tried gets ``restarts`` × ``steps`` gradient steps on the margin, of 8-bit images throughout.
    """
    generator = torch.Generator().manual_seed(seed)
    low = np.ones(len(pictures), np.int64)
    high = np.full(len(pictures), highest + 1, np.int64)
    while (low < high).any():
        middle = (low + high) // 2
        fooled = np.zeros(len(pictures), bool)
        for _ in range(restarts):
            left = np.flatnonzero((low < high) & ~fooled)
            if len(left):
                fooled[left] = _descend(network, pictures, left, middle[left], steps, generator)
        high = np.where(fooled & (low < high), middle, high)
        low = np.where(~fooled & (low < high), middle + 1, low)
    return low


def _descend(
    network: nn.Module,
    pictures: Pictures,
    chosen: npt.NDArray[np.int64],
    thresholds: npt.NDArray[np.int64],
    steps: int,
    generator: torch.Generator,
) -> npt.NDArray[np.bool_]:
    """Whether each of the ``chosen`` pictures was fooled within its threshold."""
    clean = to_unit(pictures.images[chosen]) * 255
    labels = torch.from_numpy(pictures.labels[chosen].copy())
    bound = torch.from_numpy(thresholds).view(-1, 1, 1, 1).float()
    lower, upper = (clean - bound).clamp(min=0), (clean + bound).clamp(max=255)
    x = (clean + bound * (2 * torch.rand(clean.shape, generator=generator) - 1)).clamp(lower, upper)
    found, momentum = clean.clone(), torch.zeros_like(clean)
    done = torch.zeros(len(chosen), dtype=torch.bool)
    for step in range(steps):
        image = x.round().requires_grad_()
        margins = _margins(network(image / 255), labels)
        (gradient,) = torch.autograd.grad(margins.sum(), image)
        fresh = (margins < 0) & ~done
        found[fresh], done = image.detach()[fresh], done | fresh
        if bool(done.all()):
            break
        momentum = 0.75 * momentum + gradient / gradient.abs().mean((1, 2, 3), keepdim=True).clamp(min=1e-12)
        size = bound * max(0.05, 1 - step / steps)
        x = (x - size * momentum.sign()).clamp(lower, upper)
    images = found.to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()
    clean_images, truth = pictures.images[chosen], pictures.labels[chosen]
    verdicts = [
        stands(network, clean_images[k : k + 1], images[k : k + 1], truth[k : k + 1], "threshold", int(th))[0]
        for k, th in enumerate(thresholds)
    ]
    return np.array(verdicts)


def _margins(scores: Tensor, labels: Tensor) -> Tensor:
    own = scores.gather(1, labels[:, None])[:, 0]
    return own - scores.scatter(1, labels[:, None], -torch.inf).amax(1)
