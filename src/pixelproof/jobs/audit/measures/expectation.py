"""What averaging over the draws of a random model does for an attack on it.

Athalye, Carlini & Wagner, "Obfuscated Gradients Give a False Sense of Security", ICML 2018, section 4.2.
"""

from __future__ import annotations

from pixelproof.defences.differentiable import make_differentiable
from pixelproof.jobs.audit.arsenal import iterative
from pixelproof.jobs.audit.attacked import Attacked
from pixelproof.jobs.audit.case import Case

#: Samples attacked, at most: every step of the last attack costs as many answers as are averaged.
_SAMPLES = 40


def by_draws(case: Case) -> list[tuple[int, Attacked]]:
    """Twenty steps with one draw each, with half of ``effort.draws``, and with all of them."""
    most = case.effort.draws
    rows = range(min(_SAMPLES, len(case.samples)))
    found = []
    for draws in sorted({1, max(1, most // 2), most}):
        seen = make_differentiable(case.classifier, case.images[:8], random=case.random, draws=draws).classifier
        found.append((draws, case.attacked(iterative(case.threat), "open", rows, f"{draws} draws", seen)))
    return found
