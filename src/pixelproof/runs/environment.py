"""Where a run was made: versions, processor, commit."""

import os
import platform
import subprocess
from datetime import UTC, datetime

import numpy as np
import torch

from pixelproof.version import __version__


def environment(device: torch.device) -> dict[str, str]:
    """Names and values for the manifest; a git commit only where the working folder is under git."""
    values = {
        "date": datetime.now(UTC).date().isoformat(),
        "pixelproof": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "system": platform.platform(),
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "threads": str(torch.get_num_threads()),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
    }
    commit = _git_commit()
    return {**values, "git commit": commit} if commit else values


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as info:
            names = [line.split(":", 1)[1].strip() for line in info if line.startswith("model name")]
    except OSError:  # not Linux
        names = []
    return names[0] if names else platform.processor() or platform.machine()


def _git_commit() -> str | None:
    try:
        done = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False, timeout=5)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
