"""AutoPGD: projected gradient descent that finds its own step lengths.

Croce & Hein, "Reliable evaluation of adversarial robustness with an ensemble of diverse parameter-free attacks",
ICML 2020; in L1, Croce & Hein, "Mind the box: l1-APGD for sparse adversarial attacks on image classifiers", ICML 2021.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from torch import Tensor

from pixelproof.attacks.attack import BallAttack
from pixelproof.attacks.goal import Goal, wrong_classes
from pixelproof.attacks.gradient.climb import Climb, HalvingClimb, L1Climb
from pixelproof.attacks.norm_ball import Norm, NormBall, random_start
from pixelproof.attacks.oracle import Oracle
from pixelproof.errors import InputError
from pixelproof.seeds import Streams

Objective = Literal["ce", "dlr", "targeted-dlr"]

#: How samples climb in each norm.
_CLIMBS: dict[Norm, Callable[[NormBall, Tensor, Tensor, Tensor], Climb]] = {
    "linf": HalvingClimb,
    "l2": HalvingClimb,
    "l1": L1Climb,
}
_WRONG_CLASSES = 9  # that the targeted form tries (section 4)


@dataclass(frozen=True)
class AutoPGD(BallAttack):
    """``iterations`` steps within ``epsilon`` (in grey levels of ``norm``), from up to ``restarts`` random starts.

    ``loss``: ``ce``, cross-entropy; ``dlr``, the difference of logits ratio; ``targeted-dlr``, its targeted form for
    each of the 9 likeliest wrong classes in turn (all where there are fewer), until one fools. A goal with targets has
    the targeted form of either. The ratio needs three classes, its targeted form four (of three, it is 1 wherever the
    target comes last, and leads nowhere); with fewer the margin is followed, which it scales. In L1, 30 % of the
    iterations are spent in the ball of 3ε, 30 % in that of 2ε, and the rest in that of ε.
    """

    name = "apgd"
    positive = ("iterations", "restarts")

    norm: Norm = "linf"
    epsilon: float = 8
    loss: Objective = "ce"
    iterations: int = 100
    restarts: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.loss not in get_args(Objective):
            raise InputError(f"apgd knows no loss {self.loss!r}; expected one of {', '.join(get_args(Objective))}.")

    def __call__(self, oracle: Oracle, images: Tensor, goal: Goal, streams: Streams) -> Tensor:
        found, rows = images.clone(), goal.rows
        for aim in self._aims(oracle, images, goal):
            for _ in range(self.restarts):
                if len(rows):
                    rows = self._attempt(oracle, images, goal, aim, rows, streams, found)
        return found

    def _aims(self, oracle: Oracle, images: Tensor, goal: Goal) -> Iterator[Goal]:
        """The goals whose losses are followed, one after the other."""
        if self.loss != "targeted-dlr" or goal.targets is not None:
            yield goal
            return
        classes = wrong_classes(oracle.log_scores(images, goal.rows), goal.labels, _WRONG_CLASSES)
        for targets in classes.unbind(1):
            yield Goal(goal.labels, targets)

    def _attempt(
        self, oracle: Oracle, images: Tensor, goal: Goal, aim: Goal, rows: Tensor, streams: Streams, found: Tensor
    ) -> Tensor:
        """One climb of ``rows``, whose images are put into ``found``; the rows that it has not fooled."""
        clean, kind = images[rows], _CLIMBS[self.norm]
        *wide, (_, last) = self._phases()
        start = random_start(clean, NormBall(self.norm, wide[0][0] if wide else self.epsilon), streams.of(rows))
        for epsilon, iterations in wide:
            climb = kind(NormBall(self.norm, epsilon), rows, clean, start)
            start = self._climb(oracle, climb, goal, aim, iterations, None).best
        climb = kind(self.ball, rows, clean, self.ball.project(start, clean))
        climb = self._climb(oracle, climb, goal, aim, last, found)
        found[climb.rows] = _shown(oracle, climb, climb.best)
        return climb.rows

    def _phases(self) -> list[tuple[float, int]]:
        """Radii and iterations in turn: in L1 wider balls first, each climb begun where the last one ended."""
        third = int(0.3 * self.iterations) if self.norm == "l1" else 0
        phases = [(3 * self.epsilon, third), (2 * self.epsilon, third), (self.epsilon, self.iterations - 2 * third)]
        return [phase for phase in phases if phase[1]]

    def _climb(
        self, oracle: Oracle, climb: Climb, goal: Goal, aim: Goal, iterations: int, found: Tensor | None
    ) -> Climb:
        """``climb`` after ``iterations`` steps; samples leave it once fooled, where ``found`` takes their images."""
        checkpoints = climb.checkpoints(iterations)
        for k in range(iterations + 1):
            if k:
                climb.advance()
            shown = _shown(oracle, climb, climb.moved)
            scores, gradient = oracle.gradient(shown, climb.rows, lambda s, part: self._loss(aim.of(part), s))
            climb.learn(self._loss(aim.of(climb.rows), scores), gradient)
            if found is not None:
                found[climb.rows] = shown
                climb = climb.of(~goal.of(climb.rows).reached(scores))
            if not len(climb.rows):
                break
            if k in checkpoints:
                climb.adjust()
        return climb

    def _loss(self, aim: Goal, scores: Tensor) -> Tensor:
        return aim.loss("cross-entropy" if self.loss == "ce" else "dlr", scores)


def _shown(oracle: Oracle, climb: Climb, images: Tensor) -> Tensor:
    return climb.ball.to_8_bit(images, climb.clean) if oracle.eight_bit else images
