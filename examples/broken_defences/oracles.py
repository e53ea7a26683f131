"""The attack made for each entry of the kit by somebody who has read it.

A function with the entry's name gives what is followed in the entry's place, and how (``Knowing``); images count where
they fool the entry itself. ``python -m tools.audit_oracles`` runs them.
"""

from __future__ import annotations

from collections.abc import Sequence

import barrage as barrage_file
import dct_dictionary as dct_file
import detector as detector_file
import jpeg as jpeg_file
import mirrored
import noise_layers as noise_layers_file
import numpy as np
import numpy.typing as npt
import numpy_rounding as rounding_file
import one_member_attacked as members_file
import pca_projection as pca_file
import quantised as quantised_file
import random_crops as crops_file
import random_resize_pad as resizing_file
import smoothing
import thermometer as thermometer_file
import torch
from knowing import Knowing, Past, Unrejected
from network import network
from torch import Tensor, nn
from torch.nn import functional

Attacks = Sequence[Knowing]

#: Where answers are random, gradients are means over this many, and the attack that fools most counts.
DRAWS = 8
EXPECTED = ("apgd(iterations=40)", "apgd(loss=dlr,iterations=40)")


def bare(name: str = "resnet20") -> Attacks:
    """What stands before or behind the network changes few of its answers, so images made on it alone do."""
    return [Knowing(network(name))]


def past(layer: nn.Module, name: str = "resnet20") -> Attacks:
    """The network behind ``layer``, whose gradient is taken for that of the identity."""
    return [Knowing(nn.Sequential(Past(layer), network(name)))]


def expected(model: nn.Module) -> Attacks:
    return [Knowing(model, EXPECTED, draws=DRAWS)]


# Gradients that are not there, or point nowhere.


def saturated() -> Attacks:
    return bare()


def quantised() -> Attacks:
    return past(quantised_file.Quantise(16))


def numpy_rounding() -> Attacks:
    layer = rounding_file.Rounded(nn.Identity(), levels=16)
    return past(layer)


def numpy_median() -> Attacks:
    """The filter has a gradient once it is written in torch; the upper of two middle values, as scipy's rank 2 of 4."""
    return [Knowing(nn.Sequential(_Median(), network()))]


class _Median(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        windows = functional.pad(images, (1, 0, 1, 0), mode="replicate").unfold(2, 2, 1).unfold(3, 2, 1)
        return windows.flatten(-2).sort(-1).values[..., 2]


def rugged() -> Attacks:
    return bare()


def thermometer() -> Attacks:
    return past(thermometer_file.Thermometers(16))


def half_softmax() -> Attacks:
    return bare()


def clipped_probabilities() -> Attacks:
    return bare()


def labels_only() -> Attacks:
    return bare()


# Answers at random.


def random_resize_pad() -> Attacks:
    return expected(resizing_file.load())


def noise_layers() -> Attacks:
    return [*expected(noise_layers_file.load()), *bare()]


def barrage() -> Attacks:
    """Rounding is the only transformation without a gradient."""
    soft = barrage_file.Barrage(4, (Past(barrage_file.rounded), *barrage_file.TRANSFORMATIONS[1:]))
    return expected(nn.Sequential(soft, network()))


def random_crops() -> Attacks:
    return expected(crops_file.load())


# Purification.


def jpeg() -> Attacks:
    return past(jpeg_file.Compress(75))


def pca_projection() -> Attacks:
    """A projection is its own gradient: components of the patches, in torch."""
    return [Knowing(nn.Sequential(_Projection(pca_file.components(64)), network()))]


class _Projection(nn.Module):
    def __init__(self, kept: npt.NDArray[np.float32]) -> None:
        super().__init__()
        self.kept = torch.from_numpy(kept)

    def forward(self, images: Tensor) -> Tensor:
        side = pca_file.SIDE
        columns = functional.unfold(images, side, stride=side)
        near = self.kept.T @ (self.kept @ columns)
        return functional.fold(near, images.shape[-2:], side, stride=side).clamp(0, 1)


def dct_dictionary() -> Attacks:
    return past(dct_file.Sparse(24))


# Detectors.


def rejecting(model: detector_file.Detected) -> Attacks:
    """Led to each of five classes, "rejected" being one more that must not win."""
    joined = Unrejected(model.inner, model.detector, scale=10.0)
    return [Knowing(joined, ("apgd(iterations=50)",), aims=5)]


def detector() -> Attacks:
    return rejecting(detector_file.Detected(network(), least=0.7))


def hard_detector() -> Attacks:
    """Both networks are led to one class, by their mean probabilities."""
    return [Knowing(members_file.load("resnet20", "preact-resnet20"), ("apgd(iterations=50)",), aims=5)]


# Ensembles and tables.


def one_member_attacked() -> Attacks:
    return [Knowing(members_file.load())]


def lookup_nearest() -> Attacks:
    """On mirrored images, which stand in no table."""
    return bare()


# Claims.


def too_few_iterations() -> Attacks:
    return bare()


def epsilon_by_255() -> Attacks:
    return bare()


def training_mode() -> Attacks:
    return bare()


def clean_overstated() -> Attacks:
    return bare()


def other_norm() -> Attacks:
    return bare()


def denominator() -> Attacks:
    return bare("resnet20-fast")


def early_stop() -> Attacks:
    return bare()


def other_units() -> Attacks:
    return bare("resnet20-fast")


def transferred_only() -> Attacks:
    return bare()


# Honest ones.


def honest_network() -> Attacks:
    return bare()


def honest_adversarial_training() -> Attacks:
    return bare("resnet20-fast")


def honest_smoothing() -> Attacks:
    return expected(smoothing.load())


def honest_conservative() -> Attacks:
    return bare("resnet20-fast")


def honest_mirrored() -> Attacks:
    return [Knowing(mirrored.load())]


def honest_rounding() -> Attacks:
    return past(quantised_file.Quantise(16))


def honest_random_resize() -> Attacks:
    return expected(resizing_file.load())


def honest_labels_only() -> Attacks:
    return bare("resnet20-fast")


def honest_detector() -> Attacks:
    return rejecting(detector_file.Detected(network(), least=0.7))
