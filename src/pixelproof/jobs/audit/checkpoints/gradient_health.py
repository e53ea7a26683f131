"""10. Gradients are healthy: there, finite, the same at every call, and true of the loss a grey level away.

Athalye, Carlini & Wagner, "Obfuscated Gradients Give a False Sense of Security", ICML 2018, section 3: shattered,
stochastic, and vanishing or exploding gradients.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, TypedDict

import torch
from torch import Tensor
from torch.nn import functional

from pixelproof.attacks.goal import LossName
from pixelproof.defences.preprocessed import PreprocessedClassifier
from pixelproof.jobs.audit.context import AuditContext
from pixelproof.jobs.audit.inside import interior
from pixelproof.jobs.audit.surviving import supported, tempered
from pixelproof.models.call import CallableClassifier
from pixelproof.models.torch_module import TorchClassifier
from pixelproof.results.audit.attacked import View
from pixelproof.results.audit.checkpoint import Answer, Plot, Verdict
from pixelproof.results.audit.statistics import interval
from pixelproof.results.intervals import Rate
from pixelproof.wording import decimal, listed, plural

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
#: Lengths of the steps along the gradient, in grey levels of every value.
_STEPS = (0.5, 1.0)
#: The share of the change promised below which a gradient falls short.
_DELIVERED = 0.25
#: Relative difference of two gradients of one image that arithmetic alone can cause.
_ARITHMETIC = 1e-3
_SPAN = 2.0  # grey levels that the lines run to either side
_POINTS = 81
_ORDERS = {"l1": 1.0, "l2": 2.0, "linf": torch.inf, "l0": torch.inf}
_INSTEAD = 8.0  # grey levels of every value where the threat counts pixels


def check(audit: AuditContext) -> Answer:
    """Fails where gradients are 0, invalid or unrepeatable on significantly more than 15 % of the samples, or lie.

    Where the model lets no gradient through as it is, that is a fault of an evaluation that followed gradients without
    knowing of it; its gradients are then those past the layers in question.
    """
    if reason := audit.access.no_gradients("open"):
        return _without(audit, reason)
    view, cut = _view(audit), bool(audit.access.no_gradients("plain"))
    found = health(audit, view)
    complaints = list(_complaints(audit, found, view))
    if cut and not audit.claim.evaluation.adaptive:
        naive = _BY_GRADIENT.search(audit.claim.evaluation.attack) is not None
        complaints.append((naive, "as it stands the model lets no gradient through to its images"))
    complaints.sort(key=lambda each: not each[0])  # the faults first
    verdict: Verdict = "pass"
    if complaints:
        verdict = "fail" if complaints[0][0] else "warn"
    said = "; ".join(text for _, text in complaints)
    said = said or "the gradients are there, finite, and true of the loss a grey level away"
    passed = audit.access.differentiable.passed if view == "open" else ()
    past = f" (past {', '.join(passed)})" if passed else ""
    answer = Answer(
        verdict,
        f"On {plural(found.samples, 'sample')}{past}: {said}.",
        "" if verdict == "pass" else _remedy(audit, found, cut),
        tuple(_numbers(found)),
        tuple(_plots(audit, view)),
        notes=tuple(_notes(audit, found, view)),
    )
    return tempered(audit, answer)


def _without(audit: AuditContext, reason: str) -> Answer:
    """A claim by gradients of a model that has none was measured by an attack that did nothing."""
    told = audit.claim.evaluation.attack
    if _BY_GRADIENT.search(told) is None:
        return Answer("skipped", f"This needs gradients, which cannot be had here. {reason}")
    inside = interior(audit).parts
    where = f" A network with gradients lies inside: {listed([each.name for each in inside])}." if inside else ""
    finding = (
        f"The claim was measured by {told}, which follows gradients, and the model has none: its gradient is "
        f"shattered, so the attack went nowhere and says nothing.{where}"
    )
    remedy = "Evaluate past what cuts the gradient off (BPDA, the bare network), by transfer, and by attacks on scores."
    if isinstance(audit.classifier, TorchClassifier | CallableClassifier | PreprocessedClassifier):
        known = audit.claim.evaluation.adaptive and bool(inside)
        fails = audit.permits("gradients") and not (known and supported(audit))
        return Answer("fail" if fails else "warn", finding, remedy)
    return Answer("warn", f"{finding} Or they are lost in the form that it was handed over in.", remedy)


def _view(audit: AuditContext) -> View:
    """The model as it is, unless it has no gradients so, or the evaluation says that it knew of what hides them."""
    known = bool(audit.access.differentiable.passed) and audit.claim.evaluation.adaptive
    return "open" if known or audit.access.no_gradients("plain") else "plain"


def _many(count: int, total: int, share: float = _MANY) -> bool:
    return interval(Rate(count, total)).low > share


def _complaints(audit: AuditContext, found: Health, view: View) -> Iterator[tuple[bool, str]]:
    """What is wrong with the gradients, each with whether it is a fault, being on many samples, or but a doubt."""
    total, sloped = found.samples, found.sloped
    if found.zero:
        text = f"the gradient of the cross-entropy is exactly 0 on {found.zero} of {total}"
        yield _many(found.zero, total), text
    if found.invalid:
        yield _many(found.invalid, total), f"the gradient is infinite or not a number on {found.invalid} of {total}"
    unsteady = f"on {found.unsteady} of {total}"
    if audit.random and found.unsteady and (audit.claim.evaluation.draws or 1) == 1:
        yield False, f"gradients are random {unsteady}, and the claim names no draws to average"
    if not audit.random and _many(found.unsteady, total):
        yield True, f"two calls give two gradients {unsteady}, though the answers are the same"
    if not _small_scale(audit, found, view):
        return
    if found.rising > 0.05 * sloped:
        text = f"a grey level against the gradient raises the margin on {found.rising} of {sloped}"
        yield _many(found.rising, sloped), text
    if _many(found.short, sloped, _MOST):
        text = "half a grey level against the gradient lowers the margin by less than a quarter of what it says"
        yield True, f"{text} on {found.short} of {sloped}"


def _small_scale(audit: AuditContext, found: Health, view: View) -> bool:
    """Whether gradients can be held against the loss a grey level away: not a stand-in's, nor another draw's."""
    return found.repeats and found.sloped > 0 and not (view == "open" and audit.access.differentiable.passed)


def _remedy(audit: AuditContext, found: Health, cut: bool) -> str:
    if audit.random:
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


def _notes(audit: AuditContext, found: Health, view: View) -> Iterator[str]:
    yield from audit.access.differentiable.steps
    for name in audit.access.differentiable.stuck:
        yield f"No gradient passes {name}, and nothing could be put in its place."
    if audit.random and (audit.claim.evaluation.draws or 1) > 1:
        yield "The gradients are random, and the claim averages over draws of them."
    if view == "open" and audit.access.differentiable.passed:
        yield "The loss a grey level away is not judged: the gradient is a stand-in's."
    elif not found.repeats:
        yield "The loss a grey level away is not judged: the model's draws cannot be held fast."


def _plots(audit: AuditContext, view: View) -> Iterator[Plot]:
    found, norm = surface(audit, view), audit.threat.norm if audit.threat.norm != "l0" else "linf"
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


@dataclass(frozen=True)
class Health:
    """Counts are of the ``samples`` that stand without an attack; gradients are of the cross-entropy.

    ``zero``: exactly 0 for every value. ``invalid``: NaN or infinite somewhere. ``unsteady``: another one at the next
    call. ``certain``: the softmax is exactly 1. ``change``: the median rise that is promised for one grey level.

    The rest tells of the ``sloped`` samples, those whose margin has a gradient. ``rising``: half or one grey level
    against it raises the margin, in place of lowering it. ``short``: half a grey level lowers it by less than a quarter
    of what is promised. ``ratio``: the median of the true change over the promised one. ``cosine``: the median, of
    gradients half a grey level of noise apart. ``agreement``: the correlation of both changes along random directions.
    ``repeats``: the draws of a random model could be held fast; otherwise nothing is known of the loss nearby.
    """

    samples: int
    zero: int
    invalid: int
    unsteady: int
    certain: int
    sloped: int
    rising: int
    short: int
    change: float
    ratio: float
    cosine: float
    agreement: float
    repeats: bool


def health(audit: AuditContext, view: View) -> Health:
    """The gradients of the model so seen, at the samples classified correctly."""
    return Health(**audit.evidence.memoise(f"gradient health|{view}", lambda: asdict(_Look(audit, view).health())))


class _Look:
    """Gradients and margins at the samples, between grey levels too, with the draws of a random model held fast."""

    def __init__(self, audit: AuditContext, view: View) -> None:
        self.audit = audit
        self.rows = torch.tensor(audit.decision.right, device=audit.device)
        self.images, self.goal = audit.samples.images[self.rows], audit.samples.goal(self.rows)
        self.oracle = audit.access.oracle(len(self.rows), view, eight_bit=False, finite=False)

    def health(self) -> Health:
        once, again = self.gradient(self.images, "cross-entropy"), self.gradient(self.images, "cross-entropy")
        finite = once.isfinite() & again.isfinite()
        once, again = once.where(finite, 0), again.where(finite, 0)
        moved = (again - once).norm(dim=1) > _ARITHMETIC * once.norm(dim=1).maximum(again.norm(dim=1))
        scores = self.oracle.log_scores(self.images, self.goal.rows).float()
        slope = self.fast(self.images)
        sloped = slope.isfinite().all(1) & (slope != 0).any(1)
        change = once.abs().sum(1) / 255
        return Health(
            samples=len(self.rows),
            zero=int((finite.all(1) & (once == 0).all(1)).sum()),
            invalid=int((~finite).any(1).sum()),
            unsteady=int(moved.sum()),
            certain=int((scores.softmax(1).amax(1) == 1).sum()),
            sloped=int(sloped.sum()),
            change=_median(change),
            repeats=self.repeats(),
            **dict(self.small_scale(torch.where(sloped[:, None], slope, 0), sloped)),
        )

    def small_scale(self, slope: Tensor, sloped: Tensor) -> Iterator[tuple[str, Any]]:
        """The numbers about the loss a grey level away, of the samples that are ``sloped``."""
        begun, rising, ratios = self.margin(self.images), torch.zeros_like(sloped), []
        for step in _STEPS:
            predicted, true = self.changes(-slope.sign() * step / 255, slope, begun)
            rising |= true > 0
            ratios.append(true / predicted)
        yield "rising", int((rising & sloped).sum())
        yield "short", int(((ratios[0] < _DELIVERED) & sloped).sum())
        yield "ratio", _median(ratios[0][sloped])
        shift = self.audit.samples.streams("gradient health", self.rows).uniform(*self.images.shape[1:]).sub(0.5) / 255
        near = self.fast((self.images + shift).clamp(0, 1)).nan_to_num(0, 0, 0)
        yield "cosine", _median(functional.cosine_similarity(slope, near, dim=1)[sloped])
        signs = (
            self.audit.samples.streams("gradient health|signs", self.rows).integers(2, *self.images.shape[1:]) * 2 - 1
        )
        predicted, true = self.changes(signs.flatten(1) * 0.5 / 255, slope, begun)
        yield "agreement", _correlation(predicted[sloped], true[sloped])

    def changes(self, direction: Tensor, slope: Tensor, begun: Tensor) -> tuple[Tensor, Tensor]:
        """The change of the margin that the ``slope`` predicts of a step, inside the range of values, and the true."""
        moved = (self.images + direction.view_as(self.images)).clamp(0, 1)
        predicted = ((moved - self.images).flatten(1) * slope).sum(1)
        return predicted, self.margin(moved) - begun

    def gradient(self, images: Tensor, loss: LossName) -> Tensor:
        _, found = self.oracle.gradient(images, self.goal.rows, lambda s, part: self.goal.of(part).loss(loss, s))
        return found.flatten(1)

    def fast(self, images: Tensor) -> Tensor:
        """The gradient of the margin."""
        self.hold()
        return self.gradient(images, "margin")

    def margin(self, images: Tensor) -> Tensor:
        self.hold()
        return self.goal.loss("margin", self.oracle.log_scores(images, self.goal.rows)).float()

    def hold(self) -> None:
        """Begin the model's draws anew: images are compared under the same ones. ``memoise`` puts all back."""
        torch.manual_seed(self.audit.seed)

    def repeats(self) -> bool:
        return not self.audit.access.seeded_steps and torch.equal(self.margin(self.images), self.margin(self.images))


