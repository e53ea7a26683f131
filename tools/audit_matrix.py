"""Audit the thirteen broken defences and the three honest models of examples/broken_defences, as a matrix.

Usage: python tools/audit_matrix.py [--out audit-kit-run] [--data bundled] [--samples N] [NAME …]

Rows are flaws, columns checkpoints. Audits go on where they were interrupted. What is found is written to
results/audit-kit.json, beside what was found of others before.
"""

import argparse
import json
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from pixelproof.data import ImageSet, load_data
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
RESULTS = ROOT / "results" / "audit-kit.json"
SAMPLES = 60  # attacked in each audit: flaws are large
COMMAND = "python tools/audit_matrix.py"
LETTERS = {"pass": "·", "warn": "w", "fail": "F", "person": "?", "skipped": "–"}


@dataclass(frozen=True)
class Entry:
    """A model with its claim, and the checkpoint at which it must fail; None: it must fail at none."""

    name: str
    model: str
    flaw: str = "none"
    checkpoint: int | None = None

    @property
    def claim(self) -> Claim:
        return read_claim(KIT / f"{self.name}.toml")

    def load(self) -> Classifier:
        place = self.model if self.model.startswith("zoo:") else str(KIT / self.model)
        return load_model(place, trust_code=True)


def entries() -> list[Entry]:
    kit = tomllib.loads((KIT / "kit.toml").read_text("utf-8"))
    return [Entry(**each) for each in (*kit["flaws"], *kit["honest"])]


def holds(entry: Entry, verdicts: dict[int, str]) -> bool:
    """Whether ``entry`` fails where it must, or nowhere."""
    if entry.checkpoint is None:
        return "fail" not in verdicts.values()
    return verdicts.get(entry.checkpoint) == "fail"


def matrix(found: dict[str, dict[int, str]]) -> str:
    """Verdicts by flaw and checkpoint; the one meant for it in brackets."""
    numbers = [each.number for each in CHECKPOINTS]
    lines = [f"{'':28}" + "".join(f"{number:>4}" for number in numbers)]
    for entry in entries():
        if entry.name in found:
            cells = ((LETTERS[found[entry.name].get(n, "skipped")], n) for n in numbers)
            lines.append(
                f"{entry.name:28}"
                + "".join(f"[{c}]".rjust(4) if n == entry.checkpoint else f"{c:>3} " for c, n in cells)
            )
    return "\n".join(
        [
            *lines,
            "F fail, w warn, · pass, ? needs a person, – could not be asked; [ ] the checkpoint meant for the flaw",
        ]
    )


def audit(entry: Entry, data: ImageSet, out: Path, samples: int) -> dict[int, str]:
    spec = AuditSpec(model=entry.model, data=data.name, claim=f"{entry.name}.toml", samples=samples)
    with run_job(AuditJob(spec, entry.claim, entry.load(), data), out) as run:
        view = audit_view(run)
    write_audit(view, out)
    return {each.number: each.verdict for each in view.answers}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--out", type=Path, default=Path("audit-kit-run"))
    parser.add_argument("--data", default="bundled")
    parser.add_argument("--samples", type=int, default=SAMPLES)
    told = parser.parse_args()
    data = load_data(told.data)
    found: dict[str, dict[int, str]] = {}
    rows = _known()
    for entry in entries():
        if told.names and entry.name not in told.names:
            continue
        begun = time.perf_counter()
        found[entry.name] = audit(entry, data, told.out / entry.name, told.samples)
        rows[entry.name] = _row(entry, found[entry.name])
        print(f"{entry.name}: {rows[entry.name]['value']} ({time.perf_counter() - begun:.0f} s)", flush=True)
    print(matrix(found))
    ordered = [rows[entry.name] for entry in entries() if entry.name in rows]
    content = {"environment": environment(torch.device("cpu")), "rows": ordered}
    write_whole(RESULTS, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def _known() -> dict[str, dict[str, Any]]:
    """The rows of earlier calls, by the name of their entry."""
    if not RESULTS.exists():
        return {}
    return {row["name"]: row for row in json.loads(RESULTS.read_text("utf-8"))["rows"]}


def _row(entry: Entry, verdicts: dict[int, str]) -> dict[str, Any]:
    failed = [number for number, verdict in verdicts.items() if verdict == "fail"]
    return {
        "name": entry.name,
        "claim": f"{entry.name}: " + ("fails at none" if entry.checkpoint is None else f"fails at {entry.checkpoint}"),
        "flaw": entry.flaw,
        "value": f"fails at {', '.join(map(str, failed)) or 'none'}",
        "unit": "checkpoints",
        "target": entry.checkpoint,
        "holds": holds(entry, verdicts),
        "verdicts": {str(number): verdict for number, verdict in verdicts.items()},
        "command": COMMAND,
    }


if __name__ == "__main__":
    main()
