"""The pixel process: a few-pixel search that keeps a map of what every pixel would do."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pixelproof.search.one_thread import one_thread
from pixelproof.search.pixel_landscape import Landscape
from pixelproof.search.pixel_plan import Incumbent, Plan, Pool, pruned, scan
from pixelproof.search.pixel_prior import PixelPrior
from pixelproof.search.search import LaneSearch, LaneState

SMALLEST, LARGEST, GROWTH = 2, 8, 8  # a batch is 1 / GROWTH of what was asked so far, within these
SWAPS = 0.75  # of a batch
# Variance of what does not add: of a set of e ALONE + CROWD (e - 1)^CROWDING, fitted with the constants of the prior;
# of a swap twice what random swaps show, since the pixels of an incumbent were chosen together.
ALONE, CROWD, CROWDING, SWAP = 0.09, 0.08, 1.35, 0.4
# A lane is hopeless after this many queries, once in that many rounds no score was as low as that. One pixel, and more.
ONE, MORE = (40, 1, 5.0), (150, 8, 5.5)
UNUSABLE = 1e30  # a margin beyond it is none
STEEP = 1e4  # margins are cut here


class Mind:
    """One lane: its landscape, the sets it asked, the best of them, and the next ones."""

    def __init__(self, prior: PixelPrior, image: Tensor, size: int, capacity: int, clean: Tensor | None) -> None:
        self.prior, self.size, self.capacity = prior, size, capacity
        self.features = prior.corner_features(image)
        self.landscape = Landscape(prior, self.features, size, 1, 0)
        self.landscape.level.fill_(1)  # any above 0 will do, as long as nothing was answered
        self.rivals: Tensor | None = None  # the outputs that are finite
        self.incumbent: Incumbent | None = None
        self.tried = torch.zeros(0, size, dtype=torch.long, device=image.device)  # of the present size
        self.used = self.tried.sum(1)  # sums of the keys of all sets, of any size
        self._plan: Plan | None = None
        if clean is not None:
            self._know(clean)
        self._scores: list[Tensor] = []  # the best ones of the last plans

    @property
    def plan(self) -> Plan:
        """The probes to be answered next."""
        if self._plan is None:
            count = min(max(len(self.used) // GROWTH, SMALLEST), LARGEST)
            if self.size == 1:
                self._plan = scan(self.landscape, self.tried[:, 0], count)
            else:
                swaps = 0 if self.incumbent is None else round(SWAPS * count)
                pool = Pool(self.landscape, self.incumbent, self.size, self.used)
                self._plan = pool.take(count - swaps, swaps, (self._noise, SWAP))
        return self._plan

    @property
    def hopeless(self) -> bool:
        """Even the most promising of all that is left has been many standard deviations off, for some rounds."""
        queries, rounds, score = ONE if self.size == 1 else MORE
        if len(self.tried) < queries:
            return False
        return bool(torch.stack([*self._scores, self.plan.best])[-rounds:].amin() > score)

    @property
    def _noise(self) -> float:
        return ALONE + CROWD * math.pow(self.size - 1, CROWDING)

    def _know(self, margins: Tensor) -> None:
        """Begin with the margins (K,) of the clean image."""
        usable = margins < UNUSABLE
        if bool(usable.any()):
            self._follow(usable.nonzero().squeeze(1))
            told = -margins[usable][None].clamp(-STEEP, STEEP)
            cells, one = self.tried.new_zeros(1, self.size), torch.ones_like(told[:, 0])
            self.landscape.observe(cells, torch.zeros_like(cells, dtype=told.dtype), one, self._noise * one, told)

    def _follow(self, rivals: Tensor) -> None:
        self.rivals = rivals
        self.landscape = Landscape(self.prior, self.features, self.size, len(rivals), self.capacity)

    def resize(self, size: int) -> None:
        """Go on with sets of another size: fewer of the incumbent's cells first, or whatever the map suggests."""
        if size == self.size:
            return
        fewer = self.incumbent if size < self.size else None
        self.size, self.incumbent, self._scores = size, None, []
        self.tried = self.tried.new_zeros(0, size)
        self.landscape.widen(size)
        self._plan = None if fewer is None else pruned(self.landscape, fewer, size)

    def learn(self, margins: Tensor) -> None:
        """Take in the answers to the plan, (q, K)."""
        plan, self._plan = self.plan, None
        self.tried = torch.cat([self.tried, plan.sets])
        self.used = torch.cat([self.used, self.prior.keys[plan.sets].sum(1)])
        self._scores = [*self._scores, plan.best][-MORE[1] :]
        usable = margins.amin(1) < UNUSABLE
        if not bool(usable.any()):
            return
        if self.rivals is None:
            self._follow((margins[usable] < UNUSABLE).all(0).nonzero().squeeze(1))
        margins = margins[:, self.rivals].clamp(-STEEP, STEEP)
        self._observe(plan, margins, usable)
        lowest, best = margins.amin(1).masked_fill(~usable, torch.inf).min(0)
        if self.incumbent is None or bool(lowest < self.incumbent.margins.amin()):
            self.incumbent = Incumbent(plan.sets[best], margins[best])

    def _observe(self, plan: Plan, margins: Tensor, usable: Tensor) -> None:
        whole = torch.ones_like(margins[:, 0])
        whole[len(whole) - plan.swaps :] = 0
        noise = torch.where(whole > 0, self._noise, SWAP)
        told = -margins
        if self.incumbent is not None:
            told = told + (1 - whole)[:, None] * self.incumbent.margins
        self.landscape.observe(plan.cells[usable], plan.signs[usable], whole[usable], noise[usable], told[usable])


