"""2. The clean accuracy is what is claimed, of a model and data that are identified."""

from collections.abc import Iterator, Mapping
from copy import deepcopy

import numpy as np
import torch
from scipy.stats import fisher_exact

from pixelproof.defences.preprocessed import PreprocessedClassifier
from pixelproof.jobs.audit.attacks import attack, iterative
from pixelproof.jobs.audit.checkpoint import bars
from pixelproof.jobs.audit.context import AuditContext
from pixelproof.models.call import CallableClassifier
from pixelproof.models.classifier import Classifier
from pixelproof.results.audit.attacked import Attacked
from pixelproof.results.audit.checkpoint import Answer, Remark, summed
from pixelproof.results.audit.power import power_number
from pixelproof.results.audit.statistics import CONFIDENCE, accuracy, fools_more, interval, overstated, understated
from pixelproof.results.exact import at_least
from pixelproof.results.intervals import Rate
from pixelproof.wording import percent, plural

#: Findings of the preflight that are judged here by measurement, or by other checkpoints.
_ELSEWHERE = {
    "training-mode",
    "batch-dependent",
    "at-chance",
    "low-accuracy",
    "random-output",
    "labels-only",
    "saturated-softmax",
}
_AVERAGED = 1_000  # images that a mean of many answers is taken on
_EVALUATE = "Call eval() on the model before it is handed over, and measure all figures of the claim again."
_QUESTIONS = ("Are the code, the weights, the seeds and all settings published, so that others can measure the same?",)


def check(audit: AuditContext) -> Answer:
    """Fails where the claim lies above what can be measured, at chance, or where the answers depend on the batch."""
    labels, answers, claimed = audit.clean_labels, audit.clean_answers(), audit.claim.clean_accuracy
    alarms = audit.clean_alarms()
    measured, seeds = _accepted(answers, labels, alarms), _seeds(audit)
    rates = {"Measured": measured, **_repeated(audit, labels)}
    middle = len(labels) // 2
    halves = {
        "First half": accuracy(answers[:middle], labels[:middle]),
        "Second half": accuracy(answers[middle:], labels[middle:]),
    }
    remarks = [
        *_of_claim(claimed, rates, alarms),
        *_of_chance(measured, audit.data.classes),
        *_of_mode(audit, answers, labels),
        *_of_batch(audit, answers),
        *_of_wiring(audit),
        *_of_halves(*halves.values()),
        *_of_seeds(seeds),
        *_of_identity(audit),
    ]
    numbers = (
        ("Clean accuracy claimed", f"{claimed:g} %"),
        *([("False alarms of the detector", str(Rate(sum(alarms), len(alarms))))] if audit.decision.detector else []),
        power_number(measured),
        *((name, str(rate)) for name, rate in {**rates, **halves}.items()),
        *((f"Right under PGD, {name} seed", str(each.right)) for name, each in seeds.items()),
    )
    kept = f"{claimed:g} % is claimed, and {measured} of the images are right."
    plot = bars(
        "clean-accuracy",
        "Accuracy without any attack",
        {**rates, **halves}.items(),
        x="Measurement",
        y="Images right, %",
        caption="Images that are right, with the 99 % intervals by which the claim is judged.",
        rule=(claimed, "claimed"),
    )
    return summed(remarks, kept, numbers=numbers, plots=(plot,), questions=_QUESTIONS)


def _repeated(audit: AuditContext, labels: list[int]) -> dict[str, Rate]:
    """Of a random model a second call, and the mean of several answers."""
    if not audit.random:
        return {}
    mean = f"Mean of {audit.effort.draws} answers"
    return {"Second call": accuracy(audit.clean_answers(call=2), labels), mean: accuracy(_mean_answers(audit), labels)}


def _seeds(audit: AuditContext) -> dict[str, Attacked]:
    """The iterative attack with two seeds, where there is one."""
    if audit.threat.norm == "l0" or not audit.decision.right or audit.access.no_gradients("open"):
        return {}
    spec = iterative(audit.threat)
    return {
        "first": attack(audit, spec, audit.claimed_view),
        "second": attack(audit, spec, audit.claimed_view, key="second seed"),
    }


