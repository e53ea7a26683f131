"""The images that adversarial training learns from: gradient steps from a random start, inside the L∞ box.

Madry et al., "Towards Deep Learning Models Resistant to Adversarial Attacks", ICLR 2018 (PGD); Wong, Rice & Kolter,
"Fast is better than free", ICLR 2020 (one step of FGSM from a random start, algorithm 3).
"""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from pixelproof.errors import InputError


@dataclass(frozen=True)
class Adversary:
    """``iterations`` steps of ``step`` along the sign of the gradient, inside ±``epsilon``; lengths in 1/255.

    The module is asked in the mode it is in, so in training mode during training, as in both papers' programs: its
    batch normalisations use the batch's statistics and their running ones take these calls in. Gradients of the
    parameters are neither read nor changed. Raises ``InputError`` for numbers that are not positive.
    """

    epsilon: float
    step: float
    iterations: int

    def __post_init__(self) -> None:
        if not (0 < self.epsilon <= 255 and 0 < self.step <= 510 and self.iterations >= 1):
            raise InputError(
                f"An adversary needs 0 < epsilon ≤ 255, 0 < step ≤ 510 and iterations ≥ 1, not {self.epsilon:g}, "
                f"{self.step:g} and {self.iterations}; lengths are in 1/255."
            )

    @property
    def name(self) -> str:
        """``fast(epsilon=8,step=10)`` or ``pgd(epsilon=8,step=2,iterations=7)``."""
        lengths = f"epsilon={self.epsilon:g},step={self.step:g}"
        return f"fast({lengths})" if self.iterations == 1 else f"pgd({lengths},iterations={self.iterations})"

    def __call__(self, module: nn.Module, images: Tensor, labels: Tensor, generator: Generator) -> Tensor:
        """Adversarial images for ``images``, both float32 N×C×H×W in [0, 1], no value moved further than epsilon.

        ``module`` maps such images to logits N×K, ``labels`` are N integers, both on the device of ``images``;
        ``generator`` is on the CPU, so a start is the same on any device. Works inside autocast.
        """
        images, epsilon, step = images.detach(), self.epsilon / 255, self.step / 255
        low, high = (images - epsilon).clamp(min=0), (images + epsilon).clamp(max=1)
        noise = torch.empty(images.shape).uniform_(-epsilon, epsilon, generator=generator)
        adversarial = (images + noise.to(images.device)).clamp(low, high)
        for _ in range(self.iterations):
            # x ← Π(x + α sign ∇ₓL(θ, x, y)), Madry et al., section 2.1
            adversarial = adversarial + step * _gradient(module, adversarial, labels).sign()
            adversarial = adversarial.clamp(low, high)
        return adversarial


def fast(epsilon: float = 8, step: float = 10) -> Adversary:
    """FGSM from a random start; the step is 1.25 epsilon in the paper."""
    return Adversary(epsilon, step, 1)


def pgd(epsilon: float = 8, step: float = 2, iterations: int = 7) -> Adversary:
    """Projected gradient descent, by default as Madry et al. train on CIFAR-10."""
    return Adversary(epsilon, step, iterations)


def _gradient(module: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """Of the cross-entropy to ``images``, summed over the batch, so that an image's part does not shrink with it."""
    with torch.enable_grad():
        images = images.detach().requires_grad_()
        loss = functional.cross_entropy(module(images).float(), labels, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, images)
    return gradient
