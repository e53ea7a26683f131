"""Failure probabilities beside closed forms: how often the interval holds the truth, and at what cost.

``python -m benchmarks.probability`` writes results/failure_probability.json. Each case is a score whose failures have a
known share of a distribution: half-spaces and balls under normal noise (Φ, χ²), a cap of the L2 ball (the regularised
incomplete beta function), sums of whole numbers in the L∞ ball and of few pixels' colours (counted exactly). With a
network there is plain Monte Carlo.
"""

import argparse
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy import special, stats
from torch import Tensor

from benchmarks.board import measure
from pixelproof.data import load_data
from pixelproof.models import load_model
from pixelproof.models.query import Scorer
from pixelproof.probability.distribution import Distribution
from pixelproof.probability.schedule import Schedule
from pixelproof.probability.splitting import Splitting

RESULTS = Path("results/failure_probability.json")
SHARES = (1e-2, 1e-4, 1e-6, 1e-9)
_MOST_QUERIES = 20_000

Score = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Case:
    """``score`` of images n×H×W×C of grey levels around ``clean`` is above 0 on a ``share`` of ``distribution``."""

    name: str
    distribution: Distribution
    clean: Tensor
    share: float
    score: Score


def cases(share: float) -> Iterator[Case]:
    """Every closed form, at the share that is nearest to ``share`` where there are only some."""
    clean = torch.full((8, 8, 1), 128.0)
    normal = Distribution("normal", 1, "continuous")
    limit = float(stats.norm.isf(share))
    yield Case("a half-space, normal noise", normal, clean, share, lambda x: _change(x)[:, 0] - limit)
    each = float(stats.norm.isf(-np.expm1(np.log1p(-share) / 8)))
    yield Case("eight half-spaces, normal noise", normal, clean, share, lambda x: _change(x)[:, :8].amax(1) - each)
    radius = float(stats.chi2.isf(share, 50))
    far = "outside a ball of 50 dimensions, normal noise"
    yield Case(far, normal, clean, share, lambda x: (_change(x)[:, :50] ** 2).sum(1) - radius)
    ball, height = Distribution("l2", 10, "continuous"), _cap(share, 64)
    yield Case("a cap of the L2 ball", ball, clean, share, lambda x: _change(x)[:, 0] / 10 - height)
    tail = _tail([np.ones(7) / 7] * 24)
    least = _nearest(tail, share)
    sums = Distribution("linf", 3)
    yield Case("a sum, L∞ ball on the 8-bit grid", sums, clean, tail[least], lambda x: _above(x, 24, least))
    black, colours = torch.zeros(8, 8, 1), _few_pixels(64, 4)
    total = _nearest(colours, share)
    few = Distribution("l0", 4)
    yield Case("a sum of colours, four pixels", few, black, colours[total], lambda x: _half(x) - total + 0.5)


def _change(images: Tensor) -> Tensor:
    return images.flatten(1) - 128


def _above(images: Tensor, values: int, least: int) -> Tensor:
    """The sum of the first changes, each from −3 to 3, counted from the least there is."""
    return (_change(images)[:, :values] + 3).sum(1) - least + 0.5


def _half(images: Tensor) -> Tensor:
    return images.flatten(1)[:, :32].sum(1)


def _cap(share: float, dimension: int) -> float:
    """The height above which a cap of the unit ball has the ``share`` of its volume: ½ I(1 − h²; (D + 1)/2, ½)."""
    return float(np.sqrt(1 - special.betaincinv((dimension + 1) / 2, 0.5, 2 * share)))


def _tail(laws: list[npt.NDArray[np.float64]]) -> npt.NDArray[np.float64]:
    """P(sum ≥ k) of independent whole numbers with these ``laws``, for every k; all terms are positive."""
    law = laws[0]
    for each in laws[1:]:
        law = np.convolve(law, each)
    tail: npt.NDArray[np.float64] = law[::-1].cumsum()[::-1]
    return tail


