"""Several attacks as one: what any of them fools is fooled. AutoAttack is one such ensemble.

Croce & Hein, "Reliable evaluation of adversarial robustness with an ensemble of diverse parameter-free attacks",
ICML 2020.
"""

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from pixelproof.attacks.attack import Attack, Ball, BallAttack, Needs
from pixelproof.attacks.goal import Goal
from pixelproof.attacks.oracle import Oracle
from pixelproof.errors import InputError
from pixelproof.seeds import Streams
from pixelproof.units import to_8_bit


@dataclass(frozen=True)
class WorstCase(Attack):
    """``attacks`` in order, each on the samples that none before it has fooled; a sample keeps its first success.

    All that have a ball must have the same one; it then holds for the others too. What none fools is left clean.
    This chooses what is handed on; whether it is a success the judge decides, as for every attack.
    """

    name = "worst"

    attacks: tuple[Attack, ...]

    def __post_init__(self) -> None:
        if not self.attacks:
            raise InputError("worst was given no attack; expected at least one, as in worst(fgsm|pgd).")
        balls = {attack.ball for attack in self.attacks} - {None}
        if len(balls) > 1:
            raise InputError("worst was given attacks of several budgets; give all of them one norm and one epsilon.")
        if any(attack.together for attack in self.attacks):
            raise InputError("worst cannot hold an attack on all samples at once; run that one by itself.")

    def parts(self) -> Iterator[Attack]:
        yield self
        for attack in self.attacks:
            yield from attack.parts()

    @property
    def needs(self) -> Needs:  # type: ignore[override]  # a class variable of attacks that are not made of others
        """The most that any of them needs."""
        order: tuple[Needs, ...] = ("labels", "scores", "gradients")
        return max((attack.needs for attack in self.attacks), key=order.index)

    @property
    def ball(self) -> Ball | None:
        return next((attack.ball for attack in self.attacks if attack.ball), None)

    @property
    def spec(self) -> str:
        return f"{self.name}({'|'.join(attack.spec for attack in self.attacks)})"

    def __call__(self, oracle: Oracle, images: Tensor, goal: Goal, streams: Streams) -> Tensor:
        found, rows = images.clone(), goal.rows
        for attack in self.attacks:
            if not len(rows):
                break
            part, own = _of(oracle, rows), goal.of(rows)
            adversarial = self._final(attack(part, images[rows], own, streams.of(rows)), images[rows], oracle)
            fooled = own.reached(part.log_scores(adversarial, own.rows))
            _add_counts(oracle, part, rows)
            found[rows[fooled]] = adversarial[fooled]
            rows = rows[~fooled]
        return found

    def _final(self, images: Tensor, clean: Tensor, oracle: Oracle) -> Tensor:
        """``images`` as they will be judged."""
        if self.ball is None:
            return to_8_bit(images) if oracle.eight_bit else images
        inside = self.ball.project(images, clean)
        return self.ball.to_8_bit(inside, clean) if oracle.eight_bit else inside


@dataclass(frozen=True)
class AutoAttack(BallAttack):
    """The standard ensemble within ``epsilon`` grey levels of ``norm``, with the parameters of the paper.

    AutoPGD on cross-entropy, then on the targeted ratio (9 classes), both 100 iterations; FAB towards 9 classes, 100
    iterations; Square, 5,000 queries. There is none in L1, where Square has no form here. A goal with targets makes
    every member targeted, of one class.
    """

    name = "autoattack"

    norm: Literal["linf", "l2"] = "linf"
    epsilon: float = 8

    def __post_init__(self) -> None:
        if self.norm not in ("linf", "l2"):
            raise InputError(f"autoattack knows no norm {self.norm!r}; expected linf or l2, or run apgd and fab in L1.")
        super().__post_init__()

    @property
    def members(self) -> WorstCase:
        from pixelproof.attacks.gradient.apgd import AutoPGD
        from pixelproof.attacks.gradient.fab import FAB
        from pixelproof.attacks.scores.square import SquareAttack

        return WorstCase(
            (
                AutoPGD(self.norm, self.epsilon, "ce"),
                AutoPGD(self.norm, self.epsilon, "targeted-dlr"),
                FAB(self.norm, self.epsilon),
                SquareAttack(norm=self.norm, epsilon=self.epsilon, queries=5000),
            )
        )

    def __call__(self, oracle: Oracle, images: Tensor, goal: Goal, streams: Streams) -> Tensor:
        return self.members(oracle, images, goal, streams)


def _of(oracle: Oracle, rows: Tensor) -> Oracle:
    """``oracle`` for some samples, by their ``rows``, with counters of its own."""
    part = copy(oracle)
    part.queries, part.gradient_steps = torch.zeros(2, len(rows), dtype=torch.int64)
    return part


def _add_counts(oracle: Oracle, part: Oracle, rows: Tensor) -> None:
    oracle.queries[rows.cpu()] += part.queries
    oracle.gradient_steps[rows.cpu()] += part.gradient_steps
