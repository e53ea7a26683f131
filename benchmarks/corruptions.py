"""Section `corruptions`: nineteen corruptions at five severities beside imagecorruptions, by processor time.

Both with ImageNet's constants, in one process; ours in batches, theirs an image a call, as it is made.
"""

import time
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from benchmarks.judged import at_least, at_most
from benchmarks.missing import optional
from benchmarks.options import Options, Parts, Row
from pixelproof.corruptions.suites import CORRUPTIONS
from pixelproof.data import load_data

SEVERITIES = (1, 2, 3, 4, 5)
#: A corruption of a photograph may take so long on two cores.
LONGEST = 15.0


def parts(options: Options) -> Parts:
    """The whole suite at CIFAR's size, and every corruption at ImageNet's."""
    return {"suite 32": partial(_suite, options), "each 224": partial(_each, options)}


def _images(options: Options, count: int) -> Tensor:
    pixels = load_data(options.data).images[:count]
    return torch.from_numpy(pixels.copy()).permute(0, 3, 1, 2).contiguous().float() / 255


def _ours(images: Tensor, batch: int) -> dict[str, float]:
    """Milliseconds of the processor an image of each corruption, a mean over severities."""
    found = {}
    for name, kind in CORRUPTIONS.items():
        corruption = kind(table="imagenet")
        corruption(images[:8], 3)  # the first call chooses kernels and fills tables
        begun = time.process_time()
        for severity in SEVERITIES:
            for few in torch.split(images, batch):
                corruption(few, severity)
        found[name] = 1000 * (time.process_time() - begun) / (len(images) * len(SEVERITIES))
    return found


def _theirs(pixels: np.ndarray) -> dict[str, float]:
    corrupt = optional("imagecorruptions").corrupt
    found = {}
    for name in CORRUPTIONS:
        known = name.replace("-", "_")
        corrupt(pixels[0], severity=3, corruption_name=known)  # numba compiles
        np.random.seed(0)  # noqa: NPY002 – it draws from there
        begun = time.process_time()
        for severity in SEVERITIES:
            for image in pixels:
                corrupt(image, severity=severity, corruption_name=known)
        found[name] = 1000 * (time.process_time() - begun) / (len(pixels) * len(SEVERITIES))
    return found


def _suite(options: Options) -> list[Row]:
    images = _images(options, 200 if options.small else 1_000)
    few = images[: 20 if options.small else 100].mul(255).round().byte().permute(0, 2, 3, 1).numpy()
    theirs = _theirs(few)
    ours = _ours(images, 250)
    ratio = sum(theirs.values()) / sum(ours.values())
    each = {name: [round(ours[name], 4), round(theirs[name], 4)] for name in ours}
    extras = {"images": len(images), "their_images": len(few), "milliseconds_ours_and_theirs": each}
    claim = "19 corruptions × 5 severities at 32×32: images a second, ours ÷ imagecorruptions'"
    return [at_least(claim, ratio, "×", 10, **extras)]


def _each(options: Options) -> list[Row]:
    images = interpolate(_images(options, 16), (224, 224), mode="bicubic").clamp(0, 1).contiguous()
    ours = _ours(images, 8)
    slowest = max(ours, key=lambda name: ours[name])
    each = {name: round(value, 3) for name, value in ours.items()}
    claim = "the slowest corruption at 224×224, on one core"
    extras = {"images": len(images), "slowest": slowest, "milliseconds": each}
    return [at_most(claim, ours[slowest], "ms an image", LONGEST, **extras)]
