"""The largest gradients of a margin at random points around images: lines 3 to 9 of algorithm 1 of CLEVER.

Weng, Zhang, Chen, Yi, Su, Gao, Hsieh & Daniel, "Evaluating the Robustness of Neural Networks: An Extreme Value Theory
Approach", ICLR 2018.
"""

from collections.abc import Generator

import torch
from torch import Tensor

from pixelproof.attacks.norm_ball import Norm
from pixelproof.attacks.oracle import Oracle
from pixelproof.seeds import Streams

_LARGEST = 1 - 2.0**-24  # the largest float32 below 1


def ball_points(streams: Streams, count: int, size: int, norm: Norm) -> Tensor:
    """``count`` points of dimension ``size`` for each stream, float32 samples×count×size, in the ball of radius 1.

    Barthe, Guédon, Mendelson & Naor, "A probabilistic approach to the geometry of the ℓᵖₙ-ball", Annals of
    Probability, 2005, theorem 1: with coordinates g of density ∝ exp(−|t|ᵖ) and an exponential Z,
    g / (‖g‖ₚᵖ + Z)^(1/p) is uniform.
    """
    if norm == "linf":
        return 2 * streams.uniform(count, size) - 1
    if norm == "l2":
        g = streams.normal(count, size)  # of density ∝ exp(−t²/2), so Z counts twice
        return g / (g.square().sum(2, keepdim=True) + 2 * _exponential(streams, count)).sqrt()
    g = _laplace(2 * streams.uniform(count, size) - 1)
    return g / (g.abs().sum(2, keepdim=True) + _exponential(streams, count))


def _exponential(streams: Streams, count: int) -> Tensor:
    return -(-streams.uniform(count, 1)).log1p()


def _laplace(uniform: Tensor) -> Tensor:
    """Numbers of density ∝ exp(−|t|) from such in [−1, 1)."""
    return uniform.sign() * -(-uniform.abs().clamp(max=_LARGEST)).log1p()


#: Of the norm p of images, the norm q of gradients: 1/p + 1/q = 1.
DUAL: dict[Norm, float] = {"l1": torch.inf, "l2": 2, "linf": 1}
#: Float32 values (128 MiB) that points, or their gradients, may fill at once.
_VALUES = 1 << 25


def largest_gradient_norms(
    oracle: Oracle,
    images: Tensor,
    classes: Tensor,
    norm: Norm,
    radius: float,
    batches: int,
    samples: int,
    streams: Streams,
) -> Generator[float, None, Tensor]:
    """Maxima N×k×batches over ``samples`` points each of ‖∇(f_c − f_j)‖_q, in log-score per unit of [0, 1].

    ``images`` are float32 N×C×H×W in [0, 1], ``classes`` N×(1 + k) integers: c and then the classes j. The points lie
    evenly in the ball of ``radius`` grey levels of ``norm`` and are cut to [0, 1], as in the authors' program, which
    leaves them in the ball. NaN where a gradient is not finite. Yields the share done
    after every batch.
    """
    together = max(1, _VALUES // (samples * images[0].numel()))
    found, done = [], 0
    for rows in torch.split(torch.arange(len(images), device=images.device), together):
        around, drawn = images[rows], streams.of(rows)
        maxima = []
        for _ in range(batches):
            moves = ball_points(drawn, samples, around[0].numel(), norm) * (radius / 255)
            points = (around[:, None] + moves.view(-1, samples, *around.shape[1:])).clamp(0, 1).flatten(0, 1)
            norms = gradient_norms(oracle, points, rows.repeat_interleave(samples), classes, norm)
            maxima.append(norms.view(len(rows), samples, -1).amax(1))
            done += len(rows)
            yield done / (len(images) * batches)
        found.append(torch.stack(maxima, 2))
    return torch.cat(found)


def gradient_norms(oracle: Oracle, points: Tensor, rows: Tensor, classes: Tensor, norm: Norm) -> Tensor:
    """‖∇(f_c − f_j)‖_q, n×k, at ``points`` n×C×H×W of the images ``rows``; ``classes`` of all images as above."""
    at_once = max(1, _VALUES // (points[0].numel() * classes.shape[1]))
    parts = []
    for few, of in zip(torch.split(points, at_once), torch.split(rows, at_once), strict=True):
        gradients = _margin_gradients(oracle, few, of, classes).flatten(2)
        parts.append(torch.linalg.vector_norm(gradients, DUAL[norm], dim=2))
    return torch.cat(parts).nan_to_num(torch.nan, torch.nan)


def _margin_gradients(oracle: Oracle, points: Tensor, rows: Tensor, classes: Tensor) -> Tensor:
    """∇(f_c − f_j), n×k×C×H×W; of one j by one backward pass, of several by one for each class."""
    if classes.shape[1] == 2:
        _, gradient = oracle.gradient(points, rows, lambda s, of: s.gather(1, classes[of]).diff(dim=1).squeeze(1))
        return gradient[:, None]
    _, gradients = oracle.jacobian(points, rows, classes[rows])
    return gradients[:, :1] - gradients[:, 1:]
