"""What is believed of single pixels before the first query: how far their effects reach, and how colours share them."""

import itertools
import math

import torch
from torch import Tensor

REACH, SHARPNESS, FLOOR = 3.6, 1.12, 0.1  # correlation at distance r: (1 - FLOOR) exp(-(r / REACH)^SHARPNESS) + FLOOR
RIM = 0.8  # the variance falls towards the rim as a half sine wave, to this power
OWN, SHARED, SIZE = 0.21, 0.09, 0.79  # variances: of a channel's change, between two channels, of the size of a change


class PixelPrior:
    """A Gaussian field of hidden weights: F = C + 1 numbers at each of the P = H × W positions.

    To paint position p with a colour that differs from the clean one by the vector d (unit: the full range of a
    channel) lowers a margin by f · w(p), where f = (d, |d|): a part that depends on the direction of the change and a
    part that grows with its size alone. The weights are Gaussian with mean 0 and covariance
    s(p) s(q) ρ(|p - q|) W between w(p) and w(q).

    The constants are those of maximum marginal likelihood for what the zoo's resnet20 answers to random changes of 32
    CIFAR-10 training images (``tools/fit_pixel_kernel.py`` prints them). Lenet's reach is a third shorter, but the
    search is no better on it with its own. For images that are not 32 × 32 the reach is scaled with the shorter side,
    so that it stays the same part of the picture.
    """

    def __init__(self, shape: tuple[int, int, int], device: torch.device) -> None:
        height, width, channels = shape
        self.shape, self.positions, self.features = shape, height * width, channels + 1
        rows = torch.arange(height, device=device).repeat_interleave(width)
        columns = torch.arange(width, device=device).repeat(height)
        self.place = torch.stack([rows, columns], 1).float()  # (P, 2)
        self.spread = _spread(height, device)[rows] * _spread(width, device)[columns]  # (P,)
        self.weights = _weights(channels).to(device)  # (F, F)
        self.corners = torch.tensor(list(itertools.product((0.0, 1.0), repeat=channels)), device=device)  # (2^C, C)
        # Numbers of which a set of cells has the sum, to tell it from the others.
        cells = self.positions * len(self.corners)
        self.keys = torch.randint(2**62, (cells,), generator=torch.Generator().manual_seed(0)).to(device)  # (cells,)
        self.layers = torch.arange(self.features, device=device) * self.positions  # (F,): where each feature's w begin
        stride = 2 * width - 1
        self._offset = rows * stride + columns
        self._centre = (height - 1) * stride + width - 1
        apart = torch.cartesian_prod(torch.arange(1 - height, height), torch.arange(1 - width, width)).to(device)
        self._correlation = correlation(apart.float().norm(dim=1) * 32 / min(height, width))
        # Of one position with all others it is a window of that table.
        self._windows = self._correlation.as_strided((self._centre + 1, height, width), (1, stride, 1))

    def corner_features(self, image: Tensor) -> Tensor:
        """(F, 2^C, P): f of every corner colour and position of one clean image, (H, W, C), 0–255."""
        change = self.corners.T[:, :, None] - image.reshape(self.positions, -1).T[:, None] / 255
        return torch.cat([change, change.norm(dim=0, keepdim=True)])

    def pixels(self, cells: Tensor) -> Tensor:
        """(..., 2 + C): row, column and values 0–255 of cells: position j % P in corner colour j // P."""
        return torch.cat([self.place[cells % self.positions], self.corners[cells // self.positions] * 255], -1)

    def correlations(self, one: Tensor, other: Tensor) -> Tensor:
        """s(p) s(q) ρ(|p - q|) of two tensors of positions, int64, broadcast."""
        apart = self._offset[one] - self._offset[other] + self._centre
        return self._correlation[apart] * self.spread[one] * self.spread[other]

    def columns(self, where: Tensor, features: Tensor) -> Tensor:
        """(q, F × P): the covariances of all weights with q sums of e pixel effects.

        where (q, e) int64 positions, features (q, e, F), signed.
        """
        near = self._windows[self._centre - self._offset[where]].flatten(2)
        weights = (features @ self.weights) * self.spread[where][..., None]
        return ((weights.mT @ near) * self.spread).flatten(1)


def correlation(distance: Tensor) -> Tensor:
    """ρ of two positions ``distance`` pixels apart, in [FLOOR, 1]."""
    return FLOOR + (1 - FLOOR) * torch.exp(-((distance / REACH) ** SHARPNESS))


def _spread(length: int, device: torch.device) -> Tensor:
    """The factor of s along one axis, with mean square 1."""
    wave = torch.sin(math.pi * (torch.arange(length, device=device) + 0.5) / length) ** (RIM / 2)
    return wave / wave.square().mean().sqrt()


def _weights(channels: int) -> Tensor:
    """W, (F, F). Grey is what red, green and blue do when they change alike."""
    together = 3 / channels
    weights = torch.full((channels + 1, channels + 1), SHARED * together)
    weights += torch.diag(torch.full((channels + 1,), (OWN - SHARED) * together))
    weights[-1], weights[:, -1] = 0, 0
    weights[-1, -1] = SIZE * together
    return weights