def _few_pixels(places: int, chosen: int) -> npt.NDArray[np.float64]:
    """P(sum of the colours of those chosen pixels that lie in the first half ≥ k)."""
    tail = np.zeros(255 * chosen + 1)
    for inside in range(chosen + 1):
        weight = stats.hypergeom.pmf(inside, places, places // 2, chosen)
        of_these = _tail([np.ones(256) / 256] * inside) if inside else np.ones(1)
        tail[: len(of_these)] += weight * of_these
    return tail


def _nearest(tail: npt.NDArray[np.float64], share: float) -> int:
    return int(np.abs(np.log(np.maximum(tail, 1e-300)) - np.log(share)).argmin())


def split(case: Case, seed: int, schedule: Schedule) -> Splitting:
    """One image's splitting, to its end."""
    height, width, channels = case.clean.shape
    dimension = case.distribution.dimension((height, width, channels))
    splitting = Splitting(dimension, schedule, torch.Generator().manual_seed(seed))
    while not splitting.done:
        splitting.tell(case.score(case.distribution.images(splitting.ask(), case.clean)))
    return splitting


def closed_form_rows(repetitions: int) -> list[dict[str, Any]]:
    """Of every case how often the interval held its share, and the most queries of an image."""
    rows, schedule = [], Schedule()
    least = float(stats.binom.ppf(0.01, repetitions, 0.95)) / repetitions  # exact intervals hold less once in 100 times
    for share in SHARES:
        for case in cases(share):
            found = [split(case, seed, schedule) for seed in range(repetitions)]
            held = [each.estimate.low <= case.share <= each.estimate.high for each in found]
            ratios = [each.estimate.value / case.share for each in found if each.estimate.value is not None]
            covered, queries = float(np.mean(held)), max(each.queries for each in found)
            claim = f"{case.name}, share {case.share:.2e}"
            spread = {"median_of_estimate_to_truth": round(float(np.median(ratios)), 3) if ratios else None}
            rows.append(_row(f"interval holds the truth: {claim}", covered, "of repetitions", least, 1) | spread)
            rows.append(_row(f"queries of an image at most: {claim}", queries, "queries", _MOST_QUERIES, -1))
            print(rows[-2]["claim"], covered, queries, spread, flush=True)
    return [*rows, pooled(rows, repetitions)]


def pooled(rows: Sequence[dict[str, Any]], repetitions: int) -> dict[str, Any]:
    """How often the intervals of all closed forms together hold the truth."""
    shares = [row["value"] for row in rows if row["unit"] == "of repetitions"]
    total = repetitions * len(shares)
    least = float(stats.binom.ppf(0.01, total, 0.95)) / total
    claim = f"interval holds the truth: all {total} of {len(shares)} closed forms together"
    return _row(claim, float(np.mean(shares)), "of repetitions", least, 1)


def _row(claim: str, value: float, unit: str, target: float, sign: int) -> dict[str, Any]:
    holds = sign * value >= sign * target
    return {"claim": claim, "value": value, "unit": unit, "target": target, "holds": holds}


def network_rows(images: int, draws: int) -> list[dict[str, Any]]:
    """zoo:lenet: images whose share is near a hundredth, by splitting and by ``draws`` plain draws of their own."""
    data, model = load_data("bundled"), load_model("zoo:lenet")
    scorer, agreed = Scorer(model, 64, torch.device("cpu")), list[bool]()
    distribution, schedule = Distribution("linf", 12), Schedule()
    for k in range(len(data)):
        if len(agreed) == images:
            break
        case = _of_network(scorer, distribution, data.images[k], int(data.labels[k]))
        screened = torch.Generator().manual_seed(2 * 10**6 + k)
        if float(case.score(case.clean[None])[0]) > 0 or not 2 <= _failures(case, screened) <= 12:  # of 500
            continue
        found = split(case, k, schedule).estimate
        generator = torch.Generator().manual_seed(10**6 + k)
        failures = sum(_failures(case, generator) for _ in range(draws // 500))
        low, high = special.betaincinv(
            [failures or 1e-9, failures + 1], [draws - failures + 1, draws - failures], [0.025, 0.975]
        )
        agreed.append(found.low <= high and low <= found.high)
    claim = (
        f"zoo:lenet, {distribution.spec}: splitting and {draws:,} plain draws agree on {len(agreed)} images near 10⁻²"
    )
    return [_row(claim, float(np.mean(agreed)), "of images", 1.0, 1)]


def _of_network(scorer: Scorer, distribution: Distribution, image: npt.NDArray[np.uint8], label: int) -> Case:
    def score(images: Tensor) -> Tensor:
        scores = scorer(images)
        others = scores.clone()
        others[:, label] = -torch.inf
        return others.amax(1) - scores[:, label]

    return Case("zoo:lenet", distribution, torch.from_numpy(image.copy()).float(), float("nan"), score)


def _failures(case: Case, generator: torch.Generator) -> int:
    height, width, channels = case.clean.shape
    normal = torch.randn(500, case.distribution.dimension((height, width, channels)), generator=generator)
    return int((case.score(case.distribution.images(normal, case.clean)) > 0).sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=40)
    parser.add_argument("--images", type=int, default=8, help="of zoo:lenet, beside plain Monte Carlo")
    parser.add_argument("--draws", type=int, default=20_000)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    words = ["--repetitions", str(options.repetitions), "--images", str(options.images), "--draws", str(options.draws)]
    command = shlex.join(["python", "-m", "benchmarks.probability", *words])
    measure("probability/closed-forms", partial(closed_form_rows, options.repetitions), command, options.out)
    measure("probability/network", partial(network_rows, options.images, options.draws), command, options.out)


if __name__ == "__main__":
    main()
