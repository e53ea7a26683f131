"""9. Random noise does not beat attacks that follow something.

Carlini et al., "On Evaluating Adversarial Robustness", arXiv:1902.06705, 2019, section 4.11.
"""

import time
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from pixelproof.attacks.norm_ball import NormBall, random_start
from pixelproof.attacks.oracle import Oracle
from pixelproof.errors import InputError
from pixelproof.jobs.audit.attacks import attempt, black_box, outcome
from pixelproof.jobs.audit.context import AuditContext
from pixelproof.jobs.audit.surviving import tempered, white_box
from pixelproof.results.audit.attacked import Attacked, attacked_rows, broken_rows
from pixelproof.results.audit.checkpoint import Answer, Plot
from pixelproof.results.audit.power import sign_number
from pixelproof.results.audit.statistics import more_often
from pixelproof.seeds import Streams
from pixelproof.wording import count, plural

_AT_ONCE = 512  # images drawn at once
_REMEDY = "Look for what hides the way: an attack that follows the gradient must find what is found by chance."


def check(audit: AuditContext) -> Answer:
    """Fails where noise fools significantly many samples that gradients did not fool, or refutes the claim by itself.

    Noise is drawn for the first of those, samples being in random order; where there are none, for the first of the
    others, of which it can then win none. Without gradients, attacks on scores or labels take their place, and to lose
    to noise is a warning at most.
    """
    blind = bool(audit.access.no_gradients("open"))
    rivals = black_box(audit) if blind else white_box(audit)
    rows, survive = _chosen(audit, rivals)
    draws = min(audit.effort.noise_draws, audit.threat.queries or audit.effort.noise_draws)
    found = noise(audit, rows, draws)
    numbers = (
        (
            "Samples that noise is drawn for",
            f"{len(rows)}, {'not fooled' if survive else 'fooled'} by other attacks",
        ),
        ("Draws in all", count(round(found.queries * len(rows)))),
        ("Right after noise", str(found.right)),
        sign_number(len(rows)),
    )
    answer = _refuted(audit, found) or _answer(audit, len(found.broken), len(rows), survive, draws, blind)
    return replace(answer, numbers=numbers, plots=(_plot(found, rivals),))


def _chosen(audit: AuditContext, rivals: Sequence[Attacked]) -> tuple[list[int], bool]:
    """The samples to draw noise for, and whether none of the ``rivals`` fools them."""
    left, right = attacked_rows(rivals) - broken_rows(rivals), audit.decision.right
    surviving = [row for row in right if row in left]
    return (surviving or right)[: audit.effort.noise_samples], bool(surviving)


def _refuted(audit: AuditContext, found: Attacked) -> Answer | None:
    left, claimed = audit.samples.surviving(audit.decision.wrong | found.broken), audit.claim.robust_accuracy
    if not found.broken or not audit.refuted_by(left):
        return None
    return Answer("fail", f"Under noise alone {left} stay right, where {claimed:g} % is claimed.", _REMEDY)


def _answer(audit: AuditContext, fooled: int, rows: int, survive: bool, draws: int, blind: bool) -> Answer:
    """``fooled`` of ``rows`` samples, all of which ``survive`` the other attacks, or all of which do not."""
    others = "attacks without gradients" if blind else "gradients"
    tries = f"{count(draws)} draws each"
    if not survive:
        finding = f"No sample is left that {others} do not fool; of {rows} of these, noise ({tries}) fools {fooled}."
        return Answer("pass", finding)
    finding = f"Of {plural(rows, 'sample')} that {others} do not fool, noise ({tries}) fools {fooled}."
    if not fooled:
        return Answer("pass", finding)
    if blind or not more_often(fooled, 0):
        return Answer("warn", finding, "Attack more samples, with more queries or iterations, to see what was missed.")
    return tempered(audit, Answer("fail", finding, _REMEDY))


def _plot(found: Attacked, rivals: Sequence[Attacked]) -> Plot:
    rows = frozenset(found.rows)
    fooled = [(each.attack, len(rows & each.broken)) for each in rivals] + [("Noise", len(found.broken))]
    return Plot(
        name="noise",
        title="Noise against attacks",
        kind="bar",
        x="Attack",
        y="Samples fooled, %",
        rows=tuple({"name": name, "y": 100 * count / max(1, len(rows))} for name, count in fooled),
        caption=f"Of the {plural(len(rows), 'sample')} that noise was drawn for.",
    )


def noise(audit: AuditContext, rows: Sequence[int], draws: int) -> Attacked:
    """What ``draws`` of noise for each of the samples ``rows`` do, as an attempt.

    Uniform in the ball; in L∞ every second one is a corner of it. A sample that is fooled gets no more. Of a random
    model's, whose single answers are wrong by luck too, the draw of the smallest margin is judged, once. Raises
    ``InputError`` for L0.
    """
    threat = audit.threat
    if threat.norm == "l0":
        raise InputError("The claim is on L0, where there is no noise here but the few-pixel attack's.")
    budget = NormBall(threat.norm, threat.epsilon)
    name = f"noise(norm={threat.norm},epsilon={threat.epsilon:g},draws={draws})"
    return attempt(audit, name, lambda: _measured(audit, tuple(rows), draws, name, budget), rows)


def _measured(audit: AuditContext, rows: tuple[int, ...], draws: int, name: str, budget: NormBall) -> Attacked:
    begun, samples = time.perf_counter(), torch.tensor(rows, device=audit.device)
    oracle = audit.access.oracle(len(rows))
    worst = _smallest_margins(audit, oracle, samples, draws, name, budget)
    fooled = audit.decision.reached(worst, samples)
    queries = int(oracle.queries.sum()) / max(1, len(rows))
    return outcome(name, "labels", rows, fooled.tolist(), queries=queries, seconds=time.perf_counter() - begun)


def _smallest_margins(
    audit: AuditContext, oracle: Oracle, samples: Tensor, draws: int, name: str, budget: NormBall
) -> Tensor:
    """Of each of ``samples``, the 8-bit image that came nearest to fooling, or one that did."""
    streams, goal = audit.samples.streams(name, samples), audit.samples.goal(samples)
    clean = audit.samples.images[samples]
    worst, least = clean.clone(), torch.full((len(samples),), torch.inf, dtype=torch.float64, device=audit.device)
    waiting, done = goal.rows, 0
    while done < draws and len(waiting):
        each = min(draws - done, max(2, _AT_ONCE // len(waiting)))
        rows = waiting.repeat_interleave(each)
        images = _noisy(clean[rows], budget, streams.of(rows), each)
        margins = goal.of(rows).loss("margin", oracle.log_scores(images, rows)).double().view(-1, each)
        smallest, best = margins.min(1)
        nearer = smallest < least[waiting]
        chosen = best + each * torch.arange(len(waiting), device=audit.device)
        worst[waiting[nearer]], least[waiting[nearer]] = images[chosen[nearer]], smallest[nearer]
        done += each
        waiting = waiting if audit.random else waiting[least[waiting] >= 0]
    return worst


def _noisy(clean: Tensor, budget: NormBall, streams: Streams, each: int) -> Tensor:
    """``clean`` with noise, whole grey levels; ``each`` images in a row are of one sample."""
    images = random_start(clean, budget, streams)
    if budget.norm == "linf":
        corners = torch.arange(len(clean), device=clean.device) % each % 2 == 1
        away = (images[corners] - clean[corners]).sign() * budget.epsilon / 255
        images[corners] = (clean[corners] + away).clamp(0, 1)
    return budget.to_8_bit(images, clean)
