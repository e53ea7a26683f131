"""Section `scale`: where the time goes, and what a query and the memory cost, as samples and images grow."""

from collections import Counter
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks import board, networks
from benchmarks.judged import at_least, at_most
from benchmarks.memory import peak_beside_model
from benchmarks.options import Options, Parts, Row
from benchmarks.ours import timed
from benchmarks.pictures import correct, enlarged, imagenet
from benchmarks.sampling import sampled, shares

SAMPLES, SIZES = (10, 100, 1_000), (32, 96, 224)
#: Queries for a sample at each of two attacks, fewer where images are large; the same for every number of samples.
BUDGET = {32: 100, 96: 60, 224: 40}
FLAT, MEMORY = 1.1, 2048


class Shrunk(nn.Module):
    """``network`` behind a mean over blocks of ``factor``×``factor``: large images at the price of small ones."""

    def __init__(self, network: nn.Module, factor: int) -> None:
        super().__init__()
        self.network, self.factor = network, factor

    def forward(self, x: Tensor) -> Any:
        return self.network(F.avg_pool2d(x, self.factor) if self.factor > 1 else x)


def parts(options: Options) -> Parts:
    """Profiles at each size and number of samples, then memory at 224×224."""
    found: Parts = {}
    for size in SIZES:
        for samples in SAMPLES:
            if not options.small or samples <= (100 if size == 32 else 10):
                found[f"profile {size}x{size} samples={samples}"] = partial(_profile, options, size, samples)
    for attack in ("few-pixel", "threshold"):
        found[f"memory 224x224 {attack}"] = partial(_memory, options, attack)
    return found


def _profile(options: Options, size: int, samples: int) -> list[Row]:
    name = networks.main_network()
    network = networks.load(name)
    pictures = enlarged(correct(network, options.data, samples), size)
    model = Shrunk(network, size // 32).eval()
    settings: dict[str, Any] = {
        "attacks": ["few-pixel", "threshold"],
        "levels": [1],
        "budget": BUDGET[size],
        "seed": options.seed,
    }
    counts = Counter[str]()
    run, clock = timed(model, pictures, watch=sampled(counts), **settings)
    timings, attacked = run.manifest.timings, len(run.manifest.selection.samples)
    run.close()
    # Of the processor, so that nothing else on the machine counts; where a GPU works, of the clock.
    cost = 1000 * (timings["seconds"] if torch.cuda.is_available() else clock.attack_cpu) / timings["queries"]
    base = [
        row["ms_per_query"]
        for row in board.rows("scale", options.out)
        if (row.get("size"), row.get("samples")) == (size, SAMPLES[0]) and samples > SAMPLES[0]
    ]
    about = {
        "network": f"{name} behind a mean over {size // 32}×{size // 32} pixels",
        "size": size,
        "samples": samples,
        "attacked": attacked,
        "ms_per_query": round(cost, 3),
        "queries": int(timings["queries"]),
        "wall_seconds": round(clock.wall, 1),
        "clock_ms_per_query": round(1000 * timings["seconds"] / timings["queries"], 3),
        "where_the_time_goes_in_per_cent": shares(counts),
    }
    share = shares(counts).get("models", 0.0)
    rows = [at_least(f"{size}×{size}, {samples:,} samples: time inside the model", share, "%", None, **about)]
    if base:
        claim = f"{size}×{size}: cost per query with {samples:,} samples ÷ with {SAMPLES[0]}"
        rows.append(at_most(claim, cost / base[0], "×", FLAT, network=about["network"]))
    return rows


def _memory(options: Options, attack: str) -> list[Row]:
    name = "efficientnet-lite0"
    pictures = imagenet(networks.load(name))
    if options.small:
        pictures = pictures.first(8)
    budget = 60 if options.small else 300
    alone, more = peak_beside_model(
        name, pictures, options.threads, attacks=[attack], levels=[3], budget=budget, seed=options.seed
    )
    claim = f"{name}, 224×224, {attack}, {len(pictures)} images: peak memory beside the model"
    return [at_most(claim, more, "MiB", MEMORY, network=name, model_alone=round(alone), budget=budget)]
