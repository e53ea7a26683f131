"""Proofs by bounds for torch modules of known layers: one pixel of any colour, and L∞ balls."""

from typing import Literal

import numpy as np
import torch
from torch import nn

from pixelproof.data.imageset import UInt8Array
from pixelproof.proofs.allowance import allowance
from pixelproof.proofs.asking import Asked
from pixelproof.proofs.attempt import Attempt
from pixelproof.proofs.branch_and_bound import OnePixel
from pixelproof.proofs.effort import Broken, Effort, GaveUp
from pixelproof.proofs.graph import simplified
from pixelproof.proofs.linf import Ball
from pixelproof.proofs.margins import Margins
from pixelproof.proofs.reading import Unprovable as Unprovable
from pixelproof.proofs.reading import read_module

#: The form of a certificate's body.
FORMAT = 1
#: A bound counts only above so many allowances and this much, so that a checker that adds in another order agrees.
SLACK, ROUNDING = 1.02, 1e-6


def refusal(module: nn.Module, shape: tuple[int, int, int]) -> str | None:
    """Why ``module`` cannot be bounded on images of ``shape`` (height, width, channels): a sentence, or None."""
    try:
        read_module(module, shape)
    except Unprovable as error:
        return str(error)
    return None


def prove_bounds(
    module: nn.Module,
    image: UInt8Array,
    label: int,
    constraint: Literal["few-pixel", "threshold"],
    threshold: int,
    seconds: float,
) -> Attempt:
    """Try to prove that no image within the constraint changes the network's answer ``label``.

    image: H×W×C, which the network answers with ``label``. ``seconds`` are those that this thread computes. What is
    proved holds for exact arithmetic, with an allowance for the network's float32. Raises ``Unprovable`` for a layer
    that is not known, and for another constraint or threshold.
    """
    if constraint not in ("few-pixel", "threshold") or (constraint == "few-pixel" and threshold != 1):
        raise Unprovable(
            f"{constraint} at th = {threshold} cannot be bounded; expected few-pixel at th = 1, or threshold (L∞)."
        )
    effort = Effort(seconds)
    deployed = read_module(module, (image.shape[0], image.shape[1], image.shape[2]))
    unit = torch.from_numpy(np.array(image)).permute(2, 0, 1).double() / 255
    tau = allowance(deployed, unit, label)
    asked = Asked(module, image, label)
    with torch.no_grad():
        margins = Margins(simplified(deployed), unit, label, effort.check)
        proof: OnePixel | Ball
        if constraint == "few-pixel":
            proof = OnePixel(margins, asked, SLACK * tau + ROUNDING, effort)
        else:
            proof = Ball(margins, asked, SLACK * tau + ROUNDING, effort, threshold)
        try:
            proof.prove()
        except GaveUp as error:
            return Attempt(False, str(error), proof.looked_at, asked.queries, effort.spent)
        except Broken as error:
            found = np.ascontiguousarray(error.image.numpy())
            return Attempt(False, "", proof.looked_at, asked.queries, effort.spent, found=found)
    body = {"format": FORMAT, "label": label, "allowance": tau, **proof.certificate()}
    return Attempt(True, "", body["count"], asked.queries, effort.spent, body)
