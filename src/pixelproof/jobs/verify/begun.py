"""The manifest of a run beside the one that its job would begin with here."""

import json
import re
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np

from pixelproof.jobs.job import OF_WORK, Job
from pixelproof.jobs.preflight import FEW_IMAGES, RANDOM_OUTPUT
from pixelproof.runs import Finding, Manifest, RunStore
from pixelproof.wording import shown

#: What the manifest of a run tells of how it was begun.
_TOLD = ("spec", "settings", "model", "data", "selection", "details")
#: Of what is resolved, what depends on the device of the machine.
_OF_DEVICE = ("device", "batch_size")
#: Of what was asked for, what who verifies may say anew.
_ANEW = ("model", "data", "device", "trust_code")
_NUMBERS = re.compile(r"\d[\d.,e+-]*")


def begun_problems(job: Job, run: RunStore) -> Iterator[str]:
    """How ``run`` differs from what its ``job`` begins with. Raises ``InputError`` where it cannot begin."""
    manifest = run.manifest
    begun = job.again(manifest)
    expected, kept = begun.manifest, run.kept()
    for sample, image in begun.clean.items():
        if sample not in kept or not np.array_equal(run.clean(sample), image):
            yield f"The clean image of sample {sample} is not the one that the job begins with."
    told, found = _plain(manifest), _plain(expected)
    elsewhere = {str(each["settings"].get("device")) for each in (told, found)} == {"cpu", "cuda"}
    random = varies(job, manifest)
    for key in _TOLD:
        for place, stored, again in differences(told[key], found[key]):
            if key == "model" and place in ("checked", "right"):
                continue  # which are looked at together
            if key == "settings" and elsewhere and place in _OF_DEVICE:
                continue
            if key == "spec" and place in _ANEW:
                continue
            if random and (key, place.partition("[")[0]) == ("details", "clean"):
                continue
            name = f"{key}, {place}" if place else key
            yield f"The run says {shown(stored)} ({name}), but what was asked for gives {shown(again)}."
    if not random:
        yield from _clean_accuracy(job, manifest)
    if counted(job, manifest):
        yield from _findings(manifest, expected)


def varies(job: Job, manifest: Manifest) -> bool:
    """Whether the model answers the same image differently, here as in the run."""
    here = () if job.looked is None else job.looked.findings
    return all(any(each.name == RANDOM_OUTPUT for each in found) for found in (here, manifest.findings))


def counted(job: Job, manifest: Manifest) -> bool:
    """Whether the preflight of the run asked about as many images as here; of a slow model it asks about fewer."""
    return job.looked is None or job.looked.checked == manifest.model.checked


def _clean_accuracy(job: Job, manifest: Manifest) -> Iterator[str]:
    """Right are as many of the images checked as the model gets right here; of a slow model fewer may be checked."""
    told, looked = manifest.model, job.looked
    if looked is None:
        if told.checked or told.right:
            yield "The run tells of images that were checked before it began, which there are not."
        return
    least, most = min(FEW_IMAGES, looked.planned), looked.planned
    right = sum(looked.hits[: told.checked])
    if not least <= told.checked <= most or (told.checked <= looked.checked and told.right != right):
        yield (
            f"The run says that {told.right} of {told.checked} images are classified correctly, but here it is "
            f"{sum(looked.hits)} of {looked.checked}."
        )


def _findings(manifest: Manifest, expected: Manifest) -> Iterator[str]:
    told = [_exact(each) for each in manifest.findings]
    found = [_exact(each) for each in expected.findings]
    for name, severity, message in told:
        if (name, severity, message) not in found and name not in OF_WORK:
            yield f"The run tells of a finding that there is not: {name}, {severity}, {message}"
    for name, severity, message in found:
        if (name, severity, message) not in told:
            yield f"The run does not tell of a finding that there is: {name}, {severity}, {message}"
    if len(told) != len(set(told)):
        yield "The run tells of a finding twice."


def _exact(finding: Finding) -> tuple[str, str, str]:
    """A finding, without the last digits of what differs from machine to machine."""
    rounding = finding.name in (RANDOM_OUTPUT, "batch-dependent")
    return finding.name, finding.severity, _NUMBERS.sub("…", finding.message) if rounding else finding.message


def _plain(manifest: Manifest) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(json.dumps(asdict(manifest)))
    return values


def differences(told: Any, found: Any, place: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Where two plain values differ: the place, and what stands there in both."""
    if isinstance(told, dict) and isinstance(found, dict):
        for key in dict.fromkeys([*told, *found]):
            inner = f"{place}, {key}" if place else str(key)
            if (key in told) != (key in found):
                yield inner, told.get(key, "nothing"), found.get(key, "nothing")
            else:
                yield from differences(told[key], found[key], inner)
    elif isinstance(told, list) and isinstance(found, list) and len(told) == len(found):
        for number, (one, other) in enumerate(zip(told, found, strict=True)):
            yield from differences(one, other, f"{place}[{number}]")
    elif told != found or isinstance(told, bool) != isinstance(found, bool):
        yield place, told, found
