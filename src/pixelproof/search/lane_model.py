"""The lanes of the pixel process: what each has asked and learnt; those that stand alike are computed together."""

import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from pixelproof.search.pixel_landscape import Landscape, Observations, learn
from pixelproof.search.pixel_plan import Incumbent, Plan, Pool, pruned, scan, single
from pixelproof.search.pixel_prior import PixelPrior
from pixelproof.search.pixel_steps import Steps
from pixelproof.search.pixel_sweep import Sweep
from pixelproof.search.pixel_trust import tail

SMALLEST, LARGEST = 2, 12
GROWTH = ((8, 8), (16, LARGEST))  # a batch is 1 / 8 of what was asked so far, up to 8, and then 1 / 16
SWAPS = 0.75  # of a batch
# Variance of what does not add: of a set of e ALONE + CROWD (e - 1)^CROWDING, fitted with the constants of the prior;
# of a swap twice what random swaps show, since the pixels of an incumbent were chosen together.
ALONE, CROWD, CROWDING, SWAP = 0.09, 0.08, 1.35, 0.4
# The map promises nothing after this many queries, once in that many rounds no score was as low. One pixel, and more.
ONE, MORE = (40, 1, 5.0), (150, 6, 5.5)
# The map of one pixel is doubted after this many queries, whenever its best cell is farther than that.
DOUBT = (100, 2.0)
# Of what is asked of a map that is doubted or promises nothing, the share that steps are given: of one pixel while they
# are few, and later, when the sweep is to get on; of more.
EARLY, FEW, LATE, ALWAYS = 0.5, 500, 0.1, 0.5
UNUSABLE = 1e30  # a margin beyond it is none
STEEP = 1e4  # margins are cut here


Item = TypeVar("Item")


@dataclass
class Beside:
    """q sets to ask that the map has no part in: ``pixels`` (q, e, 2 + C); ``cells`` (q,) where the sweep asks them."""

    pixels: Tensor
    cells: Tensor | None = None


