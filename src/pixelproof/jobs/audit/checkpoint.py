"""What a checkpoint is, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pixelproof.jobs.audit.case import Case

#: ``person``: only a person can say. ``skipped``: it cannot be measured here, for the reason given.
Verdict = Literal["pass", "warn", "fail", "person", "skipped"]
Needs = Literal["claim", "labels", "scores", "gradients"]


@dataclass(frozen=True)
class Plot:
    """What a figure shows, as values.

    ``kind`` line: rows {x, y, line}, and low and high where there is an interval. bar: rows {name, y}, with low and
    high likewise, and ``group`` where bars stand side by side. heat: rows {x, y, z}, evenly spaced. ``rule`` is a
    horizontal line (of bars vertical) with its label, as the accuracy claimed; ``mark`` a vertical one. Shares are in
    percent.
    """

    name: str
    title: str
    kind: Literal["line", "bar", "heat"]
    x: str
    y: str
    rows: tuple[Mapping[str, Any], ...]
    caption: str = ""
    z: str = ""
    log_x: bool = False
    rule: tuple[float, str] | None = None
    mark: tuple[float, str] | None = None


@dataclass(frozen=True)
class Answer:
    """``finding``: one or two sentences on what was measured. ``remedy``: one on what to do, where there is something.

    ``numbers`` are names and values as they are to be read. ``questions`` are for a person to answer, and count for
    nothing until then.
    """

    verdict: Verdict
    finding: str
    remedy: str = ""
    numbers: tuple[tuple[str, str], ...] = ()
    plots: tuple[Plot, ...] = ()
    questions: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class Checkpoint:
    """``name`` is its short name in lists, ``title`` what holds where it passes, ``asks`` the question in a sentence.

    ``needs``: what it must see of the model, beside the claim. ``source``: the section of the papers that it is from.
    """

    number: int
    name: str
    title: str
    asks: str
    needs: Needs
    source: str
    judge: Callable[[Case], Answer]
