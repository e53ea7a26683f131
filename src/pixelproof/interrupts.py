"""Ending in order when told to: SIGTERM becomes an exception, as Ctrl-C is one."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Never


class Terminated(KeyboardInterrupt):
    """The process was told to end (SIGTERM)."""


@contextmanager
def terminable() -> Iterator[None]:
    """Meanwhile SIGTERM raises ``Terminated`` in the main thread; elsewhere nothing is changed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _terminate(number: int, frame: FrameType | None) -> Never:
    raise Terminated
