"""Masked models: images certified, at what cost, clean accuracy, and attacks on what is certified."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

import pixelproof as pp
from benchmarks.judged import at_least, at_most
from benchmarks.options import Row
from benchmarks.pictures import Pictures, UInt8, correct
from benchmarks.proofs.mask_attacks import Tried, climb, random_fills
from pixelproof.defences import MaskedClassifier, defend
from pixelproof.models import load_model
from pixelproof.models.query import Scorer
from pixelproof.proofs.attempt import Attempt
from pixelproof.proofs.check_masks import check_masks
from pixelproof.proofs.masks import prove_masks
from pixelproof.runs.record import Certificate

CPU = torch.device("cpu")
#: Seconds for one image.
LIMIT = 120.0
#: Attacks on a certified image: random tries, steps of climbing at every place, and queries of the few-pixel search.
TRIES, STEPS, QUERIES = 320, 4, 100
#: Certificates of a case that are checked, but for the first case, all of whose are.
CHECKED = 3


@dataclass(frozen=True)
class Case:
    """A network behind masks, the number of images, and how many of these are to be certified; None: only shown."""

    network: str
    masks: str
    images: int
    target: int | None = None


#: The certificates of the first are attacked, and its clean accuracy is measured.
CASES = (
    Case("lenet", "masks(4)", 30, 18),
    Case("lenet", "masks(2)", 30),
    Case("lenet", "masks(4,patch=2)", 30),
    Case("lenet", "masks(4,patch=4)", 30),
    Case("lenet", "masks(8,pixels=2)", 30),
    Case("resnet20-fast", "masks(6)", 10),
    Case("resnet20-fast", "masks(4)", 10),
    Case("resnet20", "masks(6)", 12),
)
SMALL = (Case("lenet", "masks(4)", 3),)


@dataclass(frozen=True)
class Certified:
    """An image of a case, and what was tried to prove, in seconds of processor time."""

    image: UInt8
    label: int
    attempt: Attempt
    seconds: float

    @property
    def proved(self) -> bool:
        return self.attempt.proved


def rows(small: bool = False) -> Iterator[Row]:
    """All rows as they are measured, ``small`` in a minute."""
    for case in SMALL if small else CASES:
        model, first = _masked(case), case in (*SMALL, CASES[0])
        certified = [_certify(model, *one) for one in _images(case)]
        proved = [each for each in certified if each.proved]
        yield from _certified_rows(case, model, certified, proved if first else proved[:CHECKED])
        if first:
            yield from _accuracy_rows(case, model, 50 if small else 1000)
            yield _attack_row(case, model, proved[: 1 if small else None])


def _masked(case: Case) -> MaskedClassifier:
    model = defend(load_model(f"zoo:{case.network}"), case.masks)
    assert isinstance(model, MaskedClassifier)
    return model


def _images(case: Case) -> list[tuple[UInt8, int]]:
    """The first bundled images that the bare network classifies correctly."""
    network = load_model(f"zoo:{case.network}")
    pictures: Pictures = correct(network.module, "bundled", case.images)  # type: ignore[attr-defined]
    return list(zip(pictures.images, map(int, pictures.labels), strict=True))


def _certify(model: MaskedClassifier, image: UInt8, label: int) -> Certified:
    begun = time.process_time()
    attempt = prove_masks(model, image, label, LIMIT)
    return Certified(image, label, attempt, time.process_time() - begun)


def _flaw(model: MaskedClassifier, one: Certified) -> str | None:
    """Why the checker does not accept the certificate of ``one``."""
    found = one.attempt
    facts = (found.proved, found.reason, found.size, found.queries, found.seconds, found.body)
    return check_masks(Certificate(0, "few-pixel", 1, "masks", "", *facts), one.image, one.label, model)


def _certified_rows(
    case: Case, model: MaskedClassifier, certified: list[Certified], checked: list[Certified]
) -> Iterator[Row]:
    proved = [each for each in certified if each.proved]
    what = f"{case.network} + {model.masks.name}: {model.masks.certified}"
    extras = {
        "images": len(certified),
        "cpu_seconds_an_image": _mean([each.seconds for each in certified]),
        "cpu_seconds_a_certificate": _mean([each.seconds for each in proved]),
        "queries_a_certificate": _mean([each.attempt.queries for each in proved]),
    }
    claim = f"{what}: images certified of {len(certified)} that the bare network classifies correctly"
    yield at_least(claim, len(proved), "images", case.target, **extras)
    begun = time.process_time()
    flaws = sum(_flaw(model, each) is not None for each in checked)
    seconds = round((time.process_time() - begun) / max(1, len(checked)), 3)
    claim = f"{what}: certificates that the checker does not accept, of {len(checked)}"
    yield at_most(claim, flaws, "certificates", 0, cpu_seconds_a_certificate=seconds)


def _mean(values: list[float] | list[int]) -> float | None:
    return round(float(np.mean(values)), 3) if values else None


def _attack_row(case: Case, model: MaskedClassifier, proved: list[Certified]) -> Row:
    rng, generator = np.random.default_rng(0), torch.Generator().manual_seed(0)
    fills = [random_fills(model, each.image, each.label, TRIES, rng) for each in proved]
    climbs = [climb(model, each.image, each.label, STEPS, generator) for each in proved]
    searches = _searched(model, proved)
    tries = {
        "random fills": sum(each.images for each in fills),
        "gradients of the mean behind masks": sum(each.images for each in climbs),
        "few-pixel search": sum(each.images for each in searches),
    }
    ways = zip(fills, climbs, searches, strict=True)
    broken = sum(any(each.broken for each in ways_of_one) for ways_of_one in ways)
    claim = f"{case.network} + {model.masks.name}: certified images that an attack inside one block breaks"
    return at_most(claim, broken, "images", 0, attacked=len(proved), tries=tries)


def _searched(model: MaskedClassifier, proved: list[Certified]) -> list[Tried]:
    """What our own few-pixel search at th = 1 comes to."""
    images, labels = np.stack([each.image for each in proved]), np.array([each.label for each in proved])
    run = pp.assess(model, images, labels, attacks=("few-pixel",), levels=(1,), max_queries=QUERIES).run
    return [Tried(each.queries, each.success) for each in run.records()]


def _accuracy_rows(case: Case, model: MaskedClassifier, number: int) -> list[Row]:
    """Of the masked model and of the bare one on the same images, in per cent."""
    data = pp.load_data("bundled").take(slice(0, number))
    found, labels = [], data.labels
    for classifier, name in ((model, model.masks.name), (model.classifier, "bare")):
        begun, before = time.process_time(), model.asked["queries"]
        right = int((np.array(Scorer(classifier, 64, CPU).classes_of(list(data.images))) == labels).sum())
        extras = {"images": number, "cpu_seconds": round(time.process_time() - begun, 1)}
        if classifier is model:
            extras["model_images_an_answer"] = round((model.asked["queries"] - before) / number, 1)
        claim = f"{case.network}, {name}: clean accuracy on the first {number} bundled images"
        found.append(at_least(claim, 100 * right / number, "%", None, **extras))
    return found
