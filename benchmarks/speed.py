"""Section `speed`: what an attack takes beside its model, and the wall time to the same success."""

import statistics
import time
from collections import Counter
from functools import partial
from typing import Self

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from benchmarks import networks
from benchmarks.check import to_unit
from benchmarks.judged import at_most
from benchmarks.options import Options, Parts, Row
from benchmarks.ours import MODEL_FREE, Own, assess
from benchmarks.pictures import Pictures, correct
from pixelproof.models import wrap_model

REPEATS, OWN_REPEATS = 5, 3
#: The overhead of searches that keep no model of the network, where a query costs much and where it costs little.
OVERHEAD = {"cpu": 1.05, "cuda": 1.25}
OWN_MS = 0.4
THREADS = 1.0
#: Attack, threshold, queries an image; th = 1 so that few images end early and the batch stays full.
CHEAP = (
    ("de", "few-pixel", 1, 400),
    ("de", "threshold", 1, 400),
    ("cma-es", "few-pixel", 1, 400),
    ("sep-cma-es", "threshold", 1, 400),
    ("sparse-random", "few-pixel", 1, 400),
    ("square", "threshold", 1, 400),
)
KEEPING = (
    ("auto", "few-pixel", 3, 1_000),
    ("auto", "threshold", 1, 1_000),
    ("auto", "threshold", 3, 1_000),
)


def parts(options: Options) -> Parts:
    """The cheap searches' overhead, the model-keeping searches' own milliseconds, and races to the same success."""
    found: Parts = {f"overhead {search} {attack}": partial(_overhead, options, search, attack, th, budget)
                    for search, attack, th, budget in CHEAP}  # fmt: skip
    for search, attack, th, budget in KEEPING:
        found[f"own {search} {attack} th={th}"] = partial(_own, options, search, attack, th, budget)
    for attack in ("few-pixel", "threshold"):
        found[f"threads {attack}"] = partial(_threads, options, attack)
        for th in (3,) if options.small else (1, 3, 5, 10):
            found[f"race {attack} th={th}"] = partial(_race, options, attack, th)
    return found


