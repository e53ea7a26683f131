"""The prior that a cohort of lanes learns together: how strong gradients are at each colour and frequency."""

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from pixelproof.search.image_basis import ImageBasis
from pixelproof.search.lane_regression import Noise, Posterior
from pixelproof.search.measurements import Measurements

#: Queries a lane after which the prior is learnt anew; after the last, each time they have doubled.
MILESTONES = (32, 60, 100, 150, 200, 300, 500)
#: Measurements below which a lane says too little.
FEWEST = 20
#: Lanes, at most, that one update of the variances and of the noise is learnt from.
TEACHERS, NOISE_TEACHERS = 8, 4
#: Rivals whose gradients are averaged.
RIVALS = 2
#: Random directions by which a lane's share in the denominator is estimated.
PROBES = 16
#: Exponent of the update: below 1, since the estimates are noisy.
DAMPING = 0.75
#: Variances at the start, in units of their mean, of grey and of the two other colours; found on gradients of
#: the zoo's LeNet and ResNet-20 on training images (2.4 to 2.5, 0.2 to 0.3 and 0.3).
COLOUR_VARIANCES = (2.44, 0.28, 0.28)
#: Updates of the variances at a milestone, up to so many queries a lane; later one is enough.
UPDATES, SETTLED = 3, 200
#: Frequencies on each side over which the variances are averaged, twice.
REACH = 3
#: Deviation at the start of a hint's share in the gradient, which has length 1: of the zoo's networks, the gradients of
#: one explain a third of another's at best.
HINTED = 0.35
#: Where the noise begins; what is learnt soon replaces it.
START_NOISE = Noise(curvature=0.05, floor=1e-3)


