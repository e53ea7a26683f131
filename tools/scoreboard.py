"""Write results/public_resnet20.json from finished runs: one row for every figure promised of the stranger's network.

Usage: PIXELPROOF_CHECKPOINT=resnet20-12fca82f.th python tools/scoreboard.py CIFAR10_ROOT RUN ...

The accuracy is measured on the test set in CIFAR10_ROOT. A RUN of preset quick gives the level table of the README, one
of preset paper (independent levels) rows that stand beside the papers' ResNet (Vargas & Kotyan, 2019, table III). Rows
of the same preset, attack and, of the papers', search are replaced; the others stay, each with its date.
"""

import json
import runpy
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from pixelproof.data import load_cifar10
from pixelproof.jobs.train import accuracy
from pixelproof.results.levels import level_rows
from pixelproof.runs import Manifest, RunStore

ROOT = Path(__file__).parent.parent
RESULTS, EXAMPLE = ROOT / "results", ROOT / "examples" / "public_resnet20.py"
#: Vargas & Kotyan (2019), table III, ResNet: adversarial accuracy in % by attack, search and level.
PAPER = {
    ("few-pixel", "cma-es"): {1: 12, 3: 52, 5: 73, 10: 85},
    ("few-pixel", "de"): {1: 24, 3: 70, 5: 75, 10: 79},
    ("threshold", "sep-cma-es"): {1: 33, 3: 71, 5: 76, 10: 83},
}


def command(manifest: Manifest) -> str:
    """The command line that makes the run again, with the root folder of the data left open."""
    spec = manifest.spec
    words = ["pixelproof assess", f"--model {spec['model']}", f"--data {spec['data'].partition(':')[0]}:ROOT"]
    words += [f"--defence '{spec['defence']}'"] if spec.get("defence") else []
    words += ["--trust-code"] if ".py:" in spec["model"] else []
    words += [f"--attacks {','.join(spec['attacks'])}", f"--search {spec['search']}", f"--preset {spec['preset']}"]
    words += ["--independent-levels"] if spec["independent_levels"] else []
    words += [f"--precision {spec['precision']}"] if spec["precision"] != "float32" else []
    return " ".join([*words, "--out run"])


def rows_of(run: RunStore) -> list[dict[str, Any]]:
    """One row per attack × search × level of a finished run."""
    manifest = run.manifest
    papers = manifest.spec["preset"] == "paper"
    if manifest.status != "finished":
        raise SystemExit(f"{run.folder} is not finished.")
    rows = []
    for level in level_rows(run.records(), manifest.selection, manifest.settings["nested"]):
        target = PAPER[level.attack, level.search][level.threshold] if papers else None
        value = round(100 * level.fooled.value, 1)
        rows.append(
            {
                "claim": f"{manifest.spec['preset']}: {level.attack} by {level.search}, th = {level.threshold}",
                "value": value,
                "unit": "% of attacked samples fooled",
                "target": target,
                "holds": None if target is None else value >= target,
                "command": command(manifest),
                "fooled": level.fooled.successes,
                "attacked": level.fooled.total,
                "interval": [round(100 * level.fooled.interval.low, 1), round(100 * level.fooled.interval.high, 1)],
                "robust": round(100 * level.robust.value, 1),
                "mean_queries": round(level.mean_queries),
                "seconds": round(manifest.timings["seconds"]),
            }
        )
    return rows


def accuracy_row(root: str) -> dict[str, Any]:
    """The published accuracy, measured again on the full test set."""
    network = runpy.run_path(str(EXAMPLE))["load"]()
    value = round(100 * accuracy(network, load_cifar10(Path(root)), torch.device("cpu")), 2)
    return {
        "claim": "accuracy: public ResNet-20 on the 10,000 test images",
        "value": value,
        "unit": "%",
        "target": 91.73,
        "holds": value == 91.73,
        "command": "python examples/public_resnet20.py --data ROOT --out run",
    }


def kept(rows: list[dict[str, Any]], fresh: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The ``rows`` that none of the ``fresh`` ones replaces."""
    replaced = {_subject(row) for row in fresh}
    return [row for row in rows if _subject(row) not in replaced]


def _subject(row: dict[str, Any]) -> str:
    """What a row is about: of the papers' also the search, of quick ones whichever was chosen."""
    claim = str(row["claim"]).partition(", th = ")[0]
    return claim if claim.startswith("paper") else claim.partition(" by ")[0]


def main(root: str, *folders: str) -> None:
    """Measure, read the runs, write the file."""
    fresh: list[dict[str, Any]] = [accuracy_row(root)]
    for folder in folders:
        with RunStore.open(Path(folder)) as run:
            fresh += rows_of(run)
            environment = run.manifest.environment
    today = datetime.now(UTC).date().isoformat()
    fresh = [{**row, "date": today} for row in fresh]
    path = RESULTS / "public_resnet20.json"
    rows = fresh + (kept(json.loads(path.read_text("utf-8"))["rows"], fresh) if path.exists() else [])
    RESULTS.mkdir(exist_ok=True)
    path.write_text(
        json.dumps({"environment": environment, "rows": rows}, indent=1, ensure_ascii=False) + "\n", "utf-8"
    )
    print(path)


if __name__ == "__main__":
    main(*sys.argv[1:])
