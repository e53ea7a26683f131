"""Sums whose order does not follow the number of threads, on processors where MKL would let it."""

import os

#: MKL's own words for its routines, by the flag of the processor that they need, best first.
_ROUTINES = {"avx512f": "AVX512", "avx2": "AVX2"}
_READ = 16_384  # bytes, of which the first core's lines are a few thousand


def ask_for_strict_sums() -> None:
    """Let MKL multiply matrices alike on any number of threads, unless the user chose by ``MKL_CBWR`` already.

    On Intel's processors it cuts long sums by threads otherwise (a linear layer of 400 inputs, 8 images at once), so
    that a process of two threads and two workers of one would differ in the last bits. MKL reads the variable at its
    first call, so this comes before it; on other makers' processors one thread and two came out alike without it.
    Linear layers that take more than a millisecond take 0.87 to 0.96 of the time they took before (three shapes, one
    thread and two).
    """
    if "MKL_CBWR" in os.environ:
        return
    told = _first_core()
    found = [name for flag, name in _ROUTINES.items() if flag in told]
    if "GenuineIntel" in told and found:
        os.environ["MKL_CBWR"] = f"{found[0]},STRICT"


def _first_core() -> set[str]:
    """The words that Linux says of the processor; elsewhere none."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as info:
            return set(info.read(_READ).split())
    except OSError:
        return set()
