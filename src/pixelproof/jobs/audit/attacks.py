"""The attacks that fit a threat model, and what one does to samples of an audit."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict

import torch
from torch import Tensor

from pixelproof.attacks.attack import Attack, Needs
from pixelproof.attacks.goal import Unhurried
from pixelproof.attacks.gradient.directions import sparse_descent, steepest
from pixelproof.attacks.named import parse_attack
from pixelproof.attacks.norm_ball import Norm
from pixelproof.attacks.oracle import Oracle
from pixelproof.engine.judge import Bound, project_and_quantise
from pixelproof.errors import InputError
from pixelproof.jobs.audit.context import BATCH, AuditContext
from pixelproof.jobs.audit.spec import Effort
from pixelproof.models import Classifier
from pixelproof.results.audit.attacked import Attacked, View
from pixelproof.results.audit.claim import Threat
from pixelproof.results.audit.view import ATTACK

# Attacks for a threat model, as spec strings.


def _ball(threat: Threat) -> str:
    """Raises ``InputError`` for L0, where the few-pixel attack is asked instead."""
    if threat.norm == "l0":
        raise InputError("The claim is on L0, where the few-pixel attack takes the place of gradient attacks.")
    return f"norm={threat.norm},epsilon={threat.epsilon:g}"


def single_step(threat: Threat) -> str:
    return f"fgsm({_ball(threat)})"


def iterative(
    threat: Threat, iterations: int = 20, step: float | None = None, restarts: int = 1, epsilon: float | None = None
) -> str:
    """PGD, within another ``epsilon`` where one is given; ``step`` in grey levels, None being a quarter of epsilon."""
    ball = _ball(threat if epsilon is None else threat.model_copy(update={"epsilon": epsilon}))
    length = "" if step is None else f",step={step:g}"
    return f"pgd({ball}{length},iterations={iterations},restarts={restarts})"


def strongest(threat: Threat, effort: Effort, *, random: bool = False) -> tuple[str, ...]:
    """AutoPGD on cross-entropy and on the targeted ratio: AutoAttack's two that do most of its work.

    Against a ``random`` model every step is averaged over draws, which takes the time of the nine targets.
    """
    most, ratio = (40, "dlr") if random else (100, "targeted-dlr")
    iterations = min(most, effort.iterations)
    return tuple(f"apgd({_ball(threat)},loss={loss},iterations={iterations})" for loss in ("ce", ratio))


def on_scores(threat: Threat, effort: Effort) -> str:
    """Square, within the queries that the threat model allows."""
    queries = min(effort.queries, threat.queries or effort.queries)
    if threat.norm not in ("linf", "l2"):
        raise InputError(f"There is no attack on scores in {threat.norm} here but the levels.")
    return f"square({_ball(threat)},queries={queries})"


def on_labels(threat: Threat, effort: Effort) -> str:
    """HopSkipJump, whose nearest images count where they lie within the threat's ball."""
    queries = min(effort.label_queries, threat.queries or effort.label_queries)
    norm = "linf" if threat.norm == "linf" else "l2"
    return f"hop-skip-jump(norm={norm},queries={queries})"


def has_scores(audit: AuditContext) -> bool:
    """Whether the model gives scores, and the threat model a norm that attacks on them have a form in."""
    return audit.classifier.kind != "labels" and audit.threat.norm in ("linf", "l2")


def downhill(gradient: Tensor, images: Tensor, norm: Norm) -> Tensor:
    """The step of length 1 in ``norm`` that lowers a loss of this ``gradient`` most; in L1 of a hundredth of values."""
    if norm != "l1":
        return -steepest(gradient, norm)
    values = max(1, round(gradient[0].numel() / 100))
    return sparse_descent(gradient, images, torch.full((len(gradient),), values, device=gradient.device))


# One attack.


def attack(
    audit: AuditContext,
    spec: str,
    view: View = "open",
    rows: Sequence[int] | None = None,
    key: str = "",
    on: Classifier | None = None,
) -> Attacked:
    """What the attack ``spec`` does to the samples ``rows`` (None: all). ``key`` tells apart what is alike.

    It may be made against another classifier, ``on``, which ``key`` then names; the model decides all the same.
    Raises ``InputError`` where the attack needs more than the model gives.
    """
    chosen = tuple(range(len(audit.samples))) if rows is None else tuple(rows)
    found, against = parse_attack(spec), audit.access.classifier(view) if on is None else on

    def measure() -> Attacked:
        return _attack_samples(audit, found, spec, view, against, chosen, f"{spec}|{key}")

    return attempt(audit, f"{spec}|{view}|{key}", measure, chosen)


