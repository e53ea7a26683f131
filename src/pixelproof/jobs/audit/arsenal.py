"""The attacks that fit a threat model, by their spelling."""

from __future__ import annotations

from pixelproof.errors import InputError
from pixelproof.jobs.audit.claim import Threat
from pixelproof.jobs.audit.effort import Effort


def _ball(threat: Threat) -> str:
    """Raises ``InputError`` for L0, where gradient attacks within a number of pixels are none of ours."""
    if threat.norm == "l0":
        raise InputError("The claim is on L0, where the few-pixel attack takes the place of gradient attacks.")
    return f"norm={threat.norm},epsilon={threat.epsilon:g}"


def single_step(threat: Threat) -> str:
    return f"fgsm({_ball(threat)})"


def iterative(
    threat: Threat, iterations: int = 20, step: float | None = None, restarts: int = 1, epsilon: float | None = None
) -> str:
    """PGD, within another ``epsilon`` where one is given; ``step`` in grey levels, None being a quarter of epsilon."""
    ball = _ball(threat if epsilon is None else threat.model_copy(update={"epsilon": epsilon}))
    length = "" if step is None else f",step={step:g}"
    return f"pgd({ball}{length},iterations={iterations},restarts={restarts})"


def strongest(threat: Threat, effort: Effort, *, random: bool = False) -> tuple[str, ...]:
    """AutoPGD on cross-entropy and on the targeted ratio: AutoAttack's two that do most of its work.

    Against a ``random`` model every step is averaged over draws, which takes the time of the nine targets.
    """
    most, ratio = (40, "dlr") if random else (100, "targeted-dlr")
    iterations = min(most, effort.iterations)
    return tuple(f"apgd({_ball(threat)},loss={loss},iterations={iterations})" for loss in ("ce", ratio))


def on_scores(threat: Threat, effort: Effort) -> str:
    """Square, within the queries that the threat model allows."""
    queries = min(effort.queries, threat.queries or effort.queries)
    if threat.norm not in ("linf", "l2"):
        raise InputError(f"There is no attack on scores in {threat.norm} here but the levels.")
    return f"square({_ball(threat)},queries={queries})"


def on_labels(threat: Threat, effort: Effort) -> str:
    """HopSkipJump, whose nearest images count where they lie within the threat's ball."""
    queries = min(effort.label_queries, threat.queries or effort.label_queries)
    norm = "linf" if threat.norm == "linf" else "l2"
    return f"hop-skip-jump(norm={norm},queries={queries})"
