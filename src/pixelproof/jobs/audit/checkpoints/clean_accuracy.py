"""2. The clean accuracy is what is claimed, of a model and data that are identified."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from scipy.stats import binomtest, fisher_exact

from pixelproof.jobs.audit.arsenal import iterative
from pixelproof.jobs.audit.attacked import Attacked
from pixelproof.jobs.audit.bars import bar
from pixelproof.jobs.audit.case import Case
from pixelproof.jobs.audit.checkpoint import Answer, Checkpoint, Plot
from pixelproof.jobs.audit.measures.clean import (
    answers_as_found,
    clean_answers,
    clean_labels,
    mean_answers,
    moved_answers,
    right,
)
from pixelproof.jobs.audit.paired import CONFIDENCE, interval, more_often, overstated, understated
from pixelproof.jobs.audit.remarks import Remark, summed
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
_EVALUATE = "Call eval() on the model before it is handed over, and measure all figures of the claim again."
_QUESTIONS = ("Are the code, the weights, the seeds and all settings published, so that others can measure the same?",)


def judge(case: Case) -> Answer:
    """Fails where the claim lies above what can be measured, at chance, or where the answers depend on the batch."""
    labels, answers, claimed = clean_labels(case), clean_answers(case), case.claim.clean_accuracy
    measured, seeds = right(answers, labels), _seeds(case)
    rates = {"Measured": measured, **_repeated(case, labels)}
    middle = len(labels) // 2
    halves = {
        "First half": right(answers[:middle], labels[:middle]),
        "Second half": right(answers[middle:], labels[middle:]),
    }
    remarks = [
        *_of_claim(claimed, rates),
        *_of_chance(measured, case.data.classes),
        *_of_mode(case, answers, labels),
        *_of_batch(case, answers),
        *_of_wiring(case),
        *_of_halves(*halves.values()),
        *_of_seeds(seeds),
        *_of_identity(case),
    ]
    numbers = (
        ("Clean accuracy claimed", f"{claimed:g} %"),
        *((name, str(rate)) for name, rate in {**rates, **halves}.items()),
        *((f"Right under PGD, {name} seed", str(each.right)) for name, each in seeds.items()),
    )
    kept = f"{claimed:g} % is claimed, and {measured} of the images are right."
    plots = (_plot(claimed, {**rates, **halves}),)
    return summed(remarks, kept, numbers=numbers, plots=plots, questions=_QUESTIONS)


def _repeated(case: Case, labels: list[int]) -> dict[str, Rate]:
    """Of a random model a second call, and the mean of several answers."""
    if not case.random:
        return {}
    mean = f"Mean of {case.effort.draws} answers"
    return {"Second call": right(clean_answers(case, call=2), labels), mean: right(mean_answers(case), labels)}


def _seeds(case: Case) -> dict[str, Attacked]:
    """The iterative attack with two seeds, where there is one."""
    if case.threat.norm == "l0" or not case.right or case.blind("open"):
        return {}
    spelling = iterative(case.threat)
    return {
        "first": case.attacked(spelling, case.naive),
        "second": case.attacked(spelling, case.naive, key="second seed"),
    }


def _of_claim(claimed: float, rates: Mapping[str, Rate]) -> Iterator[Remark]:
    """A random model is allowed the best of its ways to answer."""
    best = max(rates.values(), key=lambda rate: interval(rate).high)
    if all(overstated(claimed, rate) for rate in rates.values()):
        yield Remark(
            "fail",
            f"A clean accuracy of {claimed:g} % is claimed, but {best} of the images are right.",
            "Claim what was measured here, or say on which images and with which settings it was more.",
        )
    elif all(understated(claimed, rate) for rate in rates.values()):
        yield Remark(
            "warn",
            f"A clean accuracy of {claimed:g} % is claimed, and {best} of the images are right, which is more.",
            "Find out what differs: the claim may be of other weights, data or settings.",
        )


def _of_chance(measured: Rate, classes: int) -> Iterator[Remark]:
    """Few images cannot tell a weak model from chance, so only what lies near it for certain fails."""
    chance = 1 / classes
    if binomtest(measured.successes, measured.total, chance, "greater").pvalue < 1 - CONFIDENCE:
        return
    yield Remark(
        "fail" if interval(measured).high < 1.5 * chance else "warn",
        f"A clean accuracy of {percent(measured.value)} cannot be told from chance among {classes} classes.",
        "Check the order of the classes, the value range and the weights, or give more images.",
    )


def _of_mode(case: Case, answers: list[int], labels: list[int]) -> Iterator[Remark]:
    if not any(each.name == "training-mode" for each in case.findings):
        return
    found = answers_as_found(case)
    if found is None:
        text = "The model came in training mode and cannot be asked in it; all figures here are of evaluation mode."
        yield Remark("warn", text, _EVALUATE)
        return
    changed = _differing(found, answers)
    if not _more_than_repeated(case, changed, answers):
        text = "The model came in training mode, which changes its answers here no more than a second call does."
        yield Remark("warn", text, _EVALUATE)
        return
    yield Remark(
        "fail",
        f"The model came in training mode, in which {plural(len(changed), 'answer')} of {len(found):,} "
        f"{'differs' if len(changed) == 1 else 'differ'} and {right(found, labels)} are right, against "
        f"{right(answers, labels)} in evaluation mode: its answers there depend on the batch or on chance.",
        _EVALUATE,
    )


def _more_than_repeated(case: Case, changed: set[int], answers: list[int]) -> bool:
    """Whether more answers ``changed`` than do at a second call, which is none of a model that is not random."""
    if not case.random:
        return bool(changed)
    again = _differing(clean_answers(case, call=2), answers)
    return more_often(len(changed - again), len(again - changed))


def _differing(some: list[int], others: list[int]) -> set[int]:
    return {row for row, (a, b) in enumerate(zip(some, others, strict=True)) if a != b}


def _of_batch(case: Case, answers: list[int]) -> Iterator[Remark]:
    if not any(each.name == "batch-dependent" for each in case.findings):
        return
    changed = len(_differing(moved_answers(case), answers))
    yield Remark(
        "fail" if changed else "warn",
        f"The scores of an image depend on its batch: in another order {plural(changed, 'answer')} of "
        f"{len(answers):,} {'differs' if changed == 1 else 'differ'}.",
        "Make the model judge every image by itself, and measure all figures of the claim again.",
    )


def _of_wiring(case: Case) -> Iterator[Remark]:
    for each in case.findings:
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
    only_one, only_other = len(one.broken - other.broken), len(other.broken - one.broken)
    if more_often(only_one, only_other) or more_often(only_other, only_one):
        yield Remark(
            "warn",
            f"A second seed of the attack changes the result by more than chance: {one.right} and {other.right} are "
            "right.",
            "Report several seeds, and their spread.",
        )


def _of_identity(case: Case) -> Iterator[Remark]:
    """What the claim says of the weights and of the data, by their hashes."""
    head = case.journal.head
    cut = bool(head.get("spec", {}).get("range"))
    found = {"model": case.classifier.fingerprint, "data": case.data.content_hash}
    for what, digest in found.items():
        told = getattr(case.claim, f"{what}_sha256")
        if not told:
            yield Remark("pass", f'The claim does not identify the {what}; add {what}_sha256 = "{digest}".')
        elif told != digest and what == "data" and cut:
            text = "Only a range of the data is audited, so it cannot be told whether they are those of the claim."
            yield Remark("warn", text, "Audit all of the data, or state the hash of the range.")
        elif told != digest:
            text = f"The claim is about {what} {told[:12]}…, but here is {what} {digest[:12]}…."
            yield Remark("fail", text, f"Audit the {what} that the claim is about, or claim it of this {what}.")


def _plot(claimed: float, rates: Mapping[str, Rate]) -> Plot:
    return Plot(
        name="clean-accuracy",
        title="Accuracy without any attack",
        kind="bar",
        x="Measurement",
        y="Images right, %",
        rows=tuple(bar(name, rate) for name, rate in rates.items()),
        caption="Images that are right, with the 99 % intervals by which the claim is judged.",
        rule=(claimed, "claimed"),
    )


CHECKPOINT = Checkpoint(
    number=2,
    name="clean-accuracy",
    title="The clean accuracy is what is claimed",
    asks="Does the model handed over reach the clean accuracy claimed, and are it and the data identified?",
    needs="claim",
    source="Tekwani & Parmar, section III-E; Carlini et al., sections 2.6 and 4.2",
    judge=judge,
)
