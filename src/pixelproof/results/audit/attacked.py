"""What an attack did to the samples of an audit."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Self

from pixelproof.results.intervals import Rate

#: What the attack saw: the model as it is, or made differentiable (BPDA, EOT).
View = Literal["plain", "open"]


@dataclass(frozen=True)
class Attacked:
    """``rows`` are numbers of samples of the audit; what was wrong without any attack counts as fooled.

    ``fooled``: the attack reached its goal within its own budget. ``within``: the image lies within the threat's, and
    is of the threat's goal. ``queries`` and ``gradient_steps`` are means over the images that were attacked.
    """

    attack: str
    view: View
    needs: Literal["gradients", "scores", "labels"]
    rows: tuple[int, ...]
    fooled: tuple[bool, ...]
    within: tuple[bool, ...]
    queries: float
    gradient_steps: float
    seconds: float

    @classmethod
    def read(cls, value: Mapping[str, Any]) -> Self:
        """What the audit's file holds of it."""
        known: dict[str, Any] = {key: tuple(each) if isinstance(each, list) else each for key, each in value.items()}
        return cls(**known)

    @property
    def right(self) -> Rate:
        """The samples that were not fooled, wherever the threat model's ball ends."""
        return Rate(len(self.rows) - sum(self.fooled), len(self.rows))

    @cached_property
    def broken(self) -> frozenset[int]:
        """The rows that were fooled within the threat model."""
        found = zip(self.rows, self.fooled, self.within, strict=True)
        return frozenset(row for row, fooled, within in found if fooled and within)

    @property
    def robust_accuracy(self) -> Rate:
        """The samples that it did not fool within the threat model."""
        return Rate(len(self.rows) - len(self.broken), len(self.rows))


def attacked_rows(attacks: Iterable[Attacked]) -> frozenset[int]:
    """The samples that any of ``attacks`` was run on."""
    return frozenset(row for each in attacks for row in each.rows)


def broken_rows(attacks: Iterable[Attacked]) -> frozenset[int]:
    """The samples that any of ``attacks`` fooled within the threat model."""
    return frozenset(row for each in attacks for row in each.broken)
