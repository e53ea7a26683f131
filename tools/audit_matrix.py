"""Audit the broken defences and the honest models of examples/broken_defences, or of another kit, as a matrix.

Usage: python tools/audit_matrix.py [--kit DIR] [--out audit-kit-run] [--data bundled] [--samples N] [NAME …]

Rows are entries, columns checkpoints. Audits go on where they were interrupted. What is found is written to
results/audit-kit.json (of held_out.zip, which is unpacked into the run's folder, to results/audit-kit-held-out.json;
of another kit to audit-kit.json in it), beside what was found of others before. Beside the accuracy that the audit's
attacks leave stands what the attack leaves that was made for the entry (oracles.json of the kit, which
tools/audit_oracles.py writes).
"""

import argparse
import importlib
import json
import shutil
import sys
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from pixelproof.data import ImageSet, load_data
from pixelproof.errors import PixelproofError
from pixelproof.files import write_whole
from pixelproof.jobs.audit.checkpoints import CHECKPOINTS
from pixelproof.jobs.audit.job import AuditJob
from pixelproof.jobs.audit.spec import AuditSpec, read_claim
from pixelproof.jobs.runner import run_job
from pixelproof.models import Classifier, load_model
from pixelproof.report.audit import write_audit
from pixelproof.results.audit.claim import Claim
from pixelproof.results.audit.view import audit_view
from pixelproof.runs.environment import environment

ROOT = Path(__file__).parent.parent
KIT = ROOT / "examples" / "broken_defences"
HELD_OUT = KIT / "held_out.zip"
RESULTS = ROOT / "results" / "audit-kit.json"
HELD_OUT_RESULTS = ROOT / "results" / "audit-kit-held-out.json"
SAMPLES = 60  # attacked in each audit: flaws are large
COMMAND = "python tools/audit_matrix.py"
#: Points by which the audit's attacks may leave more than the best known one.
GAP = 10
LETTERS = {"pass": "·", "warn": "w", "fail": "F", "person": "?", "skipped": "–"}


@dataclass(frozen=True)
class Entry:
    """A model with its claim; ``flaw`` "none": no checkpoint may fail.

    ``checkpoint``: the one that must fail. ``checkpoints``: those whose fail names the flaw's kind; a failing one of
    any number does too whose finding holds one of ``words``. ``random``: the model answers at random. ``mirrored``:
    its own attack is made on mirrored images; ``alarms``: none is made, its clean accuracy is overstated by false
    alarms; ``reading``: the flaw is in what the claim says, so that less than ``MATERIAL`` points may be wrong in it.
    """

    name: str
    model: str
    flaw: str = "none"
    family: str = ""
    checkpoint: int | None = None
    checkpoints: Sequence[int] = ()
    words: Sequence[str] = ()
    random: bool = False
    mirrored: bool = False
    alarms: bool = False
    reading: bool = False
    kit: Path = KIT

    @property
    def claim(self) -> Claim:
        return read_claim(self.kit / f"{self.name}.toml")

    def load(self) -> Classifier:
        place = self.model if self.model.startswith("zoo:") else str(self.kit / self.model)
        return load_model(place, trust_code=True)

    def oracle(self) -> Sequence[Any]:
        """What an attacker knows of it: the kit's ``oracles.NAME()``, a list of ``Knowing``."""
        with modules_of(self.kit):
            found: Sequence[Any] = getattr(importlib.import_module("oracles"), self.name)()
            return found

    def named_by(self, failing: Mapping[int, str]) -> bool:
        """Whether one of the ``failing`` checkpoints, findings by number, names the flaw's kind."""
        numbers = {self.checkpoint, *self.checkpoints}
        said = " ".join(failing.values()).lower()
        return bool(numbers & failing.keys()) or any(word.lower() in said for word in self.words)


