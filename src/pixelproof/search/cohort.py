"""The prior that a cohort of lanes learns together: how strong gradients are at each colour and frequency."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from pixelproof.search.image_basis import ImageBasis
from pixelproof.search.measurements import Measurements, Noise, Posterior

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
#: Where the noise begins; what is learnt soon replaces it.
START_NOISE = Noise(curvature=0.05, floor=1e-3)


class Cohort:
    """Lanes that begin together: one spectrum and one noise, learnt from what all of them measure.

    Empirical Bayes: variance components λ by the multiplicative update λ ← λ (Σ (Rᵀα)² / A / Σ diag Rᵀ(K+N)⁻¹R)^¾,
    both sums smoothed over neighbouring frequencies.
    """

    def __init__(self, basis: ImageBasis, lanes: int, capacity: int, generator: torch.Generator) -> None:
        self.basis = basis
        self.noise = START_NOISE
        self.root = self._scaled(_start(basis)).sqrt()
        self.memories = [Measurements(capacity, self.root) for _ in range(lanes)]
        self._generator = generator
        self._milestones = list(MILESTONES)
        self._turn = 0

    def whiten(self, changes: Tensor) -> Tensor:
        """Whitened coordinates (n, size) of changes (n, H·W·C)."""
        return self.basis.analyse(changes) * self.root

    def gradient(self, whitened: Tensor) -> Tensor:
        """Gradients (n, H·W·C) of whitened coefficients (n, size)."""
        return self.basis.synthesise(whitened * self.root)

    def learn(self, live: Sequence[Measurements]) -> None:
        """Learn anew, if the lanes that are ``live`` passed a milestone; ended ones teach too."""
        asked = max(memory.asked for memory in live)
        if asked < self._milestones[0]:
            return
        while self._milestones[0] <= asked:
            last = self._milestones.pop(0)
            self._milestones = self._milestones or [2 * last]
        able = [memory for memory in self.memories if memory.count >= FEWEST]
        if not able:  # images of so few pixels that there are hardly any vertices
            return
        self._learn_noise(self._teachers(able, NOISE_TEACHERS))
        for _ in range(UPDATES if asked <= SETTLED else 1):
            self._learn_spectrum(self._teachers(able, TEACHERS))
        for memory in live:
            memory.follow(self.root)

    def _teachers(self, able: Sequence[Measurements], count: int) -> list[Measurements]:
        """The next ``count`` lanes, which take turns: each update hears others, at a fraction of the cost of all."""
        turns = range(self._turn, self._turn + min(count, len(able)))
        self._turn = turns.stop
        chosen = [able[turn % len(able)] for turn in turns]
        for memory in chosen:
            memory.follow(self.root)
        return chosen

    def _learn_noise(self, memories: Sequence[Measurements]) -> None:
        """Move to the neighbouring curvature and floor of highest evidence."""
        now = self.noise
        for choices in (
            [replace(now, curvature=now.curvature * f) for f in (1 / 3, 1, 3)],
            [replace(now, floor=now.floor * f) for f in (1 / 5, 1, 5) if 1e-4 <= now.floor * f <= 10],
        ):
            evidence = [sum(m.posterior(noise, 1).log_evidence() for m in memories) for noise in choices]
            best = choices[evidence.index(max(evidence))]
            now = replace(now, curvature=best.curvature) if best.floor == now.floor else replace(now, floor=best.floor)
        self.noise = now

    def _learn_spectrum(self, memories: Sequence[Measurements]) -> None:
        above, below = torch.zeros_like(self.root), torch.zeros_like(self.root)
        for memory in memories:
            posterior = memory.posterior(self.noise, RIVALS)
            above += (memory.back(posterior.weights).square() / posterior.amplitudes.unsqueeze(1)).mean(0)
            below += self._expected(memory, posterior)
        ratio = (self._smooth(above) / self._smooth(below)).clamp(0.1, 10) ** DAMPING
        self.root = self._scaled(self.root.square() * ratio).sqrt()

    def _expected(self, memory: Measurements, posterior: Posterior) -> Tensor:
        """diag Rᵀ (K + N)⁻¹ R, (size,), by random directions: (K + N)⁻¹ = L⁻ᵀ L⁻¹."""
        shape = (memory.count, PROBES)
        z = torch.randn(shape, generator=self._generator, device=self._generator.device)
        return memory.back(torch.linalg.solve_triangular(posterior.factor.T, z, upper=True)).square().mean(0)

    def _smooth(self, values: Tensor) -> Tensor:
        """Means over neighbouring frequencies of a colour, twice: by a triangle, which lets no ripple grow."""
        channels, height, width = self.basis.bands
        reach = min(REACH, height - 1, width - 1)
        smooth = values.view(channels, 1, height, width)
        for _ in range(2):
            smooth = F.avg_pool2d(F.pad(smooth, (reach,) * 4, mode="reflect"), 2 * reach + 1, 1)
        return smooth.flatten()

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
