"""Adversarial images of earlier runs, made against whatever model, shown to this one."""

from __future__ import annotations

import time
from pathlib import Path

import torch

from pixelproof.data.imageset import UInt8Array
from pixelproof.jobs.audit.attacked import Attacked
from pixelproof.jobs.audit.case import Case
from pixelproof.runs import RunStore


def stored(case: Case, folder: str) -> Attacked:
    """What the images of the run in ``folder`` do to those samples whose clean images it holds, maybe none.

    Of a sample every image counts that was kept. Raises ``RunError`` where there is no run.
    """
    rows, images = _kept(case, folder)
    chosen = sorted(set(rows))
    return case.attempt(f"stored {folder}|plain|", lambda: _shown(case, folder, rows, images, chosen), chosen)


def _kept(case: Case, folder: str) -> tuple[list[int], list[UInt8Array]]:
    """Sample by sample the images that were made of it; a sample that has several comes several times."""
    known = {image.tobytes(): row for row, image in enumerate(case.samples.images)}
    with RunStore.open(Path(folder)) as run:
        if run.manifest.data.shape != case.samples.shape:
            return [], []
        found = [
            (known[run.clean(record.sample).tobytes()], image)
            for record in run.records()
            if run.clean(record.sample).tobytes() in known and (image := run.image(record)) is not None
        ]
    return [row for row, _ in found], [image for _, image in found]


def _shown(case: Case, folder: str, rows: list[int], images: list[UInt8Array], chosen: list[int]) -> Attacked:
    begun, right = time.perf_counter(), set(case.right)
    fooled, within = {row: row not in right for row in chosen}, dict.fromkeys(chosen, True)
    for start in range(0, len(rows), 64):
        which = torch.tensor(rows[start : start + 64], device=case.device)
        pixels = torch.stack([torch.from_numpy(each.copy()) for each in images[start : start + 64]]).to(case.device)
        seen = pixels.permute(0, 3, 1, 2).float().div(255).contiguous()
        success = case.reached(seen, which) & case.within(seen, which)
        fooled.update((row, True) for row, each in zip(which.tolist(), success.tolist(), strict=True) if each)
    return Attacked(
        attack=f"images of {folder}",
        view="plain",
        needs="labels",
        rows=tuple(chosen),
        fooled=tuple(fooled.values()),
        within=tuple(within.values()),
        queries=len(rows) / max(1, len(chosen)),
        gradient_steps=0.0,
        seconds=time.perf_counter() - begun,
    )
