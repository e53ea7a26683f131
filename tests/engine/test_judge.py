"""Nothing that an attack, an encoding or a store says of itself is believed: the judge measures and asks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from pixelproof.attacks import Encoding
from pixelproof.attacks.attack import Attack, Needs
from pixelproof.attacks.goal import Goal
from pixelproof.attacks.norm_ball import Norm, NormBall
from pixelproof.attacks.oracle import Oracle
from pixelproof.engine import AttackRunner, Engine, Sample, attack_runner, levels, queue
from pixelproof.engine.judge import Bound, Judge, project_and_quantise
from pixelproof.engine.settings import AttackSettings, Settings
from pixelproof.jobs.assess_spec import make_spec, resolve
from pixelproof.jobs.transfer import Source, Stored, TransferJob, TransferSpec
from pixelproof.models.query import Scorer
from pixelproof.runs import DataCard, Record
from pixelproof.runs.distances import pixel_distances
from pixelproof.runs.record import Constraint
from pixelproof.seeds import Streams
from watched import CPU, Attacked, Watched

SHAPE = (4, 4, 3)
Model = Callable[[Tensor], Tensor]
NORMS: dict[Constraint, str] = {
    "few-pixel": "l0",
    "threshold": "linf",
    "linf": "linf",
    "l2": "l2",
    "l1": "l1",
    "l0": "l0",
}


def by_brightness(images: Tensor) -> Tensor:
    """Class 1 to images that are bright on average, 0 to dark ones; far from the limit nothing near fools it."""
    value = images.flatten(1).mean(1) - 0.5
    return torch.stack([-value, value], 1)


def between_levels(images: Tensor) -> Tensor:
    """Class 1 to images with a value between two grey levels, 0 to all that are made of 8 bits."""
    levels = images.flatten(1) * 255
    value = ((levels - levels.round()).abs() > 0.1).any(1).float() - 0.5
    return torch.stack([-value, value], 1)


def samples(*greys: int) -> list[Sample]:
    """A sample of one grey each, dark ones of class 0 and bright ones of class 1."""
    return [Sample(k, np.full(SHAPE, grey, np.uint8), int(grey > 127), None, 1.0, None) for k, grey in enumerate(greys)]


def settings(**options: Any) -> Settings:
    return resolve(make_spec(model="m", data="d", **options), SHAPE, "cpu")


# The bound.


@pytest.mark.parametrize("constraint", NORMS)
def test_distances_are_those_of_the_records_and_the_bound_is_kept_to_the_last_one(constraint: Constraint) -> None:
    draw = np.random.default_rng(3)
    clean, images = draw.integers(0, 256, (2, 20, *SHAPE), dtype=np.uint8)
    images = np.where(draw.random((20, 4, 4, 1)) < 0.4, images, clean)
    expected = [pixel_distances(*pair)[NORMS[constraint]] for pair in zip(images, clean, strict=True)]
    pair = torch.from_numpy(images).float(), torch.from_numpy(clean).float()
    assert Bound(constraint, 1).distances(*pair).tolist() == expected
    for k, distance in enumerate(expected):
        one = pair[0][k : k + 1], pair[1][k : k + 1]
        assert Bound(constraint, distance).allows(*one).all()
        assert not Bound(constraint, distance - 0.01).allows(*one).any()
    assert Bound().allows(*pair).all()


@pytest.mark.parametrize("bound", [Bound(), *(Bound(constraint, 1e9) for constraint in NORMS)])
@pytest.mark.parametrize("value", [10.5, -1.0, 256.0, torch.nan, torch.inf])
def test_what_is_no_8_bit_image_lies_in_no_bound(bound: Bound, value: float) -> None:
    clean = torch.full((2, *SHAPE), 10.0)
    images = clean.clone()
    images[1, 2, 3, 0] = value
    assert bound.allows(images, clean).tolist() == [True, False]


# Levels.


class Lying:
    """An encoding whose images are ``value`` all over, whatever it promises."""

    def __init__(self, honest: Encoding, value: float) -> None:
        self._honest, self._value = honest, value
        self.dimension, self.box, self.start = honest.dimension, honest.box, honest.start

    def decode(self, genomes: Tensor, clean: Tensor) -> Tensor:
        return torch.full_like(self._honest.decode(genomes, clean), self._value)

    def satisfied(self, images: Tensor, clean: Tensor) -> Tensor:
        return torch.ones(len(images), dtype=torch.bool)


@pytest.mark.parametrize("attack", ["few-pixel", "threshold"])
@pytest.mark.parametrize("options", [{"levels": [3]}, {"minimal": 15}], ids=["levels", "minimal"])
@pytest.mark.parametrize(("model", "value"), [(by_brightness, 255.0), (between_levels, 10.5)])
def test_an_encoding_that_lies_never_succeeds(
    monkeypatch: pytest.MonkeyPatch, attack: str, options: dict[str, Any], model: Model, value: float
) -> None:
    honest = levels.make_encoding
    monkeypatch.setattr(levels, "make_encoding", lambda *which: Lying(honest(*which), value))
    classifier = Watched(model)
    engine = Engine(settings(attacks=[attack], max_queries=30, **options), classifier, classifier, CPU)
    done = Attacked(engine, [outcome for each in engine.run(samples(10, 12)) for outcome in each.outcomes])
    assert engine.judge.scorer.queries > 0  # they did fool the model
    assert [record.success for record in done.records] == [False, False]
    assert all(image is None for _, image in done.outcomes)


# Attacks by name.


@dataclass(frozen=True)
class LyingBall(NormBall):
    """A ball that lets everything in."""

    def to_8_bit(self, images: Tensor, clean: Tensor) -> Tensor:
        return (images * 255).round().clamp(0, 255) / 255

    def allows(self, images: Tensor, clean: Tensor) -> Tensor:
        return torch.ones(len(images), dtype=torch.bool)


@dataclass(frozen=True)
class Liar(Attack):
    """Returns what ``make`` makes of the clean images, N×C×H×W in [0, 1]."""

    name: ClassVar[str] = "liar"
    needs: ClassVar[Needs] = "labels"

    norm: Norm
    epsilon: float
    make: Callable[[Tensor], Tensor]
    honest_ball: bool = True

    @property
    def ball(self) -> NormBall:
        return (NormBall if self.honest_ball else LyingBall)(self.norm, self.epsilon)

    def __call__(self, oracle: Oracle, images: Tensor, goal: Goal, streams: Streams) -> Tensor:
        return self.make(images)


def attacked(monkeypatch: pytest.MonkeyPatch, attack: Attack, model: Model) -> tuple[AttackRunner, list[Record]]:
    """What ``attack`` comes to on two dark images and a bright one."""
    for room in (attack_runner, queue):
        monkeypatch.setattr(room, "parse_attack", lambda _: attack)
    named = replace(settings(attacks=["fgsm"]), attacks=(AttackSettings("liar", "liar", "linf", 4),))
    classifier = Watched(model)
    runner = AttackRunner(named, classifier, classifier, CPU)
    return runner, [record for each in runner.run(samples(10, 12, 250)) for record, _ in each.outcomes]


LIES: dict[str, tuple[Model, Callable[[Tensor], Tensor]]] = {
    "outside": (by_brightness, lambda clean: 1 - clean),
    "far outside": (by_brightness, lambda clean: 1e9 * (0.5 - clean)),
    "NaN": (by_brightness, lambda clean: torch.full_like(clean, torch.nan)),
    "half NaN": (by_brightness, lambda clean: torch.where(clean.cumsum(3) > 0.1, torch.nan, 1 - clean)),
    "not 8-bit": (between_levels, lambda clean: clean + 0.4 / 255),
    "another sample": (by_brightness, lambda clean: clean.roll(1, 0)),
}


@pytest.mark.parametrize("honest_ball", [True, False])
@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
@pytest.mark.parametrize("lie", LIES)
def test_an_attack_that_lies_never_succeeds(
    monkeypatch: pytest.MonkeyPatch, lie: str, norm: Norm, honest_ball: bool
) -> None:
    model, make = LIES[lie]
    runner, records = attacked(monkeypatch, Liar(norm, 4, make, honest_ball), model)
    if model is between_levels:
        records = records[:2]  # the bright one is class 0 to that model, and so wrong from the start
    assert runner.judge.scorer.queries == 3
    assert not any(record.success for record in records)


def test_an_image_that_is_not_made_of_numbers_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    for lie in ("NaN", "half NaN"):
        model, make = LIES[lie]
        runner, _ = attacked(monkeypatch, Liar("linf", 4, make), model)
        assert [image for each in runner.run(samples(10, 12, 250)) for _, image in each.outcomes] == [None] * 3


def test_an_attack_that_does_as_it_says_succeeds(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the tests above can fail."""
    _, records = attacked(monkeypatch, Liar("linf", 255, lambda clean: 1 - clean), by_brightness)
    assert [record.success for record in records] == [True, True, True]


