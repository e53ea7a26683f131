"""Verifying what tests have run."""

from __future__ import annotations

from pixelproof.data import ImageSet
from pixelproof.errors import InputError
from pixelproof.jobs.open import told_spec
from pixelproof.jobs.verify import Verification, unreadable, verify
from pixelproof.models import Classifier
from pixelproof.runs import RunStore
from watched import CPU


def verified(
    run: RunStore, classifier: Classifier | None, data: ImageSet | None, share: float = 0.0, seed: int = 0
) -> Verification:
    """What becomes of ``run`` of ``classifier``, on all the ``data`` that its spec names; a ``share`` is done again."""
    try:
        spec = told_spec(run)
    except InputError as error:
        return unreadable(run, error)
    return verify(run, spec, classifier, data, CPU, share=share, seed=seed)
