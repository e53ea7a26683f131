"""Ending in order when told to: SIGTERM becomes an exception, as Ctrl-C is one."""

import shlex
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Never


class Terminated(KeyboardInterrupt):
    """The process was told to end (SIGTERM)."""


def interrupted(cause: BaseException, continuation: Sequence[str]) -> tuple[str, int]:
    """What a command says that was ended by ``cause``, and its exit code: 143 by SIGTERM, else 130."""
    sentence = f"Interrupted; nothing finished is lost. Continue with: {shlex.join(continuation)}"
    return sentence, 143 if isinstance(cause, Terminated) else 130


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
