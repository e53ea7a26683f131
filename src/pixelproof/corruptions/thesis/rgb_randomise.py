"""RGB randomise: noise in place of the red channel.

As fastai 1's ``rgb_randomize`` of channel 0, which the thesis's table 7 names ("Red"): each value is drawn evenly from
0 to a limit, and the limit, one an image, evenly from 0 to the threshold.
"""

from torch import Tensor

from pixelproof.corruptions.corruption import Corruption
from pixelproof.errors import InputError
from pixelproof.image_draws import BITS, draws

_RED = 0.299  # its share of a grey value (ITU-R BT.601)


class RgbRandomise(Corruption):
    """No value of the new channel exceeds the threshold; at 0 nothing changes, and little above it red is all gone.

    A grey image is taken for an RGB image of three equal channels, and turned back to grey.
    """

    name = "rgb-randomise"
    unit = "threshold"
    ends = (1,)

    def check(self, strength: float) -> None:
        if not 0 <= strength <= 1:
            raise InputError(f"rgb-randomise: a threshold of 0 to 1 was expected, not {strength:g}; 0 is no change.")

    def _changed(self, images: Tensor, strength: float, seed: int) -> Tensor:
        count, channels, height, width = images.shape
        # 24 bits are all that a float32 in [0, 1) can hold.
        uniform = (draws(images, height * width + 1, seed) >> (BITS - 24)).float().mul_(2.0**-24)
        noise = (uniform[:, 1:] * (strength * uniform[:, :1])).view(count, 1, height, width)
        if channels == 1:
            return images.lerp(noise, _RED)
        changed = images.clone()
        changed[:, :1] = noise
        return changed
