"""The pixel process: a few-pixel search that keeps a map of what every pixel would do."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pixelproof.search.lane_model import LARGEST, LaneModel, make_plans, observe
from pixelproof.search.one_thread import one_thread
from pixelproof.search.pixel_prior import PixelPrior
from pixelproof.search.search import LaneSearch, LaneState


@dataclass
class LaneModels(LaneState):
    """One model a lane."""

    models: list[LaneModel]


class PixelProcess(LaneSearch[LaneModels]):
    """A Gaussian process over the effects of single pixels, from which whole sets are composed and exchanged.

    pixels: how many may change, th. shape: (H, W, C) of the images, C up to 4. capacity: observations a lane keeps,
    at least 24. A genome is th × (row, column, C values 0–255), as in ``attacks.FewPixel``; all are whole numbers, and
    no two of the pixels share a position (unless the image has fewer).

    What a pixel of a given colour does to a score changes smoothly from position to position and depends mostly on the
    direction and the size of the change of colour, so that some 50 probes map the whole image. Each answer is a noisy
    sum of such effects, and a Gaussian process of them (``PixelPrior``, ``Landscape``) is kept exactly, for all margins
    together when `tell` is given them. It knows the 2^C corners of the colour cube alone, as effects grow with the
    change. Candidates are those whose predicted margin is the fewest standard deviations above zero: sets composed
    greedily from the map (mean + hope × deviation for several hopes), and, three in four once there is an incumbent,
    swaps of one of its pixels. Swaps are observed as differences to the incumbent, in which the interactions of the
    other pixels cancel. Batches grow from 2 to 12 with the number of queries (``wanted``). `start` and the bounds are
    not looked at. When ``capacity`` observations are in, the older half is forgotten.

    The map promises nothing more: with th = 1 once, after 40 queries, no cell left is within 5 standard deviations of
    success; with more pixels once, after 150, no probe of the last 6 rounds was within 5.5; both the farther the wider
    than Gaussian its own predictions turned out to miss (``pixel_trust.tail``). A lane is infeasible then, but it does
    not end by itself, for the map may be wrong. It goes on: every other round takes random steps from the best sets, of
    colours inside the cube too (``Steps``), the others ask what the map promises next. With th = 1 steps begin sooner,
    after 100 queries wherever no cell left is within 2 standard deviations of success. They are one round in ten after
    the first 500 of them, and once the map promises nothing, with ``capacity`` answers in or no corner left, a
    ``Sweep`` in its order takes its place: every position in every corner colour, then 27 and 125 colours. A lane
    never stalls.

    Lanes added by one call are a cohort: those of it that stand alike are computed together, and so depend on each
    other in the last bits, but on no other lane.

    Memory: about capacity × (C + 1) × H × W float32 a lane, touched as observations come in.

    Raises ValueError for fewer than 1 pixel, other than 1 to 4 channels, a capacity below 24, and when lanes are added
    without their images or with images of another shape.
    """

    reads_margins = True
    learns_together = True
    takes_limits = True

    def __init__(self, pixels: int, shape: tuple[int, int, int], capacity: int = 400) -> None:
        if pixels < 1:
            raise ValueError(f"pixels is {pixels}, must be at least 1")
        if not 1 <= shape[2] <= 4:
            raise ValueError(f"images have {shape[2]} channels, must have 1 to 4")
        if capacity < 2 * LARGEST:
            raise ValueError(f"capacity is {capacity}, must be at least {2 * LARGEST}")
        super().__init__(pixels * (2 + shape[2]), LARGEST, LARGEST)
        self.pixels, self.shape, self.capacity = pixels, shape, capacity
        self._priors: dict[torch.device, PixelPrior] = {}
        self._cohorts = 0

    @property
    def lane_bytes(self) -> int:
        """Memory that a lane takes at most, in bytes, about: its map."""
        height, width, channels = self.shape
        return 4 * self.capacity * (channels + 1) * height * width

    def incumbent(self, lane: int) -> Tensor:
        """The best genome of a lane so far, (dimension,). Raises RuntimeError before one was answered."""
        model = None if self._state is None else self._state.models[lane]
        best = None if model is None else model.steps.best
        if best is None:
            raise RuntimeError(f"lane {lane} of {self.lanes} was told 0 finite answers: it has no best genome yet")
        return torch.cat([best, best[-1:].expand(self.pixels - len(best), -1)]).flatten()

    @one_thread()
    def _begin(self, start: Tensor, lower: Tensor, upper: Tensor, images: Tensor | None) -> LaneModels:
        if images is None or images.shape != (len(start), *self.shape):
            got = None if images is None else tuple(images.shape)
            raise ValueError(f"images are {got}, must be {(len(start), *self.shape)}")
        if images.device not in self._priors:
            self._priors[images.device] = PixelPrior(self.shape, images.device)
        prior = self._priors[images.device]
        size = min(self.pixels, prior.positions)
        self._cohorts += 1
        models = [
            LaneModel(self._cohorts, prior, image, size, self.capacity, random)
            for image, random in zip(images, self._beginning, strict=True)
        ]
        if self._clean is not None:
            for model, margins in zip(models, self._clean, strict=True):
                model.condition_on(margins)
        return LaneModels(models)

    @one_thread()
    def _propose(self, state: LaneModels) -> Tensor:
        make_plans(state.models)
        shape = (self.lanes, self.population, self.pixels, 2 + self.shape[2])
        sets = torch.empty(shape, device=self._device)
        for own, model in zip(sets, state.models, strict=True):
            planned = model.pixels
            count, size = planned.shape[:2]
            own[:count, :size], own[:count, size:] = planned, planned[:, -1:]
            own[count:] = own[0]
        return sets.flatten(2)

    def _wanted(self, state: LaneModels) -> Tensor:
        return torch.tensor([model.probes for model in state.models])

    @one_thread()
    def _learn(self, state: LaneModels, fitness: Tensor, margins: Tensor | None) -> None:
        observe(state.models, (fitness[:, :, None] if margins is None else margins).float())

    @one_thread()
    def _limit(self, state: LaneModels, limits: list[int]) -> None:
        for model, pixels in zip(state.models, limits, strict=True):
            model.resize(min(pixels, model.prior.positions))

    def _exhausted(self, state: LaneModels) -> Tensor:
        return torch.zeros(self.lanes, dtype=torch.bool)

    @one_thread()
    def _infeasible(self, state: LaneModels) -> Tensor:
        make_plans([model for model in state.models if model.seasoned])
        return torch.tensor([model.infeasible for model in state.models])

    def _swept(self, state: LaneModels) -> Tensor:
        return torch.tensor([model.sweep.count for model in state.models])
