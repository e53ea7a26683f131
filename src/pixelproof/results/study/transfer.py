"""Adversarial images of one network shown to another."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from pixelproof.results.intervals import Rate


@dataclass(frozen=True)
class Answer:
    """A target's answer to a source's adversarial image of ``sample``, ``distance`` from the clean one in its norm."""

    sample: int
    distance: int
    fooled: bool  # the target did not answer with the true class


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
