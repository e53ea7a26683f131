"""Accuracy under what happens to images by itself.

Hendrycks & Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations", ICLR 2019.
"""

from __future__ import annotations

from typing import Any

import torch

from pixelproof.corruptions import make, table_for
from pixelproof.jobs.audit.attacking import BATCH
from pixelproof.jobs.audit.case import Case
from pixelproof.jobs.perturb.measure import Subject, cell
from pixelproof.models.query import Scorer
from pixelproof.results.intervals import Rate

#: One or two of each kind (noise, blur, light, compression, movement), as mild as pass unnoticed in daily use.
BENIGN = (
    ("gaussian-noise", 1.0),
    ("defocus-blur", 2.0),
    ("brightness", 2.0),
    ("contrast", 2.0),
    ("jpeg-compression", 2.0),
    ("rotation", 10.0),
)


def perturbed(case: Case) -> dict[str, Rate]:
    """The images right under each perturbation, and under ``none``, of the first ``effort.perturbed``.

    Raises ``InputError`` for images that cannot be perturbed so.
    """
    found: dict[str, Any] = case.once("perturbed", lambda: _measured(case))
    return {name: Rate(right, found["images"]) for name, right in found["right"].items()}


def _measured(case: Case) -> dict[str, Any]:
    data = case.data.take(case.order[: case.effort.perturbed])
    images = torch.from_numpy(data.images.copy()).to(case.device).permute(0, 3, 1, 2).float() / 255
    labels = torch.from_numpy(data.labels.copy()).to(case.device)
    subject = Subject(Scorer(case.judge, BATCH, case.device), images.contiguous(), labels)
    right = {"none": int((subject.answers(subject.images) == labels).sum())}
    for name, strength in BENIGN:
        seen = cell(subject, make(name, table_for(data.shape)), strength, case.seed, 0)
        right[f"{name}({strength:g})"] = seen.right(data.labels.tolist()).successes
    return {"images": len(data), "right": right}
