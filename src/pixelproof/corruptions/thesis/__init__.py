"""The five perturbations of a master's thesis: rotation, brightness, contrast, RGB randomise and jitter.

Chaparro Quiñones, "Robustness Analysis of Deep Neural Networks for Computer Vision", Tallinn University of Technology,
2020, table 7: those of fastai 1.0.61, which it names as its library.
"""

from pixelproof.corruptions.corruption import Corruption
from pixelproof.corruptions.thesis.brightness import LogitBrightness
from pixelproof.corruptions.thesis.contrast import LogitContrast
from pixelproof.corruptions.thesis.jitter import Jitter
from pixelproof.corruptions.thesis.rgb_randomise import RgbRandomise
from pixelproof.corruptions.thesis.rotation import Rotation

#: The strengths at which the thesis measures each perturbation, in its table's order. Brightness 0.5 and jitter 0
#: change nothing, and are among them there.
RANGES: tuple[tuple[Corruption, tuple[float, ...]], ...] = (
    (Rotation(), (-60.0, 20.0, 100.0, 180.0)),
    (LogitBrightness(), (0.1, 0.3, 0.4, 0.5)),
    (RgbRandomise(), (0.2, 0.5, 0.99)),
    (Jitter(), (-0.05, -0.03, 0.0, 0.03, 0.05)),
    (LogitContrast(), (0.5, 1.17, 2.74, 6.41)),
)

__all__ = ["RANGES", "Jitter", "LogitBrightness", "LogitContrast", "RgbRandomise", "Rotation"]
