"""What a checkpoint of an audit says: verdict, finding, numbers and figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

#: ``person``: only a person can say. ``skipped``: it cannot be measured here, for the reason given.
Verdict = Literal["pass", "warn", "fail", "person", "skipped"]

_SHOWN = 2  # remarks that a finding is made of


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
    nothing until then. ``work``: the publication that first broke such a defence, by its name in the page's sources.
    """

    verdict: Verdict
    finding: str
    remedy: str = ""
    numbers: tuple[tuple[str, str], ...] = ()
    plots: tuple[Plot, ...] = ()
    questions: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    work: str = ""


@dataclass(frozen=True)
class Remark:
    """``text`` is a whole sentence, and so is ``remedy`` where something is to be done. ``pass`` only informs."""

    verdict: Literal["pass", "warn", "fail"]
    text: str
    remedy: str = ""


def summed(remarks: Sequence[Remark], otherwise: str, **rest: Any) -> Answer:
    """The answer that ``remarks`` come to, with ``rest``: the gravest make the finding, the others are notes.

    ``otherwise`` is the finding where none objects.
    """
    for verdict in ("fail", "warn"):
        gravest = [each for each in remarks if each.verdict == verdict][:_SHOWN]
        if gravest:
            finding = " ".join(each.text for each in gravest)
            others = tuple(each.text for each in remarks if each not in gravest)
            return Answer(verdict, finding, gravest[0].remedy, notes=others, **rest)
    return Answer("pass", otherwise, notes=tuple(each.text for each in remarks), **rest)


@dataclass(frozen=True, kw_only=True)
class CheckpointResult(Answer):
    """An answer beside the checkpoint's own words: ``number`` to ``source`` are those of the ``Checkpoint``."""

    number: int
    name: str
    title: str
    asks: str
    source: str

    @property
    def label(self) -> str:
        """As sentences name it: ``4 (single-step)``."""
        return f"{self.number} ({self.name})"


def read_result(value: Mapping[str, Any]) -> CheckpointResult:
    """The result that the audit's file holds as ``value``."""
    plots = tuple(Plot(**_frozen(each)) for each in value["plots"])
    numbers = tuple((name, text) for name, text in value["numbers"])
    return CheckpointResult(**{**_frozen(value), "plots": plots, "numbers": numbers})


def _frozen(value: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(each) if isinstance(each, list) else each for key, each in value.items()}
