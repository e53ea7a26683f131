"""Everything the page of a comparison says, as values: the page is written from them alone."""

from collections.abc import Iterator
from dataclasses import dataclass

from pixelproof.plans.study.view import StudyRun, StudyView
from pixelproof.results.gate.pair import Pair
from pixelproof.results.scoreboard import Row
from pixelproof.results.study import Difference


@dataclass(frozen=True, eq=False)
class Compared:
    """``pairs`` of an old and a new run; ``study`` has the assessments in one table, where they may stand in one.

    ``apart`` says why they may not, where they are compared in pairs alone.
    """

    pairs: tuple[Pair, ...]
    study: StudyView | None
    apart: str = ""

    @property
    def title(self) -> str:
        if self.study is not None:
            return self.study.title
        return ", ".join(dict.fromkeys(f"{each.title} on {each.new.data.name}" for each in self.pairs))

    @property
    def runs(self) -> tuple[StudyRun, ...]:
        """The assessments in one table."""
        return () if self.study is None else self.study.runs

    @property
    def differences(self) -> tuple[Difference, ...]:
        """Of the assessments in one table, where that was forced."""
        return () if self.study is None else self.study.differences

    @property
    def forced(self) -> list[str]:
        """What runs were compared in spite of, a sentence each."""
        grave = [f"{pair.title}: {each}" for pair in self.pairs for each in pair.differences if each.grave]
        return [*grave, *(str(each) for each in self.differences)]

    @property
    def finished(self) -> bool:
        manifests = [manifest for pair in self.pairs for manifest in (pair.old, pair.new)]
        return all(each.status == "finished" for each in manifests) and (self.study is None or self.study.finished)

    def rows(self) -> Iterator[Row]:
        """What changed, as rows of ``results.json``."""
        for each in self.pairs:
            yield from each.rows()
