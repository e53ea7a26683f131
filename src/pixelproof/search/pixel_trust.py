"""Whether a map may be trusted: its predictions against what was answered, one step ahead."""

import math

from pixelproof.search.pixel_landscape import Landscape


def tail(landscape: Landscape) -> float:
    """How many times wider than Gaussian the surprises of a landscape are, at least 1.

    A *surprise* is an answer less its prediction, over the predicted standard deviation: what `Posterior.answers`
    holds, over the scale. Of n Gaussian ones the largest is about √(2 ln n) in size, seldom more.
    """
    surprises = landscape.posterior.answers / landscape.scale()
    if len(surprises) < 2:
        return 1.0
    return max(1.0, float(surprises.abs().amax()) / math.sqrt(2 * math.log(surprises.numel())))
