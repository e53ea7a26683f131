"""Does a gate fail a slightly worse network, and not the same one with another seed? Write results/gates.json.

Usage: python -m benchmarks.gates [seed] [worse] [samples] [--data SPEC] [--images N] [--queries N] [--out FILE]

Twenty pairs: two networks of the zoo, each on ten parts of the images. *Another seed*: the same network, searched with
other chance. *Slightly worse*: its weights with normal noise. How much noise, and how many images a pair has, follows
by rule from images that no pair has: the least noise that costs ``DROP`` points there, and as many images as then find
it with a power of 80 %. This part needs the whole test set, as ``--data cifar10:ROOT``.
"""

import argparse
import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from statistics import fmean

import torch
from torch import nn

import pixelproof as pp
from benchmarks import board
from benchmarks.options import Options, Row
from pixelproof.models import TorchClassifier
from pixelproof.results import exact
from pixelproof.results.gate.change import Change
from pixelproof.results.gate.decision import Decision, Outcome, decide, no_worse, overall
from pixelproof.results.gate.measure import Measure
from pixelproof.results.gate.read import measures
from pixelproof.results.gate.requirement import parse_requirement

RESULTS = Options.out.with_name("gates.json")
NETWORKS = ("lenet", "strided-cnn")
DROP = 0.08  # of robust accuracy: what makes a network slightly worse
#: The noise that is tried on the weights, in parts of each tensor's spread.
NOISES = tuple(k / 40 for k in range(1, 41))
TRIED_ON = 1_000  # images, the last of the data
PARTS, ALPHA = 10, 0.05
LEVEL = "robust-accuracy(linf,1)"
MARGIN = 5  # points that may be lost at that level
_CONFIDENCE = 0.99  # of what chance makes of the power over so few pairs


@dataclass(frozen=True)
class Setting:
    """``data`` by its spec; ``images`` of each pair; ``queries`` for one sample at one level."""

    data: str
    images: int
    queries: int


def slightly_worse(module: nn.Module, noise: float, seed: int) -> nn.Module:
    """A copy whose weights have normal noise, of ``noise`` times each tensor's standard deviation."""
    twin, stream = copy.deepcopy(module), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in twin.parameters():
            if weight.dim() > 1:
                weight.add_(noise * weight.std() * torch.randn(weight.shape, generator=stream))
    return twin


def measured(model: object, own: range, setting: Setting, seed: int) -> list[Measure]:
    """What a run over the images ``own`` says; all that are right are attacked."""
    data, queries = pp.load_data(setting.data), setting.queries
    result = pp.assess(model, data, range=own, samples="all", levels=1, max_queries=queries, seed=seed, batch_size=64)
    return measures(result.run)


@dataclass(frozen=True)
class Pair:
    """What two runs over the same images say."""

    network: str
    old: list[Measure]
    new: list[Measure]


@dataclass(frozen=True)
class Plan:
    """What is fixed before a pair is measured: the worse network by its ``noise``, the images of a pair, the power."""

    noise: float
    images: int
    power: float
    drop: float


def pairs_of(network: str, other: object, setting: Setting, seed: int) -> list[Pair]:
    """Ten of ``network`` and ``other``, which is searched with ``seed``; told as they are made."""
    found = []
    for part in range(PARTS):
        own = range(part * setting.images, (part + 1) * setting.images)
        old = measured(_network(network), own, setting, 0)
        found.append(Pair(network, old, measured(other, own, setting, seed)))
        print(f"{network}, part {part + 1} of {PARTS}", flush=True)
    return found


def _network(name: str) -> TorchClassifier:
    model = pp.load_model(f"zoo:{name}")
    assert isinstance(model, TorchClassifier)
    return model


def planned(network: str, setting: Setting) -> Plan:
    """By the last images, which no pair has: the least noise that costs ``DROP``, and how many images show it."""
    whole = len(pp.load_data(setting.data))
    own, model = range(whole - TRIED_ON, whole), _network(network)
    old = _level(measured(model, own, setting, 0))
    for noise in NOISES:
        change = Change(old, _level(measured(slightly_worse(model.module, noise, seed=0), own, setting, 0)))
        if change.drop >= DROP:
            break
    worse, better = len(change.worse) / change.total, len(change.better) / change.total
    images = exact.enough(lambda n: exact.power_of_change(worse, better, n, ALPHA) >= exact.POWER, 1)
    assert images is not None
    if PARTS * images > whole - TRIED_ON:
        raise SystemExit(f"{PARTS} parts of {images} images and {TRIED_ON} more are not in {setting.data}; name more.")
    plan = Plan(noise, images, exact.power_of_change(worse, better, images, ALPHA), change.drop)
    print(f"{network}: {plan}", flush=True)
    return plan


def _gate(new: Sequence[Measure], old: Sequence[Measure]) -> Outcome:
    """What ``pixelproof check NEW --baseline OLD`` says."""
    return overall(decide(no_worse(new, old), new, old, ALPHA))


