"""Attacks by name on many samples: cohorts as the unit of work, and the judge's verdict on what comes back."""

import time
from collections.abc import Iterable, Iterator, MutableSequence, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pixelproof.attacks.attack import Attack
from pixelproof.attacks.goal import Goal
from pixelproof.attacks.named import parse_attack
from pixelproof.attacks.oracle import Oracle
from pixelproof.data.imageset import UInt8Array
from pixelproof.engine.judge import Bound, Judge, project_and_quantise
from pixelproof.engine.lanes import Outcome, Sample
from pixelproof.engine.queue import Round, attacked_at_once, cohorts, key_of, step_key, taken
from pixelproof.engine.settings import Settings
from pixelproof.models import Classifier
from pixelproof.models.query import Asked
from pixelproof.runs.record import Record
from pixelproof.seeds import Streams, stream
from pixelproof.units import to_levels, to_unit

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Judged:
    """What an attack on a cohort came to, sample by sample."""

    images: UInt8Array  # N×H×W×C
    successes: list[bool]
    margins: list[float]
    probabilities: Tensor  # N×K
    queries: list[int]
    gradient_steps: list[int]
    seconds: float
    seed: int

    def outcome(self, attack: Attack, sample: Sample, k: int) -> Outcome:
        """The record of ``sample``, the ``k``-th of the cohort, and its image unless nothing was changed.

        The last try is kept too: behind a defence it may fool, though it did not fool here.
        """
        success, image = self.successes[k], self.images[k]
        found = (image, self.probabilities[k]) if success else ()
        method, parameters = Record.parts(attack.spec)
        record = Record(
            constraint=attack.ball.norm if attack.ball else None,
            threshold=attack.ball.epsilon if attack.ball else None,
            method=method,
            parameters=parameters,
            margin=self.margins[k],
            queries=self.queries[k],
            gave_up=False,
            restarts=0,
            seconds=self.seconds,
            seed=self.seed,
            gradient_steps=self.gradient_steps[k],
            **sample.described(*found),
        )
        return record, None if np.array_equal(image, sample.pixels) else image


class AttackRunner:
    """Runs every attack by name of ``settings`` over samples; see ``run``.

    ``attacked`` is what attacks see, perhaps in low precision or without its defence; ``judge`` decides by
    ``classifier``. ``surrogates`` are for attacks that ask networks like it. What fills the judge's batches up is
    counted in ``asked``.
    """

    def __init__(
        self,
        settings: Settings,
        classifier: Classifier,
        attacked: Classifier,
        device: torch.device,
        asked: Asked | None = None,
        surrogates: Sequence[Classifier] = (),
    ) -> None:
        self.settings, self.attacked, self.device, self.surrogates = settings, attacked, device, surrogates
        self.judge = Judge.of(classifier, device, asked)
        self.gradient_steps = 0
        self._queries = 0

    @property
    def queries(self) -> int:
        """Images asked so far, verifications included."""
        return self._queries + self.judge.scorer.queries

    @property
    def invalid(self) -> int:
        """Answers to adversarial images so far that held NaN or infinite scores."""
        return self.judge.scorer.invalid

    def run(
        self, samples: Sequence[Sample], done: Iterable[Record] = (), steps: MutableSequence[str] | None = None
    ) -> Iterator[Round]:
        """Attack ``samples`` in ``steps`` (None: all) except where a record is ``done``; yields after every cohort.

        Steps are taken out of ``steps``.

        Samples of a cohort are attacked by the same calls, so one that is not through is done again as a whole; what
        that finds equals what is recorded.
        """
        known = {key_of(record) for record in done}
        planned = {
            step_key(each.spec, first): (each.spec, cohort)
            for each in self.settings.attacks
            for first, cohort in cohorts(samples, attacked_at_once(self.settings, each, len(samples)))
        }
        for step in planned if steps is None else taken(steps, planned):
            spec, cohort = planned[step]
            missing = [(sample.index, spec, None) not in known for sample in cohort]
            before = self.queries
            outcomes = self._attack(parse_attack(spec), cohort) if any(missing) else []
            kept = [outcome for outcome, needed in zip(outcomes, missing, strict=bool(outcomes)) if needed]
            yield Round(kept, self.queries - before, 0, [step])

    def _attack(self, attack: Attack, cohort: Sequence[Sample]) -> list[Outcome]:
        """A record for each of ``cohort``, with its image."""
        begun = time.perf_counter()
        oracle = Oracle(self.attacked, self.settings.batch_size, self.device, len(cohort), surrogates=self.surrogates)
        clean, goal = self._images(cohort), _goal(cohort, self.device)
        found = attack(oracle, clean, goal, self._streams(attack, cohort))
        pixels = to_levels(project_and_quantise(attack, found, clean))
        verdict = self.judge(pixels, to_levels(clean), goal, Bound.of(attack))
        self.gradient_steps += int(oracle.gradient_steps.sum())
        self._queries += int(oracle.queries.sum())
        judged = _Judged(
            images=np.ascontiguousarray(pixels.to("cpu", torch.uint8).numpy()),
            successes=verdict.success.tolist(),
            margins=goal.loss("margin", verdict.scores).tolist(),
            probabilities=verdict.scores.double().softmax(1).cpu(),
            queries=(oracle.queries + 1).tolist(),
            gradient_steps=oracle.gradient_steps.tolist(),
            seconds=(time.perf_counter() - begun) / len(cohort),
            seed=self.settings.seed,
        )
        return [judged.outcome(attack, sample, k) for k, sample in enumerate(cohort)]

    def _images(self, cohort: Sequence[Sample]) -> Tensor:
        pixels = np.stack([sample.pixels for sample in cohort])
        return to_unit(torch.from_numpy(pixels).to(self.device))

    def _streams(self, attack: Attack, cohort: Sequence[Sample]) -> Streams:
        cpu, seed = torch.device("cpu"), self.settings.seed
        return Streams([stream(cpu, seed, attack.spec, sample.index) for sample in cohort], self.device)


def _goal(cohort: Sequence[Sample], device: torch.device) -> Goal:
    labels = torch.tensor([sample.label for sample in cohort], device=device)
    targets = [sample.target for sample in cohort if sample.target is not None]
    return Goal(labels, torch.tensor(targets, device=device) if targets else None)