class Cohort:
    """Lanes that begin together: one spectrum and one noise, learnt from what all of them measure.

    Empirical Bayes: variance components λ by the multiplicative update λ ← λ (Σ (Rᵀα)² / A / Σ diag Rᵀ(K+N)⁻¹R)^¾,
    both sums smoothed over neighbouring frequencies.

    Hints, (lanes, S, H·W·C), are directions of which a lane's gradients may hold a share: S more coordinates, whose
    variances are learnt as those of frequencies are, each by itself. So what does not help is soon forgotten.

    In ``memory`` the lanes change places as others end; ``order`` says which lane lies where.
    """

    def __init__(
        self, basis: ImageBasis, lanes: int, capacity: int, generator: torch.Generator, hints: Tensor | None = None
    ) -> None:
        self.basis, self.generator = basis, generator
        self.noise = START_NOISE
        dimension, device = math.prod(basis.shape), basis.window.device
        count = 0 if hints is None else hints.shape[1]
        self.hints = torch.zeros(lanes, 0, dimension, device=device) if hints is None else F.normalize(hints, dim=2)
        shares = torch.full((count,), HINTED**2 / max(1, count), device=device)
        self.root = torch.cat([self._scaled(_start(basis)), shares]).sqrt()
        self.memory = Measurements(lanes, capacity, dimension, self.root, count)
        self._milestones = list(MILESTONES)
        self._turn = 0
        self._let_stand(list(range(lanes)))

    def keep(self, stays: Sequence[bool]) -> None:
        """End the lanes, in their order, that do not stay; what they measured goes on to teach."""
        kept = self.memory.keep([stays[lane] for lane in self._lanes])
        self.hints = self.hints[torch.tensor(kept, dtype=torch.long, device=self.root.device)]
        left = [lane for lane, here in enumerate(stays) if here]
        self._let_stand([left.index(self._lanes[place]) for place in kept])

    def _let_stand(self, lanes: list[int]) -> None:
        self._lanes = lanes
        self.order = torch.tensor(lanes, device=self.root.device)  # (live,) of each place the lane

    @property
    def hinted(self) -> bool:
        """Whether there are hints."""
        return self.hints.shape[1] > 0

    @property
    def size(self) -> int:
        """Coordinates of a gradient: those of the basis, then of the hints."""
        return len(self.root)

    def whiten(self, changes: Tensor) -> Tensor:
        """Whitened coordinates (lanes, n, size) of changes (lanes, n, H·W·C)."""
        seen = self.basis.analyse(changes.flatten(0, -2)).view(*changes.shape[:-1], -1)
        if self.hinted:
            seen = torch.cat([seen, changes @ self.hints.mT], -1)
        return seen * self.root

    def gradient(self, whitened: Tensor) -> Tensor:
        """Gradients (lanes, n, H·W·C) of whitened coefficients (lanes, n, size)."""
        of_basis, of_hints = (whitened * self.root).tensor_split([self.basis.size], -1)
        found = self.basis.synthesise(of_basis.flatten(0, -2)).view(*whitened.shape[:-1], -1)
        return found.baddbmm_(of_hints, self.hints) if self.hinted else found

    def normal(self, *shape: int) -> Tensor:
        """Normal numbers of the cohort's own generator."""
        return torch.randn(shape, generator=self.generator, device=self.generator.device)

    def learn(self) -> None:
        """Learn anew, if the lanes that live passed a milestone; ended ones teach too."""
        asked = self.memory.asked
        if asked < self._milestones[0]:
            return
        while self._milestones[0] <= asked:
            last = self._milestones.pop(0)
            self._milestones = self._milestones or [2 * last]
        if not bool((self.memory.known >= FEWEST).any()):  # images of so few pixels that there are hardly any vertices
            return
        self._learn_noise(self._teachers(NOISE_TEACHERS))
        for _ in range(UPDATES if asked <= SETTLED else 1):
            self._learn_spectrum(self._teachers(TEACHERS))
        self.memory.follow(self.root, slice(0, self.memory.lanes))

    def _teachers(self, count: int) -> slice:
        """The next ``count`` lanes, which take turns: each update hears others, at a fraction of the cost of all."""
        slots = self.memory.slots
        first = min(self._turn, max(slots - count, 0))
        chosen = slice(first, min(first + count, slots))
        self._turn = chosen.stop % slots
        self.memory.follow(self.root, chosen)
        return chosen

    def _able(self, lanes: slice) -> Tensor:
        """(L,) 1 for a lane that has enough to say, else 0."""
        return (self.memory.known[lanes] >= FEWEST).float()

    def _learn_noise(self, lanes: slice) -> None:
        """Move to the neighbouring floor of highest evidence, and if that is another one, to such a curvature too.

        By evidence alone the curvature would fall until the gradients that are found are worse ones.
        """
        now = self.noise
        floors = [now.floor * f for f in (1, 1 / 5, 5) if 1e-4 <= now.floor * f <= 10]
        floor = self._likeliest(lanes, [replace(now, floor=floor) for floor in floors]).floor
        if floor != now.floor:
            curvatures = [replace(now, curvature=now.curvature * f) for f in (1, 1 / 3, 3)]
            self.noise = replace(self._likeliest(lanes, curvatures), floor=floor)

    def _likeliest(self, lanes: slice, noises: Sequence[Noise]) -> Noise:
        """Of the noises that of highest evidence, the first one where all are alike."""
        heard = [self.memory.regression(lanes, noise, 1).log_evidence() for noise in noises]
        evidence = (torch.stack(heard) * self._able(lanes)).sum(1).tolist()
        return noises[evidence.index(max(evidence))]

    def _learn_spectrum(self, lanes: slice) -> None:
        posterior, able = self.memory.regression(lanes, self.noise, RIVALS), self._able(lanes)
        found = self.memory.back(lanes, posterior.weights).square() / posterior.amplitudes.unsqueeze(2)
        followed = posterior.followed.float()
        above = (found * followed.unsqueeze(2)).sum(1) / followed.sum(1, keepdim=True)
        below = self._expected(lanes, posterior)
        shares = [self._smooth((able.unsqueeze(1) * part).sum(0)) + 1e-30 for part in (above, below)]
        ratio = (shares[0] / shares[1]).clamp(0.1, 10) ** DAMPING
        of_basis, of_hints = (self.root.square() * ratio).tensor_split([self.basis.size])
        self.root = torch.cat([self._scaled(of_basis), of_hints]).sqrt()

    def _expected(self, lanes: slice, posterior: Posterior) -> Tensor:
        """diag Rᵀ (K + N)⁻¹ R, (L, size), by random directions: (K + N)⁻¹ = U⁻¹ U⁻ᵀ."""
        z = self.normal(*posterior.told.shape, PROBES)
        return self.memory.back(lanes, posterior.factor.half_solve(z)).square().mean(1)

    def _smooth(self, values: Tensor) -> Tensor:
        """Means over neighbouring frequencies of a colour, twice: by a triangle, which lets no ripple grow; of hints
        the values themselves."""
        channels, height, width = self.basis.bands
        reach = min(REACH, height - 1, width - 1)
        values, of_hints = values.tensor_split([self.basis.size])
        smooth = values.view(channels, 1, height, width)
        for _ in range(2):
            smooth = F.avg_pool2d(F.pad(smooth, (reach,) * 4, mode="reflect"), 2 * reach + 1, 1)
        return torch.cat([smooth.flatten(), of_hints])

    def _scaled(self, spectrum: Tensor) -> Tensor:
        """Such that the sign of a prior gradient has variance 1."""
        generator = torch.Generator(spectrum.device).manual_seed(0)
        xi = torch.randn(16, len(spectrum), generator=generator, device=spectrum.device)
        vertices = self.basis.synthesise(xi * spectrum.sqrt()).sign()
        return spectrum / (self.basis.analyse(vertices).square() * spectrum).sum(1).mean()


def _start(basis: ImageBasis) -> Tensor:
    channels, height, width = basis.bands
    variances = COLOUR_VARIANCES if channels == 3 else (1.0,) * channels
    device = basis.window.device
    return torch.tensor(variances, device=device).repeat_interleave(height * width)