def _median(values: Tensor) -> float:
    return float(values.median()) if len(values) else 0.0


def _correlation(one: Tensor, other: Tensor) -> float:
    """Pearson's; 0 where there are too few values, or nothing varies."""
    if len(one) < 3 or not bool(one.std() > 0) or not bool(other.std() > 0):
        return 0.0
    return float(torch.corrcoef(torch.stack([one, other]))[0, 1])


class Surface(TypedDict):
    """Margins around the sample ``row``; ``slope`` is what its gradient says of a grey level of every value.

    ``heat``: [along the gradient, along a random direction, margin], both in grey levels of the threat's norm.
    ``gradient`` and ``random``: margins ``_POINTS`` times from −2 to 2 grey levels of every value.
    """

    row: int
    slope: float
    heat: list[list[float]]
    gradient: list[float]
    random: list[float]


def surface(audit: AuditContext, view: View) -> Surface:
    """Around the sample whose margin is the median of those classified correctly."""
    return audit.evidence.memoise(f"surface|{view}", lambda: _surface(audit, view))


def offsets() -> list[float]:
    """Where on the lines, in grey levels."""
    return [round(each, 3) for each in torch.linspace(-_SPAN, _SPAN, _POINTS).tolist()]


def _surface(audit: AuditContext, view: View) -> Surface:
    look = _Point(audit, view)
    uphill, aside = look.slope, look.signs
    radius, norm = (_INSTEAD, "linf") if audit.threat.norm == "l0" else (audit.threat.epsilon, audit.threat.norm)
    steps = torch.linspace(-radius, radius, audit.effort.surface, device=audit.device) / 255
    one, other = (each.flatten().cpu() * 255 for each in torch.meshgrid(steps, steps, indexing="ij"))
    grid = steps[:, None, None, None] * _unit(uphill, norm) + (steps[:, None, None, None] * _unit(aside, norm))[:, None]
    heat = look.margins(grid.transpose(0, 1).flatten(0, 1))
    line = torch.linspace(-_SPAN, _SPAN, _POINTS, device=audit.device)[:, None, None, None] / 255
    return {
        "row": look.row,
        "slope": float(uphill.abs().sum() / 255),
        "heat": torch.stack([one, other, heat.cpu()], 1).tolist(),
        "gradient": look.margins(line * uphill.sign()).tolist(),
        "random": look.margins(line * aside).tolist(),
    }


