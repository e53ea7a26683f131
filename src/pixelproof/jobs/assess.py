"""The main job: from a spec, a model and data to a finished run."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pixelproof.attacks.named import parse_attack
from pixelproof.attacks.oracle import Oracle
from pixelproof.corruptions import perturbed
from pixelproof.data import ImageSet
from pixelproof.defences import PreprocessedClassifier, make_adaptive
from pixelproof.engine import AttackRunner, Engine, Round, Sample
from pixelproof.engine.settings import Settings
from pixelproof.errors import InputError, RunError
from pixelproof.jobs.assess_spec import AssessSpec, resolve
from pixelproof.jobs.preflight import RANDOM_OUTPUT, preflight
from pixelproof.jobs.selection import restore, select
from pixelproof.models import Classifier, TorchClassifier, settle_kind
from pixelproof.models.query import Scorer, verifier
from pixelproof.runs import DataCard, Finding, Manifest, ModelCard, RunStore, Selection
from pixelproof.runs.environment import environment
from pixelproof.runs.identity import run_identity
from pixelproof.runs.store import FILE


@dataclass(frozen=True)
class Progress:
    """Where a run stands; ``fooled`` counts samples fooled at any level, ``queries`` those of this sitting."""

    samples: int
    done: int
    fooled: int
    records: int
    total_records: int
    queries: int
    seconds: float
    before: int = 0  # records of earlier sittings


Listener = Callable[[Progress], None]


def choose_device(choice: str) -> torch.device:
    """The device called ``auto``, ``cpu`` or ``cuda``. Raises ``InputError`` when there is no such device here."""
    if choice not in ("auto", "cpu", "cuda"):
        raise InputError(f"--device: it is auto, cpu or cuda, not {choice!r}.")
    if choice == "cuda" and not torch.cuda.is_available():
        raise InputError("--device: there is no CUDA device here; use cpu or auto.")
    return torch.device("cuda" if choice != "cpu" and torch.cuda.is_available() else "cpu")


def in_range(data: ImageSet, limits: tuple[int, int] | None) -> ImageSet:
    """The images START:STOP of ``data``. Raises ``InputError`` when they reach past its end."""
    if limits is None:
        return data
    if limits[1] > len(data):
        raise InputError(f"--range: {limits[0]}:{limits[1]} reaches past the {len(data)} images of {data.name}.")
    return data.take(slice(*limits))


def prepared(data: ImageSet, spec: AssessSpec) -> ImageSet:
    """The images of ``data`` that ``spec`` considers, corrupted where it says so. Raises ``InputError`` as it must."""
    chosen = in_range(data, spec.range)
    return chosen if spec.corruption is None else perturbed(chosen, spec.corruption, spec.seed)


def begin(spec: AssessSpec, classifier: Classifier, data: ImageSet, out: Path | None) -> RunStore:
    """Check everything, select the samples, and create the run in ``out`` (None: in memory).

    A run of the same identity that is already in ``out`` is taken up again. Raises ``InputError`` for anything the
    user must put right, before anything is written.
    """
    device = choose_device(spec.device)
    settings = resolve(spec, data.shape, device.type)
    searcher, attacked = _at_precision(classifier, spec.precision), _attacked(classifier, spec)
    checked = preflight(classifier, data, batch_size=settings.batch_size, device=device)
    identity = run_identity(settings.as_dict(), classifier.fingerprint, classifier.kind, data.content_hash)
    if out is not None and (out / FILE).exists():
        return _take_up(out, identity, checked.right)
    selection, samples = select(Scorer(classifier, settings.batch_size, device), data, settings)
    _rehearse(classifier, searcher, data, settings.batch_size, device)
    check_needs(settings, attacked, data, device)
    manifest = Manifest(
        identity=identity,
        status="running",
        spec=spec.model_dump(mode="json"),
        settings=settings.as_dict(),
        model=ModelCard(classifier.name, classifier.kind, classifier.fingerprint, checked.checked, checked.right),
        data=DataCard(data.name, data.content_hash, len(data), data.shape, data.class_names),
        selection=selection,
        findings=(*checked.findings, *_of_one_class(selection, data)),
        environment=environment(device),
    )
    return RunStore.create(out, manifest, {sample.index: sample.pixels for sample in samples})


def execute(run: RunStore, classifier: Classifier, listener: Listener = lambda _: None) -> None:
    """Do what is left of ``run``, committing as samples finish; safe to kill and to call again.

    Raises ``RunError`` when ``classifier`` is not the run's.
    """
    manifest = run.manifest
    if classifier.fingerprint != manifest.model.fingerprint:
        raise RunError("The model is not the one of the run: its fingerprint differs.")
    if manifest.status == "finished":
        return
    settle_kind(classifier, manifest.model.kind)
    spec = AssessSpec(**manifest.spec)
    device = choose_device(spec.device)
    settings = resolve(spec, manifest.data.shape, device.type)
    found = run_identity(settings.as_dict(), classifier.fingerprint, manifest.model.kind, manifest.data.sha256)
    if found != manifest.identity:
        raise RunError(
            "The run was begun with other settings (another device or version) and cannot be continued here."
        )
    scorer = Scorer(classifier, settings.batch_size, device)
    varies = any(finding.name == RANDOM_OUTPUT for finding in manifest.findings)
    samples = restore(scorer, _clean_set(run, manifest), settings, manifest.selection, varies)
    engine = Engine(settings, classifier, _at_precision(classifier, spec.precision, _some(samples)), device)
    attack_runner = AttackRunner(settings, classifier, _attacked(classifier, spec, _some(samples)), device)
    _drive(run, engine, attack_runner, samples, listener)


def is_finished(folder: Path, spec: AssessSpec, classifier: Classifier, data: ImageSet) -> bool:
    """Whether the run of ``spec`` in ``folder`` is done. Raises ``RunError`` when it holds another finished one."""
    if not (folder / FILE).exists():
        return False
    with RunStore.open(folder) as run:
        manifest = run.manifest
    if manifest.status != "finished":
        return False  # ``begin`` takes it up, and checks it
    settings = resolve(spec, data.shape, choose_device(spec.device).type)
    identity = run_identity(settings.as_dict(), classifier.fingerprint, manifest.model.kind, data.content_hash)
    if identity != manifest.identity:
        raise RunError(f"{folder} holds another run (other model, data or settings); choose another --out.")
    return True


def _drive(
    run: RunStore, engine: Engine, attack_runner: AttackRunner, samples: list[Sample], listener: Listener
) -> None:
    """Let searches run, then attacks by name; commit each round's outcomes, tell the listener, and keep the time."""
    tally = _Tally(run, samples, len(engine.settings.searches) + len(engine.settings.attacks))
    done = run.records()
    begun = time.perf_counter()
    finished = False
    try:
        for progress in chain(engine.run(samples, done), attack_runner.run(samples, done)):
            if progress.outcomes:
                run.commit(progress.outcomes)
            listener(tally.add(progress, time.perf_counter() - begun))
        finished = True
    finally:
        if invalid := engine.invalid + attack_runner.invalid:
            text = f"{invalid} answers of the model held NaN or infinite scores; they count as not fooled."
            run.add_findings([Finding("invalid-scores", "warning", text)])
        timings = {"seconds": time.perf_counter() - begun, "queries": engine.queries + attack_runner.queries}
        if attack_runner.gradient_steps:
            timings["gradient_steps"] = attack_runner.gradient_steps
        run.add_timings(timings, finished=finished)


