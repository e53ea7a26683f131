"""Section `photographs`: searches beside the published ones on photographs and networks of the size people deploy."""

from functools import partial

from torch import nn

from benchmarks import networks
from benchmarks.judged import at_least
from benchmarks.limited import run_peer
from benchmarks.options import Options, Parts, Row
from benchmarks.ours import assess
from benchmarks.peers import PEERS
from benchmarks.pictures import Pictures, photographs
from pixelproof.jobs.assess_spec import SPARSE_RS_PIXELS

BUDGET, LEAD = 1_000, 1.5
#: Networks, each with the side of its images.
NETWORKS = {"efficientnet-lite0-onnx": 224, "efficientnet-lite1-onnx": 240}
#: Photographs, in full and in small.
IMAGES = (20, 4)
#: Levels of each attack.
LEVELS = (("threshold", 1), ("threshold", 3), ("few-pixel", 10), ("few-pixel", 50), ("few-pixel", 250))
#: A peer's program, and searches of ours that follow what was published.
RIVALS = {"threshold": ("pyautoattack-square",), "few-pixel": ("sparse-rs", "brusle")}


def parts(options: Options) -> Parts:
    """One part a network, an attack and a level."""
    return {
        f"{name} {attack} th={th}": partial(_part, options, name, attack, th)
        for name in list(NETWORKS)[: 1 if options.small else None]
        for attack, th in LEVELS
    }


def _part(options: Options, name: str, attack: str, threshold: int) -> list[Row]:
    network = networks.load(name)
    pictures = photographs(network, NETWORKS[name], IMAGES[options.small])
    auto = assess(network, network, pictures, attack, threshold, "auto", BUDGET, seed=options.seed)
    rows = []
    for rival in RIVALS[attack]:
        if rival == "sparse-rs" and threshold > SPARSE_RS_PIXELS:
            continue
        success, mean = _rival(rival, options, name, network, pictures, attack, threshold)
        about = {
            "network": name,
            "success": {"auto": round(auto.success, 1), rival: round(success, 1)},
            "mean": {"auto": round(auto.mean_full, 1), rival: round(mean, 1)},
            "pictures": len(pictures),
            "found_by": auto.found_by,
            "refused": auto.refused,
        }
        claim = f"{name}: {attack}, th = {threshold}, {BUDGET:,} queries"
        rows.append(at_least(f"{claim}: success of auto − {rival}", auto.success - success, "points", 0.0, **about))
        rows.append(at_least(f"{claim}: mean queries of {rival} ÷ auto", mean / auto.mean_full, "×", LEAD, **about))
    return rows


def _rival(
    rival: str, options: Options, name: str, network: nn.Module, pictures: Pictures, attack: str, threshold: int
) -> tuple[float, float]:
    """Per cent fooled and mean queries, a failure counted as the budget, of a peer or of a search of ours."""
    if rival in PEERS:
        found = run_peer(rival, name, pictures, threshold, options.limit, options.threads)
        return 100 * sum(found.fooled) / len(pictures), found.queries / len(pictures)
    own = assess(network, network, pictures, attack, threshold, rival, BUDGET, seed=options.seed)
    return own.success, own.mean_full
