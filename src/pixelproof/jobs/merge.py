"""Runs of parts of a job as the one run that a single process would have come to.

The whole is begun as any job is, on all images of its parts, with the model; so its samples, its identity and what the
preflight says are those of one run. Then every step that a part did on just the samples of one of the whole's steps is
taken over: what a step brings depends on nothing else. The steps that no part did are left, for ``resume``.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import islice, pairwise
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from pixelproof.data import ImageSet, load_data
from pixelproof.data.imageset import UInt8Array
from pixelproof.engine.queue import Key, key_of, steps
from pixelproof.engine.settings import Settings
from pixelproof.errors import RunError
from pixelproof.jobs.assess import AssessJob
from pixelproof.jobs.assess_spec import AssessSpec
from pixelproof.jobs.certify import Certification
from pixelproof.jobs.job import Outcome, prepared
from pixelproof.jobs.open import open_model, spec_of
from pixelproof.models import Classifier, settle_kind
from pixelproof.runs import Certificate, Manifest, Record, RunStore
from pixelproof.runs.database import FILE, LOCK, remove
from pixelproof.runs.table import sealed
from pixelproof.wording import listed, shown

#: Of what was asked for, what may differ between parts: what they are parts of, and places on machines.
_FREE = ("range", "samples", "model", "data", "trust_code", "batch_size", "device")
#: What of its outcome differs whenever a step is done again.
_TIME: Any = {"seconds": 0.0}
#: The finding that work itself brings.
INVALID = "invalid-scores"
#: Steps that one transaction brings.
TOGETHER = 64

T = TypeVar("T")


@dataclass(frozen=True)
class Merged:
    """What became of parts: the steps ``taken`` over, and those that are ``left`` to do."""

    taken: int
    left: int


def merge(
    parts: Sequence[RunStore], out: Path, trust_code: bool, model: str | None = None, data: str | None = None
) -> Merged:
    """Write the run in ``out`` that one run over all images of ``parts`` would be; it is finished if nothing is left.

    ``model`` and ``data`` are where these are now, if they have moved. Raises ``RunError`` where a part was altered
    after it was written, and where the parts are not of one job, leave a gap, or contradict each other; then nothing
    is written.
    """
    _check_unaltered(parts)
    _check_same(parts)
    spec = spec_of(parts[0], trust_code, model, data)
    assert isinstance(spec, AssessSpec)  # as they are all assessments
    images = load_data(spec.data, allow_download=data is not None)  # parts may be others'
    limits = [_limits(part, len(images)) for part in parts]
    spec = spec.model_copy(update={"range": _together(parts, limits), "samples": _samples(parts, limits)})
    job = _job(spec, parts[0], open_model(spec), images)
    for part, each in zip(parts, limits, strict=True):
        _check_data(part, images, spec, each)
    begun = job.begin()
    _check_settings(job.settings, begun.manifest, parts)
    names = ", ".join(dict.fromkeys(part.manifest.identity for part in parts))
    manifest = replace(begun.manifest, environment={**begun.manifest.environment, "merged from": names})
    found, through = _sources(job.settings, begun.manifest.selection.samples, parts)
    if not found:
        raise RunError(
            f"{listed([str(part.folder) for part in parts])} did no step of the whole on the same samples: those that "
            "learn from each other must be in one part, so divide the images as pixelproof split says."
        )
    with _new_run(out, manifest, begun.clean) as run:
        _copy(run, found)
        proved = _copy_proofs(run, job.certification, through)
        left = len(job.left(run))
        run.add_findings(each for part in parts for each in part.manifest.findings if each.name == INVALID)
        for part in parts:
            run.add_timings(part.manifest.timings, finished=False)
        run.add_timings(dict(job.asked), finished=not left)
    return Merged(len(found) + proved, left)


@contextmanager
def _new_run(out: Path, manifest: Manifest, clean: dict[int, UInt8Array]) -> Iterator[RunStore]:
    """A new run in ``out``, which is taken away again where what is done with it fails."""
    with RunStore.create(out, manifest, clean, AssessJob.records) as run:
        try:
            yield run
        except BaseException:
            run.close()
            remove(out / FILE)
            (out / LOCK).unlink(missing_ok=True)
            with suppress(OSError):
                out.rmdir()
            raise


# Which runs can be merged, and into what.


def _check_unaltered(parts: Sequence[RunStore]) -> None:
    for part in parts:
        if altered := part.altered():
            raise RunError(f"{part.folder} cannot be merged: {altered[0]}")
        if part.manifest.job != "assess":
            raise RunError(
                f"{part.folder} cannot be merged: only assessments have parts, and it is of the job "
                f"{part.manifest.job}."
            )


def _check_same(parts: Sequence[RunStore]) -> None:
    first = parts[0].manifest
    for part in parts[1:]:
        manifest, differing = part.manifest, []
        if manifest.model.fingerprint != first.model.fingerprint:
            differing.append("the model, by its fingerprint")
        if manifest.model.kind != first.model.kind:
            differing.append("what the model's scores are")
        for name in first.spec:
            one, other = first.spec[name], manifest.spec.get(name)
            if name not in _FREE and one != other:
                differing.append(f"{name.replace('_', '-')} ({shown(one)} and {shown(other)})")
        for name in ("batch_size", "device"):
            one, other = first.settings.get(name), manifest.settings.get(name)
            if one != other:
                differing.append(f"{name.replace('_', '-')} ({shown(one)} and {shown(other)})")
        if differing:
            raise RunError(
                f"{part.folder} and {parts[0].folder} are not parts of one run, as they differ in {listed(differing)}."
            )


def _limits(part: RunStore, images: int) -> tuple[int, int]:
    """The images that ``part`` considered, START:STOP."""
    given = part.manifest.spec["range"]
    return (given[0], given[1]) if given else (0, images)


def _together(parts: Sequence[RunStore], limits: Sequence[tuple[int, int]]) -> tuple[int, int] | None:
    """The range of all images. Raises ``RunError`` where some in between are in no part."""
    ordered, end = sorted(zip(limits, (part.folder for part in parts), strict=True)), 0
    for ((_, before), folder), ((start, _), other) in pairwise(ordered):
        end = max(end, before)
        if start > end:
            raise RunError(
                f"{folder} and {other} leave a gap: no part considered the images {end}:{start}; run them too."
            )
    if all(part.manifest.spec["range"] is None for part in parts):
        return None
    return min(start for start, _ in limits), max(stop for _, stop in limits)


def _samples(parts: Sequence[RunStore], limits: Sequence[tuple[int, int]]) -> int | str | None:
    """How many samples the whole asks for. Raises ``RunError`` where parts stopped before their last image."""
    if len(set(limits)) == 1:
        asked = [part.manifest.spec["samples"] for part in parts]
        return (
            "all"
            if "all" in asked
            else None
            if None in asked and len(set(asked)) == 1
            else max(len(part.manifest.selection.samples) for part in parts)
        )
    for part in parts:
        manifest = part.manifest
        if manifest.selection.considered < manifest.data.images:
            raise RunError(
                f"{part.folder} stopped after {manifest.selection.considered} of its {manifest.data.images} images, so "
                "what one run would have attacked of the others is not known; begin parts with --samples all."
            )
    return "all"


def _job(spec: AssessSpec, part: RunStore, classifier: Classifier, images: ImageSet) -> AssessJob:
    settle_kind(classifier, part.manifest.model.kind)
    job = AssessJob(spec, classifier, prepared(images, spec))
    if classifier.fingerprint != part.manifest.model.fingerprint:
        raise RunError(
            f"The model {classifier.name} is not the one of {part.folder}: its fingerprint differs; name the run's "
            "with --model."
        )
    job.keep_batch(part.manifest.settings["batch_size"])
    return job


def _check_data(part: RunStore, images: ImageSet, spec: AssessSpec, limits: tuple[int, int]) -> None:
    own = prepared(images, spec.model_copy(update={"range": limits}))
    if own.content_hash != part.manifest.data.sha256:
        raise RunError(
            f"The data {images.name} is not that of {part.folder}: its content hash differs in the images "
            f"{limits[0]}:{limits[1]}; name the run's with --data."
        )


def _check_settings(settings: Settings, manifest: Manifest, parts: Sequence[RunStore]) -> None:
    """Whether the whole asks as its parts did: in as many images at once, with searches of the same packages."""
    whole = {**manifest.settings, "samples": None}
    for part in parts:
        told = {**part.manifest.settings, "samples": None}
        differing = [
            key for key in dict.fromkeys([*whole, *told]) if sealed({"": whole.get(key)}) != sealed({"": told.get(key)})
        ]
        if differing:
            raise RunError(
                f"{part.folder} is no part of what is run here: it differs in {listed(differing)} "
                f"({shown(told.get(differing[0]))}, here {shown(whole.get(differing[0]))})."
            )


# What the parts bring.


@dataclass(frozen=True)
class _Part:
    """A part's run and what searches and attacks found in it, by what no two of its records share."""

    run: RunStore
    records: dict[Key, Record]

    def did(self, keys: Sequence[Key]) -> bool:
        """Whether it is through with the step that brings ``keys``, on just these samples."""
        return all(key in self.records for key in keys)

    def outcomes(self, keys: Sequence[Key]) -> list[Outcome]:
        found = [self.records[key] for key in keys]
        return [(record, self.run.image(record)) for record in found]


