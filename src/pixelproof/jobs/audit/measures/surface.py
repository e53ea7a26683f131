"""The loss around one sample: over the whole threat along two directions, and within a few grey levels along lines."""

from __future__ import annotations

from typing import TypedDict

import torch
from torch import Tensor

from pixelproof.jobs.audit.attacked import View
from pixelproof.jobs.audit.case import Case

_SPAN = 2.0  # grey levels that the lines run to either side
_POINTS = 81
_ORDERS = {"l1": 1.0, "l2": 2.0, "linf": torch.inf, "l0": torch.inf}
_INSTEAD = 8.0  # grey levels of every value where the threat counts pixels


class Surface(TypedDict):
    """Margins around the sample ``row``; ``slope`` is what its gradient says of a grey level of every value.

    ``heat``: [along the gradient, along a random direction, margin], both in grey levels of the threat's norm.
    ``gradient`` and ``random``: margins ``_POINTS`` times from −2 to 2 grey levels of every value.
    """

    row: int
    slope: float
    heat: list[list[float]]
    gradient: list[float]
    random: list[float]


def surface(case: Case, view: View) -> Surface:
    """Around the sample whose margin is the median of those classified correctly."""
    found: Surface = case.once(f"surface|{view}", lambda: _surface(case, view))
    return found


def offsets() -> list[float]:
    """Where on the lines, in grey levels."""
    return [round(each, 3) for each in torch.linspace(-_SPAN, _SPAN, _POINTS).tolist()]


def _surface(case: Case, view: View) -> Surface:
    look = _Point(case, view)
    uphill, aside = look.slope, look.signs
    radius, norm = (_INSTEAD, "linf") if case.threat.norm == "l0" else (case.threat.epsilon, case.threat.norm)
    steps = torch.linspace(-radius, radius, case.effort.surface, device=case.device) / 255
    one, other = (each.flatten().cpu() * 255 for each in torch.meshgrid(steps, steps, indexing="ij"))
    grid = steps[:, None, None, None] * _unit(uphill, norm) + (steps[:, None, None, None] * _unit(aside, norm))[:, None]
    heat = look.margins(grid.transpose(0, 1).flatten(0, 1))
    line = torch.linspace(-_SPAN, _SPAN, _POINTS, device=case.device)[:, None, None, None] / 255
    return {
        "row": look.row,
        "slope": float(uphill.abs().sum() / 255),
        "heat": torch.stack([one, other, heat.cpu()], 1).tolist(),
        "gradient": look.margins(line * uphill.sign()).tolist(),
        "random": look.margins(line * aside).tolist(),
    }


class _Point:
    """One sample, the gradient of its margin, and margins beside it, under the same draws of a random model."""

    def __init__(self, case: Case, view: View) -> None:
        self.case, rows = case, torch.tensor(case.right, device=case.device)
        goal = case.goal(rows)
        margins = goal.loss("margin", case.log_scores(case.images[rows]))
        middle = margins.argsort()[(len(rows) - 1) // 2]
        self.row = int(rows[middle])
        self.image, self.goal = case.images[self.row][None], goal.of(middle[None])
        self.oracle = case.oracle(1, view, eight_bit=False)
        own = rows[middle][None]
        self.signs = case.streams("surface", own).integers(2, *self.image.shape[1:]).mul(2).sub(1).float()
        torch.manual_seed(case.seed)  # put back by ``Case.once``
        _, self.slope = self.oracle.gradient(self.image, own * 0, lambda s, _: self.goal.loss("margin", s))

    def margins(self, moves: Tensor) -> Tensor:
        """Of the sample moved by ``moves`` m×C×H×W."""
        torch.manual_seed(self.case.seed)
        rows = torch.zeros(len(moves), dtype=torch.int64, device=moves.device)
        scores = self.oracle.log_scores(self.image + moves, rows)
        return self.goal.of(rows).loss("margin", scores).float()


def _unit(direction: Tensor, norm: str) -> Tensor:
    """``direction`` 1×C×H×W at length 1: of its sign in L∞."""
    if norm == "linf":
        return direction.sign()
    length: Tensor = torch.linalg.vector_norm(direction, _ORDERS[norm]).clamp(min=1e-12)
    return direction / length
