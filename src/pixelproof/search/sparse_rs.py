"""Sparse-RS for few pixels, to compare with."""

import torch
from torch import Tensor

from pixelproof.search.drawn_ahead import current, refill
from pixelproof.search.sparse_random_search import TRIES, UNIFORM, Pixels, SparseRandomSearch

MOST = 13  # pixels of which α = 0.3 changes one at a time from the first candidate on


class SparseRS(SparseRandomSearch):
    """Random search over few pixels: F. Croce, M. Andriushchenko, N. D. Singh, N. Flammarion, M. Hein, Sparse-RS,
    AAAI 2022, arXiv 2006.12834 (algorithm 1, L0).

    pixels: k, from 1 to 13. shape: (H, W, C). A point is k × (row, column, C values), as in `SparseRandomSearch`.

    The first candidate is k distinct pixels at random, each of a random corner colour. Each later one puts one pixel
    of the incumbent, at random, on a place at random that is not taken, in a random corner colour. The paper's schedule
    of how many pixels change, max(1, ⌊α k⌋) with α = 0.3 at the start, halved after the first candidate and falling
    from there, is one pixel throughout for k up to 13, which is why there may be no more.

    Departures: a place that is not taken is the first such of 3 drawn, and where none is, the first.

    Raises ValueError as `SparseRandomSearch`, and for more than 13 pixels.
    """

    def __init__(self, pixels: int, shape: tuple[int, int, int]) -> None:
        super().__init__(pixels, shape)
        if pixels > min(MOST, shape[0] * shape[1]):
            raise ValueError(f"pixels is {pixels}, must be at most {min(MOST, shape[0] * shape[1])}")

    def _begin(self, start: Tensor, lower: Tensor, upper: Tensor, images: Tensor | None) -> Pixels:
        return super()._begin(start, lower, upper, None)  # all corner colours are equally likely

    def _propose(self, state: Pixels) -> Tensor:
        refill(state.rounds, self._generators, state.uniform)
        refill(state.rounds, self._generators, state.normal)  # uniform here
        uniform = current(state.rounds, state.uniform).view(-1, 1, UNIFORM)
        uniform[..., 0] = 1.0  # teleports, all of them
        made = self._move_one(state, uniform, current(state.rounds, state.normal).view(-1, 1, TRIES, 2))
        for lane in (state.rounds == 0).nonzero().flatten().tolist():
            made[lane, 0] = self._draw_pixels(self._generators[lane])
        self._candidates = made
        return made.flatten(2)

    def _free_place(self, state: Pixels, base: Tensor, teleports: Tensor, normal: Tensor) -> Tensor:
        return self._first_free(state, (normal * self._sides).floor_().minimum(self._sides - 1))

    def _draw_pixels(self, generator: torch.Generator) -> Tensor:
        """Distinct places and a corner colour each, (pixels, 2 + C)."""
        height, width, _ = self.shape
        place = torch.randperm(height * width, generator=generator, device=self._device)[: self.pixels]
        colour = torch.randint(len(self._corners), (self.pixels,), generator=generator, device=self._device)
        return torch.cat([(place // width)[:, None], (place % width)[:, None], self._corners[colour]], 1)
