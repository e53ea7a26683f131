"""Where a run was made: versions, processor, commit, and what of it the last bits of scores follow."""

import os
import platform
import re
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np
import torch

from pixelproof import processor
from pixelproof.version import __version__

#: What the last bits of scores follow, and with them the way of a search.
ARITHMETIC = ("device", "torch", "arithmetic", "instructions")
#: Of a processor's flags, those that libraries choose their routines by.
_FLAGS = ("avx2", "fma", "avx512f", "avx512_bf16", "avx512_fp16", "avx512_vnni", "avx_vnni", "amx_tile", "amx_bf16")
_ARM_FLAGS = ("asimd", "bf16", "i8mm", "sve", "sve2", "svebf16")
#: By these a user forbids some of them.
_LIMITS = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "MKL_ENABLE_INSTRUCTIONS", "MKL_CBWR")


def environment(device: torch.device) -> dict[str, str]:
    """Names and values for the manifest; a git commit only where the working folder is under git."""
    values = {
        "date": datetime.now(UTC).date().isoformat(),
        "pixelproof": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "system": platform.platform(),
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "threads": str(torch.get_num_threads()),
        **arithmetic(device),
    }
    commit = _git_commit()
    return {**values, "git commit": commit} if commit else values


def arithmetic(device: torch.device) -> dict[str, str]:
    """What scores on ``device`` are computed with: two runs with the same agree bit for bit.

    The values of ``ARITHMETIC``: torch and the libraries below it with their versions, and, of a processor, the
    instructions that they find there, which a variable of the environment may limit.
    """
    values = {"torch": torch.__version__, "arithmetic": _libraries()}
    if device.type == "cuda":
        return {**values, "device": torch.cuda.get_device_name(device)}
    return {**values, "device": device.type, "instructions": _instructions()}


def moved(before: Mapping[str, str], now: Mapping[str, str]) -> str | None:
    """How the arithmetic ``now`` differs from that ``before``; None where what both name is the same."""
    other = [key for key in ARITHMETIC if key in before and key in now and before[key] != now[key]]
    if not other:
        return None
    return "; ".join(f"{key} {before[key]} before, {now[key]} now" for key in other)


def _libraries() -> str:
    """``mkl 2024.2, oneDNN 3.12.0``: what torch was built with."""
    told = torch.__config__.show()
    blas = re.search(r"BLAS_INFO=(\w+)", told)
    mkl = re.search(r"Math Kernel Library Version (\S+?)(?:-\S*)?\s", told)
    dnn = re.search(r"MKL-DNN v(\S+)", told)
    parts = [f"{blas[1]}{f' {mkl[1]}' if mkl and blas[1] == 'mkl' else ''}"] if blas else []
    return ", ".join([*parts, *([f"oneDNN {dnn[1]}"] if dnn else [])]) or "unknown"


def _instructions() -> str:
    """``AVX512: avx2 fma avx512f avx512_bf16``: what torch chose, the flags of the processor, limits that are set.

    MKL goes other ways on processors of other makers, so the maker is named too.
    """
    flags = processor.first_core("flags", "Features").split()
    named = [flag for flag in (*_FLAGS, *_ARM_FLAGS) if flag in flags]
    limits = [f"{name}={value}" for name in _LIMITS if (value := os.environ.get(name))]
    return " ".join(
        [f"{torch.backends.cpu.get_cpu_capability()}:", *processor.first_core("vendor_id").split(), *named, *limits]
    ).rstrip(":")


def _processor() -> str:
    return processor.first_core("model name") or platform.processor() or platform.machine()


def _git_commit() -> str | None:
    try:
        words = ["git", "rev-parse", "HEAD"]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=5)  # noqa: S603  # ours
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