@contextmanager
def modules_of(kit: Path) -> Iterator[None]:
    """The kit's own modules can be imported inside, and are forgotten after: another kit has others of their names."""
    before = set(sys.modules)
    sys.path.insert(0, str(kit))
    try:
        yield
    finally:
        sys.path.remove(str(kit))
        for name in sys.modules.keys() - before:
            if str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(kit)):
                del sys.modules[name]


def entries(kit: Path = KIT) -> list[Entry]:
    told = tomllib.loads((kit / "kit.toml").read_text("utf-8"))
    return [Entry(**each, kit=kit) for each in (*told["flaws"], *told["honest"])]


@dataclass(frozen=True)
class Audited:
    """What an audit said: verdicts and findings by checkpoint, the share of samples its attacks leave in percent, and
    its verdict on the whole.

    ``error``: why there was none: one sentence for people of a refusal, a type and its message of a crash.
    """

    verdicts: Mapping[int, str] = field(default_factory=dict)
    findings: Mapping[int, str] = field(default_factory=dict)
    left: float | None = None
    verdict: str = ""
    error: str = ""
    crashed: bool = False

    @property
    def failing(self) -> dict[int, str]:
        return {number: self.findings[number] for number, verdict in self.verdicts.items() if verdict == "fail"}


def holds(entry: Entry, verdicts: Mapping[int, str]) -> bool:
    """Whether ``entry`` fails where it must, or nowhere; one that must fail at no checkpoint of its own, anywhere."""
    if entry.flaw == "none":
        return "fail" not in verdicts.values()
    if entry.checkpoint is None:
        return "fail" in verdicts.values()
    return verdicts.get(entry.checkpoint) == "fail"


def matrix(found: Mapping[str, Mapping[int, str]], kit: Path = KIT) -> str:
    """Verdicts by flaw and checkpoint; those that name its kind in brackets."""
    numbers = [each.number for each in CHECKPOINTS]
    lines = [f"{'':28}" + "".join(f"{number:>4}" for number in numbers)]
    for entry in entries(kit):
        if entry.name in found:
            meant = {entry.checkpoint, *entry.checkpoints}
            cells = ((LETTERS.get(found[entry.name].get(n, "skipped"), "!"), n) for n in numbers)
            lines.append(
                f"{entry.name:28}" + "".join(f"[{c}]".rjust(4) if n in meant else f"{c:>3} " for c, n in cells)
            )
    return "\n".join(
        [
            *lines,
            "F fail, w warn, · pass, ? needs a person, – could not be asked; [ ] the checkpoints that name the flaw",
        ]
    )


