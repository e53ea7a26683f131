"""8. Attacks without gradients do not beat those with them."""

from dataclasses import replace

from pixelproof.jobs.audit.attacks import attempts, black_box
from pixelproof.jobs.audit.checkpoint import bars
from pixelproof.jobs.audit.context import AuditContext
from pixelproof.jobs.audit.surviving import tempered, white_box
from pixelproof.results.audit.attacked import Attacked, attacked_rows, broken_rows
from pixelproof.results.audit.checkpoint import Answer
from pixelproof.results.audit.power import sign_number
from pixelproof.results.audit.statistics import more_often
from pixelproof.results.intervals import Rate
from pixelproof.wording import plural


def check(audit: AuditContext) -> Answer:
    """Fails where samples that only attacks without gradients fool outnumber those that only gradients do.

    Each side is all of its attacks together, the white one as the claim's evaluation saw the model: whoever has
    gradients has scores too, so losing to those who have nothing else means that the gradients mislead.
    """
    white = {each.attack: each for each in white_box(audit)}
    black = {each.attack: each for each in (*black_box(audit), *_without_gradients(audit))}
    rows = attacked_rows(black.values())  # only these are compared
    by_white, by_black = broken_rows(white.values()) & rows, broken_rows(black.values())
    rates = {name: each.robust_accuracy for name, each in {**white, **black}.items()}
    answer = _answer(len(by_black - by_white), len(by_white - by_black), len(rows))
    numbers = (
        *((f"Right after {name}", str(rate)) for name, rate in rates.items()),
        ("Right after all with gradients", str(Rate(len(rows - by_white), len(rows)))),
        ("Right after all without", str(Rate(len(rows - by_black), len(rows)))),
        sign_number(len(rows)),
    )
    plot = bars(
        "black-box",
        "Accuracy with and without gradients",
        rates.items(),
        groups=["with gradients" if name in white else "without" for name in rates],
        caption="Samples that stay right within the threat model, each attack on its own samples; 99 % intervals.",
    )
    return tempered(audit, replace(answer, numbers=numbers, plots=(plot,)))


def _without_gradients(audit: AuditContext) -> list[Attacked]:
    """Whatever else was tried that needs no gradients of the model: transfer, levels."""
    return [each for each in attempts(audit) if each.needs != "gradients"]


def _answer(only_black: int, only_white: int, rows: int) -> Answer:
    counts = (
        f"of {plural(rows, 'sample')}, {only_black} are fooled only by attacks without gradients, {only_white} only by "
        "those with them"
    )
    if more_often(only_black, only_white):
        remedy = "Look for what masks the gradient, and attack past it (BPDA, EOT, other losses)."
        return Answer("fail", f"Attacks without gradients do better: {counts}, a sign of masked gradients.", remedy)
    if only_black > only_white:
        remedy = "Attack more samples, and look at those that gradients miss, to see whether this is chance."
        return Answer("warn", f"Attacks without gradients do a little better, as chance could: {counts}.", remedy)
    return Answer("pass", f"Attacks without gradients do no better: {counts}.")
