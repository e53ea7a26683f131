"""Adam for many samples at once, of which some leave."""

import torch
from torch import Tensor


class Adam:
    """Steps of Kingma & Ba (2015), algorithm 1, with their moments kept for every value of every sample."""

    def __init__(self, like: Tensor) -> None:
        self._step = 0
        self._first, self._second = torch.zeros_like(like), torch.zeros_like(like)

    def keep(self, samples: Tensor) -> None:
        """Go on with ``samples`` (n bools) alone."""
        self._first, self._second = self._first[samples], self._second[samples]

    def __call__(self, gradient: Tensor, learning_rate: float) -> Tensor:
        """What to add to the variables, n×…, given the ``gradient`` of the loss at them."""
        self._step += 1
        self._first.mul_(0.9).add_(gradient, alpha=0.1)
        self._second.mul_(0.999).addcmul_(gradient, gradient, value=0.001)
        size = (self._second / (1 - 0.999**self._step)).sqrt_().add_(1e-8)
        return self._first.div(size).mul_(-learning_rate / (1 - 0.9**self._step))
