"""Section `knowledge`: attackers who have a network like the model, or its gradients, at the levels of searches.

Every attack gets 8-bit images, and what it returns is rounded to 8 bits and judged by the one check.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from benchmarks import networks
from benchmarks.check import stands, to_8_bit, to_unit
from benchmarks.judged import at_least
from benchmarks.missing import optional
from benchmarks.options import THRESHOLDS, Options, Parts, Row
from benchmarks.ours import assess
from benchmarks.pictures import Pictures, correct, later
from pixelproof.attacks.goal import Goal
from pixelproof.attacks.named import parse_attack
from pixelproof.attacks.oracle import Oracle
from pixelproof.engine.settings import AttackName
from pixelproof.jobs.assess_spec import BY_GRADIENTS
from pixelproof.models import TorchClassifier
from pixelproof.seeds import Streams, stream

CPU = torch.device("cpu")
#: Networks that the attacker has, of the zoo; the model under attack is none of them.
SURROGATES = {"one": ("resnet20",), "three": ("resnet20", "nin", "all-cnn")}
BUDGET = 1_000
#: Success to reach at th = 1 with a surrogate, on the public ResNet-20's first 100 correctly classified test images.
WITH_A_SURROGATE = 60
#: Points that it must add on images from 5,000 on.
ADDED = 5
#: Images that attacks by gradients get, and the networks, the main one first.
IMAGES, SECOND = 50, "preact-resnet20"


def parts(options: Options) -> Parts:
    """Surrogates on two sets of images, then gradients beside those of libraries, on two networks."""
    found: Parts = {}
    for name, surrogates in SURROGATES.items():
        found[f"surrogate {name}"] = partial(_surrogate, options, surrogates, 0)
        found[f"surrogate {name}, later images"] = partial(_surrogate, options, surrogates, later(options.data))
    for network in (networks.main_network(), SECOND):
        for attack in BY_GRADIENTS:
            found[f"gradients {network} {attack}"] = partial(_gradients, options, network, attack)
    return found


@dataclass(frozen=True, eq=False)
class Made:
    """Images n×H×W×C that came of n pictures, the queries of each, and seconds of the processor an image."""

    images: npt.NDArray[np.uint8]
    queries: npt.NDArray[np.int64]
    seconds: float


def make(spelling: str, network: nn.Module, pictures: Pictures, surrogates: Sequence[nn.Module] = ()) -> Made:
    """What the attack so spelled, ours or a library's, makes of ``pictures``."""
    attack = parse_attack(spelling)
    classifier, *others = (TorchClassifier(each, kind="logits") for each in (network, *surrogates))
    oracle = Oracle(classifier, 64, CPU, len(pictures), surrogates=others)
    streams = Streams([stream(CPU, 0, spelling, k) for k in pictures.indices], CPU)
    begun = time.process_time()
    found = attack(oracle, to_unit(pictures.images), Goal(torch.from_numpy(pictures.labels.copy())), streams)
    seconds = (time.process_time() - begun) / len(pictures)
    return Made(to_8_bit(found), oracle.queries.numpy() + 1, seconds)


def fooled(
    network: nn.Module, pictures: Pictures, made: Sequence[Made], attack: str, threshold: int
) -> npt.NDArray[Any]:
    """Which pictures an image of any of ``made`` fools within ``threshold``: n bools."""
    judged = (stands(network, pictures.images, each.images, pictures.labels, attack, threshold) for each in made)
    return np.array([any(each) for each in zip(*judged, strict=True)])


def _row(claim: str, good: npt.NDArray[Any], made: Sequence[Made], target: float | None, **about: Any) -> Row:
    return at_least(
        claim,
        100 * float(good.mean()),
        "% of images fooled",
        target,
        fooled=int(good.sum()),
        attacked=len(good),
        mean_queries=round(float(sum(each.queries for each in made).mean()), 1),  # type: ignore[union-attr]
        cpu_seconds_per_image=round(sum(each.seconds for each in made), 3),
        **about,
    )


# A network like the model.


