"""Attacks on what is found inside a model, judged by the whole of it.

The gradients are those of a part (``inside.py``), whose own answer says little; so every image goes on to the end of
the path, and the whole model is asked along it. Where the model has a detector, its signal is followed too wherever it
rejects: Bryniarski et al., "Evading Adversarial Example Detection Defenses with Orthogonal Projected Gradient Descent",
ICLR 2022, on why not both at full strength at once.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress

import torch
from torch import Tensor

from pixelproof.attacks.goal import LossName
from pixelproof.attacks.norm_ball import Norm, NormBall, random_start
from pixelproof.jobs.audit.attacks import attempt, downhill, outcome
from pixelproof.jobs.audit.context import BATCH, AuditContext
from pixelproof.jobs.audit.inside import Network, Part, interior, network_of
from pixelproof.jobs.audit.past_detector import Signal, signal_of
from pixelproof.results.audit.attacked import Attacked, broken_rows

ITERATIONS = 60
_WATCHED = (1, 3, 6, 10, 15, 20, 30, 40, 50, 60)  # iterations after which the whole is asked
_LOSSES: tuple[LossName, ...] = ("margin", "cross-entropy")
_LONG, _SHORT = 0.25, 0.05  # steps, in epsilons, of the first half of the path and of the end
_MOMENTUM = 0.75
_FEW = 16  # images at once, where a model takes gradients of its own
_BESIDE = 0.2  # how much of its way to a higher margin an image keeps that is to get past the detector


def inside_attacks(audit: AuditContext) -> list[Attacked]:
    """What following each part of the interior does; nothing for L0, where there are no such attacks here."""
    if audit.threat.norm == "l0" or not audit.decision.right:
        return []
    found: list[Attacked] = []
    for part in interior(audit).parts:
        broken = frozenset() if audit.random else broken_rows(found)  # a random model is judged attack by attack
        found.append(follow(audit, part, [row for row in range(len(audit.samples)) if row not in broken]))
    return found


def follow(audit: AuditContext, part: Part, rows: Sequence[int]) -> Attacked:
    """What the gradients of ``part`` do to the samples ``rows``, as an attempt."""
    chosen = tuple(rows)
    name = f"gradients of {part.name}"
    return attempt(audit, f"{name}|open|", lambda: _followed(audit, part, name, chosen), chosen)


def _followed(audit: AuditContext, part: Part, name: str, rows: tuple[int, ...]) -> Attacked:
    begun, network, signal = time.perf_counter(), network_of(audit, part), signal_of(audit)
    right = [row for row in rows if row not in audit.decision.wrong]
    fooled = set(rows) - set(right)
    steps = asked = 0
    size = _FEW if interior(audit).steps else BATCH  # what takes steps of its own keeps the graph of each
    for start in range(0, len(right), size):
        for loss in _LOSSES:
            left = torch.tensor([row for row in right[start : start + size] if row not in fooled], dtype=torch.int64)
            if not len(left):
                break
            path = Path(audit, network, signal, left.to(audit.device), loss)
            with suppress(_LostError):
                path.walk()
            fooled |= path.fooled
            steps, asked = steps + path.steps, asked + path.asked
    return outcome(
        name,
        "gradients",
        rows,
        (row in fooled for row in rows),
        view="open",
        queries=(steps + asked) / max(1, len(right)),
        gradient_steps=steps / max(1, len(right)),
        seconds=time.perf_counter() - begun,
    )


class _LostError(Exception):
    """A part's program failed where its gradient was asked for."""


class Path:
    """Samples ``rows`` on their way along the gradients of ``network``; ``steps`` and ``asked`` count images, and
    ``fooled`` are the samples that fooled the whole so far."""

    def __init__(
        self, audit: AuditContext, network: Network, signal: Signal | None, rows: Tensor, loss: LossName
    ) -> None:
        norm: Norm = audit.threat.norm  # type: ignore[assignment]  # L0 has been left out
        self.audit, self.network, self.rows, self.loss = audit, network, rows, loss
        self.budget, self.signal = NormBall(norm, audit.threat.epsilon), signal
        self.clean = audit.samples.images[rows]
        self.now = self.clean.clone()
        if loss != _LOSSES[0]:
            self.now = random_start(self.clean, self.budget, audit.samples.streams(f"path|{loss}", rows))
        self.velocity = torch.zeros_like(self.clean)
        self.fooled: set[int] = set()
        self.steps = self.asked = 0

    def walk(self) -> None:
        """Go along the path and note the samples that fool the whole somewhere. Raises ``_LostError`` where it ends."""
        for k in range(1, ITERATIONS + 1):
            self._step(_LONG if 2 * k <= ITERATIONS else _SHORT)
            if k in _WATCHED:
                self._drop_fooled()
                if not len(self.rows):
                    break

    def _step(self, length: float) -> None:
        try:
            gradient = self._gradient(self.budget.to_8_bit(self.now, self.clean))
        except Exception as error:  # of a stranger's code, whose gradients were let through
            raise _LostError from error
        self.steps += len(gradient)
        size = gradient.abs().mean((1, 2, 3), keepdim=True).clamp(min=1e-20)
        self.velocity = _MOMENTUM * self.velocity + gradient / size
        moved = self.now + length * self.budget.epsilon / 255 * downhill(self.velocity, self.now, self.budget.norm)
        self.now = self.budget.project(moved, self.clean)

    def _gradient(self, images: Tensor) -> Tensor:
        goal = self.audit.samples.goal(self.rows)
        leaf = images.detach().requires_grad_()
        with torch.enable_grad():
            scores = self.network(leaf).float()
            (away,) = torch.autograd.grad(goal.loss(self.loss, scores).sum(), leaf)
            away = away.nan_to_num(0, 0, 0)
            if self.signal is None:
                return away
            signal = self.signal(leaf)
            (caught,) = torch.autograd.grad(signal.sum(), leaf)
        over = goal.reached(scores.detach()) & (signal.detach() > -1e-3)
        share = torch.where(over, _BESIDE, 1.0)[:, None, None, None]
        return share * _sized(away) + over[:, None, None, None] * _sized(caught.nan_to_num(0, 0, 0))

    def _drop_fooled(self) -> None:
        shown = self.budget.to_8_bit(self.now, self.clean)
        fooled = self.audit.decision.reached(shown, self.rows)
        self.asked += len(shown)
        self.fooled |= set(self.rows[fooled].tolist())
        left = ~fooled
        self.rows, self.clean, self.now, self.velocity = (
            each[left] for each in (self.rows, self.clean, self.now, self.velocity)
        )


def _sized(gradient: Tensor) -> Tensor:
    length: Tensor = torch.linalg.vector_norm(gradient.flatten(1), dim=1).clamp(min=1e-20)
    return gradient / length[:, None, None, None]