def audit(entry: Entry, data: ImageSet, out: Path, samples: int) -> Audited:
    """What the audit of ``entry`` says; its page is written to ``out``."""
    spec = AuditSpec(model=entry.model, data=data.name, claim=f"{entry.name}.toml", samples=samples)
    try:
        with run_job(AuditJob(spec, entry.claim, entry.load(), data), out) as run:
            view = audit_view(run)
        write_audit(view, out)
    except PixelproofError as error:
        return Audited(error=str(error))
    except Exception as error:  # a crash is a finding about the audit, and others are still to be audited
        return Audited(error=f"{type(error).__name__}: {error}", crashed=True)
    value = None if view.surviving is None else view.surviving.value
    return Audited(
        {each.number: each.verdict for each in view.answers},
        {each.number: each.finding for each in view.answers},
        None if value is None else 100 * value,
        view.verdict,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--kit", type=Path, default=KIT)
    parser.add_argument("--out", type=Path, default=Path("audit-kit-run"))
    parser.add_argument("--data", default="bundled")
    parser.add_argument("--samples", type=int, default=SAMPLES)
    told = parser.parse_args()
    data, (kit, path) = load_data(told.data), opened(told.kit.resolve(), told.out)
    best, known, found = read_rows(kit / "oracles.json"), entries(kit), dict[str, Mapping[int, str]]()
    rows = dict[str, dict[str, Any]]()
    command = COMMAND if kit == KIT else f"{COMMAND} --kit {told.kit}"
    for entry in known:
        if told.names and entry.name not in told.names:
            continue
        begun = time.perf_counter()
        audited = audit(entry, data, told.out / entry.name, told.samples)
        found[entry.name] = audited.verdicts
        rows[entry.name] = row_of(entry, audited, best.get(entry.name, {}).get("value")) | {"command": command}
        print(f"{entry.name}: {rows[entry.name]['value']} ({time.perf_counter() - begun:.0f} s)", flush=True)
        write_row(path, rows[entry.name], known, lambda every: {"summary": summary(every).splitlines()})
    print(matrix(found, kit))
    print(summary(list(rows.values())))


def opened(kit: Path, out: Path) -> tuple[Path, Path]:
    """The folder of ``kit``, unpacked below ``out`` where it is the one that was set aside, and where its rows go."""
    if kit != HELD_OUT:
        return kit, RESULTS if kit == KIT else kit / "audit-kit.json"
    folder = (out / "kit").resolve()
    shutil.unpack_archive(kit, folder)
    return folder, HELD_OUT_RESULTS


def write_row(
    path: Path,
    row: Mapping[str, Any],
    known: Sequence[Entry],
    about: Callable[[Sequence[Mapping[str, Any]]], Mapping[str, Any]] = lambda rows: {},
) -> None:
    """Put ``row`` beside those of earlier calls, and of another that runs beside this one, in the order of the kit;
    before them what there is to say ``about`` all.
    """
    rows = {**read_rows(path), row["name"]: row}
    ordered = [rows[each.name] for each in known if each.name in rows]
    content = {"environment": environment(torch.device("cpu")), **about(ordered), "rows": ordered}
    write_whole(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def read_rows(path: Path) -> dict[str, dict[str, Any]]:
    """The rows of earlier calls in a file of results, by the name of their entry."""
    if not path.exists():
        return {}
    return {row["name"]: row for row in json.loads(path.read_text("utf-8"))["rows"]}


def summary(rows: Sequence[Mapping[str, Any]]) -> str:
    """How many flaws were objected to and named, how many honest models were left alone, and how far attacks came."""
    flawed = [row for row in rows if row["flaw"] != "none"]
    honest = [row for row in rows if row["flaw"] == "none"]
    far = [row["name"] for row in flawed if row["gap"] is not None and row["gap"] > GAP]
    return "\n".join(
        [
            f"flaws objected to: {sum(row['objected'] for row in flawed)} of {len(flawed)}, "
            f"named: {sum(row['named'] for row in flawed)}",
            f"honest models objected to: {sum(row['objected'] for row in honest)} of {len(honest)}",
            f"crashes: {sum(row['crashed'] for row in rows)}",
            f"more than {GAP} points above the best known attack: {', '.join(far) or 'none'}",
        ]
    )


def row_of(entry: Entry, audited: Audited, best: float | None) -> dict[str, Any]:
    failing = audited.failing
    refused = bool(audited.error) and not audited.crashed
    value = f"fails at {', '.join(map(str, failing)) or 'none'}" if not audited.error else audited.error
    expected = "fails at none" if entry.flaw == "none" else f"fails at {entry.checkpoint or 'any'}"
    gap = None if audited.left is None or best is None or entry.alarms or entry.mirrored else audited.left - best
    return {
        "name": entry.name,
        "claim": f"{entry.name}: {expected}",
        "flaw": entry.flaw,
        "family": entry.family,
        "value": value,
        "unit": "checkpoints",
        "target": entry.checkpoint,
        "naming": sorted(entry.checkpoints),
        "holds": holds(entry, audited.verdicts) and not audited.crashed,
        "objected": bool(failing) or refused,
        "named": entry.named_by(failing),
        "crashed": audited.crashed,
        "verdict": audited.verdict,
        "left": None if audited.left is None else round(audited.left, 1),
        "best known": best,
        "gap": None if gap is None else round(gap, 1),
        "verdicts": {str(number): verdict for number, verdict in audited.verdicts.items()},
    }


if __name__ == "__main__":
    main()
