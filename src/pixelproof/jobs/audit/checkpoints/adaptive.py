"""12. What hides the gradient is attacked past it (BPDA, the bare network inside): the attack knows the defence."""

from collections.abc import Iterator

from pixelproof.defences.preprocessed import PreprocessedClassifier
from pixelproof.defences.preprocessor import encodes
from pixelproof.jobs.audit.attacks import attack, iterative
from pixelproof.jobs.audit.checkpoint import bars, claimed_rule
from pixelproof.jobs.audit.context import AuditContext
from pixelproof.jobs.audit.follow import inside_attacks
from pixelproof.jobs.audit.inside import Interior, interior
from pixelproof.jobs.audit.surviving import blind, tempered
from pixelproof.results.audit.attacked import Attacked, broken_rows
from pixelproof.results.audit.checkpoint import Answer, Verdict
from pixelproof.results.audit.power import power_number, sign_number
from pixelproof.results.audit.statistics import fools_more
from pixelproof.results.intervals import Rate
from pixelproof.wording import listed, percent

_REMEDY = "Evaluate again end to end with gradients past what has none (BPDA), and claim what is left."


def check(audit: AuditContext) -> Answer:
    """Fails where going past the defence takes the claim down, whether it says that it did so or not."""
    differentiable, inside = audit.access.differentiable, interior(audit)
    if audit.threat.norm == "l0":
        return Answer("skipped", "This could not be measured. On L0 there are no attacks by gradients here.")
    if not differentiable.passed and not inside.parts:
        return _nothing(audit, differentiable.stuck)
    knowing = list(_knowing(audit))
    how, plain = _plain(audit)
    broken = broken_rows(knowing) | audit.decision.wrong
    if audit.random:  # which is asked so often that some are wrong by luck
        broken = max((each.broken for each in knowing), key=len)
    left, before = audit.samples.surviving(broken), audit.samples.surviving(plain)
    verdict = _verdict(audit, left, fools_more(broken, plain))
    answer = Answer(
        verdict,
        _finding(audit, inside, (how, before), left),
        "" if verdict == "pass" else _REMEDY,
        (
            (f"Right {how}", str(before)),
            *((f"Right after {each.attack}", str(each.robust_accuracy)) for each in knowing),
            ("Right under the adaptive attack (BPDA)", str(left)),
            *((f"Answers as the whole does: {part.name}", percent(part.agreement)) for part in inside.parts),
            power_number(left),
            sign_number(len(audit.samples)),
        ),
        (
            bars(
                "adaptive",
                "Accuracy with and without going past the defence",
                ((how[0].upper() + how[1:], before), ("Adaptive (BPDA)", left)),
                y="Accuracy under attack (%)",
                confidence=0.95,
                rule=claimed_rule(audit),
            ),
        ),
        notes=differentiable.steps,
        work=inside.work or ("athalye" if differentiable.passed else ""),
    )
    return tempered(audit, answer)


def _nothing(audit: AuditContext, stuck: tuple[str, ...]) -> Answer:
    if stuck:
        finding = f"No gradient passes {', '.join(stuck)}, and nothing could be put in its place."
        remedy = "Give it a method stand_in(images), nearly itself and with gradients, or attack scores and labels."
        return Answer("warn", finding, remedy)
    if reason := audit.access.no_gradients("open"):
        found = f"This needs gradients, which cannot be had here, and no network was found inside the model. {reason}"
        return Answer("skipped", f"{found} Hand the bare network over with --bare MODEL.")
    return Answer("pass", "Every layer passes its gradient on, so there is nothing to go past.")


def _knowing(audit: AuditContext) -> Iterator[Attacked]:
    """The attacks that know the defence."""
    yield from inside_attacks(audit)
    if not blind(audit):
        yield attack(audit, iterative(audit.threat), "open")


def _verdict(audit: AuditContext, left: Rate, gains: bool) -> Verdict:
    claimed, stated = audit.claim.robust_accuracy, audit.claim.evaluation.adaptive
    if audit.refuted_by(left):
        return "fail"
    if not gains or stated:
        return "pass"
    return "fail" if claimed > 100 * (left.value or 0) else "warn"


def _finding(audit: AuditContext, inside: Interior, before: tuple[str, Rate], left: Rate) -> str:
    stated, claimed = audit.claim.evaluation.adaptive, audit.claim.robust_accuracy
    how, plain = before
    names = [*audit.access.differentiable.passed]
    opened = f"No gradient passes {', '.join(names)}: " if names else ""
    if inside.parts:
        where = listed([part.name for part in inside.parts])
        opened += f"Inside the model the attack follows {where}: "
    text = (
        f"{opened}{percent(plain.value)} of the samples stay right {how}, {percent(left.value)} against an attack that "
        f"goes past the defence. The claim is {claimed:g} %, by an attack that {'knew' if stated else 'did not know'} "
        "of it."
    )
    if inside.story:
        text += f" {inside.story[0].upper()}{inside.story[1:]}."
    if stated and audit.refuted_by(left):
        text += " An attack that leaves so many more was adaptive in name alone."
    return text


def _plain(audit: AuditContext) -> tuple[str, frozenset[int]]:
    """What an attack is that does not know the defence, and the samples that it breaks.

    The model as it is, gradients of 0 included; else the images made for the bare model, shown to the defended one;
    else none.
    """
    if not audit.access.no_gradients("plain"):
        return "against the gradient as it is", attack(audit, iterative(audit.threat), "plain").broken
    whole = audit.classifier
    if (
        isinstance(whole, PreprocessedClassifier)
        and whole.classifier.differentiable
        and not encodes(whole.preprocessor)
    ):
        found = attack(audit, iterative(audit.threat), "plain", key="bare", on=whole.classifier)
        return "against images made for the bare model", found.broken
    return "without any attack", audit.decision.wrong