@dataclass
class Minds(LaneState):
    """One mind a lane."""

    minds: list[Mind]


class PixelProcess(LaneSearch[Minds]):
    """A Gaussian process over the effects of single pixels, from which whole sets are composed and exchanged.

    pixels: how many may change, th. shape: (H, W, C) of the images, C up to 4. capacity: observations a lane keeps,
    at least 16. A genome is th × (row, column, C values 0–255), as in ``attacks.FewPixel``; rows and columns are whole
    numbers, colours the 2^C corners of the colour cube, and no two of the pixels share a position (unless the image
    has fewer).

    What a pixel of a given colour does to a score changes smoothly from position to position and depends mostly on the
    direction and the size of the change of colour, so that some 50 probes map the whole image. Each answer is a noisy
    sum of such effects, and a Gaussian process of them (``PixelPrior``, ``Landscape``) is kept exactly, for all margins
    together when `tell` is given them. Candidates are those whose predicted margin is the fewest standard deviations
    above zero: sets composed greedily from the map (mean + hope × deviation for several hopes), and, three in four
    once there is an incumbent, swaps of one of its pixels. Swaps are observed as differences to the incumbent, in which
    the interactions of the other pixels cancel. Batches grow from 2 to 8 with the number of queries (``wanted``). No
    random numbers are drawn, and `start` and the bounds are not looked at.

    A lane never stalls. It is hopeless when nothing left promises success: with th = 1 once, after 40 queries, no cell
    left is within 5 standard deviations of it; with more pixels once, after 150, no probe of the last 8 rounds was
    within 5.5. When ``capacity`` observations are in, the older half of them is forgotten.

    Memory: about capacity × (C + 1) × H × W float32 a lane, touched as observations come in.

    Raises ValueError for fewer than 1 pixel, other than 1 to 4 channels, a capacity below 16, and when lanes are added
    without their images or with images of another shape.
    """

    reads_margins = True
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

    def incumbent(self, lane: int) -> Tensor:
        """The best genome of a lane so far, (dimension,). Raises RuntimeError before one was answered."""
        mind = None if self._state is None else self._state.minds[lane]
        if mind is None or mind.incumbent is None:
            raise RuntimeError(f"lane {lane} of {self.lanes} was told 0 finite answers: it has no best genome yet")
        return self._genomes(mind.incumbent.cells[None], mind.prior)[0]

    @one_thread()
    def _begin(self, start: Tensor, lower: Tensor, upper: Tensor, images: Tensor | None) -> Minds:
        if images is None or images.shape != (len(start), *self.shape):
            got = None if images is None else tuple(images.shape)
            raise ValueError(f"images are {got}, must be {(len(start), *self.shape)}")
        if images.device not in self._priors:
            self._priors[images.device] = PixelPrior(self.shape, images.device)
        prior = self._priors[images.device]
        size = min(self.pixels, prior.positions)
        clean = [None] * len(images) if self._clean is None else list(self._clean)
        pairs = zip(images, clean, strict=True)
        return Minds([Mind(prior, image, size, self.capacity, margins) for image, margins in pairs])

    @one_thread()
    def _propose(self, state: Minds) -> Tensor:
        candidates = torch.empty(self.lanes, self.population, self.dimension, device=self._device)
        for own, mind in zip(candidates, state.minds, strict=True):
            genomes = self._genomes(mind.plan.sets, mind.prior)
            own[: len(genomes)], own[len(genomes) :] = genomes, genomes[0]
        return candidates

    def _genomes(self, sets: Tensor, prior: PixelPrior) -> Tensor:
        """(q, dimension) of sets (q, e)."""
        position, colour = sets % prior.positions, prior.corners[sets // prior.positions] * 255
        pixels = torch.cat([prior.place[position], colour], 2)
        missing = self.pixels - sets.shape[1]
        return torch.cat([pixels, pixels[:, -1:].expand(-1, missing, -1)], 1).flatten(1)

    def _wanted(self, state: Minds) -> Tensor:
        return torch.tensor([len(mind.plan.sets) for mind in state.minds])

    @one_thread()
    def _learn(self, state: Minds, fitness: Tensor, margins: Tensor | None) -> None:
        answers = fitness[:, :, None] if margins is None else margins
        for mind, told in zip(state.minds, answers.float(), strict=True):
            mind.learn(told[: len(mind.plan.sets)])

    @one_thread()
    def _limit(self, state: Minds, limits: list[int]) -> None:
        for mind, pixels in zip(state.minds, limits, strict=True):
            mind.resize(min(pixels, mind.prior.positions))

    def _exhausted(self, state: Minds) -> Tensor:
        return torch.zeros(self.lanes, dtype=torch.bool)

    @one_thread()
    def _hopeless(self, state: Minds) -> Tensor:
        return torch.tensor([mind.hopeless for mind in state.minds])
