"""Gaussian conditioning, a block of observations at a time and never from the beginning."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


class Posterior:
    """What D hidden Gaussian numbers are, given noisy observations of sums of them.

    K outputs are modelled at once: they share the covariance, of which each has a multiple. With A the sums (one a
    row), S the prior covariance and N the noise, L the Cholesky factor of A S Aᵀ + N, it keeps V = L⁻¹ A S, (n, D), and
    U = L⁻¹ Y, (n, K), side by side, to which q observations add q rows at the cost of one product (q × n) (n × D). The
    posterior covariance is S - Vᵀ V, the posterior mean Uᵀ V.

    Sums are sparse, q of them of m numbers: ``index`` (m, q) int64 says which they add, ``weight`` (m, q) how often.
    Rows are allotted in advance, ``capacity`` of them; to observe more raises RuntimeError.
    """

    def __init__(self, capacity: int, numbers: int, outputs: int, device: torch.device) -> None:
        self._rows = torch.empty(capacity, numbers + outputs, device=device)
        self.mean = torch.zeros(outputs, numbers, device=device)
        self.count = 0

    def forget(self) -> None:
        """Begin again with no observations."""
        self.count = 0
        self.mean.zero_()

    @property
    def answers(self) -> Tensor:
        """U, (n, K)."""
        return self._rows[: self.count, self.mean.shape[1] :]

    def whiten(self, index: Tensor, weight: Tensor) -> Tensor:
        """(n, q): V applied to q sums, so that of two of them the covariance falls by the product of their columns."""
        rows = self._rows[: self.count]
        return rows.index_select(1, index.flatten()).view(len(rows), *index.shape).mul_(weight).sum(1)

    def extend(self, mixing: Tensor, fresh: Tensor) -> Tensor:
        """Append the rows ``mixing`` (q, q) × ``fresh`` (q, D + K); returns those of V."""
        before, self.count = self.count, self.count + len(fresh)
        if self.count > len(self._rows):
            raise RuntimeError(f"{self.count} observations, {len(self._rows)} were allowed for")
        rows = torch.mm(mixing, fresh, out=self._rows[before : self.count])
        numbers = self.mean.shape[1]
        self.mean.addmm_(rows[:, numbers:].T, rows[:, :numbers])
        return rows[:, :numbers]

    def less_known(self, index: Tensor, weight: Tensor, fresh: Tensor) -> None:
        """Take from ``fresh`` (q, D + K), A S and what was told of q sums, what earlier observations say of them."""
        fresh.addmm_(self.whiten(index, weight).T, self._rows[: self.count], alpha=-1)


def observe(
    posteriors: Sequence[Posterior], index: Tensor, weight: Tensor, fresh: Tensor, noise: Tensor
) -> list[Tensor]:
    """Let each posterior take in q observations; returns the rows (q, D) that V grows by.

    index, weight (lanes, m, q); fresh (lanes, q, D + K): A S and the answers, overwritten; noise (lanes, q): variances.
    """
    for posterior, *own in zip(posteriors, index, weight, fresh, strict=True):
        posterior.less_known(*own)
    lanes, numbers, count = index.shape
    among = fresh.gather(2, index.flatten(1)[:, None].expand(-1, count, -1)).view(lanes, count, numbers, count)
    inner = among.mul_(weight[:, None]).sum(2)
    factor = torch.linalg.cholesky((inner + inner.mT) / 2 + torch.diag_embed(noise))
    mixing = torch.linalg.solve_triangular(factor, torch.eye(count, device=noise.device).expand_as(factor), upper=False)
    return [posterior.extend(*own) for posterior, *own in zip(posteriors, mixing, fresh, strict=True)]
