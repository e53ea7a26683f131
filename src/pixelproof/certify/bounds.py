"""Proofs by bounds for torch modules of known layers: one pixel of any colour, and L∞ balls."""

from __future__ import annotations

import base64
import time
import zlib
from typing import Literal

import numpy as np
import torch
from torch import nn

from pixelproof.certify.allowance import allowance
from pixelproof.certify.asking import Asked
from pixelproof.certify.attempt import Attempt
from pixelproof.certify.branch_and_bound import Broken, GaveUp, OnePixel
from pixelproof.certify.graph import simplified
from pixelproof.certify.margins import Margins
from pixelproof.certify.reading import Unprovable, read_module
from pixelproof.data.imageset import UInt8Array

#: The form of what ``prove_bounds`` writes into a certificate's body.
FORMAT = 1


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
    if constraint == "few-pixel" and threshold != 1:
        raise Unprovable(f"{threshold} pixels at once cannot be bounded; expected one, so ask for few-pixel at th = 1.")
    began = time.thread_time()
    deployed = read_module(module, (image.shape[0], image.shape[1], image.shape[2]))
    unit = torch.from_numpy(np.array(image)).permute(2, 0, 1).double() / 255
    tau = allowance(deployed, unit, label)
    asked = Asked(module, image, label)
    with torch.no_grad():
        margins = Margins(simplified(deployed), unit, label)
        proof = OnePixel(margins, asked, tau * 1.02 + 1e-6, seconds)
        reason, found = "", None
        try:
            proof.prove()
        except GaveUp as error:
            reason = str(error)
        except Broken as error:
            found = error.image.numpy()
    proved = not reason and found is None
    leaves = torch.cat(proof.leaves).numpy() if proved else np.zeros((0, 0))
    return Attempt(
        proved,
        reason,
        len(leaves) if proved else proof.looked_at,
        asked.queries,
        time.thread_time() - began,
        {"format": FORMAT, "label": label, "allowance": tau, "count": len(leaves), "leaves": packed(leaves)}
        if proved
        else {},
        found,
    )


def packed(leaves: np.ndarray) -> str:
    """Rows of whole numbers as base64 of zlib of little-endian int16."""
    return base64.b64encode(zlib.compress(leaves.astype("<i2").tobytes(), 9)).decode("ascii")
