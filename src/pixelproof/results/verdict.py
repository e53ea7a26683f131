"""The verdict on a level, in a word and in a sentence: it says no more than its evidence.

*Broken* takes one image, *proved* a certificate of every image. Between them a level *held* against its searches and
their budgets. That is said only where it tells something: enough images, of more than one class, searched with
``LEAST_QUERIES`` each, to the end and by a finished run. Otherwise it is *undecided*, for all the reasons there are.
"""

from collections.abc import Iterable

from pixelproof.results.budgets import QUICK
from pixelproof.results.intervals import wilson
from pixelproof.results.status import LevelStatus
from pixelproof.wording import allowance, count, listed, percent, plural, safe_name, search_name

#: Where none of the images is broken, the interval may reach so far at most: more than one in ten says nothing much.
#: That takes 35 images; the papers took 100.
WIDEST = 0.1
LEAST_QUERIES = QUICK


def doubts(level: LevelStatus) -> list[str]:
    """Why nothing may be concluded from a level at which nothing is broken."""
    found = {
        "unfinished": level.pending > 0,
        "not searched": not level.searches,
        "one class": level.classes < 2,
        "too few samples": wilson(0, level.total).high > WIDEST,
        "few queries": any(search.queries < LEAST_QUERIES for search in level.searches),
        f"gave up on {count(level.gave_up)}": level.gave_up > 0,
    }
    return [reason for reason, holds in found.items() if holds]


def verdict(level: LevelStatus) -> str:
    """``broken``, ``broken so far``, ``proved``, ``held``, or ``undecided: too few samples, few queries``."""
    if level.broken.successes:
        return "broken so far" if level.pending else "broken"
    if level.total and level.proved == level.total:
        return "proved"
    reasons = doubts(level)
    return f"undecided: {', '.join(reasons)}" if reasons else "held"


def sentence(level: LevelStatus) -> str:
    """The verdict with what it rests on, for a reader who sees nothing else; the level itself is not named."""
    if level.total and level.proved == level.total:
        return f"proved for {count(level.proved)} of {plural(level.total, 'image')}, by {listed(level.methods)}"
    text = f"{verdict(level)}: {_counted(level)}"
    return f"{text} ({_papers_term(level)})" if verdict(level) == "held" and level.as_in_the_papers else text


def named(level: LevelStatus) -> str:
    """``Within 3 pixels``, ``Within ±3 of 255``: what the level allows, as a sentence on it begins."""
    return f"Within {allowance(level.constraint, level.threshold)}"


def telling(levels: Iterable[LevelStatus]) -> list[LevelStatus]:
    """Of the levels of one constraint those to speak of: the first broken, and the highest below it."""
    ordered = sorted(levels, key=lambda level: level.threshold)
    broken = next((k for k, level in enumerate(ordered) if level.broken.successes), len(ordered))
    return ordered[max(0, broken - 1) : broken + 1]


def highest(levels: Iterable[LevelStatus], *verdicts: str) -> LevelStatus | None:
    """Of the levels of one constraint the highest whose verdict, and that of all below it, is one of ``verdicts``."""
    found = None
    for level in sorted(levels, key=lambda level: level.threshold):
        if verdict(level) not in verdicts:
            break
        found = level
    return found


def _counted(level: LevelStatus) -> str:
    broken, images = level.broken, plural(level.total, "image")
    text = f"{count(broken.successes)} of {images}"
    if level.targeted:
        text += " given the class aimed at"
    elif not broken.successes:
        text += " broken"
    by = _finders(level) if broken.successes else _searchers(level)
    text += f" by {listed(by)}" if by else ""
    if level.pending:
        text += f", {count(level.pending)} not finished"
    else:
        text += f", {percent(broken.value)} {broken.interval}" if broken.successes else _at_most(level)
    return text + _rest(level)


def _finders(level: LevelStatus) -> list[str]:
    return sorted({search_name(image.record.spec) for image in level.images if image.record is not None})


def _searchers(level: LevelStatus) -> list[str]:
    return [f"{search_name(s.method)} within {plural(s.queries, 'query', 'queries')} each" for s in level.searches]


def _at_most(level: LevelStatus) -> str:
    return f", at most {percent(level.broken.interval.high)} [95 %]"


def _rest(level: LevelStatus) -> str:
    """What of the other images is known, where it is more than that nothing was found."""
    parts = [f"{count(level.proved)} proved by {listed(level.methods)}"] if level.proved else []
    if level.gave_up and level.broken.successes:
        parts.append(f"gave up on {count(level.gave_up)}")
    return f"; {', '.join(parts)}, {count(level.open)} open" if parts else ""


def _papers_term(level: LevelStatus) -> str:
    name = safe_name(level.constraint, level.threshold)
    return f"the papers call this {name}: their searches with their budgets broke none of these images"
