"""What an audit is about, and everything measured in it, each thing once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pixelproof.attacks.goal import Goal
from pixelproof.attacks.named import parse_attack
from pixelproof.attacks.norm_ball import NormBall
from pixelproof.attacks.oracle import Oracle
from pixelproof.data import ImageSet
from pixelproof.data.imageset import Int64Array
from pixelproof.defences.differentiable import Differentiable, make_differentiable
from pixelproof.defences.eot import ExpectedClassifier
from pixelproof.errors import InputError
from pixelproof.jobs.audit.attacked import Attacked, View
from pixelproof.jobs.audit.attacking import BATCH, attack_samples
from pixelproof.jobs.audit.claim import Claim
from pixelproof.jobs.audit.detector import detector_of
from pixelproof.jobs.audit.effort import Effort
from pixelproof.models import Classifier
from pixelproof.models.query import Scorer
from pixelproof.results.intervals import Rate
from pixelproof.runs.journal import Journal
from pixelproof.runs.record import Finding
from pixelproof.seeds import Streams, stream

#: Images that tell which layers let no gradient through.
_PROBED = 8
_ATTACK = "attack|"


class Case:
    """The claim, the model, the data, and the journal of what was measured.

    ``classifier`` is the model as it was handed over, its defence included. Samples are ``effort.samples`` images drawn
    at random from ``data`` by ``seed``; they are numbered 0, 1, … in that order. ``random``: the same images get other
    answers at every call.
    """

    def __init__(
        self,
        claim: Claim,
        effort: Effort,
        classifier: Classifier,
        data: ImageSet,
        journal: Journal,
        *,
        seed: int,
        device: torch.device,
        findings: Sequence[Finding] = (),
        random: bool = False,
        stored: Sequence[str] = (),
    ) -> None:
        self.claim, self.threat, self.effort = claim, claim.threat, effort
        self.classifier, self.data, self.journal = classifier, data, journal
        self.seed, self.device, self.findings, self.random = seed, device, tuple(findings), random
        self.stored = tuple(stored)  # folders of runs whose adversarial images are shown to this model
        self._known = {each["key"]: each["value"] for each in journal.of("evidence")}

    # What is attacked.

    @cached_property
    def order(self) -> Int64Array:
        """All positions of ``data``, shuffled; the samples are the first of them."""
        return np.random.default_rng(self.seed).permutation(len(self.data))

    @cached_property
    def samples(self) -> ImageSet:
        return self.data.take(self.order[: self.effort.samples])

    @cached_property
    def images(self) -> Tensor:
        """The samples, float32 N×C×H×W in [0, 1] on the device."""
        pixels = torch.from_numpy(self.samples.images.copy()).to(self.device)
        return (pixels.permute(0, 3, 1, 2).float() / 255).contiguous()

    @cached_property
    def labels(self) -> Tensor:
        return torch.from_numpy(self.samples.labels.copy()).to(self.device)

    @cached_property
    def clean(self) -> tuple[int, ...]:
        """The answers to the samples without any attack."""
        found: list[int] = self.once("clean answers", lambda: self.answers(self.images).tolist())
        return tuple(found)

    @property
    def right(self) -> list[int]:
        """The samples that stand without any attack: classified correctly or, where there is a detector, rejected."""
        wrong = (torch.tensor(self.clean) != self.labels.cpu()).nonzero().squeeze(1).tolist()
        if wrong and self.detector is not None:
            told: list[bool] = self.once("clean rejected", lambda: self.rejected(self.images).tolist())
            wrong = [row for row in wrong if not told[row]]
        return sorted(set(range(len(self.samples))) - set(wrong))

    # The model, as it decides and as attackers see it.

    @cached_property
    def judge(self) -> Classifier:
        """What decides: the model, or the mean of many answers where it answers at random."""
        return ExpectedClassifier([self.classifier] * self.effort.draws) if self.random else self.classifier

    @cached_property
    def opened(self) -> Differentiable:
        """The model laid open to gradients, and what had to be done for it."""
        return make_differentiable(self.classifier, self.images[:_PROBED], random=self.random, draws=self.effort.draws)

    def view(self, view: View) -> Classifier:
        return self.classifier if view == "plain" else self.opened.classifier

    def blind(self, view: View = "plain") -> str:
        """Why gradients cannot be had of the model so seen; empty where they can be."""
        key = f"gradients|{view}"
        found: str = self.once(key, lambda: self._no_gradient(self.oracle(1, view)))
        return found

    @property
    def naive(self) -> View:
        """How one sees the model who does not know its defence: as it is, if gradients can be had there at all.

        A random one is laid open all the same, since an attack on single answers shows luck rather than gradients; so
        is one where that changes nothing, as the attack is then made once for both views.
        """
        return "open" if self.random or not self.opened.steps or self.blind("plain") else "plain"

    def permits(self, needs: str) -> bool:
        """Whether the threat model's attacker may use an attack that ``needs`` gradients, scores or labels."""
        return needs != "gradients" or self.threat.knowledge == "white-box"

    def oracle(self, samples: int, view: View = "plain", *, eight_bit: bool = True, finite: bool = True) -> Oracle:
        return Oracle(self.view(view), BATCH, self.device, samples, eight_bit, finite)

    def log_scores(self, images: Tensor) -> Tensor:
        """Log-scores N×K that decide about ``images`` N×C×H×W in [0, 1] of whole grey levels."""
        return Scorer(self.judge, BATCH, self.device)(images.mul(255).round().permute(0, 2, 3, 1))

    def answers(self, images: Tensor) -> Tensor:
        return self.log_scores(images).argmax(1)

    @cached_property
    def detector(self) -> Classifier | None:
        """Who rejects images (class 1 of two), if anybody does; as ``judge``, a mean where the model is random."""
        found = detector_of(self.classifier)
        return ExpectedClassifier([found] * self.effort.draws) if found and self.random else found

    def rejected(self, images: Tensor) -> Tensor:
        """Whether the model's detector rejects each of ``images``, N×C×H×W in [0, 1] of whole grey levels: N bools."""
        if self.detector is None:
            return torch.zeros(len(images), dtype=torch.bool, device=self.device)
        return Scorer(self.detector, BATCH, self.device)(images.mul(255).round().permute(0, 2, 3, 1)).argmax(1) == 1

    def reached(self, images: Tensor, rows: Tensor) -> Tensor:
        """Whether each of ``images``, of the samples ``rows``, is a success of the threat's goal: not if rejected."""
        return self.goal(rows).reached(self.log_scores(images)) & ~self.rejected(images)

    # Attacks.

    def goal(self, rows: Tensor) -> Goal:
        """What attackers want of the samples ``rows``: targets are drawn at random where the threat is targeted."""
        labels = self.labels[rows]
        if self.threat.goal == "untargeted":
            return Goal(labels)
        classes = len(self.data.class_names)
        shift = 1 + self.streams("target", rows).integers(classes - 1, 1).squeeze(1)
        return Goal(labels, (labels + shift) % classes)

    def streams(self, key: str, rows: Tensor) -> Streams:
        cpu = torch.device("cpu")
        return Streams([stream(cpu, self.seed, "audit", key, row) for row in rows.tolist()], self.device)

    def within(self, images: Tensor, rows: Tensor) -> Tensor:
        """Whether each of ``images``, 8-bit ones of the samples ``rows``, lies in the threat model's ball: n bools."""
        clean, norm = self.images[rows], self.threat.norm
        if norm == "l0":
            changed = ((images - clean).abs() > 0.5 / 255).any(1).flatten(1).sum(1)
            return changed <= self.threat.epsilon
        return NormBall(norm, self.threat.epsilon).allows(images, clean)

    def attacked(
        self,
        spelling: str,
        view: View = "open",
        rows: Sequence[int] | None = None,
        key: str = "",
        on: Classifier | None = None,
    ) -> Attacked:
        """What the attack so spelled does to the samples ``rows`` (None: all). ``key`` tells apart what is alike.

        It may be made against another classifier, ``on``, which ``key`` then names; the model decides all the same.
        Raises ``InputError`` where the attack needs more than the model gives.
        """
        chosen = tuple(range(len(self.samples))) if rows is None else tuple(rows)
        attack, against = parse_attack(spelling), self.view(view) if on is None else on
        found = partial(attack_samples, self, attack, spelling, view, against, chosen, f"{spelling}|{key}")
        return self.attempt(f"{spelling}|{view}|{key}", found, chosen)

    def attempt(self, key: str, measure: Callable[[], Attacked], rows: Sequence[int]) -> Attacked:
        """What ``measure`` finds on ``rows``, kept beside all other attacks, so that it counts in the worst case."""
        value = self.once(f"{_ATTACK}{key}|{_span(rows)}", lambda: asdict(measure()))
        return Attacked.read(value)

    @property
    def attempts(self) -> list[Attacked]:
        """Every attack so far."""
        return [Attacked.read(value) for key, value in self._known.items() if key.startswith(_ATTACK)]

    def standing(self, broken: frozenset[int]) -> Rate:
        return Rate(len(self.samples) - len(broken), len(self.samples))

    def _no_gradient(self, oracle: Oracle) -> str:
        rows = torch.zeros(1, dtype=torch.int64, device=self.device)
        try:
            oracle.gradient(self.images[:1], rows, lambda scores, _: scores.sum(1))
        except InputError as error:
            return str(error)
        return ""

    # Evidence.

    def once(self, key: str, measure: Callable[[], Any]) -> Any:
        """The value of JSON that ``measure`` gives, from the journal where it stands there already.

        What a random model draws in it follows from the seed and ``key`` alone, in whatever order things are measured.
        """
        if key not in self._known:
            with _drawing(self.device, self.seed, key):
                value = json.loads(json.dumps(measure()))
            self.journal.add({"evidence": {"key": key, "value": value}})
            self._known[key] = value
        return self._known[key]


@contextmanager
def _drawing(device: torch.device, seed: int, key: str) -> Iterator[None]:
    """The global stream of random numbers, begun anew inside and put back after."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(stream(torch.device("cpu"), seed, "audit", key).initial_seed())
        yield


def _span(rows: Sequence[int]) -> str:
    """``0-99`` for consecutive rows, otherwise all of them."""
    if rows and list(rows) == list(range(rows[0], rows[-1] + 1)):
        return f"{rows[0]}-{rows[-1]}"
    return ",".join(map(str, rows))
