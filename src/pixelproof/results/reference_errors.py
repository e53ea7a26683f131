"""Errors that corruption errors are divided by: of a named classifier on a named data set, never mixed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pixelproof.results.perturbations import References

#: The corruptions that the mean corruption error is taken over; four more are for validation (the paper's section 4.1).
STANDARD = (
    *("gaussian-noise", "shot-noise", "impulse-noise"),
    *("defocus-blur", "glass-blur", "motion-blur", "zoom-blur"),
    *("snow", "frost", "fog", "brightness"),
    *("contrast", "elastic-transform", "pixelate", "jpeg-compression"),
)

#: AlexNet on ImageNet-C, as Hendrycks & Dietterich (ICLR 2019) and the programs that follow them divide by.
ALEXNET = References(
    "AlexNet on ImageNet-C (Hendrycks & Dietterich, 2019)",
    clean=0.4348,
    errors={
        "gaussian-noise": 0.886428,
        "shot-noise": 0.894468,
        "impulse-noise": 0.922640,
        "defocus-blur": 0.819880,
        "glass-blur": 0.826268,
        "motion-blur": 0.785948,
        "zoom-blur": 0.798360,
        "snow": 0.866816,
        "frost": 0.826572,
        "fog": 0.819324,
        "brightness": 0.564592,
        "contrast": 0.853204,
        "elastic-transform": 0.646056,
        "pixelate": 0.717840,
        "jpeg-compression": 0.606500,
    },
)

#: No paper names reference errors for CIFAR-10-C, so these are of the zoo's ResNet-20 (91.63 % right when clean) on the
#: 1,000 bundled images: ``pixelproof perturb --model zoo:resnet20 --data bundled --suite cifar-c``.
RESNET20 = References(
    "the zoo's ResNet-20 on the bundled CIFAR-10 images",
    clean=0.073,
    errors={
        "gaussian-noise": 0.6126,
        "shot-noise": 0.4954,
        "impulse-noise": 0.4750,
        "defocus-blur": 0.2224,
        "glass-blur": 0.5984,
        "motion-blur": 0.2966,
        "zoom-blur": 0.2996,
        "snow": 0.2722,
        "frost": 0.3482,
        "fog": 0.1762,
        "brightness": 0.1004,
        "contrast": 0.2988,
        "elastic-transform": 0.2274,
        "pixelate": 0.3308,
        "jpeg-compression": 0.2582,
        "speckle-noise": 0.4528,
        "gaussian-blur": 0.3248,
        "spatter": 0.2248,
        "saturate": 0.1230,
    },
)
_CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_IMAGENET = 1_000  # classes


def references(table: Literal["imagenet", "cifar"] | None, class_names: Sequence[str]) -> References | None:
    """What corruption errors of images of ``class_names`` under ``table`` may be divided by; None: nothing."""
    if table == "imagenet" and len(class_names) == _IMAGENET:
        return ALEXNET
    return RESNET20 if table == "cifar" and tuple(class_names) == _CIFAR10 else None