def test_an_attack_that_returns_too_few_images_is_stopped() -> None:
    clean = torch.zeros(3, 3, 4, 4)
    with pytest.raises(ValueError, match=r"^liar.* returned \(1, 3, 4, 4\) torch.float32 where \(3, 3, 4, 4\) "):
        project_and_quantise(Liar("linf", 4, torch.clone), clean[:1], clean)


# The judge by itself.


@pytest.mark.parametrize("scores", [[torch.nan, 1.0], [1.0, torch.nan], [1.0, torch.inf], [-torch.inf, 1.0]])
def test_scores_that_are_no_numbers_are_no_success(scores: list[float]) -> None:
    judge = Judge.of(Watched(lambda images: torch.tensor(scores).expand(len(images), 2)), CPU)
    clean, labels = torch.full((3, *SHAPE), 10.0), torch.zeros(3, dtype=torch.long)
    for goal in (Goal(labels), Goal(labels, labels + 1)):
        assert not judge(clean + 1, clean, goal, Bound("linf", 2)).success.any()


def test_what_the_detector_rejects_is_no_success() -> None:
    def striking(images: Tensor) -> Tensor:
        value = images.flatten(1).amax(1) - 0.95
        return torch.stack([-value, value], 1)

    clean = torch.full((2, *SHAPE), 120.0)
    images = torch.stack([torch.full(SHAPE, 140.0), torch.full(SHAPE, 255.0)])
    goal, scorer = Goal(torch.zeros(2, dtype=torch.long)), Scorer(Watched(by_brightness), 4, CPU)
    assert Judge(scorer)(images, clean, goal, Bound()).success.tolist() == [True, True]
    watchful = Judge(scorer, Scorer(Watched(striking), 4, CPU))
    assert watchful(images, clean, goal, Bound()).success.tolist() == [True, False]


