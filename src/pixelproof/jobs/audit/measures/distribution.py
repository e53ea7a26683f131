"""How labelled images are spread: over classes, in their order, and over themselves.

D. E. Barton & F. N. David, "Multiple Runs", Biometrika 44, 1957, for the moments of the number of runs.
"""

from __future__ import annotations

from math import sqrt

import numpy as np
from scipy.stats import chisquare, norm

from pixelproof.data.imageset import Int64Array, UInt8Array


def imbalance(labels: Int64Array, classes: int) -> float:
    """The probability of class counts as uneven as those of ``labels`` N, were all ``classes`` equally frequent."""
    return float(chisquare(np.bincount(labels, minlength=classes)).pvalue)


def fewer_runs(labels: Int64Array) -> float:
    """The probability of as few runs of one class as in ``labels`` N, were they shuffled (normal approximation)."""
    n, counts = len(labels), np.unique(labels, return_counts=True)[1].astype(float)
    runs = 1 + int((labels[1:] != labels[:-1]).sum())
    squares, cubes = float((counts**2).sum()), float((counts**3).sum())
    variance = (squares * (squares + n * (n + 1)) - 2 * n * cubes - n**3) / (n**2 * (n - 1)) if n > 1 else 0.0
    if variance <= 0:  # one class, or every image another: there is but one number of runs
        return 1.0
    expected = n + 1 - squares / n
    return float(norm.cdf((runs + 0.5 - expected) / sqrt(variance)))


def duplicates(images: UInt8Array) -> int:
    """How many of ``images`` N×H×W×C equal an earlier one, pixel by pixel."""
    flat = np.ascontiguousarray(images).reshape(len(images), -1)
    return len(flat) - len(np.unique(flat.view(np.dtype((np.void, flat.shape[1]))).ravel()))
