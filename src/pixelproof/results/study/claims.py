"""The papers' qualitative claims, each put to the data: held, not held, or not to be said, with the numbers.

The rules are ours, stated with each claim; the papers give none.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import fmean

from pixelproof.results.claim import Number, PaperClaim
from pixelproof.results.intervals import Rate
from pixelproof.results.study.areas import areas
from pixelproof.results.study.assessed import NORMS, ROLES, Assessed, in_role, level_runs
from pixelproof.results.study.class_maps import ClassMap, class_maps
from pixelproof.results.study.correlation import spearman
from pixelproof.results.study.dualities import NetworkDuality, dualities, one_norm_only
from pixelproof.results.study.main_table import Line, MainTable, main_table
from pixelproof.results.study.published import PUBLISHED, is_adversarial_training, published_lines
from pixelproof.wording import FEW_PIXEL, THRESHOLD, allowance, listed

Areas = Mapping[tuple[str, str], float]  # by label and norm

AGREES = 0.8  # a rank correlation from which on two rankings count as the same
_FEWEST_RANKED = 3  # two networks have a rank correlation of 1 or -1, whatever they are
_SHORT = {FEW_PIXEL: "L0", THRESHOLD: "L∞"}
_EASY, _HARD = ("bird", "cat"), ("frog", "truck")


# "Safe" in the papers' sense: their searches, and here any of the study's, fooled no sample.
_NONE_SAFE = PaperClaim(
    "none-safe",
    "No network is 1-pixel-safe or 1-threshold-safe.",
    "Every network without a defence has a sample fooled at th = 1 under both norms, by any of the study's searches.",
)
_RANKING = PaperClaim(
    "ranking-differs",
    "The ranking of the networks differs between the norms.",
    "Networks ranked by mean attack success rate over the levels: Spearman's rank correlation between L0 and L∞ is "
    "below 1.",
)
_TRAINING = PaperClaim(
    "training-helps-linf",
    "Adversarial training helps against L∞ more than against L0.",
    "From each bare network to the same one adversarially trained, mean attack success rate over the levels drops "
    "more under L∞ than under L0.",
)
_ONE_NORM = PaperClaim(
    "one-norm-only",
    "A share of the samples is fooled under one norm only.",
    "Of all samples of networks without a defence, at any level, some are fooled under one norm and not the other.",
)
_CLASSES = PaperClaim(
    "classes",
    "Birds and cats are easier to attack than frogs and trucks.",
    "Mean attack success rate of bird and of cat both lie above those of frog and of truck: over networks without a "
    "defence, both norms, th = 1 and 10, wherever all four classes were attacked.",
)
_AREA = PaperClaim(
    "levels-rank-as-area",
    "The table of levels ranks the networks as the area does.",
    "Under each norm, Spearman's rank correlation between mean attack success rate over the levels (the lowest first) "
    f"and the papers' area (the largest first) is at least {AGREES}.",
)


def claims(runs: Sequence[Assessed]) -> list[PaperClaim]:
    """The six claims, judged from the runs of a study; where some are missing, some cannot be said."""
    levels, found = level_runs(runs), areas(runs)
    bare = [run for run in levels if run.defence is None]
    table = main_table(levels)
    return [
        none_safe(most_fooled(runs)),
        ranking_differs(table),
        training_helps_linf(table),
        fooled_by_one_norm(dualities(bare)),
        easy_classes(class_maps(bare)),
        levels_rank_as_area(
            table,
            {(each.label, each.minimal.attack): each.minimal.published_area for each in found},
            {(each.label, each.minimal.attack): each.minimal.area for each in found},
        ),
    ]


def claims_of_published() -> list[PaperClaim]:
    """The claims that the papers' own tables can be put to, by the same rules."""
    table = MainTable(tuple(published_lines()))
    found = {(row.name, attack): area for row in PUBLISHED for attack, area in row.areas.items()}
    return [
        none_safe(table.lines),
        ranking_differs(table),
        training_helps_linf(table),
        levels_rank_as_area(table, found),
    ]


def most_fooled(runs: Sequence[Assessed]) -> list[Line]:
    """A line for each network, with the highest rate of all its runs at each level."""
    found: dict[str, Line] = {}
    for line in (line for role in ROLES for line in main_table(in_role(runs, role)).lines):
        before = found.get(line.label, line)
        rates = dict(before.fooled)
        for level, rate in line.fooled.items():
            rates[level] = max(rates.get(level, rate), rate, key=lambda r: (r.value or 0.0, r.successes))
        found[line.label] = replace(line, fooled=rates, finished=before.finished and line.finished)
    return list(found.values())


