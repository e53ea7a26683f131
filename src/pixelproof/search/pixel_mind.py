"""The lanes of the pixel process: what each has asked and learnt; those that stand alike think together."""

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
# A lane is hopeless after this many queries, once in that many rounds no score was as low as that. One pixel, and more.
ONE, MORE = (40, 1, 5.0), (150, 6, 5.5)
UNUSABLE = 1e30  # a margin beyond it is none
STEEP = 1e4  # margins are cut here


Item = TypeVar("Item")


class Mind:
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
    def hopeless(self) -> bool:
        """Even the most promising of all that is left has been many standard deviations off, for some rounds."""
        _, rounds, score = ONE if self.size == 1 else MORE
        return self.seasoned and min(self.scores[-rounds:]) > score

    def know(self, margins: Tensor) -> None:
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


def make_plans(minds: Iterable[Mind]) -> None:
    """Let those that have no plan make one."""
    idle = [mind for mind in minds if mind.plan is None]
    for group in _alike(idle, lambda m: (m.cohort, m.size, m.landscape.outputs, m.count, m.incumbent is None)):
        for mind, plan in zip(group, _plans(group), strict=True):
            mind.expect(plan)


def _plans(minds: Sequence[Mind]) -> list[Plan]:
    landscapes, count, size = [mind.landscape for mind in minds], minds[0].count, minds[0].size
    if size == 1:
        return scan(landscapes, [mind.tried[:, 0] for mind in minds], count)
    incumbents = [mind.incumbent for mind in minds if mind.incumbent is not None]
    swaps = round(SWAPS * count) if incumbents else 0
    used = pad_sequence([mind.used for mind in minds], batch_first=True)
    return Pool(landscapes, incumbents, size, used).take(count - swaps, swaps, (minds[0].noise, SWAP))


def take_in(minds: Sequence[Mind], answers: Tensor) -> None:
    """Let each learn from the answers (lanes, q or more, K) to its plan."""
    usable = (answers.amin(2) < UNUSABLE).tolist()
    good = [[k for k in range(len(mind.asked.sets)) if own[k]] for mind, own in zip(minds, usable, strict=True)]
    for mind, own, chosen in zip(minds, answers, good, strict=True):
        if mind.rivals is None and chosen:
            mind.follow((own[chosen] < UNUSABLE).all(0))

    def situation(lane: int) -> Hashable:
        mind, plan = minds[lane], minds[lane].asked
        return mind.cohort, mind.landscape.outputs, plan.sets.shape, plan.swaps, tuple(good[lane])

    for lanes in _alike(range(len(minds)), situation):
        _take_in([minds[lane] for lane in lanes], answers[lanes], good[lanes[0]])


def _take_in(minds: Sequence[Mind], answers: Tensor, good: list[int]) -> None:
    """Those whose plans are alike, and of which the same answers are good."""
    plans = [mind.asked for mind in minds]
    sets = torch.stack([plan.sets for plan in plans])
    for mind, own, keys in zip(minds, sets, minds[0].prior.keys[sets].sum(2), strict=True):
        mind.tried, mind.used, mind.plan = torch.cat([mind.tried, own]), torch.cat([mind.used, keys]), None
    if not good:
        return
    rivals = torch.stack([mind.rivals for mind in minds if mind.rivals is not None])[:, None]
    margins = answers[:, good].gather(2, rivals.expand(-1, len(good), -1)).clamp_(-STEEP, STEEP)
    cells, signs = (torch.stack(part) for part in zip(*((plan.cells, plan.signs) for plan in plans), strict=True))
    whole = torch.tensor([float(k < sets.shape[1] - plans[0].swaps) for k in good], device=sets.device)
    whole = whole.expand(len(sets), -1)
    told = -margins
    if plans[0].swaps:
        incumbents = torch.stack([mind.incumbent.margins for mind in minds if mind.incumbent is not None])
        told.addcmul_(1 - whole[..., None], incumbents[:, None])
    noise = torch.where(whole > 0, minds[0].noise, SWAP)
    learn([mind.landscape for mind in minds], Observations(cells[:, good], signs[:, good], whole, noise, told))
    lowest, best = margins.amin(2).min(1)
    for lane, (mind, low, k) in enumerate(zip(minds, lowest.tolist(), best.tolist(), strict=True)):
        if mind.incumbent is None or low < mind.lowest:
            mind.incumbent, mind.lowest = Incumbent(sets[lane, good[k]], margins[lane, k]), low


def _alike(items: Iterable[Item], key: Callable[[Item], Hashable]) -> list[list[Item]]:
    """The items in groups of the same key."""
    groups: dict[Hashable, list[Item]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return list(groups.values())
