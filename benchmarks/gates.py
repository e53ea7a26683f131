"""Does a gate fail a slightly worse network, and not the same one with another seed? Write results/gates.json.

Usage: python -m benchmarks.gates [--images N] [--queries N] [--out FILE]

Twenty pairs: two networks of the zoo, each on ten parts of the bundled images. *Another seed*: the same network,
searched with other chance. *Slightly worse*: its weights with normal noise of a share of each tensor's own spread.
"""

import argparse
import copy
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import torch
from torch import nn

import pixelproof as pp
from benchmarks import board
from benchmarks.options import Options, Row
from pixelproof.models import TorchClassifier
from pixelproof.results.gate import exact
from pixelproof.results.gate.change import Change
from pixelproof.results.gate.decision import Outcome, decide, no_worse, overall
from pixelproof.results.gate.measure import Measure
from pixelproof.results.gate.read import measures
from pixelproof.results.gate.requirement import parse_requirement

RESULTS = Options.out.with_name("gates.json")
#: By network the noise on its weights that makes it slightly worse, in parts of each tensor's spread.
NETWORKS = {"lenet": 0.1, "strided-cnn": 0.2}
PARTS, ALPHA = 10, 0.05
LEVEL = "robust-accuracy(linf,1)"
MARGIN = 5  # points that may be lost at that level
_CONFIDENCE = 0.99  # of what chance makes of the power over so few pairs


@dataclass(frozen=True)
class Setting:
    """``images`` of each pair; ``queries`` for one sample at one level."""

    images: int
    queries: int


@dataclass(frozen=True)
class Runs:
    """One pair of each kind: the measures of a network, with another seed, and slightly worse."""

    network: str
    old: list[Measure]
    seed: list[Measure]
    worse: list[Measure]


def slightly_worse(module: nn.Module, noise: float, seed: int) -> nn.Module:
    """A copy whose weights have normal noise, of ``noise`` times each tensor's standard deviation."""
    twin, stream = copy.deepcopy(module), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in twin.parameters():
            if weight.dim() > 1:
                weight.add_(noise * weight.std() * torch.randn(weight.shape, generator=stream))
    return twin


def measured(model: object, part: int, setting: Setting, seed: int) -> list[Measure]:
    """What a run over one part of the bundled images says; all that are right are attacked."""
    data = pp.load_data("bundled").take(range(part * setting.images, (part + 1) * setting.images))
    result = pp.assess(model, data, levels=1, max_queries=setting.queries, seed=seed, batch_size=64)
    return measures(result.run)


def runs(setting: Setting) -> list[Runs]:
    """All pairs, told as they are made."""
    found = []
    for network, noise in NETWORKS.items():
        model = pp.load_model(f"zoo:{network}")
        assert isinstance(model, TorchClassifier)
        worse = slightly_worse(model.module, noise, seed=0)
        for part in range(PARTS):
            old, seed = (measured(model, part, setting, seed) for seed in (0, 1))
            found.append(Runs(network, old, seed, measured(worse, part, setting, 0)))
            print(f"{network}, part {part + 1} of {PARTS}", flush=True)
    return found


def _gate(new: Sequence[Measure], old: Sequence[Measure]) -> Outcome:
    """What ``pixelproof check NEW --baseline OLD`` says."""
    return overall(decide(no_worse(new, old), new, old, ALPHA))


def _at_level(new: Sequence[Measure], old: Sequence[Measure]) -> Outcome:
    """The same of one level alone."""
    return decide([parse_requirement(f"{LEVEL} >= baseline - {MARGIN}%")], new, old, ALPHA)[0].outcome


def rows(setting: Setting) -> list[Row]:
    """Every figure, from one set of runs."""
    pairs = runs(setting)
    total = len(pairs)
    same = [_gate(each.seed, each.old) for each in pairs]
    unit = f"of {total} pairs are not met"
    alarms, fails = same.count("not met"), [_gate(each.worse, each.old) for each in pairs].count("not met")
    return [
        _row("the same network, another seed: false alarms of the whole gate", alarms, unit, 2, alarms <= 2),
        *_of_power(pairs),
        _row("slightly worse: the whole gate", fails, unit),
        *_of_two_samples(pairs[0], setting),
    ]


def _of_power(pairs: Sequence[Runs]) -> list[Row]:
    """How often one level fails the worse network, beside how often it should by the changes of all images together."""
    computed, failed = [], 0
    for network in NETWORKS:
        own = [each for each in pairs if each.network == network]
        changes = [Change(_level(each.old), _level(each.worse)) for each in own]
        images = sum(each.total for each in changes)
        worse, better = (sum(len(getattr(each, side)) for each in changes) / images for side in ("worse", "better"))
        computed += [exact.power_of_change(worse, better, each.total, ALPHA) for each in changes]
        failed += [_at_level(each.worse, each.old) for each in own].count("not met")
    alpha = (1 - _CONFIDENCE) / 2
    low, high = exact.lower_bound(failed, len(pairs), alpha), exact.upper_bound(failed, len(pairs), alpha)
    share = fmean(computed)
    return [
        _row(
            f"slightly worse: {LEVEL} >= baseline - {MARGIN}%",
            failed,
            f"of {len(pairs)} pairs are not met",
            round(share * len(pairs), 1),
            low <= share <= high,
            interval=[round(100 * low, 1), round(100 * high, 1)],
            power_computed=round(100 * share, 1),
        )
    ]


def _level(found: Sequence[Measure]) -> Measure:
    return next(each for each in found if each.name == LEVEL)


def _of_two_samples(pair: Runs, setting: Setting) -> list[Row]:
    """Two images cannot decide, and say how many can; so many then do, of a network beside itself."""
    model = pp.load_model(f"zoo:{pair.network}")
    few = Setting(2, setting.queries)
    requirement = parse_requirement(f"{LEVEL} >= baseline - 10%")
    (said,) = decide([requirement], measured(model, 0, few, 1), measured(model, 0, few, 0), ALPHA)
    advised = Setting(said.take or 0, setting.queries)
    old, new = (measured(model, 0, advised, seed) for seed in (0, 1))
    (then,) = decide([requirement], new, old, ALPHA)
    return [
        _row("two samples against a baseline", said.outcome, "outcome", "undecided", said.outcome == "undecided"),
        _row("two samples are told to take", said.take, "samples", None, None),
        _row("so many samples, another seed", then.outcome, "outcome", "met", then.outcome == "met"),
    ]


def _row(claim: str, value: object, unit: str, target: object = None, holds: bool | None = None, **more: object) -> Row:
    return {"claim": claim, "value": value, "unit": unit, "target": target, "holds": holds, **more}


def main(arguments: list[str] | None = None) -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gates", description=__doc__)
    parser.add_argument("--images", type=int, default=100, help="of each pair, up to 100")
    parser.add_argument("--queries", type=int, default=40)
    parser.add_argument("--out", type=Path, default=RESULTS)
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(1)
    begun = time.perf_counter()
    found = rows(Setting(chosen.images, chosen.queries))
    for row in found:
        print(f"{row['claim']}: {row['value']} {row['unit']}", flush=True)
    command = f"python -m benchmarks.gates --images {chosen.images} --queries {chosen.queries}"
    board.write("gates", found, command, time.perf_counter() - begun, chosen.out)


if __name__ == "__main__":
    main()
