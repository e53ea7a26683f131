"""Spatial smoothing: the median filter of feature squeezing, under the name that evaluations of defences give it."""

from dataclasses import dataclass

from pixelproof.defences.feature_squeezing import MedianFilter


@dataclass(frozen=True)
class SpatialSmoothing(MedianFilter):
    """The ``MedianFilter``, with a window of 3×3 by default (Jankovic & Mayer, 2022; ART's SpatialSmoothing)."""

    size: int = 3

    @property
    def spec(self) -> str:
        return f"smooth({self.size})"