class Pairs:
    """An attack and its model alone, taken in turn, so that whatever else the machine does weighs on both."""

    def __init__(self, network: nn.Module, pictures: Pictures, options: Options, repeats: int) -> None:
        self.network, self.pictures, self.options, self.repeats = network, pictures, options, repeats
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self._classifier = wrap_model(network, device=torch.device(self.device))
        self._batch: Tensor = to_unit(pictures.images).to(self.device, memory_format=torch.channels_last)

    def measure(self, search: str, attack: str, threshold: int, budget: int) -> list[tuple[Own, float, float]]:
        """Each attack with the seconds, wall and processor, of its queries alone: the mean of before and after."""
        self._attack(search, attack, threshold, min(budget, 60))  # warms up
        own = self._attack(search, attack, threshold, budget)
        before, pairs = self._alone(own), []
        for _ in range(self.repeats):
            own = self._attack(search, attack, threshold, budget)
            after = self._alone(own)
            pairs.append((own, (before[0] + after[0]) / 2, (before[1] + after[1]) / 2))
            before = after
        return pairs

    def _attack(self, search: str, attack: str, threshold: int, budget: int) -> Own:
        return assess(self.network, self.network, self.pictures, attack, threshold, search, budget,
                      seed=self.options.seed)  # fmt: skip

    def _alone(self, own: Own) -> tuple[float, float]:
        """Seconds, wall and processor, for as many queries in batches of the attack's size."""
        rows = torch.arange(own.batch, device=self.device) % len(self._batch)
        batch = self._batch[rows].contiguous(memory_format=torch.channels_last)
        self._classifier.scores(batch)
        self._wait()
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(-(-own.total_queries // own.batch)):
            self._classifier.scores(batch)
        self._wait()
        return time.perf_counter() - wall, time.process_time() - cpu

    def _wait(self) -> None:
        if self.device == "cuda":
            torch.cuda.synchronize()


def _pairs(options: Options) -> tuple[str, Pairs]:
    name = networks.main_network()
    network = networks.load(name)
    images = 10 if options.small else 60
    return name, Pairs(network, correct(network, options.data, images), options, 3 if options.small else REPEATS)


def _overhead(options: Options, search: str, attack: str, threshold: int, budget: int) -> list[Row]:
    name, pairs = _pairs(options)
    measured = pairs.measure(search, attack, threshold, budget)
    ratios = [own.seconds / alone for own, alone, _ in measured]
    return [
        at_most(
            f"overhead: {attack} by {search}, wall time ÷ model alone",
            statistics.median(ratios),
            "×",
            OVERHEAD[pairs.device],
            network=name,
            spread=[round(min(ratios), 3), round(max(ratios), 3)],
            by_processor_time=round(statistics.median(own.attack_cpu / alone for own, _, alone in measured), 3),
            batch=measured[0][0].batch,
            queries=measured[0][0].total_queries,
            model_ms_per_query=_ms(statistics.median(alone for _, alone, _ in measured), measured[0][0]),
        )
    ]


def _own(options: Options, search: str, attack: str, threshold: int, budget: int) -> list[Row]:
    """What is not spent inside the network (which counts the rows that fill a batch up as its own)."""
    name = networks.main_network()
    network = networks.load(name)
    pictures = correct(network, options.data, 20 if options.small else 40)
    spent, inside, found = [], [], Counter[str]()
    for _ in range(OWN_REPEATS):
        clock = Stopwatch(network)
        own = assess(network, network, pictures, attack, threshold, search, budget, seed=options.seed, watch=clock)
        spent.append(1000 * (own.seconds - clock.seconds) / own.total_queries)
        inside.append(1000 * clock.seconds / own.total_queries)
        found.update(own.found_by)
    return [
        at_most(
            f"own time: {attack} by {search}, th = {threshold}, wall time outside the network",
            statistics.median(spent),
            "ms per query",
            OWN_MS,
            network=name,
            spread=[round(min(spent), 3), round(max(spent), 3)],
            found_by=dict(found),
            queries=own.total_queries,
            model_ms_per_query=round(statistics.median(inside), 3),
        )
    ]


def _threads(options: Options, attack: str) -> list[Row]:
    """Two threads beside one, in turn."""
    name = networks.main_network()
    network = networks.load(name)
    pictures = correct(network, options.data, 20 if options.small else 40)
    seconds: dict[int, list[float]] = {1: [], 2: []}
    before = torch.get_num_threads()
    try:
        for _ in range(OWN_REPEATS):
            for threads, times in seconds.items():
                torch.set_num_threads(threads)
                times.append(assess(network, network, pictures, attack, 3, "auto", 1_000, seed=options.seed).seconds)
    finally:
        torch.set_num_threads(before)
    one, two = (statistics.median(times) for times in seconds.values())
    return [
        at_most(
            f"{attack} by auto, th = 3: wall time of two threads ÷ one",
            two / one,
            "×",
            THREADS,
            network=name,
            seconds={"one": round(one, 2), "two": round(two, 2)},
        )
    ]


class Stopwatch:
    """Seconds spent inside a network while entered."""

    def __init__(self, network: nn.Module) -> None:
        self.network, self.seconds, self._begun = network, 0.0, 0.0
        self._hooks: list[RemovableHandle] = []

    def __enter__(self) -> Self:
        self._hooks = [
            self.network.register_forward_pre_hook(self._begin),
            self.network.register_forward_hook(self._end),
        ]
        return self

    def __exit__(self, *_: object) -> None:
        for hook in self._hooks:
            hook.remove()

    def _begin(self, *_: object) -> None:
        self._begun = self._now()

    def _end(self, *_: object) -> None:
        self.seconds += self._now() - self._begun

    @staticmethod
    def _now() -> float:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        return time.perf_counter()


def _ms(seconds: float, own: Own) -> float:
    return round(1000 * seconds / own.total_queries, 3)


def _race(options: Options, attack: str, threshold: int) -> list[Row]:
    """Wall time of `auto` until it has fooled as many images as the model-free search in 1,000 queries."""
    name = networks.main_network()
    network = networks.load(name)
    pictures = correct(network, options.data, 20 if options.small else options.images)
    free = MODEL_FREE[attack]

    def run(search: str, budget: int) -> Own:
        return assess(network, network, pictures, attack, threshold, search, budget, seed=options.seed)

    first = run("auto", 1_000)
    race = run(free, 1_000)
    budget = next((q for q in range(10, 1_001, 10) if first.success_within(q - 1) >= race.success), 1_000)
    ratios, worked = [], []
    for _ in range(1 if options.small else 3):
        keeping, race = run("auto", budget), run(free, 1_000)
        ratios.append(keeping.seconds / race.seconds)
        worked.append(keeping.attack_cpu / race.attack_cpu)
    return [
        at_most(
            f"race: {attack}, th = {threshold}, wall time of auto ÷ {free} to the same success",
            statistics.median(ratios),
            "×",
            1.0,
            network=name,
            spread=[round(min(ratios), 3), round(max(ratios), 3)],
            by_processor_time=round(statistics.median(worked), 3),
            success={"auto": round(keeping.success, 1), free: round(race.success, 1)},
            budgets={"auto": budget, free: 1_000},
        )
    ]
