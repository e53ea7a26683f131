"""After how many queries an attack without gradients first fools each sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from pixelproof.attacks.named import parse_attack
from pixelproof.attacks.oracle import Oracle
from pixelproof.jobs.audit.attacking import BATCH
from pixelproof.jobs.audit.case import Case
from pixelproof.units import to_8_bit


class WatchedOracle(Oracle):
    """An oracle that notes in ``first`` how often each of ``samples`` was asked about when it was first fooled inside
    the threat's ball; 0 where it never was."""

    def __init__(self, case: Case, samples: Tensor) -> None:
        super().__init__(case.classifier, BATCH, case.device, len(samples))
        self.case, self.samples, self.goal = case, samples, case.goal(samples)
        self.first = torch.zeros(len(samples), dtype=torch.int64)

    def log_scores(self, images: Tensor, rows: Tensor) -> Tensor:
        before = self.queries.clone()
        scores = super().log_scores(images, rows)
        inside = self.case.within(to_8_bit(images), self.samples[rows])
        success = (self.goal.of(rows).reached(scores) & inside).cpu()
        for place in success.nonzero().flatten().tolist():  # few: a sample leaves most attacks once it is fooled
            row = int(rows[place])
            if not self.first[row]:
                asked = int((rows[: place + 1] == row).sum())
                self.first[row] = before[row] + asked * self._calls
        return scores


def queries_to_fool(case: Case, spelling: str, rows: Sequence[int]) -> Mapping[int, int]:
    """How many queries the attack so spelled took for those of ``rows`` that it fools, of the model as it is.

    The model's own answers decide here, since they are what the attacker sees.
    """
    key = f"queries to fool|{spelling}|{','.join(map(str, rows))}"
    found: list[int] = case.once(key, lambda: _first(case, spelling, rows))
    return {row: first for row, first in zip(rows, found, strict=True) if first}


def _first(case: Case, spelling: str, rows: Sequence[int]) -> list[int]:
    attack, found = parse_attack(spelling), []
    for start in range(0, len(rows), BATCH):
        part = torch.tensor(rows[start : start + BATCH], device=case.device)
        oracle = WatchedOracle(case, part)
        # The streams are those of ``Case.attacked``, so that the attack is the same one.
        attack(oracle, case.images[part], oracle.goal, case.streams(f"{spelling}|", part))
        found += oracle.first.tolist()
    return found