def attempt(audit: AuditContext, key: str, measure: Callable[[], Attacked], rows: Sequence[int]) -> Attacked:
    """What ``measure`` finds on ``rows``, kept beside all other attacks, so that it counts in the worst case."""
    value = audit.evidence.memoise(f"{ATTACK}{key}|{_span(rows)}", lambda: asdict(measure()))
    return Attacked.read(value)


def outcome(
    name: str,
    needs: Needs,
    rows: Iterable[int],
    fooled: Iterable[bool],
    *,
    view: View = "plain",
    queries: float = 0.0,
    gradient_steps: float = 0.0,
    seconds: float = 0.0,
) -> Attacked:
    """What an attack did to ``rows`` whose images all lie within the threat model."""
    chosen = tuple(rows)
    within = (True,) * len(chosen)
    return Attacked(name, view, needs, chosen, tuple(fooled), within, queries, gradient_steps, seconds)


def attempts(audit: AuditContext) -> list[Attacked]:
    """Every attack so far."""
    return [Attacked.read(value) for value in audit.evidence.beginning(ATTACK)]


def _span(rows: Sequence[int]) -> str:
    """``0-99`` for consecutive rows, otherwise all of them."""
    if rows and list(rows) == list(range(rows[0], rows[-1] + 1)):
        return f"{rows[0]}-{rows[-1]}"
    return ",".join(map(str, rows))


def _attack_samples(
    audit: AuditContext, attack: Attack, spec: str, view: View, against: Classifier, chosen: Sequence[int], key: str
) -> Attacked:
    """What ``attack`` does to the samples ``chosen`` by what it sees of ``against``.

    Samples that are wrong without any attack are not attacked. ``key`` tells its random numbers from others'.
    """
    begun, wrong = time.perf_counter(), audit.decision.wrong
    tried = [row for row in chosen if row not in wrong]
    fooled, within = dict.fromkeys(chosen, True), dict.fromkeys(chosen, True)
    queries = gradient_steps = 0
    size = max(1, len(tried)) if attack.together else BATCH
    for start in range(0, len(tried), size):
        part = tried[start : start + size]
        oracle = Oracle(against, BATCH, audit.device, len(part))
        reached, inside = _attack_part(audit, attack, oracle, part, key)
        fooled.update(zip(part, reached, strict=True))
        within.update(zip(part, inside, strict=True))
        queries += int(oracle.queries.sum())
        gradient_steps += int(oracle.gradient_steps.sum())
    return Attacked(
        attack=spec,
        view=view,
        needs=attack.needs,
        rows=tuple(chosen),
        fooled=tuple(fooled.values()),
        within=tuple(within.values()),
        queries=queries / max(1, len(tried)),
        gradient_steps=gradient_steps / max(1, len(tried)),
        seconds=time.perf_counter() - begun,
    )


def _attack_part(
    audit: AuditContext, attack: Attack, oracle: Oracle, part: list[int], key: str
) -> tuple[list[bool], list[bool]]:
    """Of the samples ``part``, attacked by the same calls, whether each is fooled, and whether within the threat."""
    rows = torch.tensor(part, device=audit.device)
    goal, clean = audit.samples.goal(rows), audit.samples.images[rows]
    if audit.random and attack.needs == "gradients":
        goal = Unhurried(goal.labels, goal.targets)
    found = attack(oracle, clean, goal, audit.samples.streams(key, rows)).detach()
    images = project_and_quantise(attack, found, clean)
    bound = Bound.of(attack) if attack.ball else None  # those that seek the nearest image have the threat's
    reached, inside = audit.decision.reached(images, rows, bound), audit.samples.within(images, rows)
    return reached.tolist(), inside.tolist()


# Several attacks.


def black_box(audit: AuditContext) -> list[Attacked]:
    """The attacks on scores and on labels alone, as far as the model and the norm have them; the last on few samples.

    Raises ``InputError`` for L0.
    """
    on_few = labels_on_few(audit)
    return [attack(audit, on_scores(audit.threat, audit.effort), "plain"), on_few] if has_scores(audit) else [on_few]


def labels_on_few(audit: AuditContext) -> Attacked:
    """The attack on labels, which takes too many queries for more than the first samples."""
    few = audit.samples.first(audit.effort.label_samples)
    return attack(audit, on_labels(audit.threat, audit.effort), "plain", few)
