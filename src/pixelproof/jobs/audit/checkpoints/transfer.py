"""15. Images made on a substitute do not beat those made on the model."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from pixelproof.data.imageset import UInt8Array
from pixelproof.errors import RunError
from pixelproof.jobs.audit.attacks import attempt, outcome
from pixelproof.jobs.audit.checkpoint import bars, claimed_rule
from pixelproof.jobs.audit.context import BATCH, AuditContext, to_images
from pixelproof.jobs.audit.substitute import AGREEING, transfer
from pixelproof.jobs.audit.surviving import tempered, white_box
from pixelproof.results.audit.attacked import Attacked, attacked_rows, broken_rows
from pixelproof.results.audit.checkpoint import Answer
from pixelproof.results.audit.power import sign_number
from pixelproof.results.audit.statistics import fools_more
from pixelproof.results.intervals import Rate
from pixelproof.runs import RunStore
from pixelproof.wording import count, plural

_NOTHING = "what its images do not fool says nothing of the model; --bare MODEL, or more data to learn from, would."
_QUESTION = "Could an attacker get the training data, or a public model that was trained on the same data?"


def check(audit: AuditContext) -> Answer:
    """Fails where transferred images refute the claim, or fool what gradients of the model do not, beyond chance."""
    found, notes = transfer(audit), []
    shown = [found.attacked]
    for folder in audit.stored:
        try:
            shown.append(stored(audit, folder))
        except RunError as error:
            notes.append(str(error))
    notes += [f"{each.attack} hold none of the samples." for each in shown if not each.rows]
    shown = [each for each in shown if each.rows]
    white = [] if audit.access.no_gradients("open") else white_box(audit)
    numbers = (
        ("Images that the model was asked about", count(found.images)),
        ("Answers on which substitute and model agree", str(found.agreement)),
        *((f"Right after {name} on the substitute", str(rate)) for name, rate in found.right),
        *((f"Right after {each.attack}", str(each.robust_accuracy)) for each in (*shown, *white)),
        sign_number(len(audit.samples)),
    )
    answer = _refuted(audit, shown) or _compared(audit, shown, white)
    if (found.agreement.value or 0) < AGREEING and answer.verdict == "pass":
        said = f"The substitute agrees with the model on {found.agreement} alone, which is no substitute: {_NOTHING}"
        answer = replace(answer, finding=f"{answer.finding} {said}")
    plot = bars(
        "transfer",
        "Images made on a substitute",
        [(each.attack, each.robust_accuracy) for each in (*shown, *white)],
        groups=["transferred"] * len(shown) + ["gradients of the model"] * len(white),
        caption="Samples that stay right within the threat model, with 99 % intervals.",
        rule=claimed_rule(audit),
    )
    return replace(answer, numbers=numbers, plots=(plot,), questions=(_QUESTION,), notes=tuple(notes))


def _refuted(audit: AuditContext, shown: list[Attacked]) -> Answer | None:
    for each in sorted(shown, key=lambda one: one.robust_accuracy.value or 0.0):
        if audit.refuted_by(each.robust_accuracy):
            claimed = f"{audit.claim.robust_accuracy:g} % is claimed"
            finding = f"Under {each.attack} {each.robust_accuracy} stay right, where {claimed}."
            return Answer("fail", finding, "Claim no more than images leave that were made on another network.")
    return None


def _compared(audit: AuditContext, shown: list[Attacked], white: list[Attacked]) -> Answer:
    rows, by_shown = attacked_rows(shown), broken_rows(shown)
    by_white = rows & broken_rows(white)
    left = Rate(len(rows - by_shown), len(rows))
    if not white:
        finding = f"Transferred images leave {left} right; there are no gradients to hold them against."
        return Answer("pass", finding)
    only_shown, only_white = len(by_shown - by_white), len(by_white - by_shown)
    counts = (
        f"of {plural(len(rows), 'sample')}, {only_shown} are fooled only by images made on another network, "
        f"{only_white} only by gradients of the model"
    )
    if fools_more(by_shown, by_white):
        remedy = "Look for what masks the model's gradients: images of a poor copy should not do better."
        return tempered(audit, Answer("fail", f"Transfer beats the model's own gradients: {counts}.", remedy))
    return Answer("pass", f"Transfer does no better than the model's own gradients: {counts}.")


def stored(audit: AuditContext, folder: str) -> Attacked:
    """What the images of the run in ``folder`` do to those samples whose clean images it holds, maybe none.

    Of a sample every image counts that was kept. Raises ``RunError`` where there is no run.
    """
    rows, images = _kept(audit, folder)
    chosen = sorted(set(rows))
    return attempt(audit, f"stored {folder}|plain|", lambda: _shown(audit, folder, rows, images, chosen), chosen)


def _kept(audit: AuditContext, folder: str) -> tuple[list[int], list[UInt8Array]]:
    """Sample by sample the images that were made of it; a sample that has several comes several times."""
    known = {image.tobytes(): row for row, image in enumerate(audit.samples.chosen.images)}
    with RunStore.open(Path(folder)) as run:
        if run.manifest.data.shape != audit.samples.chosen.shape:
            return [], []
        found = [
            (known[run.clean(record.sample).tobytes()], image)
            for record in run.records()
            if run.clean(record.sample).tobytes() in known and (image := run.image(record)) is not None
        ]
    return [row for row, _ in found], [image for _, image in found]


def _shown(audit: AuditContext, folder: str, rows: list[int], images: list[UInt8Array], chosen: list[int]) -> Attacked:
    begun, wrong = time.perf_counter(), audit.decision.wrong
    fooled = {row: row in wrong for row in chosen}
    for start in range(0, len(rows), BATCH):
        which = torch.tensor(rows[start : start + BATCH], device=audit.device)
        seen = to_images(np.stack(images[start : start + BATCH]), audit.device)
        success = audit.decision.reached(seen, which)
        fooled.update((row, True) for row, each in zip(which.tolist(), success.tolist(), strict=True) if each)
    queries, seconds = len(rows) / max(1, len(chosen)), time.perf_counter() - begun
    return outcome(f"images of {folder}", "labels", chosen, fooled.values(), queries=queries, seconds=seconds)