class _Tally:
    """Counts for the listener."""

    def __init__(self, run: RunStore, samples: list[Sample], records_per_sample: int) -> None:
        self._left = {sample.index: records_per_sample for sample in samples}
        self._total = records_per_sample * len(samples)
        self._fooled: set[int] = set()
        self._queries = 0
        earlier = run.records()
        self._before = len(earlier)
        for record in earlier:
            self._count(record.sample, record.success)

    def _count(self, sample: int, success: bool) -> None:
        self._left[sample] -= 1
        if success:
            self._fooled.add(sample)

    def add(self, progress: Round, seconds: float) -> Progress:
        self._queries += progress.queries
        for record, _ in progress.outcomes:
            self._count(record.sample, record.success)
        left = sum(self._left.values())
        done = sum(n == 0 for n in self._left.values())
        return Progress(
            samples=len(self._left),
            done=done,
            fooled=len(self._fooled),
            records=self._total - left,
            total_records=self._total,
            queries=self._queries,
            seconds=seconds,
            before=self._before,
        )


def _of_one_class(selection: Selection, data: ImageSet) -> list[Finding]:
    """A warning where all of many samples are of one class though the data has others, as when it is sorted."""
    classes = set(selection.labels)
    if len(selection.labels) < 10 or len(classes) > 1 or len(set(data.labels.tolist())) == 1:
        return []
    name = data.class_names[classes.pop()]
    text = (
        f"All {len(selection.labels)} samples are of the class {name}, as they come in file order; use --shuffle SEED."
    )
    return [Finding("one-class", "warning", text)]


