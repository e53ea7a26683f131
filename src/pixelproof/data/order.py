"""The order in which images are considered for attack."""

import numpy as np

from pixelproof.data.imageset import Int64Array


def consideration_order(labels: Int64Array, shuffle: int | None, target: str) -> Int64Array:
    """Positions of ``labels`` in file order, or shuffled by the seed ``shuffle``.

    Where ``target`` is a class number, images of that class are left out: they cannot be made what they are.
    """
    order = np.arange(len(labels))
    if shuffle is not None:
        order = np.random.default_rng(shuffle).permutation(order)
    return order[labels[order] != int(target)] if target.isdecimal() else order