class LaneModel:
    """One lane: its landscape, the sets it asked, the best of them, and the next ones.

    As long as the map is not doubted, what it promises most is asked. Then *steps* from the best sets take turns with
    what it promises next, and of one pixel, once the map promises nothing and its rows are full, with the *sweep*, in
    its order.
    """

    def __init__(
        self, cohort: int, prior: PixelPrior, image: Tensor, size: int, capacity: int, random: torch.Generator
    ) -> None:
        self.cohort, self.prior, self.size, self.capacity = cohort, prior, size, capacity
        self.features = prior.corner_features(image)
        self.landscape = Landscape(prior, self.features, 1, 0)
        self.landscape.level.fill_(1)  # any above 0 will do, as long as nothing was answered
        self.rivals: Tensor | None = None  # the outputs that are finite
        self.incumbent: Incumbent | None = None
        self.lowest = math.inf  # margin of the incumbent
        self.tried = torch.zeros(0, size, dtype=torch.long, device=image.device)  # of the present size
        self.used = self.tried.sum(1)  # sums of the keys of all sets, of any size
        self.plan: Plan | Beside | None = None  # the probes to be answered next
        self.steps, self.sweep = Steps(prior, image, random), Sweep(prior)
        self.alone = 0  # probes asked while the map was doubted
        self.scores: list[float] = []  # the best one of each plan of the present size

    @property
    def count(self) -> int:
        """Probes that the next plan should have."""
        return max(SMALLEST, *(min(len(self.used) // share, most) for share, most in GROWTH))

    @property
    def asked(self) -> Plan | Beside:
        """The plan, once there is one."""
        assert self.plan is not None
        return self.plan

    @property
    def probes(self) -> int:
        """Sets that are asked."""
        return len(self.asked.pixels if isinstance(self.asked, Beside) else self.asked.sets)

    @property
    def pixels(self) -> Tensor:
        """(q, e, 2 + C): rows, columns and values 0–255 of what is asked."""
        return self.asked.pixels if isinstance(self.asked, Beside) else self.prior.pixels(self.asked.sets)

    @property
    def noise(self) -> float:
        """Variance of the answer to a whole set."""
        return ALONE + CROWD * math.pow(self.size - 1, CROWDING)

    @property
    def seasoned(self) -> bool:
        """Whether enough was asked to tell if there is hope."""
        return len(self.tried) >= (ONE if self.size == 1 else MORE)[0]

    @property
    def infeasible(self) -> bool:
        """Even the most promising of all that is left has been many standard deviations off, for some rounds; the more
        of them, the worse the map's own predictions turned out."""
        _, rounds, score = ONE if self.size == 1 else MORE
        lowest = min(self.scores[-rounds:]) if self.seasoned else 0.0
        return lowest > score and lowest > score * tail(self.landscape)

    @property
    def doubted(self) -> bool:
        """Whether steps take turns with the map. Of one pixel early: near a success the map, which knows corner
        colours alone, may go on promising others while the colour that breaks lies inside the cube."""
        if self.size > 1:
            return self.infeasible
        count, score = DOUBT
        return self.infeasible or (len(self.used) >= count and bool(self.scores) and self.scores[-1] > score)

    def beside(self) -> Beside | None:
        """What is to be asked without the map, where it is the turn of that."""
        if not self.doubted or self.steps.best is None:
            return None
        share = min(self.alone, FEW / EARLY) * EARLY + max(self.alone - FEW / EARLY, 0) * LATE
        if self.steps.asked > (share if self.size == 1 else self.alone * ALWAYS):
            if self.size > 1 or not self.infeasible or not self._sweeps():
                return None
            cells = self.sweep.next(self.count)
            if len(cells):
                return Beside(self.sweep.pixels(cells)[:, None], cells)
        return Beside(self.steps.propose(self.count))

    def _sweeps(self) -> bool:
        """Whether the sweep goes on, or begins since the map can take in no more."""
        full = self.landscape.count + LARGEST > self.capacity
        if not self.sweep.begun and (full or not self.sweep.corners_left):
            self.sweep.begin(single(self.landscape, self.tried[:, 0]))
        return self.sweep.begun

    def observe(self, answers: Tensor, usable: Sequence[int]) -> None:
        """Note the lowest margins of what was asked, answers (q or more, K), of which some are usable."""
        self.alone += self.doubted * self.probes
        if not usable:
            return
        lowest = answers[usable].amin(1).clamp(max=STEEP)
        self.steps.observe(self.pixels[usable], lowest)
        if isinstance(self.asked, Beside):
            if self.asked.cells is not None:
                self.sweep.observe(self.asked.cells[usable], lowest)
        elif self.size == 1:
            self.sweep.observe_corners(self.asked.sets[usable, 0], lowest)

    def condition_on(self, margins: Tensor) -> None:
        """Begin with the margins (K,) of the clean image."""
        usable = margins < UNUSABLE
        if bool(usable.any()):
            self.follow(usable)
            told = -margins[usable].clamp(-STEEP, STEEP).view(1, 1, -1)
            one, nothing = torch.ones_like(told[:, :, 0]), torch.zeros_like(told[:, :, :1])
            learn([self.landscape], Observations(nothing.long(), nothing, one, self.noise * one, told))

    def follow(self, outputs: Tensor) -> None:
        """Keep a map of the outputs where this mask is set."""
        self.rivals = outputs.nonzero().squeeze(1)
        self.landscape = Landscape(self.prior, self.features, len(self.rivals), self.capacity)

    def resize(self, size: int) -> None:
        """Go on with sets of another size: fewer of the incumbent's cells first, or whatever the map suggests."""
        if size == self.size:
            return
        fewer = self.incumbent if size < self.size else None
        self.size, self.incumbent, self.lowest, self.scores = size, None, math.inf, []
        self.tried, self.plan, self.alone = self.tried.new_zeros(0, size), None, 0
        self.steps.forget()
        if fewer is not None:
            self.expect(pruned(self.landscape, fewer, size))

    def expect(self, plan: Plan) -> None:
        """Let this be asked next."""
        self.plan = plan
        self.scores.append(plan.best)


def make_plans(models: Sequence[LaneModel]) -> None:
    """Let those that have no plan make one."""
    for model in models:
        model.plan = model.plan or model.beside()
    idle = [model for model in models if model.plan is None]
    for group in _alike(idle, lambda m: (m.cohort, m.size, m.landscape.outputs, m.count, m.incumbent is None)):
        for model, plan in zip(group, _plans(group), strict=True):
            model.expect(plan)


def _plans(models: Sequence[LaneModel]) -> list[Plan]:
    landscapes, count, size = [model.landscape for model in models], models[0].count, models[0].size
    if size == 1:
        return scan(landscapes, [model.tried[:, 0] for model in models], count)
    incumbents = [model.incumbent for model in models if model.incumbent is not None]
    swaps = round(SWAPS * count) if incumbents else 0
    used = pad_sequence([model.used for model in models], batch_first=True)
    return Pool(landscapes, incumbents, size, used).take(count - swaps, swaps, (models[0].noise, SWAP))


def observe(models: Sequence[LaneModel], answers: Tensor) -> None:
    """Let each learn from the answers (lanes, q or more, K) to its plan."""
    usable = (answers.amin(2) < UNUSABLE).tolist()
    good = [[k for k in range(model.probes) if own[k]] for model, own in zip(models, usable, strict=True)]
    plans: dict[int, Plan] = {}
    for lane, (model, own, chosen) in enumerate(zip(models, answers, good, strict=True)):
        if model.rivals is None and chosen:
            model.follow((own[chosen] < UNUSABLE).all(0))
        model.observe(own, chosen)
        if isinstance(model.asked, Plan):
            plans[lane] = model.asked
        model.plan = None

    def situation(lane: int) -> Hashable:
        model, plan = models[lane], plans[lane]
        return model.cohort, model.landscape.outputs, plan.sets.shape, plan.swaps, tuple(good[lane])

    for lanes in _alike(plans, situation):
        _observe_alike([models[k] for k in lanes], [plans[k] for k in lanes], answers[lanes], good[lanes[0]])


def _observe_alike(models: Sequence[LaneModel], plans: Sequence[Plan], answers: Tensor, good: Sequence[int]) -> None:
    """Those whose plans are alike, and of which the same answers are good."""
    sets = torch.stack([plan.sets for plan in plans])
    for model, own, keys in zip(models, sets, models[0].prior.keys[sets].sum(2), strict=True):
        model.tried, model.used = torch.cat([model.tried, own]), torch.cat([model.used, keys])
    if not good:
        return
    rivals = torch.stack([model.rivals for model in models if model.rivals is not None])[:, None]
    margins = answers[:, good].gather(2, rivals.expand(-1, len(good), -1)).clamp_(-STEEP, STEEP)
    cells, signs = (torch.stack(part) for part in zip(*((plan.cells, plan.signs) for plan in plans), strict=True))
    whole = torch.tensor([float(k < sets.shape[1] - plans[0].swaps) for k in good], device=sets.device)
    whole = whole.expand(len(sets), -1)
    told = -margins
    if plans[0].swaps:
        incumbents = torch.stack([model.incumbent.margins for model in models if model.incumbent is not None])
        told.addcmul_(1 - whole[..., None], incumbents[:, None])
    noise = torch.where(whole > 0, models[0].noise, SWAP)
    learn([model.landscape for model in models], Observations(cells[:, good], signs[:, good], whole, noise, told))
    lowest, best = margins.amin(2).min(1)
    for lane, (model, low, k) in enumerate(zip(models, lowest.tolist(), best.tolist(), strict=True)):
        if model.incumbent is None or low < model.lowest:
            model.incumbent, model.lowest = Incumbent(sets[lane, good[k]], margins[lane, k]), low


def _alike(items: Iterable[Item], key: Callable[[Item], Hashable]) -> list[list[Item]]:
    """The items in groups of the same key."""
    groups: dict[Hashable, list[Item]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return list(groups.values())
