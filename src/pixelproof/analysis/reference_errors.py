"""Errors that corruption errors are divided by: of a named classifier on a named data set, never mixed."""

from __future__ import annotations

from typing import Literal

from pixelproof.analysis.perturbations import References

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


def references(table: Literal["imagenet", "cifar"] | None, classes: int) -> References | None:
    """What corruption errors of images under ``table`` with ``classes`` classes may be divided by; None: nothing."""
    if table == "imagenet" and classes == 1_000:
        return ALEXNET
    return None
