"""A gate's answer where teams read it: the terminal, a pull request (Markdown), JUnit XML, SARIF."""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from rich.text import Text

from pixelproof.results.gate.checked import Checked
from pixelproof.results.gate.decision import Decision
from pixelproof.results.gate.measure import TERMS
from pixelproof.version import __version__
from pixelproof.wording import count

_STYLES = {"met": ("green", "met"), "not met": ("red", "not met"), "undecided": ("yellow", "cannot be decided")}
_SAID = {"met": "met", "not met": "**not met**", "undecided": "cannot be decided"}
_SARIF = {"met": ("pass", "none"), "not met": ("fail", "error"), "undecided": ("review", "warning")}
_NO_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ABOUT = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def decision_lines(decisions: Iterable[Decision]) -> list[Text]:
    """For the terminal: each requirement with its outcome, and below it what was measured."""
    found = []
    for each in decisions:
        style, said = _STYLES[each.outcome]
        line = (
            Text(f"{said:<18}", style=style)
            .append(each.requirement, style="default")
            .append(f"\n{' ' * 18}{each.measured}{_advice(each)}", style="dim")
        )
        found.append(line)
    return found


def _advice(each: Decision) -> str:
    return f"; take about {count(each.take)} samples" if each.take else ""


def check_notes(checked: Checked) -> list[str]:
    """How it was decided, and what differs from the baseline, in sentences."""
    level = f"{100 * checked.alpha:g} %"
    notes = [
        f"Intervals and tests are exact; met is wrong in {level} of cases at most, and so is not met of all "
        "requirements together (Holm’s correction)."
    ]
    marked = [f"{'Forced' if each.grave else 'Note'}: {each}." for each in checked.differences]
    return [*notes, *marked]


def check_markdown(checked: Checked) -> str:
    """What to put into a pull request."""
    lines = [f"### Robustness of {_cell(checked.title)}", "", "| requirement | | measured |", "|---|---|---|"]
    lines += [f"| `{_cell(each.requirement)}` | {_said(each)} | {_cell(each.measured)} |" for each in checked.decisions]
    return "\n".join([*lines, "", *(f"- {_cell(note)}" for note in check_notes(checked)), ""])


def _said(each: Decision) -> str:
    more = f" with {count(each.images)} samples: take {count(each.take)}" if each.take else ""
    return f"{_SAID[each.outcome]}{more}"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def check_junit(checked: Checked) -> str:
    """A test case for each requirement: what is not met failed, what cannot be decided is an error."""
    outcomes = [each.outcome for each in checked.decisions]
    totals = {"tests": len(outcomes), "failures": outcomes.count("not met"), "errors": outcomes.count("undecided")}
    suite = ElementTree.Element(
        "testsuite", {"name": "pixelproof", **{key: str(value) for key, value in totals.items()}, "skipped": "0"}
    )
    for each in checked.decisions:
        names = {"classname": f"pixelproof.{each.measure.partition('(')[0]}", "name": _xml(each.requirement)}
        case = ElementTree.SubElement(suite, "testcase", {**names, "time": "0"})
        if each.outcome != "met":
            kind = "failure" if each.outcome == "not met" else "error"
            ElementTree.SubElement(case, kind, {"type": each.outcome, "message": _xml(each.sentence)})
        ElementTree.SubElement(case, "system-out").text = _xml(each.measured)
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def _xml(text: str) -> str:
    """``text`` without what XML cannot hold."""
    return _NO_XML.sub("\ufffd", text)


def check_sarif(checked: Checked, requirements: Path | None = None) -> str:
    """A log of SARIF 2.1.0: a rule a term, a result a requirement, at its line of the file of ``requirements``."""
    rules = [{"id": term, "shortDescription": {"text": TERMS[term].what}} for term in _terms(checked)]
    driver = {"name": "pixelproof", "version": __version__, "rules": rules}
    results = [_result(each, checked, requirements) for each in checked.decisions]
    log = {"$schema": _ABOUT, "version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": results}]}
    return f"{json.dumps(log, indent=1, ensure_ascii=False)}\n"


def _terms(checked: Checked) -> list[str]:
    return list(dict.fromkeys(each.measure.partition("(")[0] for each in checked.decisions))


def _result(each: Decision, checked: Checked, requirements: Path | None) -> dict[str, Any]:
    kind, level = _SARIF[each.outcome]
    return {
        "ruleId": each.measure.partition("(")[0],
        "kind": kind,
        "level": level,
        "message": {"text": each.sentence},
        "locations": [{"physicalLocation": next(_places(each, checked, requirements))}],
    }


def _places(each: Decision, checked: Checked, requirements: Path | None) -> Iterator[dict[str, Any]]:
    if requirements is not None:
        lines = requirements.read_text("utf-8").splitlines()
        at = next((k for k, line in enumerate(lines, 1) if each.requirement in line), 1)
        yield {"artifactLocation": {"uri": requirements.as_posix()}, "region": {"startLine": at}}
    yield {"artifactLocation": {"uri": (Path(checked.places[0]) / "run.sqlite").as_posix()}, "region": {"startLine": 1}}
