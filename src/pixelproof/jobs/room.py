"""Whether the searches of a job fit into the memory of its device."""

import os
import sys
from collections.abc import Sequence

import torch

from pixelproof.engine.levels import make_search
from pixelproof.engine.settings import SearchSettings
from pixelproof.errors import InputError
from pixelproof.wording import plural


def check_room(searches: Sequence[SearchSettings], shape: tuple[int, int, int], device: torch.device) -> None:
    """Raise ``InputError`` where the fewest samples that a search takes at once do not fit into the memory of
    ``device``. ``shape``: height, width and channels of the images."""
    room = _memory(device)
    for each in searches:
        search = make_search(each, shape)
        # Candidates are images before the model sees them, once in whole numbers and once in floating ones.
        images = 2 * 4 * search.population * shape[0] * shape[1] * shape[2]
        needed = each.cohort * (search.lane_bytes + images)
        if needed > room:
            raise InputError(
                f"--search {each.method} would take {needed / 1e9:,.0f} GB of memory for "
                f"{plural(each.cohort, 'sample')} of {shape[0]}×{shape[1]}×{shape[2]}, and there are "
                f"{room / 1e9:,.0f} GB: give smaller images, or another --search."
            )


def _memory(device: torch.device) -> int:
    """Bytes of memory of ``device``, used or not."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    if not hasattr(os, "sysconf"):  # Windows, whose memory Python does not tell: nothing is refused
        return sys.maxsize
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
