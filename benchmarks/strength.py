"""Section `strength`: success and queries at th = 1, 3, 5, 10, of `auto`, the model-free and the canonical searches."""

from functools import partial

from benchmarks import networks
from benchmarks.judged import at_least, at_most
from benchmarks.options import THRESHOLDS, Options, Parts, Row
from benchmarks.ours import MODEL_FREE, PUBLISHED, assess
from benchmarks.pictures import correct

#: attack, budget: for each threshold the success in % and the mean queries to reach, on the public ResNet-20's first
#: 100 correctly classified test images.
TARGETS: dict[tuple[str, int], dict[int, tuple[float, float | None]]] = {
    ("few-pixel", 1_000): {1: (30, 70), 3: (83, 215), 5: (97, 80), 10: (100, 28)},
    ("threshold", 1_000): {1: (55, 600), 3: (98, 170), 5: (100, 95), 10: (100, 40)},
    ("threshold", 200): {1: (31, None), 3: (65, None), 5: (88, None), 10: (96, None)},
    ("threshold", 10_000): {1: (75, None)},
}
#: Beyond the prototype: th = 1 at 1,000 queries.
BEYOND = 65
CANONICAL = {"few-pixel": ("brusle", "de", "cma-es"), "threshold": ("de", "sep-cma-es")}


def parts(options: Options) -> Parts:
    """One part a search, attack, threshold and budget."""
    found: Parts = {}
    for (attack, budget), targets in TARGETS.items():
        for threshold in targets:
            if not (options.small and budget > 1_000):
                _add(found, options, "auto", attack, threshold, budget)
    for attack, searches in CANONICAL.items():
        for search in dict.fromkeys((MODEL_FREE[attack], PUBLISHED[attack], *(() if options.small else searches))):
            for threshold in THRESHOLDS[:2] if options.small else THRESHOLDS:
                _add(found, options, search, attack, threshold, 1_000)
    return found


def _add(found: Parts, options: Options, search: str, attack: str, threshold: int, budget: int) -> None:
    title = f"{search} {attack} th={threshold} queries={budget}"
    found[title] = partial(_part, options, search, attack, threshold, budget)


def _part(options: Options, search: str, attack: str, threshold: int, budget: int) -> list[Row]:
    name = networks.main_network()
    network = networks.load(name)
    images = options.images if search == "auto" or not options.small else 20
    own = assess(
        network,
        network,
        correct(network, options.data, images),
        attack,
        threshold,
        search,
        budget,
        seed=options.seed,
    )
    judged = search == "auto" and name == "public-resnet20" and options.images == 100
    success, mean = TARGETS[attack, budget][threshold] if judged else (None, None)
    claim = f"{search}: {attack}, th = {threshold}, {budget:,} queries"
    about = {
        "network": name,
        "search": search,
        "attack": attack,
        "threshold": threshold,
        "budget": budget,
        "seed": options.seed,
    }
    rows = [at_least(claim, own.success, "% of images fooled", success, **about, **own.extras())]
    if mean is not None:
        # Where the few-pixel search may give up, at one pixel, what it asked counts; else a failure is a whole budget.
        given_up = attack == "few-pixel" and threshold == 1
        value = own.mean_queries if given_up else own.mean_full
        rows.append(at_most(claim, value, "mean queries", mean, **about))
    if judged and (attack, threshold, budget) == ("threshold", 1, 1_000):
        rows.append(at_least(f"{claim}: beyond the prototype", own.success, "% of images fooled", BEYOND, **about))
    return rows
