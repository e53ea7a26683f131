"""One identity for a run, pending or finished: a versioned hash of what changes the result, and of nothing else."""

from typing import Any

from pixelproof.runs.table import sealed

IDENTITY_VERSION = 2


def run_identity(job: str, settings: dict[str, Any], model_fingerprint: str, score_kind: str, data_sha256: str) -> str:
    """64 hexadecimal digits from the kind of ``job``, its resolved settings, the model's fingerprint, what its scores
    are, and the data.
    """
    return sealed(
        {
            "version": IDENTITY_VERSION,
            "job": job,
            "settings": settings,
            "model": model_fingerprint,
            "kind": score_kind,
            "data": data_sha256,
        }
    )
