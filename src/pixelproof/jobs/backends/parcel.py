"""A job as it goes to another process: pixels apart, so that those who share a memory share them too.

The model does not go along where it can be opened there by its name; what was handed over in Python does.
"""

import pickle
import platform
import socket
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

import cloudpickle
import numpy as np
import torch

from pixelproof.errors import InputError, ModelError
from pixelproof.jobs.job import Job, choose_device
from pixelproof.jobs.open import open_model
from pixelproof.models import settle_classes, settle_kind
from pixelproof.models.classifier import ScoreKind
from pixelproof.runs import Manifest
from pixelproof.version import __version__
from pixelproof.wording import listed

Buffer = Any  # what holds bytes: of bytes, an array, or a part of memory


def versions() -> dict[str, str]:
    """What must be the same everywhere, as it decides the bits of the records."""
    return {
        "pixelproof": __version__,
        "Python": ".".join(platform.python_version_tuple()[:2]),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "the processor's instructions": torch.backends.cpu.get_cpu_capability(),
    }


@dataclass(frozen=True)
class Parcel:
    """A job and the manifest of its run, pickled: ``body``, and the contents of its arrays, ``buffers``.

    ``gpu``: its steps need one.
    """

    versions: dict[str, str]
    gpu: bool
    body: bytes
    buffers: Sequence[Buffer]


def packed(job: Job, manifest: Manifest) -> Parcel:
    """``job`` with what its steps need. Raises ``InputError`` where its model cannot go to another process."""
    travelling, model = copy(job), job.classifier
    if not job.spec.model.startswith("python:"):
        travelling.classifier = None  # type: ignore[assignment]  # opened where it arrives
    buffers: list[pickle.PickleBuffer] = []
    content = travelling, manifest, model.fingerprint, model.kind
    try:
        body = cloudpickle.dumps(content, protocol=5, buffer_callback=buffers.append)
    except Exception as error:  # of the model's own ways of pickling, whatever they raise
        raise InputError(
            f"The model {model.name} cannot be handed to another process ({error}); go on with one worker."
        ) from error
    return Parcel(versions(), job.device.type == "cuda", body, [each.raw() for each in buffers])


def unpacked(parcel: Parcel) -> tuple[Job, Manifest]:
    """The job of ``parcel``, its model opened here. Raises ``InputError`` where this process cannot do its steps."""
    _check_versions(parcel.versions)
    try:
        job, manifest, fingerprint, kind = pickle.loads(parcel.body, buffers=parcel.buffers)  # noqa: S301  # from the process that began us
        _check_device(job)
        if job.classifier is None:
            job.classifier = open_model(job.spec)
            _settle(job, fingerprint, kind)
    except InputError as error:
        raise type(error)(f"The worker on {socket.gethostname()} cannot do its part: {error}") from error
    return job, manifest


def _check_versions(there: dict[str, str]) -> None:
    here = versions()
    differing = [f"{name} {here[name]} and not {there[name]}" for name in here if here[name] != there[name]]
    if differing:
        raise InputError(
            f"The worker on {socket.gethostname()} has {listed(differing)} as the process that writes, and records "
            "would not be the same bit for bit; install the same there."
        )


def _check_device(job: Job) -> None:
    if choose_device(job.device.type).type != job.device.type:
        raise InputError(f"there is no {job.device.type} device.")


def _settle(job: Job, fingerprint: str, kind: ScoreKind) -> None:
    """What the process that writes has found out of the model; or it is another one."""
    settle_classes(job.classifier, len(job.card.class_names))
    settle_kind(job.classifier, kind)
    if job.classifier.fingerprint != fingerprint:
        raise ModelError(f"{job.spec.model} is another model there: its fingerprint differs, so give it the same file.")
