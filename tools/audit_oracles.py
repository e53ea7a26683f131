"""Break every defence of examples/broken_defences by the attack that was made for it, the best one known.

Usage: python -m tools.audit_oracles [--kit DIR] [--data bundled] [--samples N] [NAME …]

The samples are those that an audit draws. The kit's ``oracles.py`` holds one function an entry, which says what an
attacker knows of it; what is left is written to ``oracles.json`` in the kit, beside what was found of others before.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tools.audit_matrix import KIT, SAMPLES, Entry, entries, write_row
from torch import Tensor

from pixelproof.attacks.attack import Attack
from pixelproof.attacks.goal import Goal, Unhurried, wrong_classes
from pixelproof.attacks.named import parse_attack
from pixelproof.attacks.oracle import Oracle
from pixelproof.data import ImageSet, load_data
from pixelproof.defences.eot import ExpectedClassifier
from pixelproof.engine.judge import project_and_quantise
from pixelproof.jobs.audit.context import BATCH, AuditContext
from pixelproof.jobs.audit.spec import Effort
from pixelproof.models.scores import resolve_kind
from pixelproof.models.wrap import wrap_model
from pixelproof.results.intervals import Rate

COMMAND = "python -m tools.audit_oracles"
CPU = torch.device("cpu")
PRINTED = {"claimed": "target", "left": "value", "clean": "clean"}
#: Points by which the claim of a flawed entry lies above what its own attack leaves, at least.
MATERIAL = 15.0


def left_by(audit: AuditContext, attacks: Sequence[Any]) -> Rate:
    """What the attacks leave: one after the other, or, where the model answers at random, the strongest of them."""
    wrong = audit.decision.wrong
    broken, most = wrong, wrong
    for knowing in attacks:
        followed = _followed(audit, knowing)
        for spec in knowing.specs:
            found = _broken(audit, _within(parse_attack(spec), audit), followed, knowing.aims, broken)
            broken, most = (wrong, max(most, found, key=len)) if audit.random else (found, found)
    return audit.samples.surviving(most)


def _followed(audit: AuditContext, knowing: Any) -> Any:
    """The model whose gradients are followed, as a classifier."""
    one = wrap_model(knowing.model)
    resolve_kind(one, one.scores(audit.samples.images))
    return one if knowing.draws == 1 else ExpectedClassifier([one] * knowing.draws)


def _within(attack: Attack, audit: AuditContext) -> Attack:
    """``attack`` in the threat model's ball."""
    ball = {"norm": audit.threat.norm, "epsilon": audit.threat.epsilon}
    return replace(attack, **{name: each for name, each in ball.items() if hasattr(attack, name)})


def _broken(audit: AuditContext, attack: Attack, followed: Any, aims: int, before: frozenset[int]) -> frozenset[int]:
    """The samples that are broken after ``attack``, which those broken ``before`` are spared."""
    broken = set(before)
    rows = torch.tensor([row for row in range(len(audit.samples)) if row not in broken], dtype=torch.int64)
    for goal in _goals(audit, rows, aims):
        left = torch.tensor([row not in broken for row in rows.tolist()], dtype=torch.bool)
        part, clean = rows[left], audit.samples.images[rows[left]]
        if len(part):
            oracle = Oracle(followed, BATCH, CPU, len(part))
            streams = audit.samples.streams(f"oracle {attack.spec}", part)
            chosen = goal.of(left.nonzero().squeeze(1))
            images = project_and_quantise(attack, attack(oracle, clean, chosen, streams).detach(), clean)
            broken |= set(part[audit.decision.reached(images, part)].tolist())
    return frozenset(broken)


def _goals(audit: AuditContext, rows: Tensor, aims: int) -> Sequence[Goal]:
    labels = audit.samples.labels[rows]
    if not aims or not len(rows):
        return [Unhurried(labels) if audit.random else Goal(labels)]
    classes = wrong_classes(audit.decision.log_scores(audit.samples.images[rows]), labels, aims)
    return [Goal(labels, targets) for targets in classes.unbind(1)]


def mirrored(data: ImageSet) -> ImageSet:
    """The same images left to right: as good as ever to a network, unknown to one that remembers."""
    return replace(data, images=np.ascontiguousarray(data.images[:, :, ::-1]))


def context(entry: Entry, data: ImageSet, samples: int) -> AuditContext:
    """The samples, the model and what decides about it, as the audit of ``entry`` has them."""
    seen = mirrored(data) if entry.mirrored else data
    model = entry.load()
    effort = replace(Effort(), samples=samples)
    audit = AuditContext(entry.claim, effort, model, seen, seed=0, device=CPU, random=entry.random)
    resolve_kind(model, model.scores(audit.samples.images))
    return audit


def accepted(audit: AuditContext) -> Rate:
    """The samples that are right and not rejected, without any attack: clean accuracy with its false alarms."""
    images, labels = audit.samples.images, audit.samples.labels
    right = (audit.decision.answers(images) == labels) & ~audit.decision.rejected(images)
    return Rate(int(right.sum()), len(right))


def row(entry: Entry, data: ImageSet, samples: int) -> dict[str, Any]:
    audit, begun = context(entry, data, samples), time.perf_counter()
    claimed = entry.claim.clean_accuracy if entry.alarms else entry.claim.robust_accuracy
    rate = accepted(audit) if entry.alarms else left_by(audit, entry.oracle())
    value = 100 * (rate.value or 0.0)
    holds = (value <= claimed - MATERIAL) if entry.flaw != "none" and not entry.reading else None
    return {
        "name": entry.name,
        "claim": f"{entry.name}: what the attack that was made for it leaves",
        "value": round(value, 1),
        "unit": "%",
        "target": claimed,
        "holds": holds,
        "samples": samples,
        "clean": round(100 * (audit.samples.surviving(audit.decision.wrong).value or 0.0), 1),
        "seconds": round(time.perf_counter() - begun, 1),
        "command": COMMAND,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--kit", type=Path, default=KIT)
    parser.add_argument("--data", default="bundled")
    parser.add_argument("--samples", type=int, default=SAMPLES)
    told = parser.parse_args()
    data, known = load_data(told.data), entries(told.kit)
    for entry in known:
        if not told.names or entry.name in told.names:
            found = row(entry, data, told.samples)
            figures = "  ".join(f"{words} {found[key]:5.1f}" for words, key in PRINTED.items())
            print(f"{entry.name:28} {figures}  ({found['seconds']:.0f} s)", flush=True)
            write_row(told.kit / "oracles.json", found, known)


if __name__ == "__main__":
    main()
