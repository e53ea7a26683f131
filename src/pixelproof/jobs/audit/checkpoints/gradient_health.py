"""10. Gradients are healthy: there, finite, the same at every call, and true of the loss a grey level away."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pixelproof.jobs.audit.attacked import View
from pixelproof.jobs.audit.case import Case
from pixelproof.jobs.audit.checkpoint import Answer, Checkpoint, Plot, Verdict
from pixelproof.jobs.audit.measures.gradient_health import Health, health
from pixelproof.jobs.audit.measures.surface import Surface, offsets, surface
from pixelproof.jobs.audit.paired import interval
from pixelproof.results.intervals import Rate
from pixelproof.wording import decimal, plural

#: Share of samples above which a fault is one of the model. The bundled LeNet, ResNet-20 (plain, and adversarially
#: trained by fast), All-CNN and NIN, and LeNet and the robust ResNet-20 under smoothing with noise of 8 grey levels had
#: none of these faults in 66 to 89 samples each; the correlation of predicted and true changes was 0.81 to 0.99.
_MANY = 0.15
#: The same for a gradient that promises four times what half a grey level gives: half of the samples. Those networks
#: had none either, with a median of 0.86 to 0.99 of the promise; but curvature is no fault, and grows with images.
_MOST = 0.5
#: Attacks that follow gradients, by what they are called.
_BY_GRADIENT = re.compile(
    r"pgd|fgsm|bim\b|gradient|auto ?attack|deepfool|carlini|c ?& ?w|\bcw\b|jsma|\bfab\b|madry|mim\b", re.IGNORECASE
)


def judge(case: Case) -> Answer:
    """Fails where gradients are 0, invalid or unrepeatable on significantly more than 15 % of the samples, or lie.

    Where the model lets no gradient through as it is, that is a fault of an evaluation that followed gradients without
    knowing of it; its gradients are then those past the layers in question.
    """
    view, cut = _view(case), bool(case.blind("plain"))
    found = health(case, view)
    faults, doubts = list(_faults(case, found, view)), list(_doubts(case, found, view))
    if cut and not case.claim.evaluation.adaptive:
        naive = _BY_GRADIENT.search(case.claim.evaluation.attack)
        (faults if naive else doubts).append("as it stands the model lets no gradient through to its images")
    verdict: Verdict = "fail" if faults else "warn" if doubts else "pass"
    if verdict == "fail" and not case.permits("gradients"):
        verdict = "warn"  # what a black box hides is no part of the claim
    said = "; ".join((*faults, *doubts))
    if not said:
        said = "the gradients are there, finite, and true of the loss a grey level away"
    opened = f" (past {', '.join(case.opened.passed)})" if view == "open" and case.opened.passed else ""
    return Answer(
        verdict,
        f"On {plural(found.samples, 'sample')}{opened}: {said}.",
        "" if verdict == "pass" else _remedy(case, found, cut),
        tuple(_numbers(found)),
        tuple(_plots(case, view)),
        notes=tuple(_notes(case, found, view)),
    )


def _view(case: Case) -> View:
    """The model as it is, unless it has no gradients so, or the evaluation says that it knew of what hides them."""
    known = bool(case.opened.passed) and case.claim.evaluation.adaptive
    return "open" if known or case.blind("plain") else "plain"


def _many(count: int, total: int, share: float = _MANY) -> bool:
    return interval(Rate(count, total)).low > share


def _told(count: int, total: int) -> str:
    return f"on {count} of {total}"


def _faults(case: Case, found: Health, view: View) -> Iterator[str]:
    total = found.samples
    if _many(found.zero, total):
        yield f"the gradient of the cross-entropy is exactly 0 {_told(found.zero, total)}"
    if _many(found.invalid, total):
        yield f"the gradient is infinite or not a number {_told(found.invalid, total)}"
    if _many(found.unsteady, total) and not case.random:
        yield f"two calls give two gradients {_told(found.unsteady, total)}, though the answers are the same"
    if not _small_scale(case, found, view):
        return
    if _many(found.rising, found.sloped):
        yield f"a grey level against the gradient raises the margin {_told(found.rising, found.sloped)}"
    if _many(found.short, found.sloped, _MOST):
        yield (
            "half a grey level against the gradient lowers the margin by less than a quarter of what it says "
            f"{_told(found.short, found.sloped)}"
        )


def _doubts(case: Case, found: Health, view: View) -> Iterator[str]:
    """Less of the same, and randomness that the evaluation did not average."""
    total = found.samples
    if found.zero and not _many(found.zero, total):
        yield f"the gradient of the cross-entropy is exactly 0 {_told(found.zero, total)}"
    if found.invalid and not _many(found.invalid, total):
        yield f"the gradient is infinite or not a number {_told(found.invalid, total)}"
    if case.random and found.unsteady and (case.claim.evaluation.draws or 1) == 1:
        yield f"gradients are random {_told(found.unsteady, total)}, and the claim names no draws to average"
    some = found.rising > 0.05 * found.sloped and not _many(found.rising, found.sloped)
    if some and _small_scale(case, found, view):
        yield f"a grey level against the gradient raises the margin {_told(found.rising, found.sloped)}"


def _small_scale(case: Case, found: Health, view: View) -> bool:
    """Whether gradients can be held against the loss a grey level away: not a stand-in's, nor another draw's."""
    return found.repeats and found.sloped > 0 and not (view == "open" and case.opened.passed)


def _remedy(case: Case, found: Health, cut: bool) -> str:
    if case.random:
        return "Average gradients over the model's draws (EOT) in every step, and say over how many."
    if cut:
        return "Evaluate again past what cuts the gradient off: with BPDA, and by transfer and black-box attacks."
    if found.zero:
        return (
            "Attack a loss that does not go flat, as the margin of the logits, and go past what has no gradient (BPDA)."
        )
    return "Trust no attack that follows these gradients; smooth them, average them, or attack scores and labels."


def _numbers(found: Health) -> Iterator[tuple[str, str]]:
    counts = {
        "Gradient exactly 0": found.zero,
        "Gradient infinite or not a number": found.invalid,
        "Gradient differs at the next call": found.unsteady,
        "Softmax exactly 1": found.certain,
    }
    for name, count in counts.items():
        yield name, str(Rate(count, found.samples))
    yield "Rise of the cross-entropy that a grey level promises (median)", f"{found.change:.3g}"
    if not (found.sloped and found.repeats):
        return
    yield "A grey level against the gradient raises the margin", str(Rate(found.rising, found.sloped))
    yield "Half a grey level gives under a quarter of what is promised", str(Rate(found.short, found.sloped))
    yield "True change over promised change (median)", decimal(found.ratio)
    yield "Cosine of gradients half a grey level apart (median)", decimal(found.cosine)
    yield "Correlation of true and promised changes, random directions", decimal(found.agreement)


def _notes(case: Case, found: Health, view: View) -> Iterator[str]:
    yield from case.opened.steps
    for name in case.opened.stuck:
        yield f"No gradient passes {name}, and nothing could be put in its place."
    if case.random and (case.claim.evaluation.draws or 1) > 1:
        yield "The gradients are random, and the claim averages over draws of them."
    if view == "open" and case.opened.passed:
        yield "The loss a grey level away is not judged: the gradient is a stand-in's."
    elif not found.repeats:
        yield "The loss a grey level away is not judged: the model's draws cannot be held fast."


def _plots(case: Case, view: View) -> Iterator[Plot]:
    found, norm = surface(case, view), case.threat.norm if case.threat.norm != "l0" else "linf"
    yield Plot(
        name="loss-surface",
        title="Margin of one sample over the whole threat",
        kind="heat",
        x="Along the gradient (grey levels)",
        y="Along a random direction (grey levels)",
        z="Margin",
        rows=tuple({"x": round(x, 4), "y": round(y, 4), "z": z} for x, y, z in found["heat"]),
        caption=f"Sample {found['row']}, the median in margin; distances in {norm}. Below 0 it is fooled.",
    )
    yield Plot(
        name="loss-lines",
        title="Margin of the same sample within two grey levels",
        kind="line",
        x="Change of every value (grey levels)",
        y="Margin",
        rows=tuple(_lines(found)),
        caption="Where a gradient is of use, its line is straight around 0 and follows the dashed promise.",
        mark=(0.0, "the sample"),
    )


def _lines(found: Surface) -> Iterator[dict[str, float | str]]:
    where = offsets()
    begun = found["gradient"][len(where) // 2]
    for name, margins in (("along the gradient", found["gradient"]), ("random direction", found["random"])):
        for x, y in zip(where, margins, strict=True):
            yield {"x": x, "y": y, "line": name}
    low, high = min(found["gradient"] + found["random"]), max(found["gradient"] + found["random"])
    for x in where:  # the promise leaves the figure where the loss is steep but goes nowhere
        if low <= begun + found["slope"] * x <= high:
            yield {"x": x, "y": begun + found["slope"] * x, "line": "as the gradient says"}


CHECKPOINT = Checkpoint(
    number=10,
    name="gradient-health",
    title="Gradients are healthy",
    asks="Are there gradients, and do they say what the loss does nearby?",
    needs="gradients",
    source="Tekwani & Parmar, sections III-C and III-H; Athalye et al., section 3",
    judge=judge,
)
