"""The run in three to six sentences that need no background; two more where minimal thresholds were sought."""

from __future__ import annotations

from math import inf

from pixelproof.results.attempts import WORST, AttemptRow
from pixelproof.results.duality import duality_rows
from pixelproof.results.intervals import Rate
from pixelproof.results.levels import highest_safe_level
from pixelproof.results.minimal import MinimalThresholds
from pixelproof.results.outcomes import Outcomes
from pixelproof.results.per_class import pooled_by_class
from pixelproof.results.view import View
from pixelproof.wording import (
    FEW_PIXEL,
    THRESHOLD,
    allowance,
    attack_name,
    count,
    listed,
    percent,
    plural,
    safe_name,
)

_FEW_IMAGES = 30  # below this the 95 % interval of a half is wider than ±17 points
_FEW_OF_A_CLASS = 5  # images below which a class is not named


def summary(view: View) -> list[str]:
    """Sentences on: the smallest change of each attack, what half resist, safe levels, classes, the norms, trust."""
    if not (view.records or view.named):
        return ["No attack has finished on any image yet, so there is nothing to report so far."]
    sentences = [
        *(_smallest_change(outcomes, view.targeted) for outcomes in view.outcomes),
        *(_half(minimal) for minimal in view.minimal_thresholds if view.minimal),
        *(_named(row, view.targeted) for row in view.attempts[-1:]),
        *([_safe_levels(view), _classes(view), _norms(view)] if view.records else []),
        _trust(view),
    ]
    return [sentence for sentence in sentences if sentence]


def _smallest_change(outcomes: Outcomes, targeted: bool) -> str:
    threshold = outcomes.thresholds[0]
    rate = outcomes.rate(threshold)
    change = _change(outcomes.attack, threshold)
    aim = "turn the answer into the class aimed at" if targeted else "change the model’s answer"
    low, high = f"{100 * rate.interval.low:.1f}", percent(rate.interval.high)
    if rate.successes:
        return f"{change} was enough to {aim} on {_part(rate)} (95 % interval {low} to {high})."
    whom = f"any of {plural(rate.total, 'attacked image')}" if rate.total > 1 else "the one image attacked"
    return f"{change} did not {aim} on {whom}; the true rate may still be as high as {high}."


def _named(row: AttemptRow, targeted: bool) -> str:
    """What the attack by name did, or the worst of several."""
    who = "The worst of the attacks by name" if row.attack == WORST else f"The attack {row.attack}"
    aim = "turned the answer into the class aimed at" if targeted else "changed the model’s answer"
    rate, low, high = row.fooled, f"{100 * row.fooled.interval.low:.1f}", percent(row.fooled.interval.high)
    if not rate.successes:
        return f"{who} {aim} on none of {plural(rate.total, 'image')}; the true rate may still be as high as {high}."
    far = f", by {row.mean_l2:.0f} grey levels (L2) on average" if row.mean_l2 is not None else ""
    return f"{who} {aim} on {_part(rate)} (95 % interval {low} to {high}){far}."


def _half(minimal: MinimalThresholds) -> str:
    """What fools half of the images, and how many nothing fooled."""
    median, never = minimal.quartiles[1], len(minimal.never)
    most = allowance(minimal.attack, minimal.largest)
    if median == inf:
        fallen = Rate(len(minimal.found), minimal.samples)
        return f"{attack_name(minimal.attack)} attacks of up to {most} fooled {_part(fallen)}, fewer than half."
    half = f"{attack_name(minimal.attack)} attacks of {allowance(minimal.attack, round(median))} fooled at least half"
    return f"{half} of the images; {count(never) if never else 'none'} stood up to {most}."


def _change(attack: str, threshold: int) -> str:
    if attack == FEW_PIXEL:
        return "Changing one pixel" if threshold == 1 else f"Changing up to {threshold} pixels"
    if attack == THRESHOLD:
        return f"Moving every value by at most {threshold} of 255 grey steps"
    return f"The attack {attack} at threshold {threshold}"


