"""A study in a few sentences that need no background, and its headline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pixelproof.plans.study.view import StudyView
from pixelproof.results import study
from pixelproof.results.study import Assessed, Claim, MainTable, NetworkArea, NetworkDuality
from pixelproof.wording import FEW_PIXEL, THRESHOLD, count, listed, percent, plural

_FEW_SAMPLES = 30  # below this the 95 % interval of a half is wider than ±17 points
_CHANGES = {FEW_PIXEL: "changes of a few pixels (L0)", THRESHOLD: "small changes of every value (L∞)"}


def study_summary(view: StudyView) -> list[str]:
    """Sentences on: what one norm hides, the most and least robust network, defences, claims, trust."""
    runs = view.assessed
    levels = study.level_runs(runs)
    table = study.main_table(levels)
    sentences = [
        _one_norm(study.dualities(levels)),
        *(_ranking(table, attack) for attack in study.NORMS),
        _areas(study.areas([run for run in runs if run.defence is None])),
        _defences(table),
        _claims(study.claims(runs)),
        _trust(view, levels),
    ]
    return [sentence for sentence in sentences if sentence]


def _one_norm(rows: Sequence[NetworkDuality]) -> str:
    pooled = study.one_norm_only(rows)
    if not pooled:
        return "Only one norm was tried, so what the other would reveal is not known."
    if not any(rate.successes for rate in pooled.values()):
        return "No sample was fooled under one norm only: here neither norm hides what the other shows."
    shares = [f"{percent(rate.value)} ({rate.ratio}) at th = {th}" for th, rate in pooled.items()]
    return f"Some samples fall under one norm only, so a test with the other alone would miss them: {listed(shares)}."


def _ranking(table: MainTable, attack: str) -> str:
    """The networks without a defence by their mean adversarial accuracy over the levels of ``attack``."""
    means = {line.label: line.mean(attack, table.levels) for line in table.networks}
    known = {label: mean for label, mean in means.items() if mean is not None}
    if not known:
        return ""
    change = _CHANGES[attack]
    if len(known) == 1:
        label, mean = next(iter(known.items()))
        return f"On average over the levels, {change} fooled {label} on {percent(mean)} of the samples."
    most, least = (_those(known, extreme(known.values())) for extreme in (min, max))
    if most == least:
        return f"Against {change} all networks are equally robust: {percent(min(known.values()))} fooled on average."
    return (
        f"Against {change} the most robust network is {most} ({percent(min(known.values()))} of the samples fooled, on "
        f"average over the levels) and the least robust {least} ({percent(max(known.values()))})."
    )


def _areas(areas: Sequence[NetworkArea]) -> str:
    """By the papers' measure of the whole curve."""
    parts: dict[str, str] = {}
    for attack, norm in ((FEW_PIXEL, "L0"), (THRESHOLD, "L∞")):
        found = {area.label: area.minimal.area for area in areas if area.minimal.attack == attack}
        if len(found) > 1:
            parts[norm] = _those(found, max(found.values()))
    if not parts:
        return ""
    said = [f"{who} under {norm}" for norm, who in parts.items()]
    if len(parts) > 1 and len(set(parts.values())) == 1:
        said = [f"{parts['L0']} under both norms"]
    return f"By the area under the curve, which weighs every threshold alike, the most robust is {listed(said)}."


def _those(values: Mapping[str, float], value: float) -> str:
    return listed([label for label, each in values.items() if each == value])


def _defences(table: MainTable) -> str:
    bare = {line.name: line for line in table.networks}
    parts = []
    for line in (line for line in table.defences if line.name in bare):
        pairs = [
            (bare[line.name].mean(attack, table.levels), line.mean(attack, table.levels)) for attack in study.NORMS
        ]
        changes = [
            f"{100 * (after - before):+.1f} points under {norm}".replace("-", "−")
            for norm, (before, after) in zip(("L0", "L∞"), pairs, strict=True)
            if before is not None and after is not None
        ]
        if changes:
            parts.append(f"{line.label} {listed(changes)}")
    return (
        f"Share of the samples fooled with a defence, against the same network without: {'; '.join(parts)}."
        if parts
        else ""
    )


def _claims(claims: Sequence[Claim]) -> str:
    held = sum(claim.verdict == "held" for claim in claims)
    parts = [f"{count(held)} of the papers’ {count(len(claims))} claims held here"]
    for verdict, words in (("not held", "did not hold"), ("cannot be said", "cannot be judged")):
        texts = [f"“{claim.text.rstrip('.')}”" for claim in claims if claim.verdict == verdict]
        if texts:
            parts.append(f"{listed(texts)} {words}")
    return f"{'; '.join(parts)}."


def _trust(view: StudyView, levels: Sequence[Assessed]) -> str:
    parts = []
    budgets = [budget for run in levels for budget in run.budgets.values()]
    if budgets:
        allowed = plural(max(budgets), "query", "queries")
        parts.append(f"All this is what {allowed} a sample and level can find; a longer search may find more.")
    samples = min((len(run.selection.samples) for run in levels), default=0)
    if samples < _FEW_SAMPLES:
        parts.append(f"With only {plural(samples, 'sample')} a network, every rate is a rough indication.")
    if not view.finished:
        parts.append("Some runs are not finished, so every number may still change.")
    return " ".join(parts)
