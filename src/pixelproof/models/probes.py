"""Other value ranges and channel orders that a wrongly wired model may have been made for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

_STATISTICS = {
    "CIFAR-10": ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    "ImageNet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}


@dataclass(frozen=True)
class Probe:
    """A ``change`` of images N×C×H×W in [0, 1]; ``advice`` (after "The") when the model does better so.

    ``pictures``: whether what was 8-bit images still is.
    """

    name: str
    change: Callable[[Tensor], Tensor]
    advice: str
    pictures: bool = False


def probes_for(channels: int, pictures_only: bool = False) -> tuple[Probe, ...]:
    """The probes that make sense for images of ``channels`` channels, and for a model that takes 8-bit ones alone."""
    probes = [
        Probe(
            "expects-0-255",
            lambda x: x * 255,
            "model seems to expect values from 0 to 255: scale inside the model, by scale=255 behind its name",
        ),
        _normalised("half", "mean 0.5 and deviation 0.5", [0.5] * channels, [0.5] * channels),
        _unnormalised("mean 0.5 and deviation 0.5", [0.5] * channels, [0.5] * channels),
    ]
    if channels == 3:
        for source, (mean, deviation) in _STATISTICS.items():
            name = source.replace("-", "").lower()
            probes.append(_normalised(name, f"a mean and deviation like {source}'s", mean, deviation))
            probes.append(_unnormalised(f"a mean and deviation like {source}'s", mean, deviation))
        probes.append(
            Probe(
                "expects-bgr",
                lambda x: x.flip(1),
                "model seems to expect blue before red: swap the channels inside the model",
                pictures=True,
            )
        )
    return tuple(each for each in probes if each.pictures or not pictures_only)


def _normalised(name: str, with_what: str, mean: Sequence[float], deviation: Sequence[float]) -> Probe:
    return Probe(
        "normalises-not",
        lambda x: (x - _column(mean, x)) / _column(deviation, x),
        f"model seems to expect inputs normalised with {with_what}: put the normalisation inside the model, by "
        f"pp.Normalize or normalise={name} behind its name",
    )


def _unnormalised(with_what: str, mean: Sequence[float], deviation: Sequence[float]) -> Probe:
    return Probe(
        "normalises-twice",
        lambda x: x * _column(deviation, x) + _column(mean, x),
        f"model seems to normalise its inputs twice with {with_what}: leave one normalisation out",
    )


def _column(values: Sequence[float], like: Tensor) -> Tensor:
    return torch.tensor(values, dtype=like.dtype, device=like.device).view(1, -1, 1, 1)
