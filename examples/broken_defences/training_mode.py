"""Broken: a network handed over in training mode, whose batch normalisation looks at the other images of the batch."""

from __future__ import annotations

from network import network
from torch import nn


def load(base: str = "resnet20") -> nn.Module:
    return network(base).train()
