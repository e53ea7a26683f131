"""Random noise inside the ball: many draws for each of a few samples.

Carlini et al., "On Evaluating Adversarial Robustness", arXiv:1902.06705, 2019, section 4.11.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch
from torch import Tensor

from pixelproof.attacks.norm_ball import NormBall, random_start
from pixelproof.attacks.oracle import Oracle
from pixelproof.errors import InputError
from pixelproof.jobs.audit.attacked import Attacked
from pixelproof.jobs.audit.case import Case
from pixelproof.seeds import Streams

_AT_ONCE = 512  # images drawn at once


def noise(case: Case, rows: Sequence[int], draws: int) -> Attacked:
    """What ``draws`` of noise for each of the samples ``rows`` do, as an attempt.

    Uniform in the ball; in L∞ every second one is a corner of it. A sample that is fooled gets no more. Of a random
    model's, whose single answers are wrong by luck too, the draw of the smallest margin is judged, once. Raises
    ``InputError`` for L0.
    """
    threat = case.threat
    if threat.norm == "l0":
        raise InputError("The claim is on L0, where there is no noise here but the few-pixel attack's.")
    budget = NormBall(threat.norm, threat.epsilon)
    name = f"noise(norm={threat.norm},epsilon={threat.epsilon:g},draws={draws})"
    return case.attempt(name, lambda: _measured(case, tuple(rows), draws, name, budget), rows)


def _measured(case: Case, rows: tuple[int, ...], draws: int, name: str, budget: NormBall) -> Attacked:
    begun, samples = time.perf_counter(), torch.tensor(rows, device=case.device)
    oracle = case.oracle(len(rows))
    worst = _smallest_margins(case, oracle, samples, draws, name, budget)
    fooled = case.reached(worst, samples)
    return Attacked(
        attack=name,
        view="plain",
        needs="labels",
        rows=rows,
        fooled=tuple(fooled.tolist()),
        within=(True,) * len(rows),
        queries=int(oracle.queries.sum()) / max(1, len(rows)),
        gradient_steps=0.0,
        seconds=time.perf_counter() - begun,
    )


def _smallest_margins(case: Case, oracle: Oracle, samples: Tensor, draws: int, name: str, budget: NormBall) -> Tensor:
    """Of each of ``samples``, the 8-bit image that came nearest to fooling, or one that did."""
    streams, goal, clean = case.streams(name, samples), case.goal(samples), case.images[samples]
    worst, least = clean.clone(), torch.full((len(samples),), torch.inf, device=case.device)
    waiting, done = goal.rows, 0
    while done < draws and len(waiting):
        each = min(draws - done, max(2, _AT_ONCE // len(waiting)))
        rows = waiting.repeat_interleave(each)
        images = _noisy(clean[rows], budget, streams.of(rows), each)
        margins = goal.of(rows).loss("margin", oracle.log_scores(images, rows)).view(-1, each)
        smallest, best = margins.min(1)
        nearer = smallest < least[waiting]
        chosen = best + each * torch.arange(len(waiting), device=case.device)
        worst[waiting[nearer]], least[waiting[nearer]] = images[chosen[nearer]], smallest[nearer]
        done += each
        waiting = waiting if case.random else waiting[least[waiting] >= 0]
    return worst


def _noisy(clean: Tensor, budget: NormBall, streams: Streams, each: int) -> Tensor:
    """``clean`` with noise, whole grey levels; ``each`` images in a row are of one sample."""
    images = random_start(clean, budget, streams)
    if budget.norm == "linf":
        corners = torch.arange(len(clean), device=clean.device) % each % 2 == 1
        away = (images[corners] - clean[corners]).sign() * budget.epsilon / 255
        images[corners] = (clean[corners] + away).clamp(0, 1)
    return budget.to_8_bit(images, clean)
