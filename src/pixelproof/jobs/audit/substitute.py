"""A substitute that learns from a model's answers, and the images that fool it, shown to the model.

Papernot et al., "Practical Black-Box Attacks against Machine Learning", ASIA CCS 2017: the substitute is trained,
images are moved along its gradient (Jacobian-based augmentation), the model labels them, and so on. Images that fool
other networks too: Dong et al., "Boosting Adversarial Attacks with Momentum", CVPR 2018, algorithm 1 (MI-FGSM); with
varied inputs, Xie et al., "Improving Transferability of Adversarial Examples with Input Diversity", CVPR 2019.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from pixelproof.attacks.goal import Goal, LossName
from pixelproof.attacks.gradient.directions import steepest
from pixelproof.attacks.norm_ball import NormBall
from pixelproof.errors import InputError
from pixelproof.jobs.audit.attacks import attempt, downhill, outcome
from pixelproof.jobs.audit.context import BATCH, AuditContext, to_images
from pixelproof.models.query import Scorer
from pixelproof.results.audit.attacked import Attacked
from pixelproof.results.intervals import Rate
from pixelproof.seeds import stream
from pixelproof.units import to_8_bit, to_levels

#: Images of the data that the model is first asked about, at most, and the memory of all that it is asked about.
_IMAGES, _BYTES = 2_000, 2**28
_HELD_OUT = 200  # further images, on which agreement is measured, at most
_ROUNDS = 4  # of augmentation
#: Share of answers below which a substitute is none: what it does not fool, it says nothing of.
AGREEING = 0.7
_RATE = 0.01  # of learning, at most
_SHIFT = 2  # pixels by which what is learnt from is moved, and varied inputs of attacks
_WIDTH = 24
ITERATIONS = 30  # of attacks on it
_STEPS_ACROSS = 8  # that lead from the middle of the ball to its edge
_NOISE = 0.02  # of varied inputs


@dataclass(frozen=True)
class Momentum:
    """``decay`` μ is the weight of earlier gradients, 0 being plain PGD; ``varied``: flipped, shifted and noisy inputs.

    Every image takes all iterations, since what only just fools one network fools no other.
    """

    name: str
    loss: LossName
    decay: float
    varied: bool = False

    def __call__(
        self, network: Callable[[Tensor], Tensor], clean: Tensor, goal: Goal, budget: NormBall, numbers: torch.Generator
    ) -> Tensor:
        """8-bit images within ``budget`` of ``clean`` N×C×H×W in [0, 1] that ``network``, giving logits, mistakes."""
        now, velocity = clean, torch.zeros_like(clean)
        length = budget.epsilon / _STEPS_ACROSS / 255
        for _ in range(ITERATIONS):
            seen = now.detach().requires_grad_()
            shown = _varied(seen, numbers) if self.varied else seen
            (gradient,) = torch.autograd.grad(goal.loss(self.loss, network(shown)).sum(), seen)
            size = gradient.abs().mean((1, 2, 3), keepdim=True).clamp(min=1e-20)
            velocity = self.decay * velocity + gradient / size
            now = budget.project(now + length * downhill(velocity, now, budget.norm), clean)
        return budget.to_8_bit(now, clean)


def _varied(images: Tensor, numbers: torch.Generator) -> Tensor:
    """All images shifted and flipped alike, with noise of their own."""
    down, across, flip = torch.randint(2 * _SHIFT + 1, (3,), generator=numbers).tolist()
    moved = images.roll((down - _SHIFT, across - _SHIFT), (2, 3))
    moved = moved.flip(3) if flip > _SHIFT else moved
    return moved + _NOISE * torch.randn(images.shape, generator=numbers).to(images.device)


_ATTACKS = (
    Momentum("PGD", "cross-entropy", decay=0),
    Momentum("MI-FGSM", "margin", decay=1),
    Momentum("MI-FGSM, varied inputs", "cross-entropy", decay=1, varied=True),
)


@dataclass(frozen=True)
class Transfer:
    """What came of a substitute: its ``agreement`` with the model on images that neither it nor an attack had seen,
    the ``images`` that the model was asked about, and what ``attacked`` did, also way by way (``right``)."""

    agreement: Rate
    images: int
    attacked: Attacked
    right: tuple[tuple[str, Rate], ...]


def transfer(audit: AuditContext) -> Transfer:
    """Train a substitute, attack it, and show the images to the model. Raises ``InputError`` for L0."""
    if audit.threat.norm == "l0":
        raise InputError("The claim is on L0, where the few-pixel attack takes the place of images made on another.")
    rows = tuple(range(len(audit.samples)))
    measured = audit.evidence.memoise("substitute", lambda: _measured(audit))
    found = outcome(
        "transfer from a substitute",
        "labels" if audit.classifier.kind == "labels" else "scores",
        rows,
        (row in measured["fooled"] for row in rows),
        queries=measured["images"] / len(rows) + len(_ATTACKS),
        seconds=measured["seconds"],
    )
    right = tuple((name, Rate(len(rows) - fooled, len(rows))) for name, fooled in measured["each"])
    attacked = attempt(audit, "substitute|plain|", lambda: found, rows)
    return Transfer(Rate(*measured["agreement"]), measured["images"], attacked, right)


def _measured(audit: AuditContext) -> dict[str, Any]:
    begun = time.perf_counter()
    numbers = stream(torch.device("cpu"), audit.seed, "audit", "substitute")
    held = audit.samples.order[-min(_HELD_OUT, max(1, len(audit.data) // 10)) :].tolist()
    pool, unseen = _images(audit, audit.samples.order[: _pool(audit, len(held))].tolist()), _images(audit, held)
    ask = _Asked(audit)
    network = _learnt(audit, pool, ask, numbers, unseen)
    agreed = network(unseen).argmax(1) == ask(unseen).argmax(1)
    each = [(attack.name, _fooled(audit, network, attack, numbers)) for attack in _ATTACKS]
    wrong = audit.decision.wrong
    return {
        "agreement": [int(agreed.sum()), len(agreed)],
        "images": ask.images - 2 * len(unseen),
        "each": [(name, len(fooled | wrong)) for name, fooled in each],
        "fooled": sorted(wrong.union(*(fooled for _, fooled in each))),
        "seconds": time.perf_counter() - begun,
    }


def _pool(audit: AuditContext, held: int) -> int:
    """How many images to begin with: the samples and others, no more than queries and memory allow."""
    times = _ROUNDS + 2
    most: int = min(_IMAGES, _BYTES // (times * audit.samples.images[0].numel()), len(audit.data) - held)
    if audit.threat.queries is not None:
        most = min(most, audit.threat.queries * len(audit.samples) // times)
    return max(1, most)


def _images(audit: AuditContext, positions: list[int]) -> Tensor:
    return to_images(audit.data.images[positions], audit.device)


class _Asked:
    """The model's answers as probabilities n×K, the images asked about being counted."""

    def __init__(self, audit: AuditContext) -> None:
        self.labels, self.images = audit.classifier.kind == "labels", 0
        self.scorer = Scorer(audit.classifier, BATCH, audit.device)

    def __call__(self, images: Tensor) -> Tensor:
        self.images += len(images)
        with torch.no_grad():
            scores = self.scorer(to_levels(images))
        return (scores if self.labels else scores.softmax(1).nan_to_num()).float()


