"""Certificates: whether they are those that were to be made, say one thing, and hold."""

import math
from collections.abc import Callable, Iterator, Sequence

from pixelproof.data.imageset import UInt8Array
from pixelproof.runs.record import Certificate, Manifest, Record, nearest
from pixelproof.runs.store import RunStore
from pixelproof.runs.verify.rules import Level, proof_levels

#: Why a certificate does not prove that the model gives a uint8 image H×W×C and all around it that label; else None.
Check = Callable[[Certificate, UInt8Array, int], str | None]


def certificate_problems(run: RunStore, manifest: Manifest, check: Check | None) -> Iterator[str]:
    """What is wrong with the certificates of ``run``; without ``check`` nothing is said of what they prove."""
    levels, chosen = proof_levels(manifest), manifest.selection
    labels = dict(zip(chosen.samples, chosen.labels, strict=True))
    for sample, clean, found in run.by_sample(Certificate):
        certificates = [certificate for certificate, _ in found]
        yield from _contradictions(run.of_sample(Record, sample), certificates)
        for certificate in certificates:
            if (
                certificate.method,
                certificate.constraint,
                certificate.threshold,
            ) not in levels or sample not in labels:
                yield f"The certificate of {certificate} was not asked for."
            yield from _one(certificate, clean, labels.get(sample), check)
    if levels and manifest.status == "finished":
        for sample in chosen.samples:
            yield from _gaps(sample, run.of_sample(Record, sample), run.of_sample(Certificate, sample), levels)


def _one(certificate: Certificate, clean: UInt8Array, label: int | None, check: Check | None) -> Iterator[str]:
    if certificate.proved == bool(certificate.reason) or certificate.proved != bool(certificate.body):
        yield f"The certificate of {certificate} says both that it proves and that it does not."
    elif certificate.proved and label is not None and check is not None:
        reason = check(certificate, clean, label)
        if reason is not None:
            yield f"The certificate of {certificate} does not hold: {reason}."
    if (
        certificate.parameters
        or min(certificate.size, certificate.queries) < 0
        or not 0 <= certificate.seconds < math.inf
    ):
        yield f"The effort of the certificate of {certificate} is none that there is."


def _gaps(
    sample: int, records: Sequence[Record], certificates: Sequence[Certificate], levels: Sequence[Level]
) -> Iterator[str]:
    """What was to be proved is there at each level up to where a sample is broken or open."""
    known: dict[Level, Certificate] = {(c.method, c.constraint, c.threshold): c for c in certificates}
    for constraint in dict.fromkeys(constraint for _, constraint, _ in levels):
        for level in sorted((e for e in levels if e[1] == constraint), key=lambda level: level[2]):
            certificate = known.get(level)
            if certificate is None and nearest(records, constraint) > level[2]:
                yield f"Sample {sample}, {constraint} {level[2]:g}, {level[0]}, has no certificate."
            if certificate is None or not certificate.proved:
                break


def _contradictions(records: Sequence[Record], certificates: Sequence[Certificate]) -> Iterator[str]:
    for certificate in certificates:
        for record in records if certificate.proved else ():
            if record.distance(certificate.constraint) <= certificate.threshold:
                yield (
                    f"The certificate of {certificate} says that no image within it is answered otherwise, yet "
                    f"{record} is one."
                )
