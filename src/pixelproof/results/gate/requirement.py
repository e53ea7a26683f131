"""What is required of a run, as it is written: ``robust-accuracy(linf,3) >= 40%``.

requirement = TERM [ "(" ARGUMENTS ")" ] SIGN VALUE
SIGN        = ">=" | "<=" | "="                    ("=" of verdicts alone)
VALUE       = NUMBER "%"                           a share of all images, decided by its interval
            | NUMBER                               a count of the images at hand, which is a fact
            | "baseline" ( "-" | "+" ) NUMBER "%"  as good as another run but for so many points
            | "pass" | "warn" | "fail"             a verdict
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pixelproof.errors import InputError
from pixelproof.results.gate.measure import TERMS, VERDICTS, Measure
from pixelproof.results.gate.read import at_length
from pixelproof.runs.record import LEVELLED, NORM_OF
from pixelproof.wording import count, listed, meant

_FORM = re.compile(
    r"\s*(?P<term>[\w-]+)\s*(?:\((?P<arguments>.*)\))?\s*(?P<sign>[<>=≤≥]+)\s*(?P<value>.*?)\s*", re.DOTALL
)
_BASELINE = re.compile(r"baseline\s*(?:(?P<side>[-+−])\s*(?P<points>.+?))?", re.DOTALL)
_SIGNS = {">=": ">=", "≥": ">=", "<=": "<=", "≤": "<=", "=": "=", "==": "="}
_EXAMPLE = "expected a form such as robust-accuracy(linf,3) >= 40%"
_VERDICT_TERMS = ("audit", "checkpoint")
_COUNT_TERMS = ("broken", "proved")
_SHOWN = 12  # measures named where one was asked for that a run has not


@dataclass(frozen=True)
class Requirement:
    """``value`` is a share in [0, 1] or a count; of a ``baseline`` the points that may be lost, as a share.

    ``verdict`` stands in its place where a verdict is required.
    """

    text: str
    term: str
    arguments: tuple[str, ...]
    sign: str  # >=, <= or =
    value: float = 0.0
    kind: str = "share"  # share, count, baseline, verdict
    verdict: str = ""

    @property
    def name(self) -> str:
        return f"{self.term}({','.join(self.arguments)})" if self.arguments else self.term


def parse_requirement(text: str) -> Requirement:
    """The requirement that ``text`` says. Raises ``InputError`` with one sentence on what is wrong."""
    found = _FORM.fullmatch(text)
    if found is None:
        raise InputError(f"The requirement {text!r} cannot be read; {_EXAMPLE}.")
    term, sign, value = found["term"], _SIGNS.get(found["sign"]), found["value"]
    if term not in TERMS:
        raise InputError(f"{text}: there is no term {term!r}{meant(term, TERMS)}; there are {listed(list(TERMS))}.")
    if sign is None:
        near = ">=" if ">" in found["sign"] else "<="
        raise InputError(f"{text}: {found['sign']} is no sign of a requirement; expected >=, <= or =, so write {near}.")
    arguments = _arguments(text, term, found["arguments"])
    common = (text.strip(), term, arguments, sign)
    if term in _VERDICT_TERMS:
        return Requirement(*common, kind="verdict", verdict=_verdict(text, sign, value))
    if sign == "=":
        raise InputError(f"{text}: only a verdict is required with =; expected >= or <=.")
    if against := _BASELINE.fullmatch(value):
        return Requirement(*common, _points(text, term, sign, against), "baseline")
    if value.endswith("%"):
        return Requirement(*common, _share(text, term, value))
    if term not in _COUNT_TERMS:
        raise InputError(f"{text}: {term} is a share, so {value or 'nothing'} needs a %; {_EXAMPLE}.")
    return Requirement(*common, _number(text, value), "count")


def _arguments(text: str, term: str, given: str | None) -> tuple[str, ...]:
    parts = [] if given is None else _split(given)
    if parts and parts[0] in (*LEVELLED, *NORM_OF.values()) and term not in ("accuracy", "checkpoint", "clever"):
        parts[0] = NORM_OF.get(parts[0], parts[0])
    wanted = TERMS[term].form
    most = 2 if "," in wanted else 1 if wanted else 0
    of_level = parts[:1] in (["l0"], ["linf"]) and most == 2
    least = 0 if not wanted or term == "mean-robust-accuracy" else 2 if of_level else 1
    if not least <= len(parts) <= most or "" in parts or (of_level and not parts[1].isdecimal()):
        form = f"{term}{wanted.replace(' or ', f' or {term}')}"
        raise InputError(f"{text}: {term} is written as {form}, and {given or 'nothing'} stands in its brackets.")
    return tuple(parts)


def _split(text: str) -> list[str]:
    """What stands between commas that stand in no brackets."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            parts.append("")
        elif not letter.isspace():
            parts[-1] += letter
    return parts