def _sources(
    settings: Settings, samples: Sequence[int], parts: Sequence[RunStore]
) -> tuple[dict[str, tuple[_Part, list[Key]]], list[tuple[_Part, set[int]]]]:
    """The part that each step of the whole is taken from, and of each part the samples whose steps it did all.

    Raises ``RunError`` where two parts did the same step to different ends.
    """
    wanted = {tuple(keys): step for step, keys in steps(settings, samples).items()}
    attacks = len({key[1] for keys in wanted for key in keys})
    found: dict[str, tuple[_Part, list[Key]]] = {}
    through: list[tuple[_Part, set[int]]] = []
    for run in parts:
        part = _Part(run, {key_of(record): record for record in run.each_record() if not record.by_proof})
        did: Counter[int] = Counter()
        for keys in steps(settings, run.manifest.selection.samples).values():
            step = wanted.get(tuple(keys))
            if step is None or not part.did(keys):
                continue
            did.update({key[0] for key in keys})
            if step in found:
                _check_equal(found[step][0], part, keys)
            else:
                found[step] = part, keys
        through.append((part, {sample for sample, count in did.items() if count == attacks}))
    return found, through


def _check_equal(one: _Part, other: _Part, keys: Sequence[Key]) -> None:
    """Whether two parts found the same in the step that brings ``keys``, but for the time that it took."""
    for (first, image), (second, again) in zip(one.outcomes(keys), other.outcomes(keys), strict=True):
        if replace(first, **_TIME) != replace(second, **_TIME) or not _same(image, again):
            raise RunError(
                f"{one.run.folder} and {other.run.folder} contradict each other about {first}, though both are of one "
                "job; run pixelproof verify on both."
            )


