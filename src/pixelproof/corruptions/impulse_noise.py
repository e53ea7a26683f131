"""Impulse noise, salt and pepper: values lost to black or white, as by errors in single bits."""

from torch import Tensor

from pixelproof.corruptions.severity import SeverityCorruption
from pixelproof.image_draws import NUMBER_BITS, value_draws


class ImpulseNoise(SeverityCorruption):
    """Puts 0 or 1, equally likely, in the place of some values. Constant: the share of them."""

    name = "impulse-noise"

    def _changed(self, images: Tensor, strength: float, seed: int) -> Tensor:
        (share,) = self.constants(strength)
        numbers = value_draws(images, seed)
        # The last bit says which, the others whether: what is lost at one severity is lost alike at a higher one.
        return images.where(numbers >= share * 2**NUMBER_BITS, (numbers & 1).float())