def test_each_stored_image_has_a_bound_of_its_own() -> None:
    judge, clean = Judge.of(Watched(by_brightness), CPU), [np.full(SHAPE, 120, np.uint8)] * 4
    images = [np.full(SHAPE, grey, np.uint8) for grey in (140, 140, 121, 140)]
    bounds = [Bound("linf", 20), Bound("linf", 19), Bound("linf", 20), Bound()]
    verdict = judge.stored(images, clean, Goal(torch.zeros(4, dtype=torch.long)), bounds)
    assert verdict.success.tolist() == [True, False, False, True]


def test_a_transferred_image_fools_by_an_answer_in_numbers_alone() -> None:
    """Farther images than was said, and answers that are no numbers, fool nobody; nor are clean ones then right."""

    def brittle(images: Tensor) -> Tensor:
        return by_brightness(images).masked_fill((images.flatten(1).amax(1) > 0.9)[:, None], torch.nan)

    greys = {0: (100, 140, 40), 1: (100, 255, 155), 2: (100, 140, 39)}  # clean, shown, and the distance claimed
    clean = {k: np.full(SHAPE, grey, np.uint8) for k, (grey, _, _) in greys.items()} | {
        3: np.full(SHAPE, 255, np.uint8)
    }
    stored = tuple(Stored(k, "threshold", far, np.full(SHAPE, shown, np.uint8)) for k, (_, shown, far) in greys.items())
    source = Source("a", "run of a", "sha", ("threshold",), clean, {0: 0, 1: 0, 2: 0, 3: 1}, stored)
    card = DataCard("d", "sha", 4, SHAPE, ("dark", "bright"))
    job = TransferJob(TransferSpec(model="m", device="cpu"), Watched(brittle), [source], card)
    records = [record for record, _ in job._shown(source, [0, 1, 2, 3])]
    assert [record.right for record in records[:4]] == [True, True, True, False]  # type: ignore[attr-defined]
    assert [record.fooled for record in records[4:]] == [True, False, False]  # type: ignore[attr-defined]
