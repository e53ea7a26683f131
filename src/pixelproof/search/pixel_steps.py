"""What needs no map: random changes of one pixel of one of the best sets: its place, or its colour inside the cube."""

import torch
from torch import Tensor

from pixelproof.search.pixel_prior import PixelPrior

PARENTS = 20  # best sets that are changed
STEP = 40.0  # standard deviation of a change of colour, in grey levels
SHIFT = 1.5  # and of place, in pixels where the shorter side is 32
#: Shares of changes of colour and of place, of a set of one pixel and of more; what is left moves it anywhere.
ONE, MORE = (0.9, 0.1), (0.3, 0.4)
CHANNEL = 0.33  # share of the changes of a lone pixel's colour that set one channel to any value


class Steps:
    """A (μ + λ) random search of one lane from what it was told, whoever asked it.

    Each child is one of the 20 best sets, the least tried of them first and among these the best, with one pixel
    changed: its colour by a Gaussian step of 40 grey levels in every channel, reflected at 0 and 255, or, of a lone
    pixel at times, one channel set to any value, since what breaks is often near an edge of the cube; or its place by
    a Gaussian step of 1.5 pixels, from its own or, with its colour, from another pixel's; or both anew: anywhere, in a
    corner colour. A place that another pixel holds is not taken; then the colour steps. The random numbers are the
    lane's own.
    """

    def __init__(self, prior: PixelPrior, image: Tensor, random: torch.Generator) -> None:
        self._prior, self._random = prior, random
        self._image = image.reshape(prior.positions, -1)
        self.forget()

    def forget(self) -> None:
        """Begin again with no sets."""
        self._sets = torch.empty(0)  # (n, e, 2 + C), best first
        self._margins = torch.empty(0)
        self._tries: list[int] = []
        self.asked = 0

    @property
    def best(self) -> Tensor | None:
        """(e, 2 + C): the best set, where there is one."""
        return self._sets[0] if self._tries else None

    def observe(self, sets: Tensor, margins: Tensor) -> None:
        """Sets (n, e, 2 + C) had these lowest margins (n,)."""
        if self._tries:
            sets, margins = torch.cat([self._sets, sets]), torch.cat([self._margins, margins])
        margins, order = margins.sort(stable=True)
        kept = order[:PARENTS]
        self._sets, self._margins = sets[kept], margins[:PARENTS]
        tries = self._tries
        self._tries = [tries[k] if k < len(tries) else 0 for k in kept.tolist()]

    def propose(self, count: int) -> Tensor:
        """(count, e, 2 + C): children of what was told, which is not nothing."""
        parents = []
        for _ in range(count):
            parents.append(min(range(len(self._tries)), key=self._tries.__getitem__))
            self._tries[parents[-1]] += 1
        self.asked += count
        sets = self._sets[parents]
        device, size = sets.device, sets.shape[1]
        uniform = torch.rand(count, 5, generator=self._random, device=device)
        normal = torch.randn(count, sets.shape[2], generator=self._random, device=device)
        row = torch.arange(count, device=device)
        own = (uniform[:, 1] * size).long().clamp(max=size - 1)
        old = sets[row, own]
        colour, shift = ONE if size == 1 else MORE
        kind = uniform[:, 0]
        beside, anywhere = self._shifted(sets, own, uniform, normal), self._anywhere(uniform)
        moved = torch.where((kind < colour + shift)[:, None], beside, anywhere)
        free = (moved[:, None, :2] != sets[:, :, :2]).any(2).all(1) & (kind >= colour)
        recoloured = self._recoloured(old, normal)
        if size == 1:
            recoloured = self._one_channel(old, recoloured)
        sets[row, own] = torch.where(free[:, None], moved, recoloured)
        return sets

    def _recoloured(self, old: Tensor, normal: Tensor) -> Tensor:
        """(q, 2 + C): in place, of another colour."""
        value = (old[:, 2:] + STEP * normal[:, 2:]).round_().abs_()
        value = torch.where(value > 255, 510 - value, value).clamp_(0, 255)
        return torch.cat([old[:, :2], value], 1)

    def _one_channel(self, old: Tensor, otherwise: Tensor) -> Tensor:
        """(q, 2 + C): in place, with one channel of any value, or ``otherwise``."""
        count, channels = len(old), old.shape[1] - 2
        uniform = torch.rand(count, 3, generator=self._random, device=old.device)
        channel = (uniform[:, :1] * channels).long().clamp(max=channels - 1)
        changed = old.scatter(1, 2 + channel, (255 * uniform[:, 1:2]).round_())
        return torch.where(uniform[:, 2:] < CHANNEL, changed, otherwise)

    def _shifted(self, sets: Tensor, own: Tensor, uniform: Tensor, normal: Tensor) -> Tensor:
        """(q, 2 + C): beside its own place, or beside another pixel of the set, with the colour that is there."""
        size, row = sets.shape[1], torch.arange(len(sets), device=sets.device)
        other = (own + 1 + (uniform[:, 2] * (size - 1)).long().clamp(max=max(size - 2, 0))) % size
        base = sets[row, torch.where(uniform[:, 3] < 0.5, own, other)]
        height, width = self._prior.shape[:2]
        place = (base[:, :2] + max(SHIFT * min(height, width) / 32, 1.0) * normal[:, :2]).round_()
        place = place.clamp_(min=0).minimum(place.new_tensor([height - 1, width - 1]))
        return torch.cat([place, base[:, 2:]], 1)

    def _anywhere(self, uniform: Tensor) -> Tensor:
        """(q, 2 + C): any place, in a corner colour, likelier far from the clean one (as |change|³)."""
        where = (uniform[:, 2] * self._prior.positions).long().clamp(max=self._prior.positions - 1)
        corners = self._prior.corners * 255
        weight = (corners - self._image[where][:, None]).norm(dim=2).pow(3).cumsum(1)
        colour = (weight < uniform[:, 4:] * weight[:, -1:]).sum(1).clamp(max=len(corners) - 1)
        return torch.cat([self._prior.place[where], corners[colour]], 1)
