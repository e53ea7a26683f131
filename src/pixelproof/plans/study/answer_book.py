"""The answers of a study's networks to each other's images, kept in a file beside the runs."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pixelproof.files import write_whole
from pixelproof.plans.study.transfer import Predict, Source, show
from pixelproof.results.study import Answer

_VERSION = 1


@dataclass
class _Page:
    """What one target said: clean images right or not by sample; by source its identity and answers by attack."""

    identity: str
    right: dict[int, bool] = field(default_factory=dict)
    sources: dict[str, tuple[str, dict[str, tuple[Answer, ...]]]] = field(default_factory=dict)


class AnswerBook:
    """Answers by target and source, each with the identities of the runs that it speaks of.

    What another identity had said is forgotten, so nothing is asked twice and nothing stale is kept.
    """

    def __init__(self, pages: dict[str, _Page] | None = None) -> None:
        self._pages = pages or {}

    @classmethod
    def read(cls, path: Path) -> AnswerBook:
        """The book in ``path``; an empty one where there is none that can be read, since it can be asked for again."""
        try:
            content = json.loads(path.read_text("utf-8"))
            if content["version"] != _VERSION:
                return cls()
            return cls({label: _page(values) for label, values in content["targets"].items()})
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return cls()

    def write(self, path: Path) -> None:
        """Keep the book in ``path``, as a whole."""
        targets = {label: _values(page) for label, page in self._pages.items()}
        write_whole(path, json.dumps({"version": _VERSION, "targets": targets}, ensure_ascii=False) + "\n")

    def missing(self, target: str, identity: str, sources: Sequence[Source]) -> list[Source]:
        """Those of ``sources`` to which ``target``, whose run has ``identity``, has not answered."""
        page = self._pages.get(target)
        if page is None or page.identity != identity:
            return list(sources)
        return [source for source in sources if page.sources.get(source.label, ("",))[0] != source.identity]

    def ask(self, target: str, identity: str, sources: Sequence[Source], predict: Predict) -> None:
        """Have ``target`` answer, through ``predict``, to what is missing of ``sources``."""
        if not (missing := self.missing(target, identity, sources)):
            return
        page = self._pages.get(target)
        if page is None or page.identity != identity:
            page = self._pages[target] = _Page(identity)
        shown = show(missing, predict, page.right)
        page.right.update(shown.right)
        for source in missing:
            found = {attack: shown.answers[source.label, attack] for attack in source.attacks}
            page.sources[source.label] = source.identity, found

    def keep(self, sources: Sequence[Source]) -> None:
        """Forget targets and sources that are not among ``sources``, as they have left the study."""
        labels = {source.label for source in sources}
        self._pages = {label: page for label, page in self._pages.items() if label in labels}
        for page in self._pages.values():
            page.sources = {label: found for label, found in page.sources.items() if label in labels}

    def answers(self, labels: Sequence[str]) -> dict[tuple[str, str, str], tuple[Answer, ...]]:
        """By source, target and attack, in the order of ``labels``."""
        return {
            (source, target, attack): found
            for source in labels
            for target in labels
            if target in self._pages and source in self._pages[target].sources
            for attack, found in self._pages[target].sources[source][1].items()
        }

    def right(self, target: str, among: Collection[int]) -> frozenset[int]:
        """Those of the samples ``among``, which some source attacked, that ``target`` classifies correctly."""
        return frozenset(sample for sample in among if self._pages[target].right[sample])


def _page(values: Mapping[str, Any]) -> _Page:
    sources = {
        label: (
            source["identity"],
            {attack: tuple(Answer(*answer) for answer in found) for attack, found in source["answers"].items()},
        )
        for label, source in values["sources"].items()
    }
    return _Page(values["identity"], {int(sample): bool(right) for sample, right in values["right"].items()}, sources)


def _values(page: _Page) -> dict[str, Any]:
    sources = {
        label: {
            "identity": identity,
            "answers": {attack: [[a.sample, a.distance, a.fooled] for a in found] for attack, found in answers.items()},
        }
        for label, (identity, answers) in page.sources.items()
    }
    return {"identity": page.identity, "right": page.right, "sources": sources}
