"""Does a gate fail a slightly worse network, and not the same one with another seed? Write results/gates.json.

Usage: python -m benchmarks.gates [seed] [worse] [samples] [--images N] [--queries N] [--out FILE]

Twenty pairs: two networks of the zoo, each on ten parts of the bundled images. *Another seed*: the same network,
searched with other chance. *Slightly worse*: its weights with normal noise of a share of each tensor's own spread.
"""

import argparse
import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
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
from pixelproof.results.gate.decision import Outcome, decide, no_worse, overall
from pixelproof.results.gate.measure import Measure
from pixelproof.results.gate.read import measures
from pixelproof.results.gate.requirement import parse_requirement

RESULTS = Options.out.with_name("gates.json")
#: By network the noise on its weights that makes it slightly worse, in parts of each tensor's spread.
NETWORKS = {"lenet": 0.2, "strided-cnn": 0.3}
PARTS, ALPHA = 10, 0.05
LEVEL = "robust-accuracy(linf,1)"
MARGIN = 5  # points that may be lost at that level
_CONFIDENCE = 0.99  # of what chance makes of the power over so few pairs


@dataclass(frozen=True)
class Setting:
    """``images`` of each pair; ``queries`` for one sample at one level."""

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


def measured(model: object, part: int, setting: Setting, seed: int) -> list[Measure]:
    """What a run over one part of the bundled images says; all that are right are attacked."""
    own = range(part * setting.images, (part + 1) * setting.images)
    data, queries = pp.load_data("bundled"), setting.queries
    result = pp.assess(model, data, levels=1, max_queries=queries, range=own, seed=seed, batch_size=64)
    return measures(result.run)


@dataclass(frozen=True)
class Pair:
    """What two runs over the same images say."""

    network: str
    old: list[Measure]
    new: list[Measure]


def pairs(setting: Setting, *, worse: bool) -> list[Pair]:
    """Twenty of a network and a slightly ``worse`` one, or of the same with another seed, told as they are made."""
    found = []
    for network, noise in NETWORKS.items():
        model = pp.load_model(f"zoo:{network}")
        assert isinstance(model, TorchClassifier)
        other: object = slightly_worse(model.module, noise, seed=0) if worse else model
        for part in range(PARTS):
            new = measured(other, part, setting, 0 if worse else 1)
            found.append(Pair(network, measured(model, part, setting, 0), new))
            print(f"{network}, part {part + 1} of {PARTS}", flush=True)
    return found


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
    found = pairs(setting, worse=False)
    alarms = _not_met(_gate(each.new, each.old) for each in found)
    claim = "the same network, another seed: false alarms of the whole gate"
    return [_row(claim, alarms, f"of {len(found)} pairs are not met", 2, alarms <= 2)]


def of_a_worse_network(setting: Setting) -> list[Row]:
    """How often one level fails a worse network beside how often it should, and how often the whole gate does."""
    found = pairs(setting, worse=True)
    fails = _not_met(_gate(each.new, each.old) for each in found)
    unit = f"of {len(found)} pairs are not met"
    return [*_of_power(found), _row("slightly worse: the whole gate", fails, unit)]


def _of_power(pairs: Sequence[Pair]) -> list[Row]:
    """By the changes of all images together McNemar's test has a power, which so many pairs should show."""
    computed, failed, every = [], 0, list[Change]()
    for network in NETWORKS:
        own = [each for each in pairs if each.network == network]
        changes = [Change(_level(each.old), _level(each.new)) for each in own]
        every += changes
        images = sum(each.total for each in changes)
        worse, better = (sum(len(getattr(each, side)) for each in changes) / images for side in ("worse", "better"))
        computed += [exact.power_of_change(worse, better, each.total, ALPHA) for each in changes]
        failed += _not_met(_at_level(each.new, each.old) for each in own)
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
            drop=round(100 * fmean(change.drop for change in every), 1),
        )
    ]


def _level(found: Sequence[Measure]) -> Measure:
    return next(each for each in found if each.name == LEVEL)


def of_two_samples(setting: Setting) -> list[Row]:
    """Two images cannot decide, and say how many can; so many then do, of a network beside itself."""
    model = pp.load_model("zoo:lenet")
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


PARTS_OF = {"seed": of_another_seed, "worse": of_a_worse_network, "samples": of_two_samples}


def main(arguments: list[str] | None = None) -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gates", description=__doc__)
    parser.add_argument("parts", nargs="*", help=", ".join(PARTS_OF))
    parser.add_argument("--images", type=int, default=60, help="of each pair, up to 100")
    parser.add_argument("--queries", type=int, default=20)
    parser.add_argument("--out", type=Path, default=RESULTS)
    chosen = parser.parse_args(arguments)
    if unknown := set(chosen.parts) - set(PARTS_OF):
        parser.error(f"there is no part {min(unknown)!r}; the parts are {', '.join(PARTS_OF)}")
    torch.set_num_threads(1)
    for part in chosen.parts or PARTS_OF:
        work = partial(PARTS_OF[part], Setting(chosen.images, chosen.queries))
        command = f"python -m benchmarks.gates {part} --images {chosen.images} --queries {chosen.queries}"
        board.measure(part, work, command, chosen.out)


if __name__ == "__main__":
    main()
