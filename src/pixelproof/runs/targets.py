"""The class that an image is to be taken for, where an attack aims at one."""

import torch

from pixelproof.seeds import stream


def target_class(target: str, sample: int, label: int, classes: int, least_likely: int, seed: int) -> int | None:
    """By ``target`` of the settings, of the image ``sample`` of class ``label`` among so many ``classes``.

    ``none``: no class; ``next``: the one after its own; ``least-likely``: the one that the model gives it the lowest
    score for, which is handed in; ``random``: one that follows from ``seed`` and the sample; else a class number.
    """
    if target == "none":
        return None
    if target == "least-likely":
        return least_likely
    if target == "next":
        return (label + 1) % classes
    if target == "random":
        return (label + 1 + _drawn(classes - 1, seed, sample)) % classes
    return int(target)


def _drawn(below: int, seed: int, sample: int) -> int:
    """A whole number from 0 to ``below`` − 1 that follows from ``seed`` and the ``sample``."""
    return int(torch.randint(below, (), generator=stream(torch.device("cpu"), seed, "target", sample)))