def _same(image: UInt8Array | None, again: UInt8Array | None) -> bool:
    return image is again if image is None or again is None else np.array_equal(image, again)


def _copy(run: RunStore, found: Mapping[str, tuple[_Part, list[Key]]]) -> None:
    """Commit the outcomes of the steps, in the order of the whole."""
    for some in batched(found.values(), TOGETHER):
        run.commit(outcome for part, keys in some for outcome in part.outcomes(keys))


def _copy_proofs(run: RunStore, certification: Certification, through: Sequence[tuple[_Part, set[int]]]) -> int:
    """Commit what methods of proof came to, of samples that a part was through with; returns how many steps that is."""
    copied: set[str] = set()
    for part, samples in through:
        done = part.run.steps()
        certificates = {_level(each): each for each in part.run.certificates()} if done else {}
        breaks = {_level(each): each for each in part.run.each_record() if each.by_proof} if done else {}
        for level in certification.levels:
            for sample in sorted(samples):
                step = level.step(sample)
                if step in done and step not in copied:
                    key = sample, level.constraint, level.threshold, level.method
                    outcomes: list[Outcome] = [(certificates[key], None)] if key in certificates else []
                    outcomes += [(breaks[key], part.run.image(breaks[key]))] if key in breaks else []
                    run.commit(outcomes, step)
                    copied.add(step)
    return len(copied)


def _level(each: Certificate | Record) -> tuple[int, str | None, float | None, str]:
    return each.sample, each.constraint, each.threshold, each.method


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """``items`` in lists of ``size``; the last may be shorter."""
    left = iter(items)
    while some := list(islice(left, size)):
        yield some
