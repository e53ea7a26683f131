"""All perturbations by name: the 19 corruptions of Hendrycks & Dietterich in their order, and the thesis's five.

Other packages bring theirs by entry points of the group ``pixelproof.corruptions``.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

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
from pixelproof.corruptions.severity import Rounding, SeverityCorruption, Table
from pixelproof.corruptions.shot_noise import ShotNoise
from pixelproof.corruptions.snow import Snow
from pixelproof.corruptions.spatter import Spatter
from pixelproof.corruptions.speckle_noise import SpeckleNoise
from pixelproof.corruptions.thesis import Jitter, LogitBrightness, LogitContrast, RgbRandomise, Rotation
from pixelproof.corruptions.zoom_blur import ZoomBlur
from pixelproof.data.imageset import ImageSet, UInt8Array
from pixelproof.data.lazy import LazyImages
from pixelproof.errors import InputError
from pixelproof.plugins import names, plugin
from pixelproof.units import to_pixels, to_unit
from pixelproof.wording import meant

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


#: Images up to this height and width are taken for CIFAR's where nothing says which table to use.
LARGEST_CIFAR = 64
_PART = re.compile(r"([a-z][a-z0-9-]*)\((-?[\d.]+)\)")
#: Float32 values (32 MiB) that a batch may fill.
_VALUES = 1 << 23


@dataclass(frozen=True)
class Perturbation:
    """A corruption at a strength."""

    corruption: Corruption
    strength: float


def table_for(shape: tuple[int, int, int]) -> Table:
    """The table of severities for images of ``shape`` (H, W, C)."""
    return "cifar" if max(shape[:2]) <= LARGEST_CIFAR else "imagenet"


def make(name: str, table: Table, rounding: Rounding = "reference") -> Corruption:
    """The perturbation called ``name``; of a severity by ``table`` and ``rounding``.

    Raises ``InputError`` naming the known ones.
    """
    kind = corruption_class(name)
    if kind is None:
        raise InputError(f"There is no perturbation {name!r}{meant(name, known())}; known are {', '.join(known())}.")
    return kind(table=table, rounding=rounding) if issubclass(kind, SeverityCorruption) else kind()


def known() -> tuple[str, ...]:
    """The names of all perturbations, pixelproof's and plug-ins'."""
    return (*PERTURBATIONS, *names("corruptions"))


def corruption_class(name: str) -> type[Corruption] | None:
    """The class of the perturbation called ``name``, pixelproof's or a plug-in's; None where there is none."""
    theirs = plugin("corruptions", name, PERTURBATIONS)
    if theirs is None:
        return PERTURBATIONS.get(name)
    expected = f"a subclass of pixelproof.corruptions.corruption.Corruption with the name {name!r}"
    found: type[Corruption] = theirs.load(expected, lambda found: found if _fits(found, name) else None)
    return found


def _fits(found: Any, name: str) -> bool:
    return isinstance(found, type) and issubclass(found, Corruption) and getattr(found, "name", None) == name


def parse_perturbations(spec: str, shape: tuple[int, int, int]) -> list[Perturbation]:
    """What ``spec`` names, for images of ``shape`` (H, W, C), in order. Raises ``InputError`` for a mistake."""
    found = []
    for part in spec.replace(" ", "").split("+"):
        match = _PART.fullmatch(part)
        if match is None:
            raise InputError(
                f"A perturbation is spelled NAME(STRENGTH), as fog(3) or rotation(20), not {part!r}; known are "
                f"{', '.join(known())}."
            )
        corruption, strength = make(match[1], table_for(shape)), float(match[2])
        corruption.require(shape[2], *shape[:2])
        corruption.check(strength)
        found.append(Perturbation(corruption, strength))
    return found


def perturbed(data: ImageSet, spec: str, seed: int) -> ImageSet:
    """``data`` with every image changed as ``spec`` says; lazily, where they are read lazily."""
    steps, name = parse_perturbations(spec, data.shape), f"{data.name}, {spec}"
    if isinstance(images := data.images, LazyImages):
        read = partial(_one_applied, images.read, steps, seed)
        changed: UInt8Array | LazyImages = replace(images, read=read)
    else:
        pixels = torch.from_numpy(images.copy())
        rows = max(1, _VALUES // pixels[0].numel())
        changed = np.concatenate([_applied(part, steps, seed) for part in torch.split(pixels, rows)])
        changed.setflags(write=False)
    return ImageSet(changed, data.labels, data.class_names, name, data.indices)


def _one_applied(read: Callable[[int], UInt8Array], steps: list[Perturbation], seed: int, position: int) -> UInt8Array:
    """The image that ``read`` gives, changed."""
    changed: UInt8Array = _applied(torch.from_numpy(read(position).copy())[None], steps, seed)[0]
    return changed


def _applied(pixels: Tensor, steps: list[Perturbation], seed: int) -> UInt8Array:
    """uint8 N×H×W×C, changed."""
    images = to_unit(pixels)
    for step in steps:
        images = step.corruption(images, step.strength, seed)
    return to_pixels(images)
