"""The five perturbations of a master's thesis: rotation, brightness, contrast, RGB randomise and jitter.

Chaparro Quiñones, "Robustness Analysis of Deep Neural Networks for Computer Vision", Tallinn University of Technology,
2020, table 7: those of fastai 1.0.61, which it names as its library.
"""

from pixelproof.corruptions.thesis.brightness import LogitBrightness
from pixelproof.corruptions.thesis.contrast import LogitContrast
from pixelproof.corruptions.thesis.jitter import Jitter
from pixelproof.corruptions.thesis.protocol import RANGES
from pixelproof.corruptions.thesis.rgb_randomise import RgbRandomise
from pixelproof.corruptions.thesis.rotation import Rotation

__all__ = ["RANGES", "Jitter", "LogitBrightness", "LogitContrast", "RgbRandomise", "Rotation"]
