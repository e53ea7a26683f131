"""13. Hiding scores is no defence: labels alone are enough to attack."""

from collections.abc import Mapping

import torch
from torch import Tensor

from pixelproof.defences.preprocessed import PreprocessedClassifier
from pixelproof.jobs.audit.attacks import labels_on_few
from pixelproof.jobs.audit.checkpoint import bars, claimed_rule
from pixelproof.jobs.audit.context import BATCH, AuditContext
from pixelproof.jobs.audit.levels import levels
from pixelproof.jobs.audit.substitute import transfer
from pixelproof.models.classifier import Classifier
from pixelproof.models.scores import detect_kind
from pixelproof.results.audit.attacked import Attacked, broken_rows
from pixelproof.results.audit.checkpoint import Answer
from pixelproof.results.intervals import Rate
from pixelproof.wording import count, listed

_ASKED = 200  # samples whose scores are looked at, at most
_MOST = 0.9  # share of them that show it, where something is hidden
_DECIMALS = 3  # of rounded scores, at most
_FINE = 1e5  # above it single precision itself rounds to about whole numbers
_DISTINCT = 0.1  # distinct values among all scores, as a share, below which they are coarse
_REMEDY = (
    "Show how often the model is right with its scores laid open, and claim what an attacker leaves who uses labels "
    "and a substitute."
)


def check(audit: AuditContext) -> Answer:
    """Fails where the claim lies above what attacks leave that use no more than the model tells."""
    kept_back = hidden(audit)
    if not kept_back:
        return Answer("pass", "The model tells all of its scores, so nothing of its accuracy rests on hiding them.")
    attacks = _attacks(audit)
    rates = _rates(audit, attacks)
    lowest = min(rates.values(), key=lambda rate: rate.value or 0.0)
    refuting = [name for name, rate in rates.items() if audit.refuted_by(rate)]
    numbers = (
        ("What the model tells", kept_back),
        ("Robust accuracy claimed", f"{audit.claim.robust_accuracy:g} %"),
        *((f"Right after {name}", str(rate)) for name, rate in rates.items()),
        *((f"Queries of a sample, {each.attack}", count(round(each.queries))) for each in attacks),
    )
    plot = bars(
        "hidden-scores",
        "Accuracy under attacks that use what is told",
        rates.items(),
        caption="Samples that stay right within the threat model, each attack on its own samples; 99 % intervals.",
        rule=claimed_rule(audit),
    )
    if refuting:
        name = min(refuting, key=lambda each: rates[each].value or 0.0)
        finding = (
            f"The model tells {kept_back}. With no more than that, {name} leaves {rates[name]} right, where "
            f"{audit.claim.robust_accuracy:g} % is claimed."
        )
        return Answer("fail", finding, _REMEDY, numbers, (plot,))
    finding = (
        f"The model tells {kept_back}, which makes attacks dearer, not harder: the best of them leaves {lowest} right."
    )
    return Answer("warn", finding, _REMEDY, numbers, (plot,))


def _attacks(audit: AuditContext) -> list[Attacked]:
    """On L0 the few-pixel attack stands for all; it asks for whatever the model tells."""
    if audit.threat.norm != "l0":
        return [transfer(audit).attacked, labels_on_few(audit)]
    found = levels(audit).items()
    return [each for (name, th), each in found if name == "few-pixel" and th <= audit.threat.epsilon]


def _rates(audit: AuditContext, attacks: list[Attacked]) -> Mapping[str, Rate]:
    """What each attack leaves of the samples it was run on, and all together of those that all were run on.

    A random model that is asked often is wrong by luck on more and more, so of that one each attack counts alone.
    """
    rates = {each.attack: each.robust_accuracy for each in attacks}
    if len(attacks) < 2 or audit.random:
        return rates
    common = frozenset(attacks[0].rows).intersection(*(each.rows for each in attacks))
    left = common - broken_rows(attacks)
    return {**rates, "all together": Rate(len(left), len(common))}


def hidden(audit: AuditContext) -> str:
    """What is kept back, in words that follow ``the model tells``; empty where all of the scores is told."""
    return audit.evidence.memoise("hidden scores", lambda: _of_defence(audit.classifier) or _of_scores(audit))


def _of_defence(classifier: Classifier) -> str:
    names: list[str] = []
    while isinstance(classifier, PreprocessedClassifier):
        names += [each.name for each in classifier.outputs]
        classifier = classifier.classifier
    return f"its scores only behind {listed(names)}" if names else ""


def _of_scores(audit: AuditContext) -> str:
    with torch.no_grad():
        parts = [audit.classifier.scores(part) for part in torch.split(audit.samples.images[:_ASKED], BATCH)]
    scores = torch.cat(parts).double().cpu()
    if audit.classifier.kind == "labels" or detect_kind(scores) == "labels":
        return "labels alone"
    return _rounded(scores) or _first_alone(scores)


def _first_alone(scores: Tensor) -> str:
    """Whether all but the first few scores are alike, exactly."""
    apart = (scores > scores.amin(1, keepdim=True)).sum(1)
    classes = scores.shape[1]
    given = int(apart.double().quantile(_MOST).ceil())
    return f"only the highest {given} of {classes} scores" if given < classes - 1 else ""


def _rounded(scores: Tensor) -> str:
    for decimals in range(_DECIMALS + 1):
        scaled = scores * 10**decimals
        exact = (scaled - scaled.round()).abs() <= 1e-6 * scaled.abs().clamp(min=1)
        exact = (exact & (scaled.abs() < _FINE)).all(1)
        if exact.double().mean() >= _MOST:
            return f"scores rounded to {decimals} decimals"
    coarse = int(scores.flatten().sort().values.diff().count_nonzero()) < _DISTINCT * scores.numel()
    return "scores of few distinct values" if coarse and len(scores) > 1 else ""
