"""All perturbations by name: the 19 corruptions of Hendrycks & Dietterich in their order, and the thesis's five."""

from __future__ import annotations

from pixelproof.corruptions.brightness_shift import BrightnessShift
from pixelproof.corruptions.contrast_shift import ContrastShift
from pixelproof.corruptions.corruption import Corruption
from pixelproof.corruptions.defocus_blur import DefocusBlur
from pixelproof.corruptions.elastic_transform import ElasticTransform
from pixelproof.corruptions.fog import Fog
from pixelproof.corruptions.frost import Frost
from pixelproof.corruptions.gaussian_blur import GaussianBlur
from pixelproof.corruptions.gaussian_noise import GaussianNoise
from pixelproof.corruptions.glass_blur import GlassBlur
from pixelproof.corruptions.impulse_noise import ImpulseNoise
from pixelproof.corruptions.jpeg_compression import JpegCompression
from pixelproof.corruptions.motion_blur import MotionBlur
from pixelproof.corruptions.pixelate import Pixelate
from pixelproof.corruptions.saturate import Saturate
from pixelproof.corruptions.severity import SeverityCorruption
from pixelproof.corruptions.shot_noise import ShotNoise
from pixelproof.corruptions.snow import Snow
from pixelproof.corruptions.spatter import Spatter
from pixelproof.corruptions.speckle_noise import SpeckleNoise
from pixelproof.corruptions.thesis import Jitter, LogitBrightness, LogitContrast, RgbRandomise, Rotation
from pixelproof.corruptions.zoom_blur import ZoomBlur

_STANDARD: tuple[type[SeverityCorruption], ...] = (
    GaussianNoise,
    ShotNoise,
    ImpulseNoise,
    DefocusBlur,
    GlassBlur,
    MotionBlur,
    ZoomBlur,
    Snow,
    Frost,
    Fog,
    BrightnessShift,
    ContrastShift,
    ElasticTransform,
    Pixelate,
    JpegCompression,
)
_EXTRA: tuple[type[SeverityCorruption], ...] = (SpeckleNoise, GaussianBlur, Spatter, Saturate)

#: The names of the 15 that a mean corruption error is taken over, and of the four held back for validation.
STANDARD = tuple(each.name for each in _STANDARD)
EXTRA = tuple(each.name for each in _EXTRA)
CORRUPTIONS: dict[str, type[SeverityCorruption]] = {each.name: each for each in (*_STANDARD, *_EXTRA)}

_THESIS: tuple[type[Corruption], ...] = (Rotation, LogitBrightness, LogitContrast, RgbRandomise, Jitter)
THESIS: dict[str, type[Corruption]] = {each.name: each for each in _THESIS}
PERTURBATIONS: dict[str, type[Corruption]] = {**THESIS, **CORRUPTIONS}
