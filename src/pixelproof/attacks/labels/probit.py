"""Probit regression of many lanes at once: weights whose answers are seen by their sign alone."""

import torch
from torch import Tensor

from pixelproof.search.one_thread import one_thread


class Probit:
    """Of each of L lanes a Gaussian over D weights w, told whether w·u + ε > 0 for features u, ε of variance 1.

    ``mean`` (L, D) and ``covariance`` (L, D, D); before anything is told, standard normal. Each answer is taken in by
    the Gaussian of the same mean and covariance as the true posterior (assumed density filtering; the moments are those
    of Rasmussen & Williams, Gaussian Processes for Machine Learning, 2006, eq. 3.58).
    """

    def __init__(self, lanes: int, dimension: int, device: torch.device) -> None:
        self.mean = torch.zeros(lanes, dimension, device=device)
        self.covariance = torch.eye(dimension, device=device).repeat(lanes, 1, 1)

    @one_thread()
    def observe(self, features: Tensor, positive: Tensor) -> None:
        """Take in whether w·u + ε was above 0, (L, q) bools, for ``features`` u, (L, q, D).

        One answer after the other, but in the q dimensions that these features span: a large product for all of them
        instead of q small ones.
        """
        reached = self.covariance @ features.mT  # L×D×q
        shift, loss = _moved(features @ reached, (features @ self.mean[:, :, None]).squeeze(2), positive)
        self.mean += (reached @ shift[:, :, None]).squeeze(2)
        self.covariance.baddbmm_(reached @ loss, reached.mT, alpha=-1)

    def keep(self, mask: Tensor) -> None:
        """Keep the lanes where ``mask``, (L,) bools, is True."""
        self.mean, self.covariance = self.mean[mask], self.covariance[mask]


def _moved(before: Tensor, mean: Tensor, positive: Tensor) -> tuple[Tensor, Tensor]:
    """For q values of covariance C, L×q×q, and mean μ, L×q, told whether each is positive: a, L×q, and B, L×q×q, such
    that their mean is μ + C a then, and their covariance C − C B C."""
    before = (before + before.mT) / 2
    now, signs = before.clone(), positive.to(mean.dtype) * 2 - 1
    shift, loss = torch.zeros_like(mean), torch.zeros_like(before)
    for i in range(mean.shape[1]):
        spread = (1 + now[:, i, i]).sqrt()
        z = signs[:, i] * mean[:, i] / spread
        ratio = torch.exp(-0.5 * z.square() - torch.special.log_ndtr(z)) * 0.3989422804  # N(z) / Φ(z)
        gain, cut = signs[:, i] * ratio / spread, ratio * (ratio + z) / spread.square()
        column = now[:, :, i].clone()
        mean = mean + gain[:, None] * column
        now = now - cut[:, None, None] * column[:, :, None] * column[:, None, :]
        way = -(loss @ before[:, :, i, None]).squeeze(2)  # the column is C times this
        way[:, i] += 1
        shift = shift + gain[:, None] * way
        loss = loss + cut[:, None, None] * way[:, :, None] * way[:, None, :]
    return shift, loss
