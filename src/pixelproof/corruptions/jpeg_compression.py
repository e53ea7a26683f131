"""JPEG compression: what a lossy format leaves of an image."""

from torch import Tensor

from pixelproof.corruptions.severity import SeverityCorruption
from pixelproof.defences.jpeg import Jpeg


class JpegCompression(SeverityCorruption):
    """Through Pillow's JPEG and back, at a quality that falls in whole steps, from 100 at severity 0."""

    name = "jpeg-compression"

    def _changed(self, images: Tensor, strength: float, seed: int) -> Tensor:
        (quality,) = self.constants(strength)
        return Jpeg(round(quality))(images)
