"""Adversarial images of one network shown to another."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from pixelproof.results.intervals import Rate
from pixelproof.runs.store import RunStore


@dataclass(frozen=True)
class Answer:
    """A target's answer to a source's adversarial image of ``sample``, ``distance`` from the clean one in its norm."""

    sample: int
    distance: int
    fooled: bool  # the target did not answer with the true class


@dataclass(frozen=True)
class TransferRecord:
    """The answer to an image of ``sample`` that the run called ``source`` found by ``constraint``."""

    TABLE: ClassVar[str] = "transfers"
    KEY: ClassVar[tuple[str, ...]] = ("source", "constraint", "sample")

    source: str
    constraint: str
    sample: int
    distance: int
    fooled: bool

    @property
    def answer(self) -> Answer:
        return Answer(self.sample, self.distance, self.fooled)


@dataclass(frozen=True)
class CleanRecord:
    """Whether the target classifies the clean image of ``sample`` correctly."""

    TABLE: ClassVar[str] = "clean_answers"
    KEY: ClassVar[tuple[str, ...]] = ("sample",)

    sample: int
    right: bool


#: By (source, target, attack): an answer to every image that the source's run found, one for each sample.
Answers = Mapping[tuple[str, str, str], Sequence[Answer]]


@dataclass(frozen=True)
class TransferCell:
    """The images of ``source`` shown to ``target``.

    Images whose clean one the target already gets wrong show nothing: they are ``excluded``, and not in ``fooled``.
    """

    source: str
    target: str
    attack: str
    fooled: Rate
    excluded: tuple[int, ...]  # samples, ascending

    @property
    def whole(self) -> bool:
        """Whether every image counted and fooled, as a source's own images must."""
        return not self.excluded and self.fooled.successes == self.fooled.total


def answers_in(run: RunStore, target: str, attacks: Mapping[str, Sequence[str]]) -> Answers:
    """What the run of ``target`` says by source and attack; ``attacks`` are those that each source carried out."""
    found: dict[tuple[str, str, str], list[Answer]] = {
        (source, target, attack): [] for source, carried_out in attacks.items() for attack in carried_out
    }
    for record in run.of(TransferRecord):
        found[record.source, target, record.constraint].append(record.answer)
    return found


def right_in(run: RunStore) -> dict[int, bool]:
    """Of each sample whether its clean image is classified correctly."""
    return {record.sample: record.right for record in run.of(CleanRecord)}


def transfer_cells(answers: Answers, right: Mapping[str, Collection[int]]) -> list[TransferCell]:
    """A cell for each entry of ``answers``; ``right`` holds the samples that each target classifies correctly."""
    return [_cell(*key, found, right[key[1]]) for key, found in answers.items()]


def broken_diagonal(cells: Iterable[TransferCell]) -> list[TransferCell]:
    """Sources that their own images do not all fool: the images, or the model, are not those of the run."""
    return [cell for cell in cells if cell.source == cell.target and not cell.whole]


def _cell(source: str, target: str, attack: str, answers: Sequence[Answer], right: Collection[int]) -> TransferCell:
    counted = [answer for answer in answers if answer.sample in right]
    fooled = Rate(sum(answer.fooled for answer in counted), len(counted))
    excluded = sorted(answer.sample for answer in answers if answer.sample not in right)
    return TransferCell(source, target, attack, fooled, tuple(excluded))
