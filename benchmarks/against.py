"""Section `against`: wall time and queries per second against ART, on the images that section `peers` gave it."""

import math
from functools import partial
from typing import Any

from benchmarks import board, networks
from benchmarks.judged import at_least
from benchmarks.missing import MissingError
from benchmarks.options import Options, Parts, Row
from benchmarks.ours import Own, assess
from benchmarks.peers import PEERS
from benchmarks.pictures import Pictures, correct

FASTER = 10
#: ART's attack, our canonical search with its budget, and how many times ART's queries per second it must reach.
CANONICAL = {
    "art-pixel-de": ("de", 2),
    "art-threshold-de": ("de", 2),
    "art-pixel-cma": ("cma-es", 3),
    "art-threshold-cma": ("sep-cma-es", 3),
}


def parts(options: Options) -> Parts:
    """One part for each of ART's attacks and thresholds that section `peers` has measured."""
    found: Parts = {}
    for peer in CANONICAL:
        for th in (3,) if options.small else (1, 3, 5, 10):
            found[f"default {peer} th={th}"] = partial(_default, options, peer, th)
            found[f"canonical {peer} th={th}"] = partial(_canonical, options, peer, th)
    return found


def _theirs(options: Options, peer: str, threshold: int) -> tuple[Row, Pictures, str]:
    name = networks.main_network()
    for row in board.rows("peers", options.out):
        if (row["peer"], row["threshold"], row["network"]) == (peer, threshold, name):
            network = networks.load(name)
            pictures = correct(network, options.data, len(row["indices"]))
            if list(pictures.indices) != row["indices"]:
                raise MissingError(f"{peer} was measured on other images; run: python -m benchmarks.bench peers.")
            return row, pictures, name
    raise MissingError(f"{peer} at th = {threshold} has not been measured on {name}; run: make bench SECTIONS=peers.")


def _default(options: Options, peer: str, threshold: int) -> list[Row]:
    """`auto` at the defaults of `quick`; where that fools fewer, at those of `standard`."""
    theirs, pictures, name = _theirs(options, peer, threshold)
    network = networks.load(name)
    for preset in ("quick", "standard"):
        own = assess(network, network, pictures, theirs["attack"], threshold, preset=preset, seed=options.seed)
        if sum(own.fooled) >= theirs["fooled"]:
            break
    ratio = theirs["seconds_per_image"] * len(pictures) / own.wall
    claim = f"{PEERS[peer].tool} ÷ pixelproof's default, th = {threshold}: wall time for the same images"
    return [_row(at_least(claim, ratio, "×", FASTER), theirs, own, preset)]


def _canonical(options: Options, peer: str, threshold: int) -> list[Row]:
    search, times = CANONICAL[peer]
    theirs, pictures, name = _theirs(options, peer, threshold)
    network = networks.load(name)
    own = assess(network, network, pictures, theirs["attack"], threshold, search, budget(peer, threshold),
                 preset="paper", precision="bfloat16", seed=options.seed)  # fmt: skip
    ratio = own.total_queries / own.seconds / theirs["queries_per_second"]
    claim = (
        f"{search}, bfloat16 verified in float32, ÷ {PEERS[peer].tool}, th = {threshold}: queries per second at the "
        "same budget"
    )
    return [_row(at_least(claim, ratio, "×", times), theirs, own, "paper")]


def budget(peer: str, threshold: int) -> int:
    """The most queries that ART's search makes of its own: 100 generations, with DE the first population too."""
    dimension = 3072 if "threshold" in peer else 5 * threshold
    if peer.endswith("-de"):
        return 101 * dimension * max(1, 400 // dimension) + 1
    return 100 * (4 + math.floor(3 * math.log(dimension))) + 1  # pycma's population


def _row(row: dict[str, Any], theirs: Row, own: Own, preset: str) -> Row:
    """``row`` holds only at equal or higher success."""
    fooled = sum(own.fooled)
    return {
        **row,
        "holds": bool(row["holds"]) and fooled >= theirs["fooled"],
        "success": {"ours": fooled, "theirs": theirs["fooled"], "of": theirs["attacked"]},
        "mean": {"ours": round(own.mean_queries, 1), "theirs": theirs["mean_queries"]},
        "seconds": {"ours": round(own.wall, 2), "theirs": round(theirs["seconds_per_image"] * own.pictures, 2)},
        "cpu_seconds": {
            "ours": round(own.cpu, 2),
            "theirs": round(theirs["cpu_seconds_per_image"] * own.pictures, 2),
        },
        "rate": {"ours": round(own.total_queries / own.seconds, 1), "theirs": theirs["queries_per_second"]},
        "rate_by_processor_time": {
            "ours": round(own.total_queries / own.attack_cpu, 1),
            "theirs": theirs["queries_per_cpu_second"],
        },
        "their_images_stopped": theirs["stopped"],
        "preset": preset,
        "peer": theirs["peer"],
        "attack": theirs["attack"],
        "threshold": theirs["threshold"],
    }
