"""How far one 8-bit image is from another."""

import math

import numpy as np

from pixelproof.data.imageset import UInt8Array


def pixel_distances(image: UInt8Array, clean: UInt8Array) -> dict[str, int | float]:
    """``l0`` counts changed pixels (positions); ``l1``, ``l2``, ``linf`` are over channel values, in 8-bit units.

    Both images are uint8 H×W×C. Computed in integers, so equal images give equal numbers everywhere.
    """
    difference = np.abs(image.astype(np.int64) - clean.astype(np.int64))
    return {
        "l0": int((difference > 0).any(-1).sum()),
        "l1": int(difference.sum()),
        "l2": math.sqrt(int((difference**2).sum())),
        "linf": int(difference.max()),
    }
