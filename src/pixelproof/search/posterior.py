"""Gaussian conditioning, a block of observations at a time and never from the beginning."""

from __future__ import annotations

import torch
from torch import Tensor


class Posterior:
    """What D hidden Gaussian numbers are, given noisy observations of sums of them.

    K outputs are modelled at once: they share the covariance, of which each has a multiple. With A the sums (one a
    row), S the prior covariance and N the noise, L the Cholesky factor of A S Aᵀ + N, it keeps V = L⁻¹ A S, (n, D), and
    U = L⁻¹ Y, (n, K), to which q observations add q rows at the cost of one product (q × n) (n × D). The posterior
    covariance is S - Vᵀ V, the posterior mean Uᵀ V.

    A sum is sparse: ``index`` (q, m) int64 says which numbers it adds, ``weight`` (q, m) how often. Rows of V are
    allotted in advance, ``capacity`` of them; to observe more raises RuntimeError.
    """

    def __init__(self, capacity: int, numbers: int, outputs: int, device: torch.device) -> None:
        self.rows = torch.empty(capacity, numbers, device=device)
        self.answers = torch.empty(capacity, outputs, device=device)
        self.mean = torch.zeros(outputs, numbers, device=device)
        self.count = 0

    def observe(self, index: Tensor, weight: Tensor, columns: Tensor, noise: Tensor, told: Tensor) -> Tensor:
        """Take in q observations told (q, K) of variance noise (q,); columns (q, D) are A S. Returns the rows of V."""
        before, after = self.count, self.count + len(told)
        if after > len(self.rows):
            raise RuntimeError(f"{after} observations, {len(self.rows)} were allowed for")
        seen = self.whiten(index, weight)
        columns = columns.addmm(seen.T, self.rows[:before], alpha=-1)
        inner = _sums(columns, index, weight).T
        factor = torch.linalg.cholesky((inner + inner.T) / 2 + torch.diag(noise))
        rows, answers = self.rows[before:after], self.answers[before:after]
        torch.linalg.solve_triangular(factor, columns, upper=False, out=rows)
        missed = told.addmm(seen.T, self.answers[:before], alpha=-1)
        answers.copy_(torch.linalg.solve_triangular(factor, missed, upper=False))
        self.mean.addmm_(answers.T, rows)
        self.count = after
        return rows

    def whiten(self, index: Tensor, weight: Tensor) -> Tensor:
        """(n, q): V applied to q sums, so that of two of them the covariance falls by the product of their columns."""
        return _sums(self.rows[: self.count], index, weight)


def _sums(rows: Tensor, index: Tensor, weight: Tensor) -> Tensor:
    """(len(rows), q): the q sparse sums over each row."""
    return (rows.index_select(1, index.flatten()).view(len(rows), *index.shape) * weight).sum(2)
