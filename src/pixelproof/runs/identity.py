"""One identity for a run, pending or finished: a versioned hash of what changes the result, and of nothing else."""

from __future__ import annotations

import hashlib
import json
from typing import Any

IDENTITY_VERSION = 1


def run_identity(settings: dict[str, Any], model_fingerprint: str, score_kind: str, data_sha256: str) -> str:
    """64 hexadecimal digits from the resolved settings, the model's fingerprint, what its scores are, and the data."""
    content = [IDENTITY_VERSION, settings, model_fingerprint, score_kind, data_sha256]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