def _accepted(answers: list[int], labels: list[int], alarms: list[bool]) -> Rate:
    """The images that are right and not rejected."""
    kept = zip(answers, labels, alarms, strict=True)
    return Rate(sum(a == b and not alarm for a, b, alarm in kept), len(answers))


def _of_claim(claimed: float, rates: Mapping[str, Rate], alarms: list[bool]) -> Iterator[Remark]:
    """A random model is allowed the best of its ways to answer."""
    best = max(rates.values(), key=lambda rate: interval(rate).high)
    if all(overstated(claimed, rate) for rate in rates.values()):
        yield Remark(
            "fail",
            f"A clean accuracy of {claimed:g} % is claimed, but {best} of the images are right{_alarmed(alarms)}.",
            "Claim what was measured here, or say on which images and with which settings it was more.",
        )
    elif all(understated(claimed, rate) for rate in rates.values()):
        yield Remark(
            "warn",
            f"A clean accuracy of {claimed:g} % is claimed, and {best} of the images are right, which is more.",
            "Find out what differs: the claim may be of other weights, data or settings.",
        )


def _alarmed(alarms: list[bool]) -> str:
    """What false alarms have to do with it, as an addition."""
    if not any(alarms):
        return ""
    return f" and not rejected: the detector rejects {Rate(sum(alarms), len(alarms))} of them without any attack"


def _of_chance(measured: Rate, classes: int) -> Iterator[Remark]:
    """Few images cannot tell a weak model from chance, so only what lies near it for certain fails."""
    chance = 1 / classes
    if at_least(measured.successes, measured.total, chance) < 1 - CONFIDENCE:
        return
    yield Remark(
        "fail" if interval(measured).high < 1.5 * chance else "warn",
        f"A clean accuracy of {percent(measured.value)} cannot be told from chance among {classes} classes.",
        "Check the order of the classes, the value range and the weights, or give more images.",
    )


def _of_mode(audit: AuditContext, answers: list[int], labels: list[int]) -> Iterator[Remark]:
    if not any(each.name == "training-mode" for each in audit.findings):
        return
    found = _answers_as_found(audit)
    if found is None:
        text = "The model came in training mode and cannot be asked in it; all figures here are of evaluation mode."
        yield Remark("warn", text, _EVALUATE)
        return
    changed = _differing(found, answers)
    if not _more_than_repeated(audit, changed, answers):
        text = "The model came in training mode, which changes its answers here no more than a second call does."
        yield Remark("warn", text, _EVALUATE)
        return
    yield Remark(
        "fail",
        f"The model came in training mode, in which {plural(len(changed), 'answer')} of {len(found):,} "
        f"{'differs' if len(changed) == 1 else 'differ'} and {accuracy(found, labels)} are right, against "
        f"{accuracy(answers, labels)} in evaluation mode: its answers there depend on the batch or on chance.",
        _EVALUATE,
    )


def _more_than_repeated(audit: AuditContext, changed: frozenset[int], answers: list[int]) -> bool:
    """Whether more answers ``changed`` than do at a second call, which is none of a model that is not random."""
    if not audit.random:
        return bool(changed)
    return fools_more(changed, _differing(audit.clean_answers(call=2), answers))


def _differing(some: list[int], others: list[int]) -> frozenset[int]:
    return frozenset(row for row, (a, b) in enumerate(zip(some, others, strict=True)) if a != b)


def _of_batch(audit: AuditContext, answers: list[int]) -> Iterator[Remark]:
    if not any(each.name == "batch-dependent" for each in audit.findings):
        return
    changed = len(_differing(_moved_answers(audit), answers))
    yield Remark(
        "fail" if changed else "warn",
        f"The scores of an image depend on its batch: in another order {plural(changed, 'answer')} of "
        f"{len(answers):,} {'differs' if changed == 1 else 'differ'}.",
        "Make the model judge every image by itself, and measure all figures of the claim again.",
    )


