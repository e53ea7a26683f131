"""14. A limit on queries is no defence: success grows with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

from pixelproof.errors import InputError
from pixelproof.jobs.audit.arsenal import on_labels, on_scores
from pixelproof.jobs.audit.attacked import Attacked
from pixelproof.jobs.audit.bars import band
from pixelproof.jobs.audit.case import Case
from pixelproof.jobs.audit.checkpoint import Answer, Checkpoint, Plot
from pixelproof.jobs.audit.measures.query_curve import queries_to_fool
from pixelproof.jobs.audit.paired import more_often, overstated
from pixelproof.results.intervals import Rate
from pixelproof.wording import count, plural

_NORMS = ("linf", "l2")  # that attacks on scores have a form in


@dataclass(frozen=True)
class _Tried:
    """``within`` the queries that the threat model allows, and after how many queries samples fell, further ones
    included (``fallen``, 0 of what was wrong before); ``most`` queries were spent on a sample."""

    within: Attacked
    fallen: Mapping[int, int]
    most: int

    def right(self, queries: float) -> Rate:
        """The samples that stand after so many queries each."""
        fallen = sum(spent <= queries for spent in self.fallen.values())
        return Rate(len(self.within.rows) - fallen, len(self.within.rows))


def judge(case: Case) -> Answer:
    """Fails where the claim does not hold within its own limit; warns where it holds by the limit alone."""
    tried, limit = _tried(case), case.threat.queries
    inside, all_right = _standing(tried.within), tried.right(tried.most)
    spent = [each for each in tried.fallen.values() if each]
    numbers = (
        ("Attack", tried.within.attack),
        *((("Queries that the threat model allows", count(limit)),) if limit else ()),
        *(
            (f"Right after {plural(queries, 'query', 'queries')}", str(tried.right(queries)))
            for queries in _ticks(tried)
        ),
        *((("Queries to fool a sample, median", count(round(median(spent)))),) if spent else ()),
    )
    plots = (_plot(case, tried),)
    if limit is None:
        finding = f"The claim rests on no limit: {all_right} stay right after {count(tried.most)} queries each."
        return Answer("pass", finding, numbers=numbers, plots=plots)
    if overstated(case.claim.robust_accuracy, inside):
        finding = (
            f"Within {plural(min(limit, tried.most), 'query', 'queries')} a sample, {inside} stay right, where "
            f"{case.claim.robust_accuracy:g} % is claimed."
        )
        return Answer("fail", finding, "Claim what the limit leaves, and measure it with this attack.", numbers, plots)
    if limit >= tried.most:
        finding = f"{inside} stay right after {count(tried.most)} queries each, of the {count(limit)} allowed."
        return Answer("pass", finding, numbers=numbers, plots=plots)
    further = inside.successes - all_right.successes
    finding = (
        f"After the {plural(limit, 'query', 'queries')} allowed, {inside} stay right; {count(tried.most)} fool "
        f"{further} more."
    )
    if more_often(further, 0):
        remedy = "Say with the claim that it holds by the limit, and how the limit is kept against many accounts."
        return Answer("warn", f"{finding} The limit holds, not the model.", remedy, numbers, plots)
    return Answer("pass", finding, numbers=numbers, plots=plots)


def _tried(case: Case) -> _Tried:
    """Within the limit as other checkpoints do; then, what stands is attacked anew with all queries of the effort."""
    threat, limit = case.threat, case.threat.queries
    if threat.norm == "l0":
        raise InputError("The claim is on L0, where the few-pixel levels tell their queries.")
    on_few = case.classifier.kind == "labels" or threat.norm not in _NORMS
    attack, effort = (on_labels, case.effort.label_queries) if on_few else (on_scores, case.effort.queries)
    samples = case.effort.label_samples if on_few else case.effort.samples
    within = case.attacked(attack(threat, case.effort), "plain", range(min(samples, len(case.samples))))
    allowed = effort if limit is None else min(limit, effort)
    fooled = sorted(within.broken.intersection(case.right))
    first = queries_to_fool(case, within.attack, fooled)
    fallen = {**dict.fromkeys(within.broken, 0), **{row: first.get(row, allowed) for row in fooled}}
    if allowed == effort:
        return _Tried(within, fallen, effort)
    standing = [row for row in within.rows if row not in within.broken]
    longer = attack(threat.model_copy(update={"queries": None}), case.effort)
    later = queries_to_fool(case, longer, standing)
    return _Tried(within, {**fallen, **{row: allowed + spent for row, spent in later.items()}}, allowed + effort)


def _standing(attacked: Attacked) -> Rate:
    return Rate(len(attacked.rows) - len(attacked.broken), len(attacked.rows))


def _ticks(tried: _Tried) -> list[int]:
    """1, 10, 100 … and the most."""
    return [*(10**k for k in range(len(str(tried.most))) if 10**k < tried.most), tried.most]


def _plot(case: Case, tried: _Tried) -> Plot:
    places = sorted({1, *(spent for spent in tried.fallen.values() if spent), tried.most})
    limit = case.threat.queries
    return Plot(
        name="query-limits",
        title="Accuracy against queries",
        kind="line",
        x="Queries of a sample",
        y="Samples right, %",
        rows=tuple(_point(queries, tried) for queries in places),
        caption="Samples that stay right after so many queries, with 99 % intervals.",
        log_x=True,
        rule=(case.claim.robust_accuracy, "claimed"),
        mark=(limit, "allowed") if limit and limit <= tried.most else None,
    )


def _point(queries: int, tried: _Tried) -> dict[str, object]:
    return {"x": queries, **band(tried.right(queries)), "line": tried.within.attack}


CHECKPOINT = Checkpoint(
    number=14,
    name="query-limits",
    title="A limit on queries is not what the claim rests on",
    asks="How does success grow with the queries that an attacker has?",
    needs="labels",
    source="Tekwani & Parmar, section III-C2",
    judge=judge,
)
