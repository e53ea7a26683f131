"""The deployed network as it is asked in a proof: in its own precision, in evaluation mode, counted."""

import copy

import numpy as np
import torch
from torch import Tensor, nn

from pixelproof.data.imageset import UInt8Array
from pixelproof.proofs.effort import Broken, GaveUp
from pixelproof.units import to_unit

#: Images in one call.
BATCH = 256


class Asked:
    """Answers of a copy of ``module``; ``queries`` counts the images."""

    def __init__(self, module: nn.Module, image: UInt8Array, label: int) -> None:
        self.module = copy.deepcopy(module).cpu().eval()
        self.dtype = next((each.dtype for each in module.parameters()), torch.float32)
        self.image, self.label = torch.from_numpy(np.array(image)), label
        self.queries = 0

    def margins(self, images: Tensor) -> Tensor:
        """The label's score less the largest other one, for uint8 images N×H×W×C: N floats above zero.

        Raises ``Broken`` for an image that is answered otherwise, ``GaveUp`` for one whose highest scores are equal.
        """
        found = []
        for batch in torch.split(images, BATCH):
            with torch.no_grad():
                scores = self.module(to_unit(batch).to(self.dtype)).double()
            self.queries += len(batch)
            for number in (scores.argmax(1) != self.label).nonzero().flatten()[:1].tolist():
                raise Broken(batch[number])
            own = scores[:, self.label].clone()
            scores[:, self.label] = -torch.inf
            found.append(own - scores.amax(1))
        margins = torch.cat(found)
        if not bool((margins > 0).all()):
            raise GaveUp("the two highest scores are equal at an image within the constraint")
        return margins

    def with_pixel(self, positions: Tensor, colours: Tensor) -> Tensor:
        """The image with one pixel changed, N times: positions N×2, colours N×C; uint8 N×H×W×C."""
        images = self.image.repeat(len(positions), 1, 1, 1)
        images[torch.arange(len(positions)), positions[:, 0], positions[:, 1]] = colours.to(torch.uint8)
        return images
