"""Glass blur: seen through frosted glass, pixels change places with others near by."""

import math

import torch
from torch import Tensor

from pixelproof.corruptions.filtering import gaussian_filter
from pixelproof.corruptions.severity import SeverityCorruption
from pixelproof.image_draws import BITS, draws, looked_up
from pixelproof.units import cut_to_8_bit

_STEP_BITS = 17  # of a draw, for the step of one pixel in one round; there are at most three rounds


class GlassBlur(SeverityCorruption):
    """A Gaussian blur, rounds in which each pixel takes the value of one near by, and the same blur again.

    Constants: the Gaussian's standard deviation in pixels, the longest step, the number of rounds. Between two whole
    severities each pixel comes from where it does at the one or at the other.

    The reference's code means to swap two pixels, but the first of two views into one array has changed before it is
    copied to the second; published images are made so, and so are these.
    """

    name = "glass-blur"

    def _changed(self, images: Tensor, strength: float, seed: int) -> Tensor:
        sigma = self.constants(strength)[0]
        blurred = cut_to_8_bit(gaussian_filter(images, sigma))  # as the reference does between its steps
        sources = self._sources(images, strength, seed)
        shuffled = blurred.flatten(2).gather(2, sources[:, None].expand(-1, images.shape[1], -1))
        return gaussian_filter(shuffled.view(images.shape), sigma)

    def _sources(self, images: Tensor, strength: float, seed: int) -> Tensor:
        """Where the value of each pixel comes from, N×HW."""
        height, width = images.shape[-2:]
        low, high, part = math.floor(strength), math.ceil(strength), strength % 1
        numbers = draws(images, height * width * (2 if part else 1), seed)
        steps, choice = numbers[:, : height * width], numbers[:, height * width :]
        found = shuffle(steps, height, width, *map(int, self.constants(low)[1:]))
        if part:
            other = shuffle(steps, height, width, *map(int, self.constants(high)[1:]))
            found = other.where(choice < part * 2**BITS, found)
        return found


def shuffle(numbers: Tensor, height: int, width: int, longest: int, rounds: int) -> Tensor:
    """Where the value of each pixel comes from, N×HW, after ``rounds`` of steps that ``numbers`` N×HW draw.

    A round goes through the pixels from the last to the first, but for a rim, and each takes what then stands at its
    step. A pixel that was changed before has the value that it took: in place of a loop over pixels, all those chains
    are followed at once to their ends.
    """
    places = torch.arange(height * width, device=numbers.device)
    rows, columns = places // width, places % width
    inner = (rows > longest) & (rows <= height - longest) & (columns > longest) & (columns <= width - longest)
    steps = torch.arange(-longest, longest, device=numbers.device)
    steps = (steps[:, None] * width + steps).flatten()
    sources = places.expand_as(numbers)
    for turn in range(rounds):
        which = (numbers >> (_STEP_BITS * turn)).bitwise_and_(2**_STEP_BITS - 1).mul_(len(steps)) >> _STEP_BITS
        target = places + looked_up(steps, which) * inner
        sources = sources.gather(1, _followed(target, (target > places) & looked_up(inner, target)))
    return sources


def _followed(target: Tensor, changed: Tensor) -> Tensor:
    """``target`` N×HW of each pixel, or its target's target where that was ``changed`` before it, and so on."""
    width = target.shape[1]
    images = torch.arange(len(target), device=target.device)[:, None] * width
    first, changed = (target + images).flatten(), changed.flatten()
    last = first.clone()
    left = changed.nonzero()[:, 0]
    while len(left):
        step = looked_up(last, left)
        last[left] = looked_up(first, step)
        left = left[looked_up(changed, step)]
    return last.view(target.shape) - images