def _rehearse(classifier: Classifier, searcher: Classifier, data: ImageSet, rows: int, device: torch.device) -> None:
    """Ask once in each way in which the engine will, so that what fails does so before anything is written."""
    pixels = torch.from_numpy(data.images[:1].copy()).to(device).float()
    Scorer(searcher, rows, device)(pixels)
    verifier(classifier, device)(pixels)


def _take_up(out: Path, identity: str, right: int) -> RunStore:
    """The run in ``out``, if it is this one; ``right`` notices a model whose code has changed unseen."""
    run = RunStore.open(out)
    manifest = run.manifest
    if manifest.identity != identity or manifest.model.right != right:
        run.close()
        raise RunError(f"{out} holds another run (other model, data or settings); choose another --out.")
    return run


def _clean_set(run: RunStore, manifest: Manifest) -> ImageSet:
    chosen = manifest.selection
    images = np.stack([run.clean(sample) for sample in chosen.samples])
    labels, indices = np.array(chosen.labels), np.array(chosen.samples)
    return ImageSet(images, labels, manifest.data.class_names, manifest.data.name, indices)


def _some(samples: list[Sample]) -> Tensor | None:
    """A few clean images N×C×H×W in [0, 1]."""
    if not samples:
        return None
    pixels = np.stack([sample.pixels for sample in samples[:4]])
    return torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255


def _attacked(classifier: Classifier, spec: AssessSpec, images: Tensor | None = None) -> Classifier:
    """What attacks by name see of ``classifier``: it as it is, without its defence, or made open to gradients."""
    if spec.way == "end-to-end":
        return _at_precision(classifier, spec.precision, images)
    assert isinstance(classifier, PreprocessedClassifier)  # as the spec demands a defence
    assert spec.defence is not None
    bare = _at_precision(classifier.classifier, spec.precision, images)
    return bare if spec.way == "replayed" else make_adaptive(bare, spec.defence)


def check_needs(settings: Settings, attacked: Classifier, data: ImageSet, device: torch.device) -> None:
    """Raise ``InputError`` when an attack by name needs gradients that the model does not give."""
    names = [each.search for each in settings.attacks if parse_attack(each.search).needs == "gradients"]
    if names:
        image = torch.from_numpy(data.images[:1].copy()).to(device).permute(0, 3, 1, 2).float() / 255
        rows = torch.zeros(1, dtype=torch.int64, device=device)
        try:
            Oracle(attacked, 1, device, 1).gradient(image, rows, lambda scores, _: scores.sum(1))
        except InputError as error:
            raise InputError(f"{names[0]} needs gradients. {error}") from error


def _at_precision(classifier: Classifier, precision: str, images: Tensor | None = None) -> Classifier:
    if precision == "float32":
        return classifier
    if isinstance(classifier, PreprocessedClassifier):  # which works in float32, whatever the model does
        seen = None if images is None else classifier.preprocessor(images)
        return PreprocessedClassifier(_at_precision(classifier.classifier, precision, seen), classifier.preprocessor)
    if not isinstance(classifier, TorchClassifier):
        raise InputError("--precision: only a torch module can be searched in bfloat16; use float32.")
    return classifier.at_precision(torch.bfloat16, images)
