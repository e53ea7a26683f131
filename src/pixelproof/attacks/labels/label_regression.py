"""Label regression: the nearest image in L∞ from labels alone, by a model of the boundary that remembers every answer.

Ours; what HopSkipJump (Chen, Jordan & Wainwright, 2020) estimates anew at each step is here the posterior of a probit
regression in coordinates in which gradients of image classifiers are nearly uncorrelated (`ImageBasis`).
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pixelproof.attacks.attack import Attack
from pixelproof.attacks.goal import Goal
from pixelproof.attacks.labels.probit import Probit
from pixelproof.attacks.nearest import Nearest
from pixelproof.attacks.oracle import Oracle
from pixelproof.search.cohort import COLOUR_VARIANCES
from pixelproof.search.image_basis import ImageBasis
from pixelproof.search.one_thread import one_thread
from pixelproof.seeds import Streams
from pixelproof.units import to_levels, to_unit

#: Samples that are attacked at once: each holds a covariance of about 1,540² numbers.
LANES = 16
#: Frequencies on each side that are kept of all colours but the first, grey, which carries most of a gradient.
COLOUR_FREQUENCIES = 16
#: Probes of a round, and how far they change every value, as a share of the radius; one grey level at least.
PROBES, PROBE = 12, 0.3
#: Tries of a round: how much of the estimated gradient is added to the direction of the best image, and at what share
#: of its radius that is tried.
TRIES = ((1e3, 0.9), (1.0, 0.95), (0.3, 0.97), (0.1, 0.985))
#: By what factor those shares vary, in standard deviations of the logarithm, and the least step in grey levels.
JITTER, LEAST = 0.05, 0.1
#: Standard deviation of what a probe's answer has beside the gradient, and weight of what all answers have in common,
#: where a probe's own effect has a deviation of 1.
NOISE, OFFSET = 0.62, 0.3
#: Radii of the first vertices, and the frequency above which each of them is weakened, in turn.
FIRST_RADII = (8, 16, 24, 32, 48, 64, 96, 128, 128, 128, 255, 255, 255, 255)
FIRST_FREQUENCIES = (0.5, 1, 2, 4, 1, 2, 4, 8)
HALVINGS = 6


@dataclass(frozen=True)
class LabelRegression(Attack):
    """Nearest image in L∞, where the model sees 8 bits on their grid; ``queries`` of a sample at most.

    Near an image on the boundary the label says on which side of a plane a probe lies. All answers together are a
    probit regression of the plane's normal, from which follow the next vertices of a box that are tried, each with a
    smaller radius. On the grid, a radius between two grey levels is one where a share of the values is at the upper.
    """

    name = "label-regression"
    nearest_in = "linf"
    needs = "labels"
    positive = ("queries",)

    queries: int = 10_000

    def __call__(self, oracle: Oracle, images: Tensor, goal: Goal, streams: Streams) -> Tensor:
        nearest = Nearest(oracle, images, goal, "linf", self.queries)
        rows = goal.rows[~nearest.fools(images, goal.rows)]
        coordinates = Coordinates(ImageBasis((*images.shape[2:], images.shape[1]), images.device))
        for part in torch.split(rows, LANES):
            _Lanes(nearest, part, coordinates, streams.of(part)).go()
        return nearest.images


class Coordinates:
    """Whitened coordinates, D of them, of changes of an image: low frequencies of colours, all that are kept of grey.

    Changes and slopes have H·W·C numbers, the channels last.
    """

    def __init__(self, basis: ImageBasis) -> None:
        channels, down, across = basis.bands
        kept = torch.zeros(basis.bands, dtype=torch.bool)
        kept[0], kept[1:, :COLOUR_FREQUENCIES, :COLOUR_FREQUENCIES] = True, True
        self._basis, self._kept = basis, kept.flatten().nonzero().flatten().to(basis.window.device)
        variances = torch.tensor(COLOUR_VARIANCES if channels == 3 else (1.0,) * channels, device=basis.window.device)
        self._root = variances.sqrt().repeat_interleave(down * across)[self._kept]
        rise = torch.arange(down).square()[:, None] + torch.arange(across).square()
        self._frequency = rise.sqrt().expand(channels, -1, -1).flatten().to(basis.window.device)[self._kept]
        self.size = len(self._kept)

    @one_thread()
    def of(self, changes: Tensor) -> Tensor:
        """Coordinates (n, q, D) of changes (n, q, H·W·C)."""
        found = self._basis.analyse(changes.flatten(0, 1))[:, self._kept] * self._root
        return found.view(*changes.shape[:2], -1)

    @one_thread()
    def slopes(self, weights: Tensor) -> Tensor:
        """Slopes (n, q, H·W·C) of a linear function of weights (n, q, D)."""
        full = torch.zeros(*weights.shape[:2], self._basis.size, device=weights.device)
        full[:, :, self._kept] = weights * self._root
        return self._basis.synthesise(full.flatten(0, 1)).view(*weights.shape[:2], -1)

    def below(self, frequencies: Tensor) -> Tensor:
        """(q, D) factors that weaken what varies faster than each of ``frequencies``, (q,)."""
        return (1 + (self._frequency / frequencies[:, None]) ** 4).rsqrt()


class _Lanes:
    """Samples that are drawn nearer side by side: of each the vertex that fools, its radius, and the regression there.

    A vertex is told by its ``slopes``, n×d of mean square 1, whose signs it has, and by its radius.
    """

    def __init__(self, nearest: Nearest, rows: Tensor, coordinates: Coordinates, streams: Streams) -> None:
        self.nearest, self.coordinates, self.streams, self.rows = nearest, coordinates, streams, rows
        device = nearest.clean.device
        self.clean = to_levels(nearest.clean[rows]).flatten(1)
        self.slopes, self.radius = torch.zeros_like(self.clean), torch.full((len(rows),), torch.inf, device=device)
        self.whole = nearest.oracle.eight_bit  # whether changes are of whole grey levels
        self.centre = torch.full((len(rows),), 0.99, device=device)  # of the probes, as a share of the radius
        self.regression = Probit(len(rows), coordinates.size + 1, device)

    def go(self) -> None:
        """Until their queries are spent, or, on the grid, they lie one grey level away."""
        self._start()
        self._keep(self.radius.isfinite())
        self._bisect()
        while True:
            left = self.nearest.left(self.rows) >= PROBES + len(TRIES)
            self._keep(left & (self.radius > 1) if self.whole else left)
            if not len(self.rows):
                return
            self._round()

    def _keep(self, mask: Tensor) -> None:
        if bool(mask.all()):
            return
        self.streams = self.streams.of(mask.nonzero().flatten())
        self.rows, self.clean, self.slopes = self.rows[mask], self.clean[mask], self.slopes[mask]
        self.radius, self.centre = self.radius[mask], self.centre[mask]
        self.regression.keep(mask)

    def _start(self) -> None:
        """Vertices of random slopes, coarse ones too, at growing radii, until one of a sample's fools."""
        factors = self.coordinates.below(torch.tensor(FIRST_FREQUENCIES, device=self.clean.device))
        for radius in FIRST_RADII:
            left = self.nearest.left(self.rows) >= len(factors)
            waiting = (self.radius.isinf() & left).nonzero().flatten()
            if not len(waiting):
                return
            weights = factors * self.streams.of(waiting).normal(len(factors), self.coordinates.size)
            slopes = self.coordinates.slopes(weights)
            radii = torch.full(slopes.shape[:2], float(radius), device=slopes.device)
            self._adopt(waiting, slopes, radii, self._ask(waiting, self._vertices(waiting, slopes, radii)))

    def _bisect(self) -> None:
        """Where on the way from the clean image to the vertex the answer changes."""
        every, low = torch.arange(len(self.rows), device=self.rows.device), torch.zeros_like(self.radius)
        for _ in range(HALVINGS):
            middle, slopes = ((low + self.radius) / 2)[:, None], self.slopes[:, None]
            fooling = self._ask(every, self._vertices(every, slopes, middle))
            low = torch.where(fooling[:, 0], low, middle[:, 0])
            self._adopt(every, slopes, middle, fooling)

    def _round(self) -> None:
        every = torch.arange(len(self.rows), device=self.rows.device)
        here = self._vertices(every, self.slopes[:, None], self.radius[:, None])
        ways, radii = self._ways()
        asked = torch.cat([self._probes(every), self._vertices(every, ways, radii)], 1)
        fooling = self._ask(every, asked)
        self._learn(asked - here, fooling)
        self._adopt(every, ways, radii, fooling[:, PROBES:])
        # Half of the probes fool where their centre lies on the boundary.
        self.centre *= torch.exp(-0.02 * (fooling[:, :PROBES].float().mean(1) - 0.5))
        self.centre.clamp_(0.7, 1.05)

    def _probes(self, every: Tensor) -> Tensor:
        """(n, PROBES, d) changes: all values a little off the boundary, up or down by the signs of random slopes."""
        centre = self._vertices(every, self.slopes[:, None], (self.radius * self.centre)[:, None])
        size = PROBE * self.radius[:, None, None]
        size = size.clamp(min=1).round() if self.whole else size
        slopes = self.coordinates.slopes(self.streams.normal(PROBES, self.coordinates.size))
        return self._cut(every, centre + size * slopes.sign())

    def _ways(self) -> tuple[Tensor, Tensor]:
        """(n, t, d) slopes and (n, t) radii of what is tried."""
        shares, scales = torch.tensor(TRIES, device=self.radius.device).unbind(1)
        gradient = _unit(self.coordinates.slopes(self.regression.mean[:, None, :-1]))
        jitter = torch.exp(JITTER * self.streams.normal(1)).clamp(max=1.02)
        radii = self.radius[:, None] * scales
        if self.whole:
            radii = radii.minimum(self.radius[:, None] - LEAST).clamp(min=1)
        return _unit(self.slopes[:, None] + shares[:, None] * gradient), radii * jitter

    def _learn(self, changes: Tensor, fooling: Tensor) -> None:
        """Take in the answers to ``changes`` of the vertex, (n, q, d)."""
        features = self.coordinates.of(changes)
        sizes = features.square().sum(2, keepdim=True).sqrt()
        features = features / sizes.mean(1, keepdim=True).clamp(min=1e-12)
        noise = NOISE * ((features.square().sum(2, keepdim=True) + OFFSET) / (1 + OFFSET)).sqrt()
        offset = torch.full_like(sizes, OFFSET)
        self.regression.observe(torch.cat([features, offset], 2) / noise, fooling)

    def _ask(self, which: Tensor, changes: Tensor) -> Tensor:
        """Whether ``changes`` (n, q, d) of the samples ``which`` fool: (n, q) bools."""
        return self.nearest.answers(
            self._images(which, changes), self.rows[which].repeat_interleave(changes.shape[1])
        ).view(changes.shape[:2])

    def _adopt(self, which: Tensor, slopes: Tensor, radii: Tensor, fooling: Tensor) -> None:
        """Go on from the nearest of the vertices that fool, where it is nearer than what there is."""
        nearest, k = radii.masked_fill(~fooling, torch.inf).min(1)
        better = (nearest < self.radius[which]).nonzero().flatten()
        which, k = which[better], k[better]
        self.slopes[which], self.radius[which] = _unit(slopes[better, k]), nearest[better]
        vertices = self._vertices(which, self.slopes[which][:, None], self.radius[which][:, None])
        self.nearest.keep(self._images(which, vertices), self.rows[which])

    def _vertices(self, which: Tensor, slopes: Tensor, radii: Tensor) -> Tensor:
        """(n, q, d) changes of the samples ``which`` to vertices by the signs of ``slopes``, at ``radii``, (n, q)."""
        if not self.whole:
            return self._cut(which, slopes.sign() * radii[..., None])
        upper = radii.ceil()[..., None]
        # Of a radius between two levels, so many values are at the lower one: those whose slopes are flattest.
        below = ((upper.squeeze(2) - radii) * slopes.shape[2]).floor()
        order = slopes.abs().argsort(dim=2, stable=True).argsort(dim=2)
        size = upper - (order < below[..., None]).to(upper.dtype)
        return self._cut(which, torch.where(slopes > 0, size, -size))

    def _cut(self, which: Tensor, changes: Tensor) -> Tensor:
        clean = self.clean[which][:, None]
        return (clean + changes).clamp(0, 255) - clean

    def _images(self, which: Tensor, changes: Tensor) -> Tensor:
        """(n·q)×C×H×W in [0, 1]."""
        channels, height, width = self.nearest.clean.shape[1:]
        return to_unit((self.clean[which][:, None] + changes).view(-1, height, width, channels))


def _unit(slopes: Tensor) -> Tensor:
    """``slopes`` (…, d) at a mean square of 1, or 0."""
    sizes: Tensor = slopes.norm(dim=-1, keepdim=True) / math.sqrt(slopes.shape[-1])
    return slopes / sizes.clamp(min=1e-12)
