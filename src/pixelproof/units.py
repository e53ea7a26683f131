"""Images at rest and in flight: grey levels 0–255 with channels last, and values in [0, 1] with channels first."""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor


def to_unit(pixels: Tensor) -> Tensor:
    """``pixels`` N×H×W×C, whole numbers 0–255 of any dtype, as float32 N×C×H×W in [0, 1].

    Channels last at rest is torch's channels-last memory format: nothing is laid out anew.
    """
    return pixels.permute(0, 3, 1, 2).float() / 255


def grey_levels(images: Tensor) -> Tensor:
    """``images`` in units of 1, in whole grey levels: floats of the same shape; halves go to the even level."""
    return images.mul(255).round()


def to_levels(images: Tensor) -> Tensor:
    """``images`` N×C×H×W in [0, 1] as whole grey levels N×H×W×C, still floats."""
    return grey_levels(images).permute(0, 2, 3, 1)


def to_pixels(images: Tensor) -> npt.NDArray[np.uint8]:
    """``images`` N×C×H×W in [0, 1] as uint8 N×H×W×C, on the CPU and contiguous."""
    return np.ascontiguousarray(to_levels(images).to("cpu", torch.uint8).numpy())


def to_8_bit(images: Tensor) -> Tensor:
    """The nearest 8-bit images to ``images`` of any floats, as float32 in [0, 1]."""
    return (images * 255).round_().clamp_(0, 255).div_(255)


def cut_to_8_bit(images: Tensor) -> Tensor:
    """``images`` of any floats as 8-bit images, float32 in [0, 1], every value at the level below it.

    A thousandth of a level above counts as reached: float32 errs by less.
    """
    return (images * 255).add_(1e-3).floor_().clamp_(0, 255).div_(255)


def is_8_bit(pixels: Tensor) -> Tensor:
    """Whether each of N images of ``pixels`` holds whole numbers from 0 to 255 only: N bools."""
    values = pixels.flatten(1)
    return ((values == values.round()) & (values >= 0) & (values <= 255)).all(1)
