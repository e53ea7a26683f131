"""What the checkpoints come to: the sentence that a reviewer writes first."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pixelproof.results.audit.checkpoint import CheckpointResult, Verdict
from pixelproof.results.audit.power import COARSE, more_samples, smallest_inflation
from pixelproof.results.audit.statistics import overstated
from pixelproof.results.intervals import Rate
from pixelproof.wording import listed, plural

#: ``fail``: objections. ``pass``: sound; ``warn``: sound with reservations. ``open``: undecided.
Overall = Literal["fail", "warn", "pass", "open"]

#: The checkpoints there are.
ALL = 20


@dataclass(frozen=True)
class Judgement:
    """``counts`` of the results by verdict; ``title`` is the judgement in a few words, ``sentences`` its grounds."""

    verdict: Overall
    title: str
    sentences: tuple[str, ...]
    counts: Mapping[Verdict, int]


def judgement(
    results: Sequence[CheckpointResult],
    planned: Collection[int],
    robust_accuracy: float,
    surviving: Rate | None,
    total: int = ALL,
) -> Judgement:
    """Over ``results`` of the checkpoints ``planned``, of ``total`` that there are.

    ``robust_accuracy`` in percent is what is claimed; ``surviving`` are the samples right under all attacks made.
    """
    counts = Counter(each.verdict for each in results)
    left = len(set(planned) - {each.number for each in results})
    doubts = [*_left(left), *_unasked(len(results) + left, total), *_power(robust_accuracy, surviving)]
    verdict = _verdict(counts, bool(doubts))
    against = [each for each in results if each.verdict == verdict]
    sentences = (_grounds(verdict, against), _figures(robust_accuracy, surviving), *doubts, _uncounted(results))
    return Judgement(verdict, _TITLES[verdict], tuple(each for each in sentences if each), counts)


_TITLES: Mapping[Overall, str] = {
    "fail": "Objections: the claim does not stand",
    "warn": "Sound, with reservations",
    "pass": "Sound: no objection was found",
    "open": "Undecided: the claim is neither refuted nor supported",
}


def _verdict(counts: Mapping[Verdict, int], undecided: bool) -> Overall:
    """One failure decides; without one, what was not asked, or not measured finely enough, is no support."""
    if counts["fail"]:
        return "fail"
    if undecided or not (counts["pass"] or counts["warn"]):
        return "open"
    return "warn" if counts["warn"] else "pass"


def _grounds(verdict: Overall, those: Sequence[CheckpointResult]) -> str:
    named, many = listed([each.label for each in those]), len(those) > 1
    if verdict == "fail":
        return f"{'Checkpoints' if many else 'Checkpoint'} {named} {'speak' if many else 'speaks'} against it."
    if verdict == "warn":
        doubt = "leave doubts" if many else "leaves a doubt"
        return f"Nothing contradicts it, but {'checkpoints' if many else 'checkpoint'} {named} {doubt}."
    if verdict == "pass":
        found = f"All {len(those)} checkpoints that could be judged pass" if many else f"Checkpoint {named} passes"
        return f"{found}. That is no proof: a stronger attack may yet be found."
    return "" if those else "No checkpoint speaks against it so far, and that says nothing yet."


def _figures(claimed: float, surviving: Rate | None) -> str:
    if surviving is None:
        return ""
    return f"{claimed:g} % are claimed to be right under attack; {surviving} survived every attack made here."


def _uncounted(results: Sequence[CheckpointResult]) -> str:
    """What must not be read as passed."""
    skipped = sum(each.verdict == "skipped" for each in results)
    asked = sum(len(each.questions) for each in results)
    parts = [f"{plural(skipped, 'checkpoint')} could not be measured here"] if skipped else []
    parts += [f"{plural(asked, 'question')} {'waits' if asked == 1 else 'wait'} for a person"] if asked else []
    return f"{listed(parts)}: none of this counts as passed." * bool(parts)


# Why nothing is decided.


def _left(left: int) -> list[str]:
    still = f"{plural(left, 'checkpoint')} {'is' if left == 1 else 'are'} still to be asked"
    return [f"The audit is not finished: {still}."] * bool(left)


def _unasked(planned: int, total: int) -> list[str]:
    """What was never to be asked is no support either."""
    if planned >= total:
        return []
    others = total - planned
    return [f"Of {total} checkpoints {others} {'was' if others == 1 else 'were'} not asked."]


def _power(claimed: float, surviving: Rate | None) -> list[str]:
    if surviving is None or surviving.value is None:
        return ["No attack was made, so nothing is known of the accuracy under it."]
    share = 100 * surviving.value
    if overstated(claimed, surviving):
        return [f"The claim lies above all that {plural(surviving.total, 'sample')} allow."]
    if claimed > share:
        return [
            f"The claim lies {claimed - share:.1f} points above what was measured, which {surviving.total} samples "
            f"cannot tell from chance: to decide it, {more_samples(claimed, surviving)}."
        ]
    if smallest_inflation(surviving) > COARSE:
        return [
            f"On {plural(surviving.total, 'sample')} only an inflation of {smallest_inflation(surviving):.0f} points "
            "or more would have been found, so take more samples."
        ]
    return []
