"""Where the time goes: the main thread's stack, looked at every few milliseconds."""

import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import pixelproof

_HOME = str(Path(pixelproof.__file__).parent)
PERIOD = 0.005


@contextmanager
def sampled(counts: Counter[str]) -> Iterator[None]:
    """Adds to ``counts`` how often each room of pixelproof was at work; ``models`` is the network itself."""
    main, over = threading.get_ident(), threading.Event()

    def look() -> None:
        while not over.wait(PERIOD):
            frame = sys._current_frames().get(main)
            if frame is not None:
                counts[_room(frame)] += 1

    thread = threading.Thread(target=look, daemon=True)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(min(interval, PERIOD / 5))
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        sys.setswitchinterval(interval)


def shares(counts: Counter[str]) -> dict[str, float]:
    """Each room's share in per cent, largest first."""
    total = max(1, sum(counts.values()))
    return {room: round(100 * n / total, 1) for room, n in counts.most_common()}


def _room(frame: FrameType | None) -> str:
    """``models`` where the network is being asked, else the room of the innermost frame of ours."""
    inner = "elsewhere"
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(_HOME):
            room = file[len(_HOME) + 1 :].partition("/")[0].removesuffix(".py")
            if room == "models":
                return "models"
            inner = room if inner == "elsewhere" else inner
        frame = frame.f_back
    return inner