class _Point:
    """One sample, the gradient of its margin, and margins beside it, under the same draws of a random model."""

    def __init__(self, audit: AuditContext, view: View) -> None:
        self.audit, rows = audit, torch.tensor(audit.decision.right, device=audit.device)
        goal = audit.samples.goal(rows)
        margins = goal.loss("margin", audit.decision.log_scores(audit.samples.images[rows]))
        middle = margins.argsort()[(len(rows) - 1) // 2]
        self.row = int(rows[middle])
        self.image, self.goal = audit.samples.images[self.row][None], goal.of(middle[None])
        self.oracle = audit.access.oracle(1, view, eight_bit=False)
        own = rows[middle][None]
        self.signs = audit.samples.streams("surface", own).integers(2, *self.image.shape[1:]).mul(2).sub(1).float()
        torch.manual_seed(audit.seed)  # put back by ``memoise``
        _, self.slope = self.oracle.gradient(self.image, own * 0, lambda s, _: self.goal.loss("margin", s))

    def margins(self, moves: Tensor) -> Tensor:
        """Of the sample moved by ``moves`` m×C×H×W."""
        torch.manual_seed(self.audit.seed)
        rows = torch.zeros(len(moves), dtype=torch.int64, device=moves.device)
        scores = self.oracle.log_scores(self.image + moves, rows)
        return self.goal.of(rows).loss("margin", scores).float()


def _unit(direction: Tensor, norm: str) -> Tensor:
    """``direction`` 1×C×H×W at length 1: of its sign in L∞."""
    if norm == "linf":
        return direction.sign()
    length: Tensor = torch.linalg.vector_norm(direction, _ORDERS[norm]).clamp(min=1e-12)
    return direction / length