def _of_wiring(audit: AuditContext) -> Iterator[Remark]:
    for each in audit.findings:
        if each.name not in _ELSEWHERE:
            yield Remark("warn", each.message, "Put that right before the claim is judged any further.")


def _of_halves(one: Rate, other: Rate) -> Iterator[Remark]:
    table = [[rate.successes, rate.total - rate.successes] for rate in (one, other)]
    if fisher_exact(table).pvalue < 1 - CONFIDENCE:
        yield Remark(
            "warn",
            f"Of the images in random order, {one} of the first half and {other} of the second are right, which differ "
            "by more than chance.",
            "Check whether the model remembers what it was asked before.",
        )


def _of_seeds(seeds: Mapping[str, Attacked]) -> Iterator[Remark]:
    if not seeds:
        return
    one, other = seeds["first"], seeds["second"]
    if fools_more(one.broken, other.broken) or fools_more(other.broken, one.broken):
        yield Remark(
            "warn",
            f"A second seed of the attack changes the result by more than chance: {one.right} and {other.right} are "
            "right.",
            "Report several seeds, and their spread.",
        )


def _of_identity(audit: AuditContext) -> Iterator[Remark]:
    """What the claim says of the weights and of the data, by their hashes."""
    found = {"model": audit.classifier.fingerprint, "data": audit.data.content_hash}
    for what, digest in found.items():
        stated = getattr(audit.claim, f"{what}_sha256")
        if not stated:
            yield Remark("pass", f'The claim does not identify the {what}; add {what}_sha256 = "{digest}".')
        elif stated != digest and what == "data" and not audit.whole:
            text = "Only a range of the data is audited, so it cannot be told whether they are those of the claim."
            yield Remark("warn", text, "Audit all of the data, or state the hash of the range.")
        elif stated != digest:
            text = f"The claim is about {what} {stated[:12]}…, but here is {what} {digest[:12]}…."
            yield Remark("fail", text, f"Audit the {what} that the claim is about, or claim it of this {what}.")


def _mean_answers(audit: AuditContext) -> list[int]:
    """What decides under attack, of the first of them: of a random model the mean of several answers."""
    positions, decides = audit.clean_positions[:_AVERAGED], audit.decision.classifier
    return audit.evidence.memoise("clean accuracy|mean", lambda: audit.answers_of(decides, positions))


def _moved_answers(audit: AuditContext) -> list[int]:
    """The answers asked for in another order, so that other images share each batch."""
    positions = audit.clean_positions
    order = np.random.default_rng(audit.seed).permutation(len(positions))

    def measure() -> list[int]:
        found = np.empty(len(positions), np.int64)
        found[order] = audit.answers_of(audit.classifier, positions[order])
        answers: list[int] = found.tolist()
        return answers

    return audit.evidence.memoise("clean accuracy|moved", measure)


def _answers_as_found(audit: AuditContext) -> list[int] | None:
    """The answers in the mode that the model was handed over in; None where it cannot be asked so."""

    def measure() -> list[int] | None:
        found = _unchanged(audit.classifier)
        return None if found is None else audit.answers_of(found, audit.clean_positions)

    return audit.evidence.memoise("clean accuracy|as found", measure)


def _unchanged(classifier: Classifier) -> Classifier | None:
    """``classifier`` in the mode that it came in; a copy, as batch normalisation learns from whatever it sees."""
    if isinstance(classifier, PreprocessedClassifier):
        inner = _unchanged(classifier.classifier)
        return None if inner is None else PreprocessedClassifier(inner, classifier.preprocessor)
    try:
        module = deepcopy(classifier.module)  # type: ignore[attr-defined]
    except Exception:  # whatever a stranger's module raises when it is copied, or there is none
        return None
    weight = next(module.parameters(), torch.empty(0))
    found = CallableClassifier(lambda images: module(images.to(weight.device, weight.dtype)), kind=classifier.kind)
    found.classes = classifier.classes  # type: ignore[attr-defined]
    return found
