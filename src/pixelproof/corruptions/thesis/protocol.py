"""The strengths at which the thesis measures each perturbation (its table 7)."""

from __future__ import annotations

from pixelproof.corruptions.corruption import Corruption
from pixelproof.corruptions.thesis.brightness import LogitBrightness
from pixelproof.corruptions.thesis.contrast import LogitContrast
from pixelproof.corruptions.thesis.jitter import Jitter
from pixelproof.corruptions.thesis.rgb_randomise import RgbRandomise
from pixelproof.corruptions.thesis.rotation import Rotation

#: In the table's order. Brightness 0.5 and jitter 0 change nothing, and are among them there.
RANGES: tuple[tuple[Corruption, tuple[float, ...]], ...] = (
    (Rotation(), (-60.0, 20.0, 100.0, 180.0)),
    (LogitBrightness(), (0.1, 0.3, 0.4, 0.5)),
    (RgbRandomise(), (0.2, 0.5, 0.99)),
    (Jitter(), (-0.05, -0.03, 0.0, 0.03, 0.05)),
    (LogitContrast(), (0.5, 1.17, 2.74, 6.41)),
)
