"""Broken: almost everything is rejected, attacks and clean images alike, and the clean accuracy does not say so.

Carlini & Wagner, "Adversarial Examples Are Not Easily Detected", AISec 2017, section 2.5: a detector is worth as much
as its false alarms are few.
"""

from __future__ import annotations

from detector import Detected
from network import network
from torch import nn


def load(base: str = "resnet20") -> nn.Module:
    return Detected(network(base), least=0.99999).eval()