def _learnt(
    audit: AuditContext, pool: Tensor, ask: Callable[[Tensor], Tensor], numbers: torch.Generator, unseen: Tensor
) -> nn.Module:
    """A network that answers as the model does, in evaluation mode and with its weights fixed.

    A third of the training comes before augmentation, in which images go up to the threat's distance. Where it agrees
    with the model too seldom on images ``unseen`` to stand in for it, it learns as much again.
    """
    seen = torch.cat([pool, to_8_bit(_moved(pool, numbers, _SHIFT))])
    answers = ask(seen)
    labels = answers[: len(pool)].argmax(1)
    network = _network(pool.shape[1:], answers.shape[1]).to(audit.device)
    optimiser = torch.optim.Adam(network.parameters(), _RATE)
    epochs = audit.effort.substitute_epochs
    steps = max(1, epochs * len(pool) // BATCH)
    _learn(network, optimiser, seen, answers, steps, numbers)
    for _ in range(_ROUNDS):
        further = _augmented(network, pool, labels, _budget(audit))
        seen, answers = torch.cat([seen, further]), torch.cat([answers, ask(further)])
        _learn(network, optimiser, seen, answers, max(1, steps // 2), numbers)
    with torch.no_grad():
        agreed = float((network(unseen).argmax(1) == ask(unseen).argmax(1)).float().mean())
    if agreed < AGREEING:
        _learn(network, optimiser, seen, answers, steps * (1 + _ROUNDS // 2), numbers)
    return network.requires_grad_(False)


def _learn(
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    seen: Tensor,
    answers: Tensor,
    steps: int,
    numbers: torch.Generator,
) -> None:
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, total_steps=steps + 1)
    network.train()
    for _ in range(steps):
        rows = torch.randint(len(seen), (BATCH,), generator=numbers).to(seen.device)
        loss = functional.cross_entropy(network(_moved(seen[rows], numbers, _SHIFT)), answers[rows])
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        schedule.step()
    network.eval()


def _augmented(network: nn.Module, pool: Tensor, labels: Tensor, budget: NormBall) -> Tensor:
    """``pool`` moved to the edge of ``budget``, along the gradient by which ``network`` leaves ``labels``."""
    found = []
    for images, part in zip(torch.split(pool, BATCH), torch.split(labels, BATCH), strict=True):
        seen = images.clone().requires_grad_()
        loss = functional.cross_entropy(network(seen), part, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, seen)
        found.append(budget.to_8_bit(images + steepest(gradient, budget.norm) * budget.epsilon / 255, images))
    return torch.cat(found)


def _fooled(audit: AuditContext, network: nn.Module, attack: Momentum, numbers: torch.Generator) -> set[int]:
    """The samples that ``attack`` on ``network`` fools the model on, of those that it got right."""
    found: set[int] = set()
    for part in torch.split(torch.tensor(audit.decision.right, device=audit.device), BATCH):
        images = attack(network, audit.samples.images[part], audit.samples.goal(part), _budget(audit), numbers)
        found |= set(part[audit.decision.reached(images, part)].tolist())
    return found


def _budget(audit: AuditContext) -> NormBall:
    norm = audit.threat.norm
    assert norm != "l0"  # as ``transfer`` refuses it
    return NormBall(norm, audit.threat.epsilon)


def _moved(images: Tensor, numbers: torch.Generator, most: int) -> Tensor:
    """``images`` shifted by up to ``most`` pixels, each by its own number, half of them flipped."""
    count, _, height, width = images.shape
    down, across = torch.randint(2 * most + 1, (2, count, 1), generator=numbers).to(images.device)
    flipped = (torch.rand(count, 1, generator=numbers) < 0.5).to(images.device)
    rows = torch.arange(height, device=images.device) + down
    columns = torch.arange(width, device=images.device).expand(count, width)
    columns = torch.where(flipped, columns.flip(1), columns) + across
    which = torch.arange(count, device=images.device)[:, None, None]
    padded = functional.pad(images, (most,) * 4, mode="replicate")
    return padded[which, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2).contiguous()


def _network(shape: torch.Size, classes: int) -> nn.Sequential:
    """Six 3×3 convolutions on at most 16×16 places, for images of ``shape`` (C, H, W) in [0, 1]; logits of them."""
    channels, height, width = shape
    stride = max(1, ceil(min(height, width) / 16))
    one, two, four = _WIDTH, 2 * _WIDTH, 4 * _WIDTH
    return nn.Sequential(
        _Centred(),
        *_convolution(channels, one, stride, max(3, 2 * stride - 1)),
        *_convolution(one, one),
        *_convolution(one, two, 2),
        *_convolution(two, two),
        *_convolution(two, four, 2),
        *_convolution(four, four),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(four, classes),
    )


def _convolution(inputs: int, outputs: int, stride: int = 1, side: int = 3) -> tuple[nn.Module, ...]:
    convolution = nn.Conv2d(inputs, outputs, side, stride, side // 2, bias=False)
    return convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)


class _Centred(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return 4 * images - 2
