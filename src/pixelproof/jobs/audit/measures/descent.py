"""Success of gradient descent against its iterations: one run, watched at several of them.

Madry et al., "Towards Deep Learning Models Resistant to Adversarial Attacks", ICLR 2018; on running attacks until they
no longer change, Carlini et al., arXiv:1902.06705, 2019, section 4.8.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from pixelproof.attacks.gradient.directions import sparse_descent, steepest
from pixelproof.attacks.norm_ball import Norm, NormBall, random_start
from pixelproof.jobs.audit.arsenal import iterative
from pixelproof.jobs.audit.attacked import Attacked
from pixelproof.jobs.audit.case import Case
from pixelproof.results.intervals import Rate

_L1_SHARE = 100  # of so many values, a step in L1 moves one, as in PGD


@dataclass(frozen=True)
class Descent:
    """``watched``: the iterations at which images were judged, as far as it went; ``fell``: at which of them each
    sample was first seen fooled (0: without any attack; None: never). Means are over the images attacked."""

    watched: tuple[int, ...]
    fell: tuple[int | None, ...]
    queries: float
    gradient_steps: float
    seconds: float

    def broken(self, iterations: int) -> frozenset[int]:
        """The samples fooled by the last point watched that is not beyond ``iterations``."""
        return frozenset(row for row, at in enumerate(self.fell) if at is not None and at <= iterations)

    def right(self, iterations: int) -> Rate:
        return Rate(len(self.fell) - len(self.broken(iterations)), len(self.fell))


def descend(case: Case, step: float, watch: Sequence[int], doublings: Sequence[int] = ()) -> Descent:
    """PGD by ``step`` grey levels from a random start, on the model laid open, watched at the iterations ``watch``.

    Images are judged there and nowhere between, so that random answers are not asked until one is wrong by luck. It
    ends where two of ``doublings`` in a row fool nothing more. Counts in the worst case. Raises ``InputError`` for L0.
    """
    name = f"{iterative(case.threat, max(watch), step)}|watched {','.join(map(str, watch))}"
    value: dict[str, Any] = case.once(f"descent|{name}", lambda: asdict(_Run(case, step).until(watch, doublings)))
    found = Descent(**{**value, "watched": tuple(value["watched"]), "fell": tuple(value["fell"])})
    samples = tuple(range(len(found.fell)))
    done = iterative(case.threat, found.watched[-1], step)
    case.attempt(name, lambda: _attacked(found, done), samples)
    return found


class _Run:
    """The images still under attack: ``rows`` are their samples, ``places`` their numbers in goal and oracle."""

    def __init__(self, case: Case, step: float) -> None:
        self.case, self.step, self.begun = case, step / 255, time.perf_counter()
        norm: Norm = case.threat.norm  # type: ignore[assignment]  # L0 has been refused
        self.budget = NormBall(norm, case.threat.epsilon)
        self.rows = torch.tensor(case.right, device=case.device)
        self.places = torch.arange(len(self.rows), device=case.device)
        self.oracle, self.goal = case.oracle(len(self.rows), "open"), case.goal(self.rows)
        self.clean = case.images[self.rows]
        self.moved = random_start(self.clean, self.budget, case.streams(f"descent|{step:g}", self.rows))
        self.found = self.clean.clone()
        self.fell: list[int | None] = [0] * len(case.samples)
        for row in case.right:
            self.fell[row] = None

    def until(self, watch: Sequence[int], doublings: Sequence[int]) -> Descent:
        done, since, quiet, watched = 0, 0, -1, []  # the first of the doublings doubles nothing
        for stop in watch:
            fallen = self._judge(self._descend(stop - done), stop)
            watched.append(stop)
            done, since = stop, since + fallen
            if stop in doublings:
                quiet, since = 0 if since else quiet + 1, 0
            if quiet == 2 or not len(self.rows):
                break
        if self.case.random:
            self._confirm()
        attacked = max(1, self.oracle.queries.numel())
        return Descent(
            watched=tuple(watched),
            fell=tuple(self.fell),
            queries=int(self.oracle.queries.sum()) / attacked,
            gradient_steps=int(self.oracle.gradient_steps.sum()) / attacked,
            seconds=time.perf_counter() - self.begun,
        )

    def _descend(self, iterations: int) -> Tensor:
        """The 8-bit images after so many steps. All take the first; what fools from there on waits to be judged.

        Before a random model all go on to the end: what fools it barely does so by luck.
        """
        going = torch.arange(len(self.rows), device=self.rows.device)
        for done in range(iterations):
            clean, moved, places = self.clean[going], self.moved[going], self.places[going]
            shown = self.budget.to_8_bit(moved, clean)
            scores, gradient = self.oracle.gradient(
                shown, places, lambda s, part: self.goal.of(part).loss("cross-entropy", s)
            )
            left = ~self.goal.of(places).reached(scores) | (done == 0) | self.case.random
            stepped = moved + self.step * self._downhill(gradient, shown)
            self.moved[going[left]] = self.budget.project(stepped[left], clean[left])
            going = going[left]
            if not len(going):
                break
        return self.budget.to_8_bit(self.moved, self.clean)

    def _judge(self, shown: Tensor, iterations: int) -> int:
        """How many of ``shown`` are fooled; those take no further part."""
        fooled = self.case.reached(shown, self.rows)
        self.found[self.places[fooled]] = shown[fooled]
        for row in self.rows[fooled].tolist():
            self.fell[row] = iterations
        left = ~fooled
        self.rows, self.places, self.clean, self.moved = (
            each[left] for each in (self.rows, self.places, self.clean, self.moved)
        )
        return int(fooled.sum())

    def _confirm(self) -> None:
        """Judge once more what fell: of the several judgements of an image, one may have been wrong by luck."""
        fooled = self.case.reached(self.found, torch.tensor(self.case.right, device=self.found.device))
        for row, again in zip(self.case.right, fooled.tolist(), strict=True):
            self.fell[row] = self.fell[row] if again else None

    def _downhill(self, gradient: Tensor, images: Tensor) -> Tensor:
        if self.budget.norm != "l1":
            return -steepest(gradient, self.budget.norm)
        values = max(1, round(gradient[0].numel() / _L1_SHARE))
        return sparse_descent(gradient, images, torch.full((len(gradient),), values, device=gradient.device))


def _attacked(found: Descent, spelling: str) -> Attacked:
    samples = len(found.fell)
    return Attacked(
        attack=spelling,
        view="open",
        needs="gradients",
        rows=tuple(range(samples)),
        fooled=tuple(at is not None for at in found.fell),
        within=(True,) * samples,
        queries=found.queries,
        gradient_steps=found.gradient_steps,
        seconds=found.seconds,
    )
