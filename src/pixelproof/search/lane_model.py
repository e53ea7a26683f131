"""The lanes of the pixel process: what each has asked and learnt; those that stand alike are computed together."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TypeVar

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from pixelproof.search.pixel_landscape import Landscape, Observations, learn
from pixelproof.search.pixel_plan import Incumbent, Plan, Pool, pruned, scan
from pixelproof.search.pixel_prior import PixelPrior

SMALLEST, LARGEST = 2, 12
GROWTH = ((8, 8), (16, LARGEST))  # a batch is 1 / 8 of what was asked so far, up to 8, and then 1 / 16
SWAPS = 0.75  # of a batch
# Variance of what does not add: of a set of e ALONE + CROWD (e - 1)^CROWDING, fitted with the constants of the prior;
# of a swap twice what random swaps show, since the pixels of an incumbent were chosen together.
ALONE, CROWD, CROWDING, SWAP = 0.09, 0.08, 1.35, 0.4
# A lane is infeasible after this many queries, once in that many rounds no score was as low. One pixel, and more.
ONE, MORE = (40, 1, 5.0), (150, 6, 5.5)
UNUSABLE = 1e30  # a margin beyond it is none
STEEP = 1e4  # margins are cut here


Item = TypeVar("Item")


class LaneModel:
    """One lane: its landscape, the sets it asked, the best of them, and the next ones."""

    def __init__(self, cohort: int, prior: PixelPrior, image: Tensor, size: int, capacity: int) -> None:
        self.cohort, self.prior, self.size, self.capacity = cohort, prior, size, capacity
        self.features = prior.corner_features(image)
        self.landscape = Landscape(prior, self.features, 1, 0)
        self.landscape.level.fill_(1)  # any above 0 will do, as long as nothing was answered
        self.rivals: Tensor | None = None  # the outputs that are finite
        self.incumbent: Incumbent | None = None
        self.lowest = math.inf  # margin of the incumbent
        self.tried = torch.zeros(0, size, dtype=torch.long, device=image.device)  # of the present size
        self.used = self.tried.sum(1)  # sums of the keys of all sets, of any size
        self.plan: Plan | None = None  # the probes to be answered next
        self.scores: list[float] = []  # the best one of each plan of the present size

    @property
    def count(self) -> int:
        """Probes that the next plan should have."""
        return max(SMALLEST, *(min(len(self.used) // share, most) for share, most in GROWTH))

    @property
    def asked(self) -> Plan:
        """The plan, once there is one."""
        assert self.plan is not None
        return self.plan

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
        """Even the most promising of all that is left has been many standard deviations off, for some rounds."""
        _, rounds, score = ONE if self.size == 1 else MORE
        return self.seasoned and min(self.scores[-rounds:]) > score

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
        self.tried, self.plan = self.tried.new_zeros(0, size), None
        if fewer is not None:
            self.expect(pruned(self.landscape, fewer, size))

    def expect(self, plan: Plan) -> None:
        """Let this be asked next."""
        self.plan = plan
        self.scores.append(plan.best)


def make_plans(models: Iterable[LaneModel]) -> None:
    """Let those that have no plan make one."""
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
    good = [[k for k in range(len(model.asked.sets)) if own[k]] for model, own in zip(models, usable, strict=True)]
    for model, own, chosen in zip(models, answers, good, strict=True):
        if model.rivals is None and chosen:
            model.follow((own[chosen] < UNUSABLE).all(0))

    def situation(lane: int) -> Hashable:
        model, plan = models[lane], models[lane].asked
        return model.cohort, model.landscape.outputs, plan.sets.shape, plan.swaps, tuple(good[lane])

    for lanes in _alike(range(len(models)), situation):
        _observe_alike([models[lane] for lane in lanes], answers[lanes], good[lanes[0]])


def _observe_alike(models: Sequence[LaneModel], answers: Tensor, good: list[int]) -> None:
    """Those whose plans are alike, and of which the same answers are good."""
    plans = [model.asked for model in models]
    sets = torch.stack([plan.sets for plan in plans])
    for model, own, keys in zip(models, sets, models[0].prior.keys[sets].sum(2), strict=True):
        model.tried, model.used, model.plan = torch.cat([model.tried, own]), torch.cat([model.used, keys]), None
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
