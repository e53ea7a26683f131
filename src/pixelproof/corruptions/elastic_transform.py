"""Elastic transform: a random affine map, then small regions stretched and contracted.

After Simard, Steinkraus & Platt, "Best Practices for Convolutional Neural Networks Applied to Visual Document
Analysis", ICDAR 2003.
"""

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from pixelproof.corruptions.filtering import gaussian_filter
from pixelproof.corruptions.severity import SeverityCorruption
from pixelproof.image_draws import uniform_numbers


class ElasticTransform(SeverityCorruption):
    """Of three corners around the middle each moves by up to ``jolt`` pixels; then each pixel goes its own way.

    That is a random field under a Gaussian of ``sigma`` pixels, times ``alpha``. Interpolated linearly both times;
    beyond the border the image is mirrored. ImageNet's severities 1 and 2 bend the whole image, 3 to 5 small regions
    and far less, so that distances do not grow from 2 to 3; CIFAR's 1 is the affine map alone.
    """

    name = "elastic-transform"

    def rows(self) -> list[list[float]]:
        side = 244 if self.table == "imagenet" else 32  # the reference counts in 244 pixels, not 224
        return [[side * share for share in row] for row in super().rows()]

    def _changed(self, images: Tensor, strength: float, seed: int) -> Tensor:
        alpha, sigma, jolt = self.constants(strength)
        count, _, height, width = images.shape
        numbers = uniform_numbers(images, 6 + 2 * height * width, seed)
        columns = torch.arange(width, device=images.device)
        rows = torch.arange(height, device=images.device)[:, None]
        moved = _affine(images, columns, rows, numbers[:, :6] * jolt)
        field = gaussian_filter(numbers[:, 6:].view(count, 2, height, width), sigma, "reflect", truncate=3) * alpha
        # Mirrored at the outer edges of the pixels: what grid_sample does when corners are not aligned.
        x = (columns + field[:, 0] + 0.5) * (2 / width) - 1
        y = (rows + field[:, 1] + 0.5) * (2 / height) - 1
        return grid_sample(moved, torch.stack((x, y), -1), padding_mode="reflection", align_corners=False)


def _affine(images: Tensor, columns: Tensor, rows: Tensor, jolts: Tensor) -> Tensor:
    """``images`` so mapped that three corners of a square in the middle move by ``jolts``, N×6 pixels."""
    height, width = images.shape[2:]
    half = min(height, width) // 3
    right, top = width // 2 + half, height // 2 - half
    below_x, below_y, corner_x, corner_y, beside_x, beside_y = jolts[:, :, None, None].unbind(1)
    # The two sides of the moved triangle that meet in the corner at the right and top.
    ux, uy = below_x - corner_x, 2 * half + below_y - corner_y
    vx, vy = 2 * half + corner_x - beside_x, corner_y - beside_y
    area = ux * vy - vx * uy
    area = torch.where(area.abs() < 1, torch.where(area < 0, -1.0, 1.0), area)  # a line has no inverse
    x = columns - (right + corner_x)
    y = rows - (top + corner_y)
    source_x = right + (ux * y - uy * x) * (2 * half / area)
    source_y = top + (vy * x - vx * y) * (2 * half / area)
    places = torch.stack((source_x * (2 / (width - 1)) - 1, source_y * (2 / (height - 1)) - 1), -1)
    return grid_sample(images, places, padding_mode="reflection", align_corners=True)
