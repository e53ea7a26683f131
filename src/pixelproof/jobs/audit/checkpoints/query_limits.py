"""14. A limit on queries is no defence: success grows with them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

import torch
from torch import Tensor

from pixelproof.attacks.named import parse_attack
from pixelproof.attacks.oracle import Oracle
from pixelproof.errors import InputError
from pixelproof.jobs.audit.attacks import attack, has_scores, on_labels, on_scores
from pixelproof.jobs.audit.checkpoint import claimed_rule, curve
from pixelproof.jobs.audit.context import BATCH, AuditContext
from pixelproof.results.audit.attacked import Attacked
from pixelproof.results.audit.checkpoint import Answer
from pixelproof.results.audit.statistics import more_often
from pixelproof.results.intervals import Rate
from pixelproof.units import to_8_bit
from pixelproof.wording import count, plural


@dataclass(frozen=True)
class _Tried:
    """``within`` the queries that the threat model allows, and after how many queries samples were fooled, further ones
    included (``fooled_after``, 0 of what was wrong before); ``most`` queries were spent on a sample."""

    within: Attacked
    fooled_after: Mapping[int, int]
    most: int

    @property
    def places(self) -> list[int]:
        """The numbers of queries at which something is fooled, and the ends."""
        return sorted({1, *(spent for spent in self.fooled_after.values() if spent), self.most})

    def right(self, queries: float) -> Rate:
        """The samples still right after so many queries each."""
        fooled = sum(spent <= queries for spent in self.fooled_after.values())
        return Rate(len(self.within.rows) - fooled, len(self.within.rows))


def check(audit: AuditContext) -> Answer:
    """Fails where the claim does not hold within its own limit; warns where it holds by the limit alone."""
    tried, limit = _tried(audit), audit.threat.queries
    spent = [each for each in tried.fooled_after.values() if each]
    numbers = (
        ("Attack", tried.within.attack),
        *((("Queries that the threat model allows", count(limit)),) if limit else ()),
        *((f"Right after {plural(each, 'query', 'queries')}", str(tried.right(each))) for each in _ticks(tried)),
        *((("Queries to fool a sample, median", count(round(median(spent)))),) if spent else ()),
    )
    plot = curve(
        "query-limits",
        "Accuracy against queries",
        ((queries, tried.right(queries), tried.within.attack) for queries in tried.places),
        x="Queries of a sample",
        caption="Samples that stay right after so many queries, with 99 % intervals.",
        log_x=True,
        rule=claimed_rule(audit),
        mark=(limit, "allowed") if limit and limit <= tried.most else None,
    )
    return replace(_answer(audit, tried), numbers=numbers, plots=(plot,))


def _answer(audit: AuditContext, tried: _Tried) -> Answer:
    limit, most, claimed = audit.threat.queries, tried.most, audit.claim.robust_accuracy
    inside, right = tried.within.robust_accuracy, tried.right(most)
    if limit is None:
        return Answer("pass", f"The claim rests on no limit: {right} stay right after {count(most)} queries each.")
    if audit.refuted_by(inside):
        finding = (
            f"Within {plural(min(limit, most), 'query', 'queries')} a sample, {inside} stay right, where "
            f"{claimed:g} % is claimed."
        )
        return Answer("fail", finding, "Claim what the limit leaves, and measure it with this attack.")
    if limit >= most:
        return Answer("pass", f"{inside} stay right after {count(most)} queries each, of the {count(limit)} allowed.")
    further = inside.successes - right.successes
    finding = (
        f"After the {plural(limit, 'query', 'queries')} allowed, {inside} stay right; {count(most)} fool "
        f"{further} more."
    )
    if more_often(further, 0):
        remedy = "Say with the claim that it holds by the limit, and how the limit is kept against many accounts."
        return Answer("warn", f"{finding} The limit holds, not the model.", remedy)
    return Answer("pass", finding)


def _tried(audit: AuditContext) -> _Tried:
    """Within the limit as other checkpoints do; then, what is left is attacked anew with all queries of the effort."""
    threat, limit = audit.threat, audit.threat.queries
    if threat.norm == "l0":
        raise InputError("The claim is on L0, where the few-pixel levels tell their queries.")
    attack_for, effort, samples = on_labels, audit.effort.label_queries, audit.effort.label_samples
    if has_scores(audit):
        attack_for, effort, samples = on_scores, audit.effort.queries, audit.effort.samples
    within = attack(audit, attack_for(threat, audit.effort), "plain", audit.samples.first(samples))
    allowed = effort if limit is None else min(limit, effort)
    fooled = sorted(within.broken.intersection(audit.decision.right))
    first = queries_to_fool(audit, within.attack, fooled)
    fooled_after = {**dict.fromkeys(within.broken, 0), **{row: first.get(row, allowed) for row in fooled}}
    if allowed == effort:
        return _Tried(within, fooled_after, effort)
    surviving = [row for row in within.rows if row not in within.broken]
    longer = attack_for(threat.model_copy(update={"queries": None}), audit.effort)
    later = queries_to_fool(audit, longer, surviving)
    return _Tried(within, {**fooled_after, **{row: allowed + spent for row, spent in later.items()}}, allowed + effort)


def _ticks(tried: _Tried) -> list[int]:
    """1, 10, 100 … and the most."""
    return [*(10**k for k in range(len(str(tried.most))) if 10**k < tried.most), tried.most]


class WatchedOracle(Oracle):
    """An oracle that notes in ``first`` how often each of ``samples`` was asked about when it was first fooled inside
    the threat's ball; 0 where it never was."""

    def __init__(self, audit: AuditContext, samples: Tensor) -> None:
        super().__init__(audit.classifier, BATCH, audit.device, len(samples))
        self.audit, self.samples, self.goal = audit, samples, audit.samples.goal(samples)
        self.first = torch.zeros(len(samples), dtype=torch.int64)

    def log_scores(self, images: Tensor, rows: Tensor) -> Tensor:
        before = self.queries.clone()
        scores = super().log_scores(images, rows)
        inside = self.audit.samples.within(to_8_bit(images), self.samples[rows])
        success = (self.goal.of(rows).reached(scores) & inside).cpu()
        for place in success.nonzero().flatten().tolist():  # few: a sample leaves most attacks once it is fooled
            row = int(rows[place])
            if not self.first[row]:
                asked = int((rows[: place + 1] == row).sum())
                self.first[row] = before[row] + asked * self._calls
        return scores


def queries_to_fool(audit: AuditContext, spec: str, rows: Sequence[int]) -> Mapping[int, int]:
    """How many queries the attack ``spec`` took for those of ``rows`` that it fools, of the model as it is.

    The model's own answers decide here, since they are what the attacker sees.
    """
    key = f"queries to fool|{spec}|{','.join(map(str, rows))}"
    found: list[int] = audit.evidence.memoise(key, lambda: _first(audit, spec, rows))
    return {row: first for row, first in zip(rows, found, strict=True) if first}


def _first(audit: AuditContext, spec: str, rows: Sequence[int]) -> list[int]:
    named, found = parse_attack(spec), []
    for start in range(0, len(rows), BATCH):
        part = torch.tensor(rows[start : start + BATCH], device=audit.device)
        oracle = WatchedOracle(audit, part)
        # The streams are those of ``attack``, so that the attack is the same one.
        named(oracle, audit.samples.images[part], oracle.goal, audit.samples.streams(f"{spec}|", part))
        found += oracle.first.tolist()
    return found
