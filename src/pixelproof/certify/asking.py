"""The deployed network as it is asked in a proof: float32, in evaluation mode, counted."""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import Tensor, nn

from pixelproof.data.imageset import UInt8Array
from pixelproof.units import to_unit

#: Images in one call.
BATCH = 256


class Asked:
    """Answers of a copy of ``module``; ``queries`` counts the images."""

    def __init__(self, module: nn.Module, image: UInt8Array, label: int) -> None:
        self.module = copy.deepcopy(module).cpu().float().eval()
        self.image, self.label = torch.from_numpy(np.array(image)), label
        self.queries = 0

    def margins(self, images: Tensor) -> Tensor:
        """The label's score less the largest other one, for uint8 images N×H×W×C: N floats."""
        found = []
        for batch in torch.split(images, BATCH):
            with torch.no_grad():
                scores = self.module(to_unit(batch)).double()
            self.queries += len(batch)
            own = scores[:, self.label].clone()
            scores[:, self.label] = -torch.inf
            found.append(own - scores.amax(1))
        return torch.cat(found)

    def with_pixel(self, positions: Tensor, colours: Tensor) -> Tensor:
        """The image with one pixel changed, N times: positions N×2, colours N×C; uint8 N×H×W×C."""
        images = self.image.repeat(len(positions), 1, 1, 1)
        images[torch.arange(len(positions)), positions[:, 0], positions[:, 1]] = colours.to(torch.uint8)
        return images
