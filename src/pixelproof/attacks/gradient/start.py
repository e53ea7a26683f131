"""Where attacks within a ball begin: anywhere in the ball, each place as likely as any other."""

from __future__ import annotations

import torch
from torch import Tensor

from pixelproof.attacks.norm_ball import NormBall
from pixelproof.seeds import Streams


def random_start(clean: Tensor, ball: NormBall, streams: Streams) -> Tensor:
    """Images uniformly from the ball around each of ``clean`` N×C×H×W, then cut to [0, 1]; one stream an image."""
    shape, size = clean.shape[1:], clean[0].numel()
    if ball.norm == "linf":
        change = 2 * streams.uniform(*shape) - 1
    elif ball.norm == "l2":
        direction = streams.normal(size)
        radius = streams.uniform(1) ** (1 / size)
        change = (direction * radius / direction.norm(dim=1, keepdim=True)).view_as(clean)
    else:
        # D of D + 1 exponential variables, divided by their sum, are uniform on the solid simplex.
        lengths = -torch.log1p(-streams.uniform(size + 1))
        signs = 2.0 * streams.integers(2, size) - 1
        change = (signs * lengths[:, :-1] / lengths.sum(1, keepdim=True)).view_as(clean)
    return ball.project(clean + change * ball.epsilon / 255, clean)
