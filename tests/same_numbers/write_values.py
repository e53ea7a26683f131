"""Writes down anew what the commands give: ``python tests/same_numbers/write_values.py FOLDER`` of their runs."""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
from pixelproof.runs.environment import arithmetic
from same_numbers.recorded import recorded


def main() -> None:
    values = {"arithmetic": arithmetic(torch.device("cpu")), "runs": recorded(Path(sys.argv[1]))}
    content = json.dumps(values, sort_keys=True, separators=(",", ":"))
    target = Path(__file__).parent / "values.json.gz"
    target.write_bytes(gzip.compress(content.encode(), mtime=0))
    print(f"{target}: {len(values['runs'])} runs")


if __name__ == "__main__":
    main()