def none_safe(lines: Iterable[Line]) -> PaperClaim:
    """An unfinished run that has fooled nothing so far says nothing."""
    first = [
        (line, attack, line.fooled.get((attack, 1), Rate(0, 0)))
        for line in lines
        for attack in NORMS
        if line.defence is None
    ]
    numbers = [(f"{line.label}, {allowance(attack, 1)}", rate) for line, attack, rate in first if rate.total]
    unbroken = [(line, rate) for line, _, rate in first if not rate.successes]
    if any(rate.total and line.finished for line, rate in unbroken):
        return _NONE_SAFE.judged(False, numbers)
    if unbroken or not first:
        who = listed(list(dict.fromkeys(line.label for line, _ in unbroken))) or "any network"
        return _NONE_SAFE.undecided(f"There is no finished th = 1 under both norms of {who}.", numbers)
    return _NONE_SAFE.judged(True, numbers)


def ranking_differs(table: MainTable) -> PaperClaim:
    """Of the networks that have every level of the table."""
    pairs = [means for line in table.networks if (means := _means(table, line)) is not None]
    rho = _ranked(pairs)
    if rho is None:
        return _RANKING.undecided(_too_few("all levels under both norms"))
    return _RANKING.judged(rho < 1, [("rank correlation, L0 and L∞", rho), ("networks", float(len(pairs)))])


def training_helps_linf(table: MainTable) -> PaperClaim:
    """Of every adversarially trained network whose bare one is in the table."""
    bare = {line.name: _means(table, line) for line in table.networks}
    numbers: list[Number] = []
    verdicts = []
    for line in (line for line in table.defences if is_adversarial_training(line.defence)):
        before, after = bare.get(line.name), _means(table, line)
        if before is None or after is None:
            continue
        l0, linf = (100 * (b - a) for b, a in zip(before, after, strict=True))
        verdicts.append(linf > l0)
        numbers += [(f"{line.label}, drop under L0 (points)", l0), (f"{line.label}, drop under L∞ (points)", linf)]
    if not verdicts:
        return _TRAINING.undecided("No network has all levels under both norms, both bare and adversarially trained.")
    return _TRAINING.judged(all(verdicts), numbers)


def fooled_by_one_norm(rows: Iterable[NetworkDuality]) -> PaperClaim:
    pooled = one_norm_only(rows)
    if not pooled:
        return _ONE_NORM.undecided("No network without a defence was attacked under both norms.")
    return _ONE_NORM.judged(
        any(rate.successes for rate in pooled.values()), [(f"th = {th}", rate) for th, rate in pooled.items()]
    )


def easy_classes(maps: Iterable[ClassMap]) -> PaperClaim:
    """Means of the same cells for all four classes: network, norm and threshold."""
    named = (*_EASY, *_HARD)
    cells = [dict(zip(found.classes, row, strict=True)) for found in maps for row in found.rows.values()]
    shares = [
        [rate.value for name in named if (rate := cell.get(name)) is not None and rate.value is not None]
        for cell in cells
    ]
    whole = [values for values in shares if len(values) == len(named)]
    if not whole:
        return _CLASSES.undecided(f"No network has attacked samples of all of {listed(list(named))}.")
    means = dict(zip(named, map(fmean, zip(*whole, strict=True)), strict=True))
    held = min(means[name] for name in _EASY) > max(means[name] for name in _HARD)
    return _CLASSES.judged(held, [(f"{name} (percent)", 100 * mean) for name, mean in means.items()])


def levels_rank_as_area(table: MainTable, published: Areas, from_zero: Areas | None = None) -> PaperClaim:
    """The ``published`` areas, reckoned as the papers do, decide; those ``from_zero`` on stand beside them."""
    decisive, beside = (_by_norm(table, found) for found in (published, from_zero or {}))
    if len(decisive) < len(NORMS):
        return _AREA.undecided(_too_few("all levels and an area under both norms"))
    numbers = [(f"rank correlation, {_SHORT[norm]}", rho) for norm, rho in decisive.items()]
    numbers += [(f"rank correlation, {_SHORT[norm]}, area from zero", rho) for norm, rho in beside.items()]
    return _AREA.judged(min(decisive.values()) >= AGREES, numbers)


def _means(table: MainTable, line: Line) -> tuple[float, float] | None:
    """Mean attack success rate over the levels, L0 and L∞; None where a level is missing."""
    l0, linf = line.mean(FEW_PIXEL, table.levels), line.mean(THRESHOLD, table.levels)
    return None if l0 is None or linf is None else (l0, linf)


def _by_norm(table: MainTable, found: Areas) -> dict[str, float]:
    """Rank correlation of robustness by the levels and by the area, where there is one."""
    rhos = {}
    for norm in NORMS:
        means = {line.label: line.mean(norm, table.levels) for line in table.networks}
        pairs = [(-m, found[label, norm]) for label, m in means.items() if m is not None and (label, norm) in found]
        rhos[norm] = _ranked(pairs)
    return {norm: rho for norm, rho in rhos.items() if rho is not None}


def _ranked(pairs: Sequence[tuple[float, float]]) -> float | None:
    return None if len(pairs) < _FEWEST_RANKED else spearman(*zip(*pairs, strict=True))


def _too_few(what: str) -> str:
    return f"Fewer than {_FEWEST_RANKED} networks without a defence have {what}, or they are all equal."
