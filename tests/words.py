"""What pages and terminals must not say: words that go beyond what was measured."""

from __future__ import annotations

import re

from pixelproof.report.glossary import WORDS

#: Where a word of the papers or of a thesis is theirs, or is explained: once on a page, but for those in ``_REPEATED``.
_THEIRS = (WORDS["attack success rate"], WORDS["th-pixel-safe"], "th-pixel-safe")
_REPEATED = (
    r"No network is 1-pixel-safe or 1-threshold-safe",  # the papers' claim, put to the data
    r"the papers call this \d+-(pixel|threshold)-safe: their searches with their budgets broke none of these images",
    r"Grey images withstand contrast and brightness, but not RGB randomise",  # the thesis's claim, put to the data
    r"grey-immune",  # its short name
)
_BEYOND = {
    "safe, where nothing was proved": r"\b(un)?safe(ty|ly|r|st)?\b",
    "adversarial accuracy, which means two things": r"\badversarial accuracy\b",
    "a word of fights, for what no search broke": r"\b(withst\w+|stood|fell|fallen|stands? (firm|against))\b",
    "a rate that no search knows": r"\btrue rate\b",
    "a promise": r"\b(guarantee\w*|secure|invulnerable|immune|(nothing|cannot be) fool\w*|certainly|always right)\b",
    "per cent for points": r"\d\s?% (less|lost|more|fewer|lower|higher|worse|better)\b",
    "no attacks though there were some": r"\battacks:?\s*none\b",
}


def beyond(text: str) -> list[str]:
    """What in ``text`` goes beyond the evidence, each with the words around it; empty where nothing does."""
    plain = re.sub(r"\s+", " ", text)
    for allowed in _REPEATED:
        plain = re.sub(allowed, " … ", plain)
    for allowed in _THEIRS:
        plain = plain.replace(allowed, " … ", 1)
    return [
        f"{what}: …{plain[max(0, found.start() - 40) : found.end() + 40]}…"
        for what, pattern in _BEYOND.items()
        for found in re.finditer(pattern, plain, re.IGNORECASE)
    ]
