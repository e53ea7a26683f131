"""The protocol's figures as rows of a scoreboard, as they are kept in ``results/thesis.json``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pixelproof.files import write_whole
from pixelproof.plans.thesis.view import ThesisView
from pixelproof.results.thesis import PUBLISHED

FILE = "results.json"
Row = dict[str, Any]


def write_scoreboard(view: ThesisView, path: Path, command: str) -> Path:
    """Write the rows of ``view`` to ``path``, with the environment; ``command`` measured them."""
    content = {
        "environment": view.perturbations[0].head["environment"],
        "rows": [{**row, "command": command} for row in _rows(view)],
    }
    return write_whole(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def _rows(view: ThesisView) -> Iterator[Row]:
    """A row a data set, with what was published of it, and one a claim."""
    for each in view.subjects:
        published = PUBLISHED.get(each.name)
        yield {
            "claim": f"perturbed: {each.name}",
            "value": round(100 * each.perturbed, 2),
            "unit": "% right",
            "target": None,
            "holds": None,
            "data": each.name,
            "test_accuracy": round(100 * (each.test.value or 0.0), 2),
            "samples": each.clean.total,
            "clean": round(100 * (each.clean.value or 0.0), 2),
            "by_perturbation": {row.perturbation: round(100 * row.accuracy, 2) for row in each.standings},
            "pgd": round(100 * (each.pgd.value or 0.0), 2),
            "perturb_seconds": round(each.perturb_seconds, 3),
            "pgd_seconds": round(each.pgd_seconds, 2),
            "published": None if published is None else [published.clean, published.perturbed, published.pgd],
        }
    for claim in view.claims:
        yield {
            "claim": f"claim: {claim.text}",
            "value": claim.verdict,
            "unit": "verdict",
            "target": "held",
            "holds": {"held": True, "not held": False}.get(claim.verdict),
        }
