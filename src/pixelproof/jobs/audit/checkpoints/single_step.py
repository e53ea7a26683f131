"""4. Iterative attacks beat single-step ones."""

from pixelproof.jobs.audit.attacks import attack, iterative, single_step
from pixelproof.jobs.audit.context import AuditContext
from pixelproof.jobs.audit.surviving import tempered
from pixelproof.results.audit.checkpoint import Answer
from pixelproof.results.audit.power import sign_number
from pixelproof.results.audit.statistics import more_often


def check(audit: AuditContext) -> Answer:
    """Fails where one step fools significantly more samples than twenty that begin from the same image."""
    once = attack(audit, single_step(audit.threat), audit.claimed_view)
    often = attack(audit, iterative(audit.threat), audit.claimed_view)
    numbers = (
        ("Right after one step (FGSM)", str(once.right)),
        ("Right after 20 steps (PGD)", str(often.right)),
        sign_number(len(once.rows)),
    )
    only_once, only_often = len(once.broken - often.broken), len(often.broken - once.broken)
    counts = f"{only_once} samples are fooled by one step alone, {only_often} by twenty alone"
    if more_often(only_once, only_often):
        remedy = "Look for what hides the gradient: iterations that lose to a single step follow a wrong one."
        finding = f"A single step does better than twenty: {counts}, a sign of masked gradients."
        return tempered(audit, Answer("fail", finding, remedy, numbers))
    if only_once > only_often:
        remedy = "Attack more samples, or raise the restarts, to see whether this is chance."
        return Answer("warn", f"A single step does a little better, as chance could: {counts}.", remedy, numbers)
    return Answer("pass", f"Twenty steps do no worse than one: {counts}.", numbers=numbers)
