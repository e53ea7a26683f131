"""Proofs by bounds: images decided, the seconds of processor time that takes, and random attacks on what is proved.

Every image's outcome, and what is said of its proof, is kept in a folder and asked once.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

import pixelproof as pp
from benchmarks.judged import at_least, at_most
from benchmarks.missing import MissingError
from benchmarks.options import Row
from benchmarks.pictures import UInt8, correct
from benchmarks.proofs.kept import kept
from pixelproof.models.torch_module import TorchClassifier
from pixelproof.proofs.bounds import prove_bounds
from pixelproof.proofs.check import check
from pixelproof.runs.record import Certificate
from pixelproof.units import to_unit
from pixelproof.wording import listed
from pixelproof.zoo import registry

#: Random images within the constraint that each proved image is attacked with, and how many at a time.
TRIES, BATCH = 100_000, 1_000
#: The searches that attack it too, and the queries of each.
SEARCHES = {
    "few-pixel": ("auto", "sparse-random", "sparse-rs", "brusle", "de", "cma-es", "sep-cma-es"),
    "threshold": ("auto", "square", "de", "cma-es", "sep-cma-es"),
}
QUERIES = 1_000


@dataclass(frozen=True)
class Case:
    """A network, a constraint, so many images, and the seconds for each; ``decided``: the share to reach, in %.

    ``proved``: how many images are to be proved. ``mean`` and ``most``: seconds of a proved image. ``checked``: of how
    many proved images the checker reads the certificate.
    """

    network: str
    constraint: Literal["few-pixel", "threshold"]
    threshold: int
    images: int
    seconds: float
    decided: float | None = None
    proved: int | None = None
    mean: float | None = None
    most: float | None = None
    checked: int = 3

    @property
    def name(self) -> str:
        return f"{self.network}-{self.constraint}-{self.threshold}"

    def __str__(self) -> str:
        what = "one colour pixel" if self.constraint == "few-pixel" else f"L∞ th = {self.threshold}"
        return f"{self.network}, {what}, first {self.images} correct images"


CASES = (
    Case("lenet", "few-pixel", 1, 30, 600, decided=100, mean=45, most=120),
    Case("strided-cnn", "few-pixel", 1, 30, 600, decided=90),
    Case("resnet20-mnist", "threshold", 1, 10, 600, proved=9),
    Case("resnet20-mnist", "threshold", 2, 3, 900, proved=1, checked=1),
    Case("resnet20-fast", "few-pixel", 1, 3, 60),
)
SMALL = (Case("lenet", "few-pixel", 1, 2, 60),)


def parts(folder: Path, mnist: str | None, small: bool = False) -> Iterator[tuple[str, list[Row]]]:
    """Each case's name and rows; ``folder`` keeps what each image came to, ``mnist`` names the grey network's data."""
    for case in SMALL if small else CASES:
        try:
            yield case.name, _case_rows(case, [*_outcomes(case, folder, mnist)])
        except MissingError as error:
            print(f"{case}: left out. {error}", flush=True)


def _outcomes(case: Case, folder: Path, mnist: str | None) -> Iterator[dict[str, Any]]:
    """What each image came to, from ``folder`` or now."""
    grey = registry.entry(case.network).shape[2] == 1
    if grey and mnist is None:
        raise MissingError("It needs MNIST; give --mnist DIR.")
    if reason := registry.absence(f"zoo:{case.network}", case.network):
        raise MissingError(reason)
    network = registry.load(case.network)
    pictures = correct(network, f"idx:{mnist}" if grey else "bundled", case.images)
    proved = 0
    for image, label, index in zip(pictures.images, pictures.labels.tolist(), pictures.indices, strict=True):
        name = f"{case.name}-{index}"
        outcome = kept(folder / f"{name}.json", partial(_outcome, case, network, image, label))
        print(f"{case}, image {index}: {outcome['answer']}, {outcome['seconds']:.1f} s", flush=True)
        if outcome["answer"] == "proved":
            outcome |= kept(folder / f"{name}-attacked.json", partial(_attacked, case, network, image, label))
            if proved < case.checked:
                check_it = partial(_checked, case, network, image, label, outcome)
                outcome |= kept(folder / f"{name}-checked.json", check_it)
            proved += 1
        yield outcome


def _attacked(case: Case, network: nn.Module, image: UInt8, label: int) -> dict[str, Any]:
    """How many random images, and which of our searches, break the image."""
    searches = []
    for search in SEARCHES[case.constraint]:
        limits: dict[str, Any] = {"levels": (case.threshold,), "max_queries": QUERIES}
        model = TorchClassifier(network, name=case.network, kind="logits")
        run = pp.assess(model, image[None], np.array([label]), attacks=(case.constraint,), search=search, **limits).run
        searches += [search for record in run.records() if record.success]
        run.close()
    return {"random": _broken_by_chance(case, network, image, label), "searches": searches}


def _checked(case: Case, network: nn.Module, image: UInt8, label: int, outcome: dict[str, Any]) -> dict[str, Any]:
    """What the checker says of a proof."""
    facts = [outcome[name] for name in ("size", "queries", "seconds", "body")]
    certificate = Certificate(0, case.constraint, case.threshold, "bounds", "", True, "", *facts)
    begun = time.process_time()
    flaw = check(certificate, image, label, TorchClassifier(network, name=case.network, kind="logits"))
    return {"flaw": flaw, "check_seconds": time.process_time() - begun}


def _outcome(case: Case, network: nn.Module, image: UInt8, label: int) -> dict[str, Any]:
    begun = time.process_time()
    attempt = prove_bounds(network, image, label, case.constraint, case.threshold, case.seconds)
    seconds = time.process_time() - begun
    answer = "proved" if attempt.proved else "open" if attempt.found is None else "broken"
    return {
        "answer": answer,
        "reason": attempt.reason,
        "size": attempt.size,
        "queries": attempt.queries,
        "seconds": seconds,
        "body": attempt.body,
    }


def _broken_by_chance(case: Case, network: nn.Module, image: UInt8, label: int) -> int:
    """How many of ``TRIES`` random images within the constraint are answered otherwise."""
    generator, broken = np.random.default_rng(0), 0
    height, width, channels = image.shape
    for _ in range(TRIES // BATCH):
        images = np.repeat(image[None], BATCH, 0)
        if case.constraint == "few-pixel":
            places = (np.arange(BATCH), generator.integers(height, size=BATCH), generator.integers(width, size=BATCH))
            images[places] = generator.integers(256, size=(BATCH, channels))
        else:
            moves = generator.integers(-case.threshold, case.threshold + 1, size=images.shape)
            images = (images + moves).clip(0, 255).astype(np.uint8)
        with torch.inference_mode():
            broken += int((network(to_unit(torch.from_numpy(images))).argmax(1) != label).sum())
    return broken


def _case_rows(case: Case, outcomes: list[dict[str, Any]]) -> list[Row]:
    proved = [each for each in outcomes if each["answer"] == "proved"]
    broken = [each for each in outcomes if each["answer"] == "broken"]
    shown = {"broken": len(broken), "proved": len(proved), "open": len(outcomes) - len(broken) - len(proved)}
    decided = 100 * (len(proved) + len(broken)) / len(outcomes)
    found = [at_least(f"{case}: decided", decided, "%", case.decided, **shown)]
    if case.proved is not None:
        found.append(at_least(f"{case}: proved", len(proved), "images", case.proved))
    if not proved:
        return found
    seconds, checked = [each["seconds"] for each in proved], [each for each in proved if "flaw" in each]
    accepted, attempts = sum(each["flaw"] is None for each in checked), f"{TRIES:,} random images each"
    searched = f"{listed([*SEARCHES[case.constraint]])}, {QUERIES:,} queries each"
    return [
        *found,
        at_most(f"{case}: processor time of a proved image, mean", float(np.mean(seconds)), "s", case.mean),
        at_most(f"{case}: processor time of a proved image, most", max(seconds), "s", case.most),
        at_most(f"{case}: boxes of a certificate, mean", float(np.mean([e["size"] for e in proved])), "boxes", None),
        at_least(f"{case}: certificates that the checker accepts", accepted, "certificates", len(checked)),
        at_most(f"{case}: processor time of a check, mean", _mean_check(checked), "s", None),
        at_most(f"{case}: proved images broken by {attempts}", sum(e["random"] > 0 for e in proved), "images", 0),
        at_most(f"{case}: proved images broken by {searched}", sum(bool(e["searches"]) for e in proved), "images", 0),
    ]


def _mean_check(checked: list[dict[str, Any]]) -> float:
    return float(np.mean([each["check_seconds"] for each in checked]))
