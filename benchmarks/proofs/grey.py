"""One grey pixel: images of MNIST decided by asking about every value of every pixel.

Every image's outcome is kept in a folder and asked once.
"""

import time
from functools import partial
from pathlib import Path

import numpy as np
import torch

from benchmarks.judged import at_least, at_most
from benchmarks.options import Row
from benchmarks.pictures import UInt8, correct
from benchmarks.proofs.kept import kept
from pixelproof.models import load_model
from pixelproof.models.query import Scorer
from pixelproof.proofs.sweep import OTHERS, sweep

NETWORK, IMAGES, BATCH = "resnet20-mnist", 10, 256
#: Seconds for one image, so many that none is left open for want of them.
SECONDS = 3600.0


def rows(folder: Path, mnist: str, small: bool = False) -> list[Row]:
    """The images decided, and what a complete sweep costs."""
    network = load_model(f"zoo:{NETWORK}")
    pictures = correct(network.module, f"idx:{mnist}", 1 if small else IMAGES)  # type: ignore[attr-defined]
    scorer = Scorer(network, BATCH, torch.device("cpu"))
    outcomes = []
    for image, label, index in zip(pictures.images, pictures.labels.tolist(), pictures.indices, strict=True):
        path = folder / f"{NETWORK}-sweep-{index}.json"
        outcomes.append(kept(path, partial(_outcome, scorer, image, label)))
        print(f"{NETWORK}, image {index}: {outcomes[-1]['answer']}, {outcomes[-1]['seconds']:.0f} s", flush=True)
    shown = {answer: sum(each["answer"] == answer for each in outcomes) for answer in ("broken", "proved", "open")}
    decided = shown["broken"] + shown["proved"]
    about, complete = (
        f"{NETWORK}, one grey pixel, first {len(outcomes)} correct images",
        pictures.images[0].size * OTHERS,
    )
    proved = [each for each in outcomes if each["answer"] == "proved"]
    seconds = float(np.mean([each["seconds"] for each in proved])) if proved else None
    incomplete = sum(each["queries"] != complete for each in proved)
    return [
        at_least(f"{about}: decided", decided, "images", len(outcomes), **shown, cpu_seconds_a_proof=seconds),
        at_most(f"{about}: proofs that asked about fewer than all {complete:,} images", incomplete, "proofs", 0),
    ]


def _outcome(scorer: Scorer, image: UInt8, label: int) -> dict[str, object]:
    begun = time.process_time()
    attempt = sweep(scorer, image, label, SECONDS)
    answer = "proved" if attempt.proved else "open" if attempt.found is None else "broken"
    seconds = time.process_time() - begun
    return {"answer": answer, "reason": attempt.reason, "queries": attempt.queries, "seconds": seconds}