def _part(rate: Rate) -> str:
    """``12 of 100 attacked images, 12.0 %``, with words where numbers read badly."""
    if rate.total == 1:
        return "the one image attacked"
    images = plural(rate.total, "attacked image")
    if rate.successes == rate.total:
        return f"all {images}"
    return f"{count(rate.successes)} of {images}, {percent(rate.value)}"


def _safe_levels(view: View) -> str:
    safe, unsafe, undecided = [], [], []
    for attack in view.attacks:
        rows = [row for row in view.levels if row.attack == attack]
        highest = highest_safe_level(rows)
        if highest is not None:
            safe.append(safe_name(attack, highest))
        elif any(row.verdict == "undecided" for row in rows):
            undecided.append(attack)
        else:
            unsafe.append(attack)
    parts = []
    if safe:
        budget = max(row.budget for row in view.levels if row.safe)
        against = " against the classes aimed at" if view.targeted else ""
        parts.append(
            f"on these images the model is {listed(safe)}{against}, as far as {plural(budget, 'query', 'queries')} "
            f"an image{'' if view.minimal else ' and level'} can tell"
        )
    if unsafe:
        parts.append(f"no tested {' or '.join(unsafe)} level is safe")
    if undecided:
        parts.append(f"no {' or '.join(undecided)} level is decided yet")
    text = "; ".join(parts)
    return f"{text[:1].upper()}{text[1:]}."


def _classes(view: View) -> str:
    """The easiest and the hardest class, of those with enough images; nothing where none stands out."""
    images = {row.label: row.fooled.total for row in view.classes}
    pooled = {k: rate for k, rate in pooled_by_class(view.classes).items() if images[k] >= _FEW_OF_A_CLASS}
    shares = {label: rate.value or 0.0 for label, rate in pooled.items()}
    worst = [label for label in shares if shares[label] == max(shares.values())]
    best = [label for label in shares if shares[label] == min(shares.values())]
    if len(shares) < 2 or len(worst) > 1 or len(best) > 1:
        return ""
    easy, hard = (f"“{view.class_name(k)}”" for k in (worst[0], best[0]))
    tries, others = pooled[worst[0]], pooled[best[0]]
    own = f"{plural(tries.total, 'attack')} on its {plural(images[worst[0]], 'image')}"
    return (
        f"The class {easy} was the easiest to fool ({count(tries.successes)} of {own} succeeded, all levels "
        f"together), {hard} the hardest ({count(others.successes)} of {count(others.total)})."
    )


def _norms(view: View) -> str:
    rows = duality_rows(view.at_levels)
    if not rows:
        return ""
    row = max(rows, key=lambda r: r.few_pixel_only + r.threshold_only)
    few, threshold = row.few_pixel_only, row.threshold_only
    if few + threshold + row.both == 0:
        return ""
    if few + threshold == 0:
        return "Few-pixel and threshold attacks fooled the same images at every threshold: neither shows more here."
    if few and threshold:
        lesson = "either norm alone would have missed some"
    else:
        alone = "a threshold attack" if few else "a few-pixel attack"
        lesson = f"{alone} alone would have missed {'it' if few + threshold == 1 else 'them'}"
    by_few = f"{plural(few, 'image')} fell" if few else "No image fell"
    by_threshold = count(threshold) if threshold else "none"
    changes = f"{by_few} to few-pixel changes only and {by_threshold} to threshold changes only"
    return f"{changes} (at threshold {row.threshold}): {lesson}."


def _trust(view: View) -> str:
    parts = []
    rates = [o.rate(o.thresholds[0]) for o in view.outcomes] + [row.fooled for row in view.attempts]
    images = min(rate.total for rate in rates)
    if images < _FEW_IMAGES:
        parts.append(f"With only {plural(images, 'attacked image')}, every rate here is a rough indication.")
    numbers = [(sum(f.severity == name for f in view.manifest.findings), name) for name in ("error", "warning")]
    found = [plural(number, name) for number, name in numbers if number]
    if found:
        total = sum(number for number, _ in numbers)
        be, them = ("is", "it") if total == 1 else ("are", "them")
        parts.append(f"{listed(found)} {be} noted below; read {them} before you use these numbers.")
    return " ".join(parts)
