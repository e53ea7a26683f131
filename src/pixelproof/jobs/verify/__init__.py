"""Verifying a run: what follows from its records, what its job begins with here, and a share of it done again."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import torch

from pixelproof.data import ImageSet
from pixelproof.data.imageset import UInt8Array
from pixelproof.errors import InputError
from pixelproof.jobs.audit.job import AuditJob
from pixelproof.jobs.job import Job
from pixelproof.jobs.open import Spec, considered
from pixelproof.jobs.transfer import TransferSpec
from pixelproof.jobs.verify.begun import begun_problems, counted, varies
from pixelproof.jobs.verify.complete import incomplete
from pixelproof.jobs.verify.job_again import NotAtHandError, as_taken, job_again
from pixelproof.jobs.verify.replay import Replay, Tell, judged_problems, replay
from pixelproof.jobs.verify.selected import selection_problems
from pixelproof.models import Classifier, settle_classes, settle_kind
from pixelproof.models.query import predictor
from pixelproof.proofs.check import check as check_certificate
from pixelproof.runs import Certificate, RunStore
from pixelproof.runs.environment import arithmetic, moved
from pixelproof.runs.verify import Check, Predict, problems_of

__all__ = ["Verification", "verify"]

#: Sentences on what does not hold that are kept; there may be one for every record of a large run.
MOST = 1_000


@dataclass(frozen=True)
class Verification:
    """What was looked at, and which claims do not hold, one sentence each; ``problems`` is empty when all hold.

    There are ``more`` of them than are kept. ``unchecked`` says what was not looked at, ``replayed`` what was done
    again, ``differing`` what did not come out equal where that proves nothing, as on another kind of processor.
    """

    records: int
    images: int
    problems: tuple[str, ...]
    more: int = 0
    unchecked: tuple[str, ...] = ()
    replayed: Replay | None = None
    differing: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        return not self.problems


def verify(
    run: RunStore,
    spec: Spec,
    classifier: Classifier | None,
    data: ImageSet | None,
    device: torch.device,
    *,
    share: float = 0.0,
    seed: int | None = None,
    digest: str | None = None,
    tell: Tell = lambda _: None,
) -> Verification:
    """Compute again what ``run`` of ``spec`` claims, on ``classifier`` and on all the ``data`` that its spec names.

    What is None of these is not at hand. ``share`` (0 to 1) of its steps are done again, drawn by ``seed``, or by one
    that nobody could know before. ``digest``: what the run's root must be. Memory does not grow with the samples.
    Raises ``RunError`` for a run that holds what none does.
    """
    seed = secrets.randbits(64) if seed is None else seed
    with run.reading():
        checking = _Checking(run, spec, classifier, data, device, tell)
        found = checking.problems(digest, share, seed)
        kept = tuple(dict.fromkeys(islice(found, MOST)))
        more = sum(1 for _ in found)
        return Verification(
            *run.sizes(), kept, more, tuple(checking.unchecked), checking.replayed, tuple(checking.differing)
        )


def unreadable(run: RunStore, error: InputError) -> Verification:
    """What is said of ``run`` where ``error`` tells that what was asked for cannot be read: it was altered.

    Raises ``error`` where the digests fit all the same.
    """
    found = run.altered()
    if not found:
        raise error
    return Verification(*run.sizes(), (*found[:MOST], f"What was asked for cannot be read: {error}"))


class _Checking:
    """One verification, with what it notes on the way."""

    def __init__(
        self,
        run: RunStore,
        spec: Spec,
        classifier: Classifier | None,
        data: ImageSet | None,
        device: torch.device,
        tell: Tell,
    ) -> None:
        self._run, self._manifest, self._spec = run, run.manifest, spec
        self._classifier, self._device, self._tell = classifier, device, tell
        self._data = None if data is None else as_taken(self._manifest, data)
        self._found: list[str] = []  # what does not hold before any record is looked at
        self.unchecked: list[str] = []
        self.differing: list[str] = []
        self.replayed: Replay | None = None

    def problems(self, digest: str | None, share: float, seed: int) -> Iterator[str]:
        """Everything that does not hold."""
        run, manifest = self._run, self._manifest
        if digest is not None and run.root != digest:
            yield f"The digest of the run is {run.root}, not {digest}."
        images = self._images()
        job = self._job(images)
        yield from self._found
        predict, check = self._ways(job)
        self._tell("checking records")
        yield from problems_of(run, predict, images, check)
        yield from incomplete(run, manifest)
        if manifest.job == "assess" and images is not None and predict is not None:
            self._tell("checking the selection of samples")
            yield from selection_problems(manifest, images, predict)
        if isinstance(job, AuditJob):
            yield from judged_problems(run, job)
        if share and not self._found:
            yield from self._again(job, share, seed)
        if manifest.status != "finished":
            self.unchecked.append("The run is not finished: what is still missing claims nothing.")

    def _images(self) -> ImageSet | None:
        """The images in range, where they are those of the run."""
        if self._data is None or isinstance(self._spec, TransferSpec):
            return None
        try:
            images = considered(self._spec, self._data)
        except InputError as error:
            self._found.append(f"The data is not that of the run: {error}")
            return None
        if images.content_hash == self._manifest.data.sha256:
            return images
        self._found.append("The data is not that of the run: its content hash differs.")
        return None

    def _job(self, images: ImageSet | None) -> Job | None:
        """The job of the run, begun again; None where the model, the data or other runs are not at hand, or others."""
        manifest, classifier = self._manifest, self._classifier
        if classifier is None:
            self.unchecked.append(
                "The model was not asked: its answers, and all that is measured by them, are as told."
            )
            return None
        if classifier.fingerprint != manifest.model.fingerprint:
            self._found.append("The model is not the one of the run: its fingerprint differs.")
            return None
        if self._data is not None and images is None and not isinstance(self._spec, TransferSpec):
            return None
        self._tell("beginning the job again")
        try:
            job = job_again(manifest, self._spec, classifier, self._data)
            self._found += begun_problems(job, self._run)
            if self._found:  # then nothing that comes after can come out as told
                return None
        except NotAtHandError as error:
            self.unchecked.append(str(error))
            return None
        except InputError as error:
            self._found.append(f"The run cannot have begun as it says: {error}")
            return None
        here = job.device.type
        if manifest.settings.get("device") != here:
            self.unchecked.append(f"The run was made on another device than {here}: its batch size is as told.")
        if not counted(job, manifest):
            told, looked = manifest.model.checked, job.looked.checked if job.looked else 0
            self.unchecked.append(f"The preflight of the run asked about {told} images, this one about {looked}.")
        return job

    def _ways(self, job: Job | None) -> tuple[Predict | None, Check | None]:
        """How the model is asked, and certificates are checked."""
        classifier, manifest = self._classifier, self._manifest
        if classifier is None:
            return None, None
        settle_kind(classifier, manifest.model.kind)
        settle_classes(classifier, len(manifest.data.class_names))

        def check(certificate: Certificate, image: UInt8Array, label: int) -> str | None:
            self._tell(f"checking the certificate of {certificate}")
            return check_certificate(certificate, image, label, classifier, self._device)

        if job is not None and varies(job, manifest):
            self.unchecked.append("The model answers the same image differently, so its answers are as told.")
            return None, check
        return predictor(classifier, self._device), check

    def _again(self, job: Job | None, share: float, seed: int) -> Iterator[str]:
        """A share of the run done again; what differs tells of an alteration where bits must be equal."""
        if job is None:
            self.unchecked.append("Nothing was done again, as that takes the model, the data and the runs shown.")
            return
        self.replayed = replay(self._run, job, share, seed, self._tell)
        other = moved(self._manifest.environment, arithmetic(self._device))
        if other is None and not varies(job, self._manifest):
            yield from self.replayed.problems
            return
        self.differing += self.replayed.problems
        why = "of a model that answers differently each time" if other is None else f"of other arithmetic ({other})"
        self.unchecked.append(f"The run is {why}, where records done again need not come out equal.")
