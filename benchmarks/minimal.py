"""Section `minimal`: the median least L∞ threshold with 10,000 queries, against a white-box minimal-norm attack."""

from functools import partial
from typing import Any

import numpy as np
from torch import nn

from benchmarks import networks
from benchmarks.judged import at_most
from benchmarks.options import Options, Parts, Row
from benchmarks.ours import timed
from benchmarks.pictures import Pictures, correct, later
from benchmarks.whitebox import minimal_thresholds

WITHIN, QUERIES, HIGHEST = 1.3, 10_000, 16


def parts(options: Options) -> Parts:
    """One part a network; a hardened one has thresholds worth telling apart."""
    names = [networks.main_network(), *([] if options.small else ["lenet", "adversarial"])]
    return {name: partial(_part, options, name) for name in names}


def _part(options: Options, name: str) -> list[Row]:
    network = networks.load(name)
    pictures = correct(network, options.data, 10 if options.small else options.images, later(options.data))
    limit = minimal_thresholds(network, pictures, HIGHEST, restarts=1 if options.small else 3, seed=options.seed)
    found, queries = black_box(network, pictures, options.seed)
    ratio = float(np.median(found) / np.median(limit))
    claim = f"{name}: median minimal L∞ threshold with {QUERIES:,} queries ÷ white-box"
    return [
        at_most(
            claim,
            ratio,
            "×",
            WITHIN,
            network=name,
            median={"ours": float(np.median(found)), "white-box": float(np.median(limit))},
            mean={"ours": round(float(np.mean(found)), 2), "white-box": round(float(np.mean(limit)), 2)},
            each_over_white_box=round(float(np.mean(found / limit)), 3),
            mean_queries=round(float(np.mean(queries)), 1),
            attacked=len(pictures),
            none_found=int((found > HIGHEST).sum()),
        )
    ]


def black_box(network: nn.Module, pictures: Pictures, seed: int) -> tuple[Any, Any]:
    """pixelproof's least thresholds and the queries each picture took; ``HIGHEST`` + 1 where nothing was found."""
    run, _ = timed(network, pictures, attacks=["threshold"], minimal=HIGHEST, budget=QUERIES, seed=seed)
    found = np.full(len(pictures), HIGHEST + 1, np.int64)
    queries = np.zeros(len(pictures), np.int64)
    for record in run.records():
        queries[record.sample] += record.queries
        if record.success and record.linf is not None:
            found[record.sample] = min(found[record.sample], record.linf)
    run.close()
    return found, queries
