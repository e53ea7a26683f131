"""Ctrl-C and SIGTERM, at any time: one sentence, the right exit code, at once, and the run goes on from there."""

import random
import signal
import time
from collections.abc import Mapping
from pathlib import Path

from benchmarks.judged import at_most
from benchmarks.options import Row
from benchmarks.torture.killing import Child, forked
from benchmarks.torture.wrecks import Tally, Whole, typed

#: Exit codes that shells expect.
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
SENTENCE = "Interrupted; nothing finished is lost. Continue with: pixelproof "
#: Signals of each kind for each case, in full and in small; seconds to answer within, in full.
TIMES, PATIENCE = {False: 4, True: 1}, 2.0
SMALL_CASES = ("levels", "train")


def rows(wholes: Mapping[str, Whole], work: Path, small: bool) -> list[Row]:
    """For each signal whether all runs ended in order, and the longest that one took to."""
    found, chosen = [], [wholes[name] for name in (SMALL_CASES if small else wholes)]
    for number in CODES:
        tally, slowest = _sent(number, chosen, work / number.name, TIMES[small])
        found.append(tally.row(f"{number.name} at any time"))
        found.append(at_most(f"{number.name}: the slowest answer", slowest, "s", None if small else PATIENCE))
    return found


def _sent(number: signal.Signals, wholes: list[Whole], work: Path, times: int) -> tuple[Tally, float]:
    tally, slowest, draw = Tally(), 0.0, random.Random(5)
    for whole in wholes:
        for turn in range(times if whole.case.words else 0):
            out = work / f"{whole.case.name} {turn}"
            child = Child(lambda case=whole.case, out=out: typed(case, out))  # type: ignore[misc]
            child.let(draw.uniform(0.02, whole.seconds))
            if not child.running():
                child.end()
                continue
            child.send(number)
            sent = time.perf_counter()
            ended = child.end()
            slowest = max(slowest, time.perf_counter() - sent)
            again = forked(lambda case=whole.case, out=out: case.go(out))  # type: ignore[misc]
            if ended.code == 0 or (ended.code == -number and not out.exists()):
                continue  # it was about to end by itself, or had not begun
            if ended.code != CODES[number] or ended.said.count(SENTENCE) != 1 or "Traceback" in ended.said:
                tally.wrong.append(f"{whole.case.name}: exit code {ended.code}, {ended.said[-300:]!r}")
            elif again.code or whole.differing(out):
                tally.wrong.append(f"{whole.case.name}: gone on with: {again.said[-300:]!r}, {whole.differing(out)}")
            else:
                tally.equal += 1
    return tally, slowest
