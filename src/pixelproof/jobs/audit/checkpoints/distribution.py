"""18. The images stand for what the model will meet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import fmean

import numpy as np

from pixelproof.errors import InputError
from pixelproof.jobs.audit.bars import bar
from pixelproof.jobs.audit.case import Case
from pixelproof.jobs.audit.checkpoint import Answer, Checkpoint, Plot
from pixelproof.jobs.audit.measures.distribution import duplicates, fewer_runs, imbalance
from pixelproof.jobs.audit.measures.perturbed import perturbed
from pixelproof.jobs.audit.paired import CONFIDENCE, overstated
from pixelproof.jobs.audit.remarks import Remark, summed
from pixelproof.results.intervals import Rate, wilson
from pixelproof.wording import count, percent, plural

_WIDE = 0.1  # width of the 95 % interval of the claimed accuracy that its number of samples may leave
_QUESTIONS = (
    "Do these images stand for what the model will meet, and were none of them, or near copies, trained on?",
    "Were the samples of the claim's evaluation drawn at random from the whole set?",
)


def judge(case: Case) -> Answer:
    """Warns of images that are uneven, repeated or too few, and of harm by mere accidents that exceeds the claim's."""
    counts = np.bincount(case.data.labels, minlength=case.data.classes)
    repeated = duplicates(case.data.images)
    rates, why = _perturbed(case)
    remarks = [
        *_of_balance(case, counts.tolist()),
        *_of_repetition(repeated, len(case.data)),
        *_of_samples(case),
        *_of_perturbations(case.claim.robust_accuracy, rates),
        *_of_order(case),
        *([Remark("pass", why)] if why else []),
    ]
    numbers = (
        ("Images of a class", f"{count(int(counts.min()))} to {count(int(counts.max()))}"),
        ("Exact duplicates", count(repeated)),
        *((f"Right, {name}", str(rate)) for name, rate in rates.items()),
        *([("Mean over the perturbations", percent(_mean(rates)))] if rates else []),
    )
    kept = f"Classes are even and no image is repeated among {count(len(case.data))}."
    if rates:
        worst = min(_changed(rates), key=lambda name: rates[name].successes)
        kept += f" Under mild perturbations {percent(_mean(rates))} are right on average, {rates[worst]} under {worst}."
    plots = (_plot(case.claim.robust_accuracy, rates),) if rates else ()
    return summed(remarks, kept, numbers=numbers, plots=plots, questions=_QUESTIONS)


def _perturbed(case: Case) -> tuple[dict[str, Rate], str]:
    """The rates, or why there are none."""
    try:
        return perturbed(case), ""
    except InputError as error:
        return {}, f"Common perturbations could not be measured. {error}"


def _changed(rates: Mapping[str, Rate]) -> list[str]:
    return [name for name in rates if name != "none"]


def _mean(rates: Mapping[str, Rate]) -> float:
    return fmean(rates[name].value or 0.0 for name in _changed(rates))


def _of_balance(case: Case, counts: list[int]) -> Iterator[Remark]:
    absent = counts.count(0)
    if imbalance(case.data.labels, case.data.classes) >= 1 - CONFIDENCE:
        return
    text = f"The classes are uneven, with {count(min(counts))} to {count(max(counts))} images"
    yield Remark(
        "warn",
        f"{text}, and {plural(absent, 'class', 'classes')} without any." if absent else f"{text}.",
        "Check that the set is so on purpose, and give the mean over classes beside the accuracy.",
    )


def _of_repetition(repeated: int, images: int) -> Iterator[Remark]:
    if repeated:
        verb = "is a copy" if repeated == 1 else "are copies"
        yield Remark(
            "warn",
            f"Of {count(images)} images {count(repeated)} {verb} of another, so they are not drawn independently.",
            "Leave the copies out, and look for copies of training images likewise.",
        )


def _of_samples(case: Case) -> Iterator[Remark]:
    samples = case.claim.evaluation.samples
    if samples is None:
        yield Remark("pass", "The claim does not tell on how many samples its robust accuracy was measured.")
        return
    if samples > len(case.data):
        text = f"The claim was measured on {count(samples)} samples, more than the {count(len(case.data))} images here."
        yield Remark("pass", text)
    found = wilson(round(case.claim.robust_accuracy / 100 * samples), samples)
    if found.high - found.low > _WIDE:
        yield Remark(
            "warn",
            f"On {count(samples)} samples the claimed {case.claim.robust_accuracy:g} % has a 95 % interval of {found}.",
            "Measure it on more samples, or state the interval with the figure.",
        )


def _of_perturbations(claimed: float, rates: Mapping[str, Rate]) -> Iterator[Remark]:
    below = [name for name in _changed(rates) if overstated(claimed, rates[name])]
    if below:
        worst = min(below, key=lambda name: rates[name].successes)
        yield Remark(
            "warn",
            f"Under {worst} {rates[worst]} are right, fewer than the {claimed:g} % claimed under attack: a mild "
            "accident does more harm than the attacker is said to do.",
            "Say that the claim does not extend to such changes, or include them in the threat model.",
        )


def _of_order(case: Case) -> Iterator[Remark]:
    if fewer_runs(case.data.labels) < 1 - CONFIDENCE:
        yield Remark("pass", "The images stand in blocks of a class; this audit draws them at random, as others must.")


def _plot(claimed: float, rates: Mapping[str, Rate]) -> Plot:
    return Plot(
        name="perturbations",
        title="Accuracy under common perturbations",
        kind="bar",
        x="Perturbation",
        y="Images right, %",
        rows=tuple(bar(name, rate) for name, rate in rates.items()),
        caption="Mild severities, with 99 % intervals.",
        rule=(claimed, "claimed under attack"),
    )


CHECKPOINT = Checkpoint(
    number=18,
    name="distribution",
    title="The images stand for what the model will meet",
    asks="Are the images drawn evenly and independently, and what do common perturbations do?",
    needs="labels",
    source="Tekwani & Parmar, section III-C (Reliability on Assumptions); Carlini et al., section 4.10",
    judge=judge,
)
