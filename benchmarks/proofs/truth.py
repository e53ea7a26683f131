"""Which images one pixel breaks, whatever the cost: every position in 125 colours, then steps from the best.

What was asked once is recorded in ``one_pixel_truth.json`` by network and weights, with a pixel for each image that
breaks: these are asked again, the others are not, as they take hours.
"""

import hashlib
import itertools
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.check import stands, to_unit
from benchmarks.pictures import Pictures

#: Values of a channel in the grids, each of which holds the one before: 8, 27 and 125 colours.
GRIDS = ((0, 255), (0, 128, 255), (0, 64, 128, 191, 255))
RECORDED = Path(__file__).with_name("one_pixel_truth.json")
ROWS = 256
#: Local refinement: that many cells of the lowest margins, each so many rounds of steps in colour (deviations in grey
#: levels), and tries a round.
BEST, STEPS, TRIES = 30, (40.0, 40.0, 20.0, 20.0, 10.0, 10.0), 8


@dataclass(frozen=True)
class Truth:
    """One image, by its position in the source: what was found in each grid and by refinement, in that order.

    ``broken`` is the pixel (row, column, R, G, B) of an image that stands, None where there was none; ``lowest`` are
    the lowest margins z_y - max z_k of each stage that was needed; ``asked`` counts images.
    """

    index: int
    broken: tuple[int, ...] | None
    lowest: tuple[float, ...]
    asked: int


class OnePixel:
    """Images of one clean one with one pixel changed, and their margins."""

    def __init__(self, network: nn.Module, clean: np.ndarray, label: int) -> None:
        self.network, self.clean, self.label = network, clean, label
        # In this order of memory, as most networks' convolutions are quicker at few channels.
        self._image = to_unit(clean[None]).contiguous(memory_format=torch.channels_last)
        self.asked = 0

    @torch.inference_mode()
    def margins(self, cells: Tensor) -> Tensor:
        """(n,) of cells (n, 5), int64."""
        found = []
        for part in torch.split(cells, ROWS):
            images = self._image.repeat(len(part), 1, 1, 1).contiguous(memory_format=torch.channels_last)
            images[torch.arange(len(part)), :, part[:, 0], part[:, 1]] = part[:, 2:].float() / 255
            scores = self.network(images)
            own = scores[:, self.label].clone()
            scores[:, self.label] = -torch.inf
            found.append(own - scores.amax(1))
        self.asked += len(cells)
        return torch.cat(found)

    def stands(self, cell: Tensor) -> bool:
        """Whether the shared judge agrees."""
        image = self.clean.copy()
        image[cell[0], cell[1]] = cell[2:].numpy()
        return stands(self.network, self.clean[None], image[None], np.array([self.label]), "few-pixel", 1)[0]


def stages(one: OnePixel, seed: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
    """Cells (n, 5) and their margins (n,), by grid of colours and then by round of the refinement."""
    height, width, _ = one.clean.shape
    place = torch.cartesian_prod(torch.arange(height), torch.arange(width))
    cells, margins, before = torch.empty(0, 5, dtype=torch.long), torch.empty(0), set[tuple[int, ...]]()
    for grid in GRIDS:
        colours = [colour for colour in itertools.product(grid, repeat=3) if colour not in before]
        before.update(colours)
        fresh = torch.cat([place.repeat(len(colours), 1), torch.tensor(colours).repeat_interleave(len(place), 0)], 1)
        told = one.margins(fresh)
        yield fresh, told
        margins, order = torch.cat([margins, told]).topk(BEST, largest=False)
        cells = torch.cat([cells, fresh])[order]
    random = torch.Generator().manual_seed(seed)
    for deviation in STEPS:
        steps = torch.randn(BEST, TRIES, 3, generator=random) * deviation
        tries = cells[:, None].repeat(1, TRIES, 1)
        tries[:, :, 2:] = (tries[:, :, 2:] + steps.round().long()).clamp(0, 255)
        told = one.margins(tries.flatten(0, 1))
        yield tries.flatten(0, 1), told
        low, best = told.view(BEST, TRIES).min(1)
        better = low < margins
        cells = torch.where(better[:, None], tries[torch.arange(BEST), best], cells)
        margins = torch.where(better, low, margins)


def of_image(network: nn.Module, clean: np.ndarray, label: int, index: int) -> Truth:
    """The truth of one image (H, W, 3) uint8."""
    one, lowest = OnePixel(network, clean, label), []
    for cells, margins in stages(one):
        lowest.append(float(margins.amin()))
        for cell in cells[margins.argsort()[:5]] if lowest[-1] < 0 else ():
            if one.stands(cell):
                return Truth(index, tuple(cell.tolist()), tuple(lowest), one.asked)
    return Truth(index, None, tuple(lowest), one.asked)


def breakable(network: nn.Module, name: str, pictures: Pictures, folder: Path, ask_again: bool = False) -> list[bool]:
    """Of each picture whether one pixel is known to break it: as recorded, or, where that says nothing, as asked."""
    recorded = json.loads(RECORDED.read_text("utf-8"))["networks"].get(f"{name}-{_digest(network)}")
    if ask_again or recorded is None or not set(pictures.indices).issubset(recorded["asked"]):
        return [each.broken is not None for each in known(network, name, pictures, folder)]
    found = []
    for image, label, index in zip(pictures.images, pictures.labels.tolist(), pictures.indices, strict=True):
        cell = recorded["broken"].get(str(index))
        found.append(cell is not None and OnePixel(network, image, label).stands(torch.tensor(cell)))
    return found


def known(network: nn.Module, name: str, pictures: Pictures, folder: Path) -> list[Truth]:
    """The truth of each picture; what ``folder`` holds of this network is not asked again."""
    path = folder / f"{name}-{_digest(network)}.json"
    held = {row["index"]: row for row in json.loads(path.read_text("utf-8"))} if path.exists() else {}
    found = []
    for image, label, index in zip(pictures.images, pictures.labels.tolist(), pictures.indices, strict=True):
        if index not in held:
            held[index] = asdict(of_image(network, image, label, index))
            _write(path, [held[key] for key in sorted(held)])
        row = held[index]
        broken = None if row["broken"] is None else tuple(row["broken"])
        found.append(Truth(index, broken, tuple(row["lowest"]), row["asked"]))
    return found


def _write(path: Path, rows: list[dict[str, object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(f".{os.getpid()}.tmp")
    beside.write_text(json.dumps(rows, indent=0) + "\n", "utf-8")
    beside.replace(path)


def _digest(network: nn.Module) -> str:
    content = hashlib.sha256()
    for key, value in sorted(network.state_dict().items()):
        content.update(key.encode())
        content.update(value.detach().cpu().numpy().tobytes())
    return content.hexdigest()[:12]
