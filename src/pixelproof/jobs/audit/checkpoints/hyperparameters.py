"""7. Other restarts and steps of the attack change nothing."""

from collections.abc import Mapping
from dataclasses import replace

from pixelproof.jobs.audit.attacks import attack, iterative
from pixelproof.jobs.audit.checkpoint import bars, claimed_rule
from pixelproof.jobs.audit.context import AuditContext
from pixelproof.jobs.audit.surviving import tempered
from pixelproof.results.audit.attacked import Attacked
from pixelproof.results.audit.checkpoint import Answer
from pixelproof.results.audit.power import power_number
from pixelproof.results.audit.statistics import more_often
from pixelproof.results.intervals import Rate
from pixelproof.wording import plural

#: Steps, in epsilons, with the iterations that let the shorter ones get about.
_STEPS = ((0.05, 40), (0.1, 30), (0.5, 20), (1.0, 20))
_ITERATIONS = (20, 100)  # of the claim's setting: whether its own are too few is the question of convergence


def check(audit: AuditContext) -> Answer:
    """Fails where all settings together fool significantly more than the claim's, and its accuracy lies above theirs.

    The claim's setting is the one with its step; where it tells none, the best of all. The model is made
    differentiable, and settings are tried on the samples that survive the first of them. A random model is warned of at
    most: more settings ask more often, until an answer is wrong by luck.
    """
    base = attack(audit, iterative(audit.threat), "open")
    broken = {base.attack: base.broken, **_others(audit, base)}
    own = _own(audit)
    union = frozenset().union(*broken.values(), *own.values())
    claimed = next(iter(own.values()), max(broken.values(), key=len))
    rates = {
        name: audit.samples.surviving(each) for name, each in {**broken, **own, "All settings together": union}.items()
    }
    answer = _answer(audit, len(union - claimed), len(union - base.broken), rates)
    numbers = tuple((f"Right after {name}" if name in broken else name, str(rate)) for name, rate in rates.items())
    plot = bars(
        "hyperparameters",
        "Accuracy by settings of the attack",
        rates.items(),
        x="Setting",
        caption="Each setting after the first is tried on what the first did not fool; bars have 99 % intervals.",
        rule=claimed_rule(audit),
    )
    return tempered(
        audit, replace(answer, numbers=(*numbers, power_number(rates["All settings together"])), plots=(plot,))
    )


def _others(audit: AuditContext, base: Attacked) -> dict[str, frozenset[int]]:
    """What the base and each other setting fool together."""
    epsilon, surviving = audit.threat.epsilon, [row for row in base.rows if row not in base.broken]
    restarts = min(2, audit.effort.restarts) if audit.random else audit.effort.restarts  # each goes on to the end there
    settings = [iterative(audit.threat, restarts=restarts)] if restarts > 1 else []
    settings += [iterative(audit.threat, iterations, share * epsilon) for share, iterations in _STEPS]
    if not surviving:
        return {}
    return {each: base.broken | attack(audit, each, "open", surviving).broken for each in settings}


def _own(audit: AuditContext) -> dict[str, frozenset[int]]:
    """What the claim's setting fools, by its name; nothing where the claim tells no step."""
    evaluation = audit.claim.evaluation
    if evaluation.step is None:
        return {}
    least, most = _ITERATIONS
    iterations = min(max(evaluation.iterations or 0, least), most)
    restarts = min(evaluation.restarts or 1, audit.effort.restarts)
    found = attack(audit, iterative(audit.threat, iterations, evaluation.step, restarts), "open")
    return {f"Right after the claim's setting, {found.attack}": found.broken}


def _answer(audit: AuditContext, missed: int, more: int, rates: Mapping[str, Rate]) -> Answer:
    """``missed``: samples that only other settings than the claim's fool; ``more``: than the base."""
    *_, right = rates.values()
    claimed = audit.claim.robust_accuracy
    if more_often(missed, 0) and audit.refuted_by(right) and not audit.random:
        finding = (
            f"Other restarts and steps fool {plural(missed, 'sample')} that the claim's setting does not; together "
            f"they leave {right} right, where {claimed:g} % is claimed."
        )
        return Answer("fail", finding, "Sweep the attack's settings, and claim what all of them together leave.")
    finding = (
        f"Besides the first setting, {plural(len(rates) - 2, 'other')} fooled {plural(more, 'more sample')}; together "
        f"they leave {right} right."
    )
    if more_often(more, 0):
        return Answer("warn", finding, "Tell the attack's settings in the claim, and sweep them.")
    return Answer("pass", finding)
