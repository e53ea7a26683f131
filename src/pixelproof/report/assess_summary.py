"""The run in a few sentences that need no background."""

from math import inf

from pixelproof.results.attempts import WORST, AttemptRow
from pixelproof.results.duality import duality_rows
from pixelproof.results.intervals import Rate
from pixelproof.results.minimal import MinimalThresholds
from pixelproof.results.outcomes import Outcomes
from pixelproof.results.per_class import pooled_by_class
from pixelproof.results.status import of_level
from pixelproof.results.verdict import named, sentence, telling
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
)

_FEW_IMAGES = 30  # below this the 95 % interval of a half is wider than ±17 points
_FEW_OF_A_CLASS = 5  # images below which a class is not named


def summary(view: View) -> list[str]:
    """Sentences on: the smallest change of each attack, what half resist, the levels, classes, the norms, trust."""
    if not (view.records or view.named or view.failures):
        return ["No attack has finished on any image yet, so there is nothing to report so far."]
    sentences = [
        *(_smallest_change(view, outcomes) for outcomes in view.outcomes),
        *(_half(minimal) for minimal in view.minimal_thresholds if view.minimal),
        *(_named(row, view.targeted) for row in view.attempts[-1:]),
        *(_levels(view, attack) for attack in view.attacks),
        *([_classes(view), _norms(view)] if view.records else []),
        *_failures(view),
        _trust(view),
    ]
    return [sentence for sentence in sentences if sentence]


def _smallest_change(view: View, outcomes: Outcomes) -> str:
    """What the lowest level fooled; nothing where that is nothing, as the verdict then says more."""
    threshold = outcomes.thresholds[0]
    rate = outcomes.rate(threshold)
    if not rate.successes:
        return ""
    change = _change(outcomes.attack, threshold)
    aim = "turn the answer into the class aimed at" if view.targeted else "change the model’s answer"
    low, high = f"{100 * rate.interval.low:.1f}", percent(rate.interval.high)
    level = of_level(view.statuses, outcomes.attack, threshold)
    rest = f"; {count(level.proved)} are proved and {count(level.open)} open" if level and level.proved else ""
    return f"{change} was enough to {aim} on {_part(rate)} (95 % interval {low} to {high}){rest}."


def _elsewhere(rate: Rate) -> str:
    """What the choice of the images leaves open of a search that found nothing."""
    return f"; on other images the same search may succeed on up to {percent(rate.interval.high)} [95 %]"


def _named(row: AttemptRow, targeted: bool) -> str:
    """What the attack by name did, or the worst of several."""
    who = "The worst of the attacks by name" if row.attack == WORST else f"The attack {row.attack}"
    aim = "turned the answer into the class aimed at" if targeted else "changed the model’s answer"
    rate, low, high = row.fooled, f"{100 * row.fooled.interval.low:.1f}", percent(row.fooled.interval.high)
    if rate.missing:
        return f"{who} {aim} on {rate.ratio} images."
    if not rate.successes:
        return f"{who} {aim} on none of {plural(rate.total, 'image')}{_elsewhere(rate)}."
    far = f", by {row.mean_l2:.0f} grey levels (L2) on average" if row.mean_l2 is not None else ""
    return f"{who} {aim} on {_part(rate)} (95 % interval {low} to {high}){far}."


def _half(minimal: MinimalThresholds) -> str:
    """What fools half of the images, and how many nothing fooled."""
    median, never = minimal.quartiles[1], len(minimal.never)
    most = allowance(minimal.attack, minimal.largest)
    if median == inf:
        fooled = Rate(len(minimal.found), minimal.samples)
        return f"{attack_name(minimal.attack)} attacks of up to {most} fooled {_part(fooled)}, fewer than half."
    half = f"{attack_name(minimal.attack)} attacks of {allowance(minimal.attack, round(median))} fooled at least half"
    return f"{half} of the images; {count(never) if never else 'none'} were not fooled by up to {most}."


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


def _levels(view: View, attack: str) -> str:
    """The verdicts on the levels to speak of, but for a lowest one of which the broken images are told already."""
    said = [(o.attack, o.thresholds[0]) for o in view.outcomes if o.rate(o.thresholds[0]).successes]
    levels = [level for level in telling(view.statuses_of(attack)) if (attack, level.threshold) not in said]
    parts = [f"{named(level).lower()} {sentence(level)}" for level in levels]
    return f"{attack_name(attack)}: {'; '.join(parts)}." if parts else ""


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
    rows = duality_rows(view.complete)
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
    by_few = f"{plural(few, 'image')} by few-pixel changes only" if few else "no image by few-pixel changes only"
    by_threshold = f"{count(threshold) if threshold else 'none'} by threshold changes only"
    changes = f"Fooled were {by_few} and {by_threshold}"
    return f"{changes} (at threshold {row.threshold}): {lesson}."


def _failures(view: View) -> list[str]:
    """The shares of distributions, and that they are no worst case."""
    if not view.failures:
        return []
    from pixelproof.report.failure import NO_WORST_CASE, failure_sentences  # with Altair

    return [*failure_sentences(view), NO_WORST_CASE]


def _trust(view: View) -> str:
    parts = []
    rates = [o.rate(o.thresholds[0]) for o in view.outcomes] + [row.fooled for row in view.attempts]
    images = min((rate.total for rate in rates), default=_FEW_IMAGES)
    if images < _FEW_IMAGES:
        parts.append(f"With only {plural(images, 'attacked image')}, every rate here is a rough indication.")
    numbers = [(sum(f.severity == name for f in view.manifest.findings), name) for name in ("error", "warning")]
    found = [plural(number, name) for number, name in numbers if number]
    if found:
        total = sum(number for number, _ in numbers)
        be, them = ("is", "it") if total == 1 else ("are", "them")
        parts.append(f"{listed(found)} {be} noted below; read {them} before you use these numbers.")
    return " ".join(parts)
