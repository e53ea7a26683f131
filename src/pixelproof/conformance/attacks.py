"""What the engine relies on in an attack."""

from __future__ import annotations

import torch
from torch import Tensor

from pixelproof.attacks.attack import Attack
from pixelproof.attacks.goal import Goal
from pixelproof.attacks.named import attack_class, parse_attack
from pixelproof.attacks.oracle import Oracle
from pixelproof.conformance.check import CPU, Checks, images, repeated, require, same
from pixelproof.conformance.network import CLASSES, Shown, network
from pixelproof.conformance.runs import assessed
from pixelproof.plugins import Plugin
from pixelproof.seeds import Streams, stream
from pixelproof.units import to_8_bit

SAMPLES, BATCH = 6, 64


def _attack(plugin: Plugin) -> Attack:
    attack: Attack = attack_class(plugin.name)()
    return attack


def _run(
    attack: Attack, rows: Tensor, shown: Shown | None = None, targeted: bool = False
) -> tuple[Tensor, Tensor, Oracle]:
    """What ``attack`` makes of the images ``rows``, these, and the oracle that counted."""
    clean = images(SAMPLES)[rows]
    labels = network()(clean).argmax(1)
    goal = Goal(labels, (labels + 1) % CLASSES if targeted else None)
    oracle = Oracle(shown or Shown(), BATCH, CPU, len(rows))
    streams = Streams([stream(CPU, "conformance", int(row)) for row in rows], CPU)
    found = attack(oracle, clean, goal, streams)
    require(torch.equal(clean, images(SAMPLES)[rows]), "the attack changes the images that it is given; work on a copy")
    return found, clean, oracle


def _all() -> Tensor:
    return torch.arange(SAMPLES)


def parameters(plugin: Plugin) -> None:
    attack = _attack(plugin)
    hash(attack)
    again = parse_attack(attack.spec)
    require(again == attack, f"{attack.spec!r} is read as {again!r}; give each parameter a type that can be typed")


def shapes(plugin: Plugin) -> None:
    """Aimed at a class or not."""
    for targeted in (False, True):
        found, clean, _ = _run(_attack(plugin), _all(), targeted=targeted)
        fits = isinstance(found, Tensor) and found.shape == clean.shape and found.dtype == clean.dtype
        require(fits, f"it returns {found!r:.80}, expected {tuple(clean.shape)} float32")
        require(bool(found.isfinite().all()), "it returns numbers that are not finite")


def ball(plugin: Plugin) -> None:
    attack = _attack(plugin)
    found, clean, _ = _run(attack, _all())
    require(float(found.min()) >= 0 and float(found.max()) <= 1, "it returns values outside [0, 1]")
    if attack.ball is not None:
        far = float((found - attack.ball.project(found, clean)).abs().max()) * 255
        limit = f"{attack.ball.norm} {attack.ball.epsilon:g}"
        require(far < 0.01, f"it leaves its ball ({limit}) by up to {far:.3g} grey levels in a value")


def determinism(plugin: Plugin) -> None:
    repeated(lambda: _run(_attack(plugin), _all())[0].detach(), "the attack")


def independence(plugin: Plugin) -> None:
    attack = _attack(plugin)
    if attack.together:
        return
    rows = torch.tensor([4, 1])
    together, alone = _run(attack, _all())[0][rows], _run(attack, rows)[0]
    require(same(to_8_bit(together), to_8_bit(alone)), "the image of a sample depends on the samples beside it")


def needs(plugin: Plugin) -> None:
    """No more of the model than it says."""
    attack = _attack(plugin)
    if attack.needs == "gradients":
        return
    blind = _run(attack, _all(), Shown(differentiable=False))[0]
    if attack.needs == "labels":
        seen = _run(attack, _all(), Shown("labels", differentiable=False))[0]
        require(same(seen, blind), "it says that it needs labels alone, and makes use of scores")


def budget(plugin: Plugin) -> None:
    """Every image is asked about through the oracle, and no more often than ``queries`` says, where there is such."""
    attack, shown = _attack(plugin), Shown()
    oracle = _run(attack, _all(), shown)[2]
    counted = int(oracle.queries.sum())
    require(
        shown.asked == counted, f"{shown.asked} images went through the model, and {counted} were counted by the oracle"
    )
    allowed, most = getattr(attack, "queries", None), int(oracle.queries.max())
    require(allowed is None or most <= allowed, f"it asks {most} times where {allowed} queries are allowed")


def runs(plugin: Plugin) -> None:
    assessed(plugin, attacks=(plugin.name, "fgsm"))


CHECKS: Checks = {
    "its parameters can be typed": parameters,
    "shapes and dtypes": shapes,
    "the ball is kept": ball,
    "it follows from its streams": determinism,
    "samples do not depend on each other": independence,
    "it needs what it says": needs,
    "the budget is kept": budget,
    "a run resumes to the same records": runs,
}
