"""The order in which images are considered for attack."""

from __future__ import annotations

import numpy as np

from pixelproof.data.imageset import Int64Array


def consideration_order(count: int, shuffle: int | None) -> Int64Array:
    """Positions 0..count−1 in file order, or shuffled by the seed ``shuffle``."""
    order = np.arange(count)
    return order if shuffle is None else np.random.default_rng(shuffle).permutation(order)