def _surrogate(options: Options, surrogates: Sequence[str], start: int) -> list[Row]:
    name = networks.main_network()
    network, images = networks.load(name), options.images if not options.small else 10
    pictures = correct(network, options.data, images, start)
    others, rows = [networks.load(each) for each in surrogates], list[Row]()
    for threshold in THRESHOLDS[:1] if options.small or start else THRESHOLDS:
        made = make(f"surrogate-regression(epsilon={threshold},queries={BUDGET})", network, pictures, others)
        good = fooled(network, pictures, [made], "threshold", threshold)
        alone = _alone(network, pictures, threshold) if start else None
        judged = threshold == 1 and name == "public-resnet20" and not options.small
        claim = f"surrogate-regression with {', '.join(surrogates)}: th = {threshold}, {BUDGET:,} queries"
        about = {"network": name, "surrogates": list(surrogates), "attack": "threshold", "threshold": threshold}
        if alone is None:
            target = WITH_A_SURROGATE if judged else None
            about |= {"search": f"with a surrogate, {', '.join(surrogates)}", "budget": BUDGET}
            rows.append(_row(claim, good, [made], target, **about))
        else:
            added = 100 * float(good.mean() - alone.mean())
            row = at_least(f"{claim}, images from {start}: added", added, "points", ADDED if judged else None, **about)
            rows.append(row | {"with": 100 * float(good.mean()), "without": 100 * float(alone.mean())})
    return rows


def _alone(network: nn.Module, pictures: Pictures, threshold: int) -> npt.NDArray[Any]:
    """Which pictures the same search fools without a surrogate."""

    own = assess(network, network, pictures, "threshold", threshold, "gradient-regression", BUDGET)
    return np.array(own.fooled)


# Gradients.


def _apgd(network: nn.Module, images: Tensor, labels: Tensor, threshold: int) -> Tensor:
    kind = optional("pyautoattack.autopgd_base").APGDAttack
    attack = kind(network, norm="Linf", eps=threshold / 255, n_iter=100, n_restarts=1, device="cpu", seed=0)
    found: Tensor = attack.perturb(images, labels)
    return found


def _sigma_zero(network: nn.Module, images: Tensor, labels: Tensor, threshold: int) -> Tensor:
    del threshold  # it seeks the fewest
    optional("adv_lib")
    oracle = Oracle(TorchClassifier(network, kind="logits"), 64, CPU, len(images), eight_bit=False)
    streams = Streams([stream(CPU, 0, k) for k in range(len(images))], CPU)
    return parse_attack("adv:sigma_zero(num_steps=1000)")(oracle, images, Goal(labels), streams)


THEIRS: dict[str, tuple[str, Callable[[nn.Module, Tensor, Tensor, int], Tensor], Sequence[int]]] = {
    "threshold": ("pyautoattack APGD, 100 iterations", _apgd, THRESHOLDS),
    "few-pixel": ("adversarial-library sigma-zero, 1,000 steps", _sigma_zero, THRESHOLDS[:1]),
}


def _gradients(options: Options, name: str, attack: AttackName) -> list[Row]:
    network = networks.load(name)
    pictures = correct(network, options.data, 8 if options.small else IMAGES)
    tool, their_attack, runs = THEIRS[attack]
    kept: dict[str, Made] = {}
    theirs: list[Made] = []
    rows = list[Row]()
    for threshold in THRESHOLDS:
        spellings = [each.format(th=threshold) for each in BY_GRADIENTS[attack]]
        kept |= {each: make(each, network, pictures) for each in spellings if each not in kept}
        made = [kept[each] for each in spellings]
        good = fooled(network, pictures, made, attack, threshold)
        if threshold in runs:
            theirs = [_their(their_attack, network, pictures, threshold)]
        their_good = fooled(network, pictures, theirs, attack, threshold)
        claim = f"gradients, {', '.join(spellings)}: {attack}, th = {threshold}"
        about = {"network": name, "attack": attack, "threshold": threshold, "search": "gradients", "tool_beside": tool}
        target = None if options.small else 100 * float(their_good.mean())
        rows.append(_row(claim, good, made, target, **about))
    return rows


def _their(
    attack: Callable[[nn.Module, Tensor, Tensor, int], Tensor], network: nn.Module, pictures: Pictures, threshold: int
) -> Made:
    """What a library's attack makes of ``pictures``, at its own count of queries, which is not read."""
    images, labels = to_unit(pictures.images), torch.from_numpy(pictures.labels.copy())
    found = attack(network, images, labels, threshold).detach()
    return Made(to_8_bit(found), np.zeros(len(images), np.int64), 0.0)