def _verdict(text: str, sign: str, value: str) -> str:
    if value not in VERDICTS or sign == "<=":
        raise InputError(
            f"{text}: a verdict is required as = or >= {listed(list(VERDICTS[:0:-1]))}, not {sign} {value or 'nothing'}"
            f"{meant(value, VERDICTS)}."
        )
    return value


def _points(text: str, term: str, sign: str, found: re.Match[str]) -> float:
    less = not Measure(term).more_is_better
    side, right = (found["side"] or "").replace("−", "-"), ("+" if less else "-")
    if sign != ("<=" if less else ">=") or side != right:
        raise InputError(
            f"{text}: no sample can show that two runs are equal, so so many points are allowed for; expected "
            f"{'<= baseline +' if less else '>= baseline -'} and a share, as in {'+' if less else '-'} 5%."
        )
    points = _share(text, term, found["points"] if found["points"].endswith("%") else f"{found['points']}%")
    if points <= 0:
        raise InputError(f"{text}: more than 0 points must be allowed for; expected as in baseline {right} 5%.")
    return points


def _share(text: str, term: str, value: str) -> float:
    share = _number(text, value[:-1]) / 100
    if share > 1 and term != "normalised-mce":
        raise InputError(f"{text}: {value} is more than all; expected from 0 % to 100 %.")
    return share


def _number(text: str, value: str) -> float:
    if not re.fullmatch(r"\d+(\.\d*)?|\.\d+", value.strip()):
        raise InputError(f"{text}: {value or 'nothing'!r} is no number of 0 or more; {_EXAMPLE}.")
    return float(value)


def find(requirement: Requirement, measures: Sequence[Measure]) -> Measure:
    """The measure among ``measures`` that ``requirement`` is about; an attack by name may be told by its name alone.

    Raises ``InputError`` where there is none, or more than one.
    """
    if requirement.term == "clever":
        lengths = [each for each in measures if each.term == "clever"]
        if lengths:
            return at_length(lengths[0], _number(requirement.text, requirement.arguments[0]))
    own = [each for each in measures if each.term == requirement.term]
    exact = [each for each in own if each.arguments == requirement.arguments]
    by_name = [each for each in own if _method(each) == requirement.arguments[:1]]
    found = exact or by_name
    if len(found) == 1:
        return found[0]
    if found:
        names = listed([each.name for each in found])
        raise InputError(f"{requirement.text}: {requirement.name} may be {names}; write one of them.")
    known = [each.name for each in own] or list(dict.fromkeys(each.term for each in measures))
    shown = listed([*known[:_SHOWN], *([f"{count(len(known) - _SHOWN)} more"] if len(known) > _SHOWN else [])])
    raise InputError(
        f"{requirement.text}: the run has no {requirement.name}{meant(requirement.name, known)}; it has {shown}."
    )


def _method(measure: Measure) -> tuple[str, ...]:
    """``pgd`` of ``pgd(epsilon=8)``; nothing of a level."""
    first = measure.arguments[0] if measure.arguments else ""
    return (first.partition("(")[0],) if "(" in first else ()
