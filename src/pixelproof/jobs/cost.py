"""What a job costs of the model, in a line before the work and one after it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pixelproof.wording import count, duration, listed, plural

#: What goes through a model beside the queries, in the words of the line after the work.
_BESIDE = {"preflight": "to check the model", "selection": "to select samples", "padding": "to fill batches up"}


@dataclass(frozen=True)
class Cost:
    """What is left of a job: ``queries`` at most, ``batch`` images a call, and what asks ``besides``, nobody knows how
    much before."""

    queries: int
    batch: int
    besides: Sequence[str] = ()


def cost_line(cost: Cost, images_per_second: float) -> str:
    """What the work will cost, and how long the model takes for that; a speed of 0 is not known."""
    besides = f", and those of {listed(list(cost.besides))}" if cost.besides else ""
    text = f"at most {plural(cost.queries, 'query', 'queries')}{besides}, in batches of {count(cost.batch)}"
    if not images_per_second:
        return f"{text}."
    left = duration(round(cost.queries / images_per_second))
    return f"{text}; at about {_speed(images_per_second)} the model alone takes {left} for {count(cost.queries)}."


def spent_line(timings: Mapping[str, float]) -> str:
    """What went through the model in all sittings."""
    beside = [f"{count(round(timings[name]))} {words}" for name, words in _BESIDE.items() if timings.get(name)]
    text = plural(round(timings.get("queries", 0)), "query", "queries")
    return f"{text}; beside them {listed(beside)}: {count(_images(timings))} images in all." if beside else f"{text}."


def speed_of(timings: Mapping[str, float]) -> float:
    """Images a second of earlier sittings, all that was done beside asking included; 0 where there were none."""
    return _images(timings) / timings["seconds"] if timings.get("seconds") else 0.0


def _images(timings: Mapping[str, float]) -> int:
    """Images that went through the model: queries and what there was beside them."""
    return round(sum(timings.get(name, 0) for name in ("queries", *_BESIDE)))


def _speed(images_per_second: float) -> str:
    if images_per_second >= 1:
        return f"{plural(round(images_per_second), 'image')} a second"
    return f"an image in {1 / images_per_second:.2g} s"
