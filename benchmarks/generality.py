"""Section `generality`: the lead on other images and networks; no loss where scores are poor or images large."""

from collections.abc import Callable
from functools import partial

from torch import nn

from benchmarks import networks
from benchmarks.judged import at_least
from benchmarks.options import Options, Parts, Row
from benchmarks.ours import MODEL_FREE, PUBLISHED, Own, assess, need
from benchmarks.pictures import Pictures, correct, imagenet, later
from benchmarks.variants import VARIANTS, variant

LEAD, LOSS = 2.0, -2.0
#: Images for a network, as it is dear; in full and in small.
IMAGES = {"public-resnet20": (100, 20), "resnet20": (100, 20), "lenet": (100, 40), "resnet18": (20, 4)}
#: Networks so dear that both searches ask them in bfloat16; what they find is verified in float32 all the same.
DEAR = ("efficientnet-lite0",)
#: Attack and threshold at which success is compared where the scores are poor, the network hardened, the images large.
POOR = (("threshold", 1), ("threshold", 3), ("few-pixel", 3))
HARDENED = (("threshold", 5), ("threshold", 10), ("few-pixel", 3), ("few-pixel", 5))
LARGE = (("threshold", 1), ("threshold", 3), ("few-pixel", 10))


def parts(options: Options) -> Parts:
    """Leads first, then comparisons."""
    found: Parts = {}
    for name in (networks.main_network(), "lenet", "resnet18"):
        found[f"lead {name} threshold th=1"] = partial(_success_lead, options, name)
        for attack in ("threshold", "few-pixel"):
            for th in (3,) if options.small else (3, 5):
                found[f"lead {name} {attack} th={th}"] = partial(_query_lead, options, name, attack, th)
    small = options.small
    for scores in VARIANTS:
        for attack, th in POOR[:1] if small else POOR:
            found[f"{scores} {attack} th={th}"] = partial(_poor, options, scores, attack, th)
    for attack, th in HARDENED[:1] if small else HARDENED:
        found[f"adversarial {attack} th={th}"] = partial(_hardened, options, attack, th)
    for attack, th in LARGE[:1] if small else LARGE:
        found[f"224x224 {attack} th={th}"] = partial(_large, options, attack, th)
    return found


def _both(
    options: Options, make: Callable[[], nn.Module], judge: nn.Module, pictures: Pictures, attack: str, threshold: int,
    budget: int, precision: str = "float32", rivals: dict[str, str] = MODEL_FREE,
) -> tuple[Own, Own]:  # fmt: skip
    auto, free = (
        assess(make(), judge, pictures, attack, threshold, search, budget, seed=options.seed, precision=precision)
        for search in ("auto", need(rivals[attack]))
    )
    return auto, free


def _precision(name: str) -> str:
    return "bfloat16" if name in DEAR else "float32"


def _lead(options: Options, name: str, attack: str, threshold: int) -> tuple[Own, Own, int]:
    network, start = networks.load(name), later(options.data)
    pictures = correct(network, options.data, IMAGES[name][options.small], start)
    both = _both(options, lambda: network, network, pictures, attack, threshold, 1_000, _precision(name), PUBLISHED)
    return *both, start


def _success_lead(options: Options, name: str) -> list[Row]:
    auto, free, start = _lead(options, name, "threshold", 1)
    ratio = auto.success / max(free.success, 100 / len(free.fooled))
    claim = f"{name}, images from {start} on: threshold, th = 1, 1,000 queries, success of auto ÷ square"
    return [at_least(claim, ratio, "×", LEAD, network=name, **_beside(auto, free, "square"))]


def _query_lead(options: Options, name: str, attack: str, threshold: int) -> list[Row]:
    auto, free, start = _lead(options, name, attack, threshold)
    search = PUBLISHED[attack]
    claim = (
        f"{name}, images from {start} on: {attack}, th = {threshold}, 1,000 queries, mean queries of {search} ÷ auto"
    )
    return [
        at_least(claim, free.mean_full / auto.mean_full, "×", LEAD, network=name, **_beside(auto, free, search)),
    ]


def _no_worse(claim: str, auto: Own, free: Own, attack: str) -> Row:
    search = MODEL_FREE[attack]
    return at_least(
        f"{claim}, success of auto − {search}", auto.success - free.success, "points", LOSS,
        **_beside(auto, free, search),
    )  # fmt: skip


def _poor(options: Options, scores: str, attack: str, threshold: int) -> list[Row]:
    name = networks.main_network()
    network = networks.load(name)
    pictures = correct(network, options.data, 20 if options.small else options.images, later(options.data))
    auto, free = _both(
        options, lambda: variant(scores, network, options.seed), network, pictures, attack, threshold, 1_000
    )
    return [_no_worse(f"{name} with {scores}: {attack}, th = {threshold}, 1,000 queries", auto, free, attack)]


def _hardened(options: Options, attack: str, threshold: int) -> list[Row]:
    network = networks.load("adversarial")
    pictures = correct(network, options.data, 20 if options.small else options.images, later(options.data))
    auto, free = _both(options, lambda: network, network, pictures, attack, threshold, 1_000)
    claim = f"adversarially trained network: {attack}, th = {threshold}, 1,000 queries"
    return [_no_worse(claim, auto, free, attack)]


def _large(options: Options, attack: str, threshold: int) -> list[Row]:
    name = "efficientnet-lite0"
    network = networks.load(name)
    pictures = imagenet(network)
    if options.small:
        pictures = pictures.first(4)
    budget = 200 if options.small else 1_000
    auto, free = _both(options, lambda: network, network, pictures, attack, threshold, budget, _precision(name))
    claim = f"{name}, 224×224: {attack}, th = {threshold}, {budget:,} queries"
    return [_no_worse(claim, auto, free, attack)]


def _beside(auto: Own, free: Own, search: str) -> dict[str, object]:
    return {
        "success": {"auto": round(auto.success, 1), search: round(free.success, 1)},
        "mean": {"auto": round(auto.mean_full, 1), search: round(free.mean_full, 1)},
        "attacked": {"auto": len(auto.fooled), search: len(free.fooled)},
        "found_by": auto.found_by,
        "refused": {"auto": auto.refused, search: free.refused},
    }
