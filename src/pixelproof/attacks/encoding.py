"""What an encoding is: a genome of real numbers on one side, an 8-bit image inside the constraint on the other."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor


class Encoding(Protocol):
    """Genome ⇄ image for one attack at one threshold.

    Pixels are float32 tensors of whole numbers 0–255 with channels last (n×H×W×C). Whatever the genome, the image
    that it decodes to satisfies the constraint and is exactly representable in 8 bits.
    """

    dimension: int

    def box(self, clean: Tensor) -> tuple[Tensor, Tensor]:
        """Lower and upper bounds, each n×dimension, of the genomes for ``clean`` (n×H×W×C)."""
        ...

    def start(self, clean: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
        """Where a search by a moving mean begins: n×dimension, drawn from one generator a sample."""
        ...

    def decode(self, genomes: Tensor, clean: Tensor) -> Tensor:
        """Images (n·population)×H×W×C of ``genomes`` (n×population×dimension) over ``clean`` (n×H×W×C)."""
        ...
