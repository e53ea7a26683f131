"""Where attacks on labels begin: an image that fools, found among noise."""

import torch
from torch import Tensor

from pixelproof.attacks.nearest import Nearest
from pixelproof.seeds import Streams

#: Noise that is tried, and at what share of the way from the clean image to it.
TRIALS, SHARES = 100, (1.0, 0.75, 0.5)


def fooling_starts(nearest: Nearest, rows: Tensor, streams: Streams) -> tuple[Tensor, Tensor]:
    """Images that fool, n×C×H×W, and those of ``rows`` they are of; the others fooled in none of the trials.

    Noise is uniform in [0, 1], in cells of 1, 2, 4, … pixels up to the whole image in turn, since networks answer more
    classes, and so more targets, to coarse noise than to fine; each is tried at ``SHARES`` in turn.
    """
    clean = nearest.clean
    cells = [2**k for k in range(max(clean.shape[2:]).bit_length())]
    found, waiting = clean.clone(), rows
    for trial in range(TRIALS):
        noise = _noise(streams.of(waiting), cells[trial % len(cells)], clean[waiting])
        share = SHARES[trial // len(cells) % len(SHARES)]
        images = clean[waiting] + share * (noise - clean[waiting])
        fooling = nearest.fools(images, waiting)
        found[waiting[fooling]] = images[fooling]
        waiting = waiting[~fooling]
        if not len(waiting):
            break
    started = rows[~torch.isin(rows, waiting)]
    return found[started], started


def _noise(streams: Streams, cell: int, like: Tensor) -> Tensor:
    """Uniform noise in [0, 1) of the shape of ``like``, the same in every square of ``cell`` pixels."""
    channels, height, width = like.shape[1:]
    coarse = streams.uniform(channels, -(-height // cell), -(-width // cell))
    return coarse.repeat_interleave(cell, 2).repeat_interleave(cell, 3)[:, :, :height, :width]
