"""Global random numbers, which libraries draw from, made reproducible for a while."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import numpy as np
import torch


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Python's, NumPy's and torch's global states as ``seed`` (below 2³²) makes them; as they were afterwards.

    A ``RandomState`` that a library makes without a seed meanwhile follows from NumPy's global one.
    """
    cuda = [device] if device.type == "cuda" else []
    of_python, of_numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 - the state that libraries draw from
    with torch.random.fork_rng(cuda), patch.object(np.random, "RandomState", _Derived):
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would seed devices that are not put back
        if cuda:
            torch.cuda.default_generators[device.index or 0].manual_seed(seed)
        try:
            yield
        finally:
            random.setstate(of_python)
            np.random.set_state(of_numpy)  # noqa: NPY002


class _Derived(np.random.RandomState):
    def __init__(self, seed: int | None = None) -> None:
        super().__init__(np.random.randint(2**31) if seed is None else seed)  # noqa: NPY002
