"""Total variance minimisation: some of the image is dropped at random, the rest explained as simply as possible.

Guo, Rana, Cissé & van der Maaten, "Countering Adversarial Images using Input Transformations", ICLR 2018, section 4.2.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from pixelproof.defences.preprocessor import require_seed
from pixelproof.errors import InputError
from pixelproof.image_draws import BITS, draws

#: ρ, the over-relaxation, below 2: 60 iterations come as close as 100 without.
_RHO = 1.8
#: τ, the primal step, times the weight: dual variables have the size of the weight, so this suits all of 0.003 to 0.3.
_STEP = 0.03


@dataclass(frozen=True)
class TotalVariation:
    """Keeps every value of an image with probability ``keep`` and returns the ``minimiser`` of total variation.

    ``keep`` and ``weight`` are by default those of the authors' program; ART's are 0.3 and 0.5, and it stops after ten
    iterations. What is dropped is drawn anew for every image, yet follows from ``seed`` and the image in 8 bits: the
    same image always gets the same answer, bit for bit, and a claim about it can be checked. An image changed by one
    grey level draws anew, so an attack may go on until it draws what suits it, as against fresh randomness. Raises
    ``InputError`` for numbers out of range.
    """

    keep: float = 0.5
    weight: float = 0.03
    iterations: int = 60
    seed: int = 0

    differentiable: ClassVar[bool] = False  # what is dropped jumps with the image

    def __post_init__(self) -> None:
        if not (0 < self.keep <= 1 and 1e-6 <= self.weight <= 1e6 and self.iterations >= 1):
            raise InputError(
                "Total variance minimisation needs 0 < keep ≤ 1, 1e-6 ≤ weight ≤ 1e6 and iterations ≥ 1, not "
                f"{self.keep}, {self.weight} and {self.iterations}; keep=0.5 and weight=0.03 are the authors'."
            )
        require_seed(self.seed)

    @property
    def name(self) -> str:
        return "tvm" if self == TotalVariation() else self.spec

    @property
    def spec(self) -> str:
        return f"tvm(keep={self.keep},weight={self.weight},iterations={self.iterations},seed={self.seed})"

    def with_seed(self, seed: int) -> TotalVariation:
        """The same with other draws."""
        return replace(self, seed=seed)

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """``images`` float32 N×C×H×W in [0, 1], reconstructed."""
        return minimiser(images, kept_values(images, self.keep, self.seed), self.weight, self.iterations)


def kept_values(images: Tensor, probability: float, seed: int) -> Tensor:
    """A mask of bools, in the shape of ``images`` N×C×H×W in [0, 1], True with ``probability`` in 0 to 1 each.

    ``draws`` of ``seed`` and the image in 8 bits decide; probabilities are multiples of 2⁻⁵³.
    """
    drawn = draws(images, images[0].numel(), seed)
    return torch.lt(drawn, round(probability * 2**BITS)).view(images.shape)


def minimiser(images: Tensor, kept: Tensor, weight: float, iterations: int) -> Tensor:
    """For each channel x of ``images`` the z that is least in ½‖X̄⊙(z − x)‖² + weight · Σᵢⱼ |∇z(i, j)|.

    images: N×C×H×W in [0, 1]; kept: X̄, bools of that shape. ∇ are differences to the next row and column, 0 at the
    edge, and |·| is their Euclidean length: isotropic total variation. This is the objective that the authors' split
    Bregman program minimises, with its weight of 0.03; as printed in the paper, the first norm is not squared, and the
    lengths are those of whole rows and columns of differences.

    Chambolle & Pock (2011), algorithm 1, over-relaxed as in Condat (2013), algorithm 3.1. Of CIFAR-10 images with the
    default weight and half of the values kept, 60 iterations come within ¼ grey level (root mean square) of a
    minimiser, closer than rounding to 8 bits does. Every operation is one IEEE operation on each value, never a sum
    over values: bits depend neither on the batch nor on an image's place in it.
    """
    # Images last, so that rows, columns and whole arrays are contiguous runs.
    x, kept = (each.permute(2, 3, 1, 0).contiguous() for each in (images, kept))
    tau = _STEP / weight
    # In units of these, the dual step is 1/(8τ) = 1 and the dual ball has radius 1/ρ: two passes less an iteration.
    unit = 8 * _STEP * _RHO
    data = kept * tau
    scale, shift = 1 / (4 + 4 * data), 2 * data / (1 + data) * x / unit
    z = torch.where(kept, x, 0.5) / unit
    p = x.new_zeros(2, *x.shape)
    ahead, step, length = torch.empty_like(z), torch.zeros_like(p), torch.empty_like(z)
    for _ in range(iterations):
        # z̃ = prox(z + τ div p), which is the mean of that and x, weighted 1 : τ, where kept; ahead = 2z̃ − z
        torch.mul(z, 8, out=ahead)
        _add_divergence(ahead, p)
        ahead.mul_(scale).add_(shift).sub_(z)
        # p̃ = p + σ ∇(2z̃ − z), cut to the ball
        torch.sub(ahead[1:], ahead[:-1], out=step[0, :-1])
        torch.sub(ahead[:, 1:], ahead[:, :-1], out=step[1, :, :-1])
        step.add_(p)
        torch.add(step[0].square(), step[1].square(), out=length)
        step.div_(length.sqrt_().clamp_(min=1 / _RHO))
        # (z, p) ← ρ(z̃, p̃) + (1 − ρ)(z, p)
        z.mul_(1 - _RHO / 2).add_(ahead.mul_(_RHO / 2))
        p.mul_(1 - _RHO).add_(step)
    return (z * unit).clamp_(0, 1).permute(3, 2, 0, 1).contiguous()


def _add_divergence(z: Tensor, p: Tensor) -> None:
    """Add div p = −∇ᵀp to ``z`` in place; ``z`` begins with rows and columns, ``p`` with the two directions."""
    z[:-1] += p[0, :-1]
    z[1:] -= p[0, :-1]
    z[:, :-1] += p[1, :, :-1]
    z[:, 1:] -= p[1, :, :-1]
