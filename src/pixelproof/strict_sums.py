"""Sums whose order does not follow the number of threads, on processors where MKL would let it."""

import os

from pixelproof.processor import first_core

#: MKL's own words for its routines, by the flag of the processor that they need, best first.
_ROUTINES = {"avx512f": "AVX512", "avx2": "AVX2"}


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
    flags = first_core("flags").split()
    found = [name for flag, name in _ROUTINES.items() if flag in flags]
    if first_core("vendor_id") == "GenuineIntel" and found:
        os.environ["MKL_CBWR"] = f"{found[0]},STRICT"
