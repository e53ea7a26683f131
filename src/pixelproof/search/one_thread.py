"""Linear algebra on one thread: on two, products and factors of matrices have other bits."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_LINEAR_ALGEBRA = threading.Lock()


@contextmanager
def one_thread() -> Iterator[None]:
    """Run BLAS and LAPACK on one thread, in a block or as a decorator. The setting is put back."""
    with _LINEAR_ALGEBRA:
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(before)