def _at_level(new: Sequence[Measure], old: Sequence[Measure]) -> Outcome:
    """The same of one level alone."""
    return decide([parse_requirement(f"{LEVEL} >= baseline - {MARGIN}%")], new, old, ALPHA)[0].outcome


def _not_met(outcomes: Iterable[Outcome]) -> int:
    return list(outcomes).count("not met")


def of_another_seed(setting: Setting) -> list[Row]:
    """How often the whole gate fails the same network."""
    found = [pair for name in NETWORKS for pair in pairs_of(name, _network(name), setting, 1)]
    alarms = _not_met(_gate(each.new, each.old) for each in found)
    claim = "the same network, another seed: false alarms of the whole gate"
    return [_row(claim, alarms, f"of {len(found)} pairs are not met", 2, alarms <= 2)]


def of_a_worse_network(setting: Setting) -> list[Row]:
    """How often one level fails a worse network beside how often it should, and how often the whole gate does."""
    found, plans = list[Pair](), {name: planned(name, setting) for name in NETWORKS}
    for name, plan in plans.items():
        worse = slightly_worse(_network(name).module, plan.noise, seed=0)
        found += pairs_of(name, worse, replace(setting, images=plan.images), 0)
    fails = _not_met(_gate(each.new, each.old) for each in found)
    unit = f"of {len(found)} pairs are not met"
    return [_of_power(found, plans), _row("slightly worse: the whole gate", fails, unit)]


def _of_power(pairs: Sequence[Pair], plans: Mapping[str, Plan]) -> Row:
    """How many pairs one level fails beside what the plans foretold; chance leaves the interval once in 100 times."""
    failed = _not_met(_at_level(each.new, each.old) for each in pairs)
    foretold = fmean(plans[each.network].power for each in pairs)
    alpha = (1 - _CONFIDENCE) / 2
    low, high = exact.lower_bound(failed, len(pairs), alpha), exact.upper_bound(failed, len(pairs), alpha)
    drops = [Change(_level(each.old), _level(each.new)).drop for each in pairs]
    return _row(
        f"slightly worse: {LEVEL} >= baseline - {MARGIN}%",
        failed,
        f"of {len(pairs)} pairs are not met",
        round(foretold * len(pairs), 1),
        low <= foretold <= high,
        interval=[round(100 * low, 1), round(100 * high, 1)],
        power_foretold=round(100 * foretold, 1),
        drop=round(100 * fmean(drops), 1),
        plans={name: asdict(plan) for name, plan in plans.items()},
    )


def _level(found: Sequence[Measure]) -> Measure:
    return next(each for each in found if each.name == LEVEL)


def of_two_samples(setting: Setting) -> list[Row]:
    """Two images cannot decide, and say how many can; so many then do, of a network beside itself."""
    model = _network("lenet")
    requirement = parse_requirement(f"{LEVEL} >= baseline - 10%")

    def decided(own: range) -> Decision:
        new, old = (measured(model, own, setting, seed) for seed in (1, 0))
        return decide([requirement], new, old, ALPHA)[0]

    said = decided(range(2))
    then = decided(range(said.take or 0))
    return [
        _row("two samples against a baseline", said.outcome, "outcome", "undecided", said.outcome == "undecided"),
        _row("two samples are told to take", said.take, "samples", None, None),
        _row("so many samples, another seed", then.outcome, "outcome", "met", then.outcome == "met"),
    ]


def _row(claim: str, value: object, unit: str, target: object = None, holds: bool | None = None, **more: object) -> Row:
    return {"claim": claim, "value": value, "unit": unit, "target": target, "holds": holds, **more}


PARTS_OF = {"seed": of_another_seed, "worse": of_a_worse_network, "samples": of_two_samples}


def main(arguments: list[str] | None = None) -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gates", description=__doc__)
    parser.add_argument("parts", nargs="*", help=", ".join(PARTS_OF))
    parser.add_argument("--data", default="bundled", help="spec of the images; of `worse` the whole test set")
    parser.add_argument("--images", type=int, default=60, help="of each pair with another seed")
    parser.add_argument("--queries", type=int, default=20)
    parser.add_argument("--out", type=Path, default=RESULTS)
    chosen = parser.parse_args(arguments)
    if unknown := set(chosen.parts) - set(PARTS_OF):
        parser.error(f"there is no part {min(unknown)!r}; the parts are {', '.join(PARTS_OF)}")
    torch.set_num_threads(1)
    for part in chosen.parts or PARTS_OF:
        work = partial(PARTS_OF[part], Setting(chosen.data, chosen.images, chosen.queries))
        data = "cifar10:ROOT" if chosen.data.startswith("cifar10:") else chosen.data
        command = f"python -m benchmarks.gates {part} --data {data} --images {chosen.images} --queries {chosen.queries}"
        board.measure(part, work, command, chosen.out)


if __name__ == "__main__":
    main()
