"""Recall of the few-pixel search at th = 1: of the images that one pixel is known to break, how many `auto` finds.

What is known is the truth of `benchmarks.proofs.truth` and what any of our searches found.
"""

from collections.abc import Sequence
from pathlib import Path

from benchmarks import networks
from benchmarks.judged import at_least
from benchmarks.missing import MissingError
from benchmarks.options import Options, Row
from benchmarks.ours import Own, assess
from benchmarks.pictures import correct, later
from benchmarks.proofs import truth

#: Networks of different families; no image and no answer of the last was looked at when constants were chosen.
NETWORKS = ("lenet", "public-resnet20", "strided-cnn", "preact-resnet20")
IMAGES = 30
#: Queries of the presets `quick` and `standard`, and the share of the breakable images that each is to find, in %.
TARGETS = {1_000: 95.0, 10_000: 99.0}


def rows(options: Options, folder: Path, names: Sequence[str] = NETWORKS, ask_again: bool = False) -> list[Row]:
    """A row a network and budget, and one a budget over all of them; ``folder`` keeps the truth.

    With ``ask_again`` the recorded truth is not read, and hours go by.
    Networks whose weights are not at hand are left out.
    """
    found: list[Row] = []
    breakable, hits = 0, dict.fromkeys(TARGETS, 0)
    for name in names:
        try:
            network = networks.load(name)
        except MissingError as error:
            print(f"{name}: left out. {error}", flush=True)
            continue
        pictures = correct(network, options.data, IMAGES, later(options.data))
        known = truth.breakable(network, name, pictures, folder, ask_again)
        runs = {
            budget: assess(network, network, pictures, "few-pixel", 1, "auto", budget, seed=options.seed)
            for budget in TARGETS
        }
        broken = [any(each) for each in zip(known, *(own.fooled for own in runs.values()), strict=True)]
        breakable += sum(broken)
        for budget, own in runs.items():
            hits[budget] += sum(own.fooled)
            found.append(
                _row(f"{name}, images from {later(options.data)} on", budget, sum(own.fooled), sum(broken), own)
            )
    found += [_row("all networks", budget, hits[budget], breakable, None) for budget in TARGETS if breakable]
    return found


def _row(about: str, budget: int, hits: int, breakable: int, own: Own | None) -> Row:
    claim = f"{about}: few-pixel, th = 1, {budget:,} queries, images found of those that one pixel breaks"
    value = 100 * hits / breakable if breakable else 100.0
    beside = {} if own is None else {"mean_queries_found": round(_mean_found(own), 1), **own.extras()}
    return at_least(claim, value, "%", TARGETS[budget], found=hits, breakable=breakable, budget=budget, **beside)


def _mean_found(own: Own) -> float:
    """Mean queries over the images that broke."""
    spent = [queries for fooled, queries in zip(own.fooled, own.queries, strict=True) if fooled]
    return sum(spent) / max(len(spent), 1)
