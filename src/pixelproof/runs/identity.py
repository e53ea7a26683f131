"""One identity for a run, pending or finished: a versioned hash of what changes the result, and of nothing else."""

import json
import shlex
from dataclasses import asdict
from typing import Any

from pixelproof.runs.record import Manifest
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


def root_of(manifest: Manifest) -> str:
    """The root of the digest tree of a run with ``manifest``, 64 hexadecimal digits: nothing that it says, no record
    and no image can change without it.

    The tree: of each record, with its images, a digest; one of all of these, which a finished run's manifest holds; and
    this one, of the manifest. It says so much where ``RunStore.altered`` finds nothing.
    """
    return sealed(json.loads(json.dumps(asdict(manifest))))


def verify_command(place: str, manifest: Manifest) -> str:
    """What verifies the run at ``place``, and, once it is finished, that it is still this very run."""
    trust = " --trust-code" if manifest.spec.get("trust_code") else ""
    digest = f" --digest {root_of(manifest)}" if manifest.status == "finished" else ""
    return f"pixelproof verify {shlex.quote(place)}{trust}{digest}"
