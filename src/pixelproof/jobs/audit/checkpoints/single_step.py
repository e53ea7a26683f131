"""4. Iterative attacks beat single-step ones."""

from __future__ import annotations

from pixelproof.jobs.audit.arsenal import iterative, single_step
from pixelproof.jobs.audit.case import Case
from pixelproof.jobs.audit.checkpoint import Answer, Checkpoint
from pixelproof.jobs.audit.paired import more_often


def judge(case: Case) -> Answer:
    """Fails where one step fools significantly more samples than twenty that begin from the same image."""
    once = case.attacked(single_step(case.threat), case.naive)
    often = case.attacked(iterative(case.threat), case.naive)
    numbers = (("Right after one step (FGSM)", str(once.right)), ("Right after 20 steps (PGD)", str(often.right)))
    only_once, only_often = len(once.broken - often.broken), len(often.broken - once.broken)
    counts = f"{only_once} samples are fooled by one step alone, {only_often} by twenty alone"
    if more_often(only_once, only_often):
        remedy = "Look for what hides the gradient: iterations that lose to a single step follow a wrong one."
        return Answer("fail", f"A single step does better than twenty: {counts}.", remedy, numbers)
    if only_once > only_often:
        remedy = "Attack more samples, or raise the restarts, to see whether this is chance."
        return Answer("warn", f"A single step does a little better, as chance could: {counts}.", remedy, numbers)
    return Answer("pass", f"Twenty steps do no worse than one: {counts}.", numbers=numbers)


CHECKPOINT = Checkpoint(
    number=4,
    name="single-step",
    title="Iterative attacks beat single-step ones",
    asks="Does an attack of many steps fool at least what one step fools?",
    needs="gradients",
    source="Tekwani & Parmar, section III-F; Carlini et al., section 5.2",
    judge=judge,
)
