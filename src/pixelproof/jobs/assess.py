"""The main job: few-pixel and threshold levels, and attacks by name, on the samples of one model."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, MutableSequence, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pixelproof.attacks.named import parse_attack
from pixelproof.attacks.oracle import Oracle
from pixelproof.data import ImageSet
from pixelproof.defences import MaskedClassifier, PreprocessedClassifier, make_adaptive, undefended
from pixelproof.engine import AttackRunner, Engine, Round, Sample, steps
from pixelproof.engine.queue import Key, key_of
from pixelproof.engine.settings import AttackSettings, Settings
from pixelproof.errors import InputError, RunError
from pixelproof.jobs.assess_spec import LEAST_BATCH, AssessSpec, most_samples, planned_queries, resolve
from pixelproof.jobs.certify import Certification, Level, sample_of
from pixelproof.jobs.cost import Cost
from pixelproof.jobs.failure_probability import Estimation
from pixelproof.jobs.job import Batch, Begun, Job, Known, Outcome, another_run
from pixelproof.jobs.preflight import RANDOM_OUTPUT, Preflight, limit_for, preflight
from pixelproof.jobs.room import check_room
from pixelproof.jobs.selection import restore, rule, select
from pixelproof.models import Classifier, TorchClassifier, load_model
from pixelproof.models.outputs import ModelMemoryError
from pixelproof.models.query import Asked, Scorer, verifier
from pixelproof.runs import Certificate, DataCard, FailureProbability, Finding, Manifest, Record, RunStore, Selection
from pixelproof.runs.table import RecordType
from pixelproof.search.registry import search_entry
from pixelproof.units import to_unit
from pixelproof.wording import plural

_SOME = 4  # clean images that a precision is tried on
_MANY = 10  # samples that are all of one class of several by no accident


class AssessJob(Job):
    """What ``spec`` asks about ``classifier``, which stands behind its defence, on ``data``, in range and corrupted.

    ``card`` describes the data where ``data`` are the samples of an earlier run alone. ``surrogates`` are those of
    ``spec``, where they were handed over in Python; else they are opened by their names.
    """

    kind = "assess"
    records = (Record, FailureProbability)
    stays = frozenset({"data", "certification", "estimation", "_engine", "_attack_runner"})

    spec: AssessSpec
    _engine: Engine | None = None
    _attack_runner: AttackRunner | None = None

    def __init__(
        self,
        spec: AssessSpec,
        classifier: Classifier,
        data: ImageSet,
        card: DataCard | None = None,
        surrogates: Sequence[Classifier] = (),
    ) -> None:
        super().__init__(classifier.name, spec, classifier, card or data, spec.device)
        self.data = data
        fixed = getattr(classifier, "fixed_batch", None)
        self.settings = resolve(spec, data.shape, self.device.type, self.card.images, fixed)
        if surrogates:
            self.surrogates = surrogates
        if spec.surrogate:
            self.settings = replace(self.settings, surrogates=tuple(each.fingerprint for each in self.surrogates))
        self._samples: list[Sample] = []
        self._lost = 0  # samples that the model took for another class when it was asked about them at the end

    @classmethod
    def of_run(cls, run: RunStore, classifier: Classifier) -> AssessJob:
        """The job of ``run``, from its own clean images."""
        manifest = run.manifest
        clean = _clean_set(run, manifest, manifest.selection)
        return cls(AssessSpec(**manifest.spec), classifier, clean, manifest.data)

    @property
    def resolved(self) -> dict[str, Any]:
        return self.settings.as_dict()

    def used(self) -> Iterator[object]:
        yield from super().used()
        yield from (search_entry(each.method).kind for each in self.settings.searches)
        for each in self.settings.attacks:
            yield from parse_attack(each.spec).parts()

    def __getstate__(self) -> dict[str, Any]:
        """Without surrogates that can be opened by their names."""
        named = not any(each.startswith("python:") for each in self.spec.surrogate)
        return {name: value for name, value in super().__getstate__().items() if not (named and name == "surrogates")}

    # Before anything is attacked.

    def begin(self) -> Begun:
        """Check everything and select the samples. Raises ``InputError`` for anything the user must put right."""
        most = self.settings.batch_size
        while True:
            try:
                return self._begun(most)
            except ModelMemoryError:
                if self.spec.batch_size is not None or self.settings.batch_size <= LEAST_BATCH:
                    raise
                self.settings = replace(self.settings, batch_size=self.settings.batch_size // 2)

    def _begun(self, most: int) -> Begun:
        """The new run, whose batch would have been of ``most`` images with memory enough."""
        spec, data, settings = self.spec, self.data, self.settings
        searcher, attacked = _at_precision(self.classifier, spec.precision), _attacked(self.classifier, spec)
        check_room(settings.searches, data.shape, self.device)
        checked = self.look()
        selection, self._samples = select(self._selecting(), data, settings)
        _rehearse(self.classifier, searcher, data, settings.batch_size, self.device, self.asked)
        check_needs(settings, attacked, data, self.device)
        for surrogate in self.surrogates:
            check_surrogate(surrogate, self.classifier, data, self.device)
        manifest = self._manifest(checked, selection, most)
        return Begun(manifest, {sample.index: sample.pixels for sample in self._samples})

    def _manifest(self, looked: Preflight, selection: Selection, most: int) -> Manifest:
        certification, _ = self.certification, self.estimation  # each refuses what it cannot do
        smaller = _smaller(self.settings.batch_size, most)
        findings = (*smaller, *_of_one_class(selection, self.data), *certification.findings())
        planned = certification.planned()
        details = {"certify": planned} if planned else {}
        return self.manifest(
            looked, selection, findings, **details, **_seen(self.settings.attacks), **_picked(self.data)
        )

    def again(self, manifest: Manifest) -> Begun:
        """The samples are taken as they are told, since who checks them does so one by one."""
        most = self.settings.batch_size
        self.keep_batch(_halved(most, manifest.settings.get("batch_size")))
        chosen = replace(manifest.selection, rule=rule(len(manifest.selection.samples), self.settings))
        return Begun(self._manifest(self.look(), chosen, most))

    def keep_batch(self, batch_size: int) -> None:
        if self.spec.batch_size is None:
            self.settings = replace(self.settings, batch_size=batch_size)

    def take_up(self, run: RunStore) -> None:
        """Find the samples of ``run`` again, in its own clean images."""
        manifest = run.manifest
        if self.data.content_hash == manifest.data.sha256:
            looked, before = self.look(), manifest.model
            if looked.checked == before.checked and looked.right != before.right:
                raise another_run(run.folder)  # of a model whose code has changed unseen
        self._samples = self._restored(run, manifest.selection.samples)

    def _selecting(self) -> Scorer:
        return Scorer(self.classifier, self.settings.batch_size, self.device, self.asked, "selection")

    @cached_property
    def surrogates(self) -> Sequence[Classifier]:
        """The networks that ``spec`` names beside the model. Raises ``InputError`` where they cannot be had here."""
        if handed := next((each for each in self.spec.surrogate if each.startswith("python:")), None):
            raise RunError(f"The surrogate {handed} was handed over in Python, so it is not known here; go on there.")
        opened = (load_model(each, trust_code=self.spec.trust_code, device=self.device) for each in self.spec.surrogate)
        return tuple(opened)

    @cached_property
    def certification(self) -> Certification:
        return Certification(self.settings, self.classifier, self.card.shape, self.device, self.asked)

    @cached_property
    def estimation(self) -> Estimation:
        return Estimation(self.settings, self.classifier, self.device, self.asked)

    def look(self) -> Preflight:
        """What the preflight finds of the model. Raises ``ModelError`` where it cannot be assessed."""
        settings, samples = self.settings, most_samples(self.spec.samples, self.card.images)
        return preflight(
            self.classifier,
            self.data,
            batch_size=settings.batch_size,
            device=self.device,
            limit=limit_for(planned_queries(settings.searches, settings.attacks, samples, settings.estimates)),
            asked=self.asked,
        )

    # The work.

    def total(self, run: RunStore) -> tuple[float, float]:
        beside = self._beside(run.manifest.selection.samples)
        attacked = len(self._samples) * (len(self.settings.searches) + len(self.settings.attacks))
        return len(_attacked_in(run)) + len(run.steps().intersection(beside)), attacked + len(beside)

    def _beside(self, samples: Sequence[int]) -> list[str]:
        """The steps beside attacks: estimates, then proofs."""
        return [*self.estimation.steps(samples), *self.certification.steps(samples)]

    def left(self, run: RunStore) -> list[str]:
        """The cohorts of each attack that a record is missing of, then what may be left to estimate and to prove."""
        if run.manifest.status == "finished":
            return []
        samples, through = run.manifest.selection.samples, run.steps()
        done = {key_of(record) for record in _attacked_in(run)}
        wanted = steps(self.settings, samples)
        attacks = [step for step, keys in wanted.items() if not done.issuperset(keys)]
        return attacks + [step for step in self._beside(samples) if step not in through]

    def cost(self, run: RunStore) -> Cost:
        """The budgets of the searches that are left; what attacks by name and proofs ask is known only afterwards."""
        done = {key_of(record) for record in _attacked_in(run)}
        budgets: dict[tuple[str, float | None], int] = {
            (search.constraint, search.threshold): search.max_queries for search in self.settings.searches
        }
        left, planned, queries = self.left(run), steps(self.settings, run.manifest.selection.samples), 0
        for step in left:
            levels: defaultdict[tuple[str, float | None], list[Key]] = defaultdict(list)
            for key in planned.get(step, ()):
                levels[key[1], key[2]].append(key)
            # What misses a record of a level does that level again as a whole.
            queries += sum(
                budgets.get(level, 0) * len(keys) for level, keys in levels.items() if not done.issuperset(keys)
            )
        besides = [each.method for each in self.settings.attacks if any(step.startswith(each.spec) for step in left)]
        samples = run.manifest.selection.samples
        queries += self.estimation.budget * len(set(left).intersection(self.estimation.steps(samples)))
        if set(left).intersection(self.certification.steps(samples)):
            besides.append("the proofs")
        return Cost(queries, self.settings.batch_size, besides)

    def stages(self, steps: Sequence[str]) -> list[list[Sequence[str]]]:
        """All attacks; then proofs, those of a sample together, since a higher level is proved where lower ones are."""
        samples = [sample.index for sample in self._samples]
        chosen = set(steps).intersection(self.certification.steps(samples))
        proofs = [[each for each in self.certification.steps([sample]) if each in chosen] for sample in samples]
        return [[[step] for step in steps if step not in chosen], [unit for unit in proofs if unit]]

    def known(self, run: RunStore, steps: Collection[str]) -> dict[str, list[RecordType]]:
        """Of a cohort what is recorded of it already; of a proof all that is of its sample."""
        found, chosen = defaultdict[str, list[RecordType]](list), set(steps)
        planned = _planned(self.settings, run)
        step_of = {key: step for step, keys in planned.items() if step in chosen for key in keys}
        proofs = defaultdict[int, list[str]](list)
        for step in chosen.intersection(self.certification.steps(run.manifest.selection.samples)):
            proofs[sample_of(step)].append(step)
        for record in run.of(Record):
            if not record.by_proof and (step_ := step_of.get(key_of(record))):
                found[step_].append(record)
            for step in proofs.get(record.sample, ()):
                found[step].append(record)
        for certificate in run.of(Certificate) if proofs else ():
            for step in proofs.get(certificate.sample, ()):
                found[step].append(certificate)
        return dict(found)

    def work(self, run: Known, steps: MutableSequence[str]) -> Iterator[Batch]:
        """Let searches run, then attacks by name, then estimate; then prove what none of them broke."""
        done = _attacked_in(run)
        parts = (each.run(self._samples, done, steps) for each in self._ready())
        yield from map(_batch, chain.from_iterable(parts))
        yield from self.estimation.run(self._samples, steps)
        yield from self.certification.run(self._samples, steps, run)
        again = self._selecting().classes_of([sample.pixels for sample in self._samples])
        self._lost = sum(found != sample.label for found, sample in zip(again, self._samples, strict=True))

    def _ready(self) -> tuple[Engine, AttackRunner]:
        """What attacks, made once."""
        if self._engine is None or self._attack_runner is None:
            self._engine, self._attack_runner = self._runners(self.settings, _some(self._samples))
        return self._engine, self._attack_runner

    def findings(self) -> list[Finding]:
        """Beside those of every job warnings where the model answered otherwise when it was asked again."""
        taken = 0 if self._engine is None else self._engine.taken_back
        texts = {
            f"The model took back {taken} of its answers when it was asked about the same image again; success at one "
            "call may be failure at the next, so make it deterministic.": taken,
            f"The model no longer takes {self._lost} of {plural(len(self._samples), 'clean sample')} for their class, "
            "as it did at first, so what came in between is of no one model; find out what changed.": self._lost,
        }
        changed = [Finding(RANDOM_OUTPUT, "warning", text) for text, count in texts.items() if count]
        return [*super().findings(), *changed]

    def _runners(self, settings: Settings, some: Tensor | None) -> tuple[Engine, AttackRunner]:
        """Who searches and who attacks by name; ``some`` are a few clean images N×C×H×W of the run."""
        spec = self.spec
        searcher, attacked = (
            _at_precision(self.classifier, spec.precision, some),
            _attacked(self.classifier, spec, some),
        )
        return (
            Engine(settings, self.classifier, searcher, self.device, self.asked),
            AttackRunner(settings, self.classifier, attacked, self.device, self.asked, self.surrogates),
        )

    def attack_again(self, run: RunStore, attack: str, samples: Sequence[int]) -> Iterator[Round]:
        """What ``attack`` alone brings on ``samples`` of ``run``, whole cohorts in their order; nothing is written."""
        settings, again = self.settings, self._restored(run, samples)
        alone = replace(
            settings,
            searches=tuple(each for each in settings.searches if each.constraint == attack),
            attacks=tuple(each for each in settings.attacks if each.spec == attack),
        )
        first = np.stack([run.clean(sample) for sample in run.manifest.selection.samples[:_SOME]])
        for each in self._runners(alone, to_unit(torch.from_numpy(first))):
            yield from each.run(again)

    def prove_again(self, run: RunStore, level: Level, sample: int) -> Outcome:
        """What an attempt to prove ``sample`` of ``run`` at ``level`` comes to now."""
        (again,) = self._restored(run, [sample])
        return self.certification.attempt(level, again)

    def _restored(self, run: RunStore, samples: Sequence[int]) -> list[Sample]:
        """Some of the samples of ``run``, in that order, as they were attacked."""
        manifest = run.manifest
        labels = dict(zip(manifest.selection.samples, manifest.selection.labels, strict=True))
        part = replace(manifest.selection, samples=tuple(samples), labels=tuple(labels[k] for k in samples))
        varies = any(finding.name == RANDOM_OUTPUT for finding in manifest.findings)
        return restore(self._selecting(), _clean_set(run, manifest, part), self.settings, part, varies)

    def end(self, run: RunStore) -> None:
        run.add_findings(self.estimation.findings(run.failure_probabilities()))

    def watch(self, run: RunStore) -> Callable[[Batch], str]:
        records = len(self.settings.searches) + len(self.settings.attacks)
        return _Tally(self._samples, _attacked_in(run), records).note

    @property
    def invalid(self) -> int:
        return sum(each.invalid for each in (self._engine, self._attack_runner) if each is not None)

    def counts(self) -> Mapping[str, int]:
        if self._engine is None or self._attack_runner is None:
            return self.asked
        queries = self._engine.queries + self._attack_runner.queries
        queries += self.estimation.queries + self.certification.queries
        back = self._attack_runner.gradient_steps
        return {**self.asked, "queries": queries, **({"gradient_steps": back} if back else {})}


def _halved(most: int, told: object) -> int:
    """The batch that is ``told``, where that may be what was left of ``most`` after it was halved; else ``most``."""
    size = most
    while size > LEAST_BATCH and size != told:
        size //= 2
    return size if size == told else most


class _Tally:
    """Samples that are through, and those fooled at any level."""

    def __init__(self, samples: Sequence[Sample], done: Sequence[Record], records_per_sample: int) -> None:
        self._left = {sample.index: records_per_sample for sample in samples}
        self._through, self._fooled = 0, set[int]()
        for record in done:
            self._count(record)

    def _count(self, record: Record) -> None:
        self._left[record.sample] -= 1
        self._through += self._left[record.sample] == 0
        if record.success:
            self._fooled.add(record.sample)

    def note(self, batch: Batch) -> str:
        """Where the attacks stand after ``batch``; proofs bring their own words."""
        if batch.step is not None:
            return batch.note
        for record, _ in batch.outcomes:
            if isinstance(record, Record):
                self._count(record)
        return f"{self._through}/{len(self._left)} samples · {len(self._fooled)} fooled"


def _batch(found: Round) -> Batch:
    return Batch(found.outcomes, None, len(found.outcomes), found.queries, ended=found.ended, room=found.room)


def _attacked_in(run: Known) -> list[Record]:
    """The records of searches and attacks, without the images that proofs came upon."""
    return [record for record in run.of(Record) if not record.by_proof]


def _planned(settings: Settings, run: RunStore) -> dict[str, list[Key]]:
    """The steps of all attacks, and the records that each one brings."""
    return steps(settings, run.manifest.selection.samples)


def _seen(attacks: Sequence[AttackSettings]) -> dict[str, dict[str, list[str | None]]]:
    """What each attack by name sees of the model, and its norm, since a result can ask no attack."""
    named = {each.spec: parse_attack(each.spec) for each in attacks}
    return {"attacks": {spec: [attack.sees, attack.aim] for spec, attack in named.items()}} if named else {}


def _picked(data: ImageSet) -> dict[str, list[int]]:
    """Which images of their source the data are, where they are no range of it: to be found there again."""
    indices = data.indices
    return {} if bool((np.diff(indices) == 1).all()) else {"images": indices.tolist()}


def _of_one_class(selection: Selection, data: ImageSet) -> list[Finding]:
    """A warning where all samples are of one class, as in sorted data: no verdict follows where nothing is broken."""
    classes, samples = set(selection.labels), len(selection.labels)
    alone = len(set(data.labels.tolist())) == 1
    if len(classes) != 1 or samples < (2 if alone else _MANY):
        return []
    name = data.class_names[classes.pop()]
    text = (
        f"All {samples} samples are of one class, {name}, the only one in the data, so a model that never answers "
        "otherwise would look as robust; give images of several classes."
        if alone
        else f"All {samples} samples are of one class, {name}, as they come in file order; use --shuffle SEED."
    )
    return [Finding("one-class", "warning", text)]


def _smaller(batch_size: int, most: int) -> list[Finding]:
    """A warning where a batch of ``most`` images did not fit into the memory."""
    text = (
        f"The model ran out of memory on {most} images at once; this run asks about {batch_size} at once, and the last "
        f"bits of its scores may differ from those of a run with {most}."
    )
    return [Finding("smaller-batches", "warning", text)] if batch_size < most else []


def _rehearse(
    classifier: Classifier, searcher: Classifier, data: ImageSet, rows: int, device: torch.device, asked: Asked
) -> None:
    """Ask once in each way in which the engine will, so that what fails does so before anything is written."""
    pixels = torch.from_numpy(data.images[:1].copy()).to(device).float()
    Scorer(searcher, rows, device, asked, "preflight")(pixels)
    verifier(classifier, device, asked, "preflight")(pixels)


def _clean_set(run: RunStore, manifest: Manifest, chosen: Selection) -> ImageSet:
    images = np.stack([run.clean(sample) for sample in chosen.samples])
    labels, indices = np.array(chosen.labels), np.array(chosen.samples)
    return ImageSet(images, labels, manifest.data.class_names, manifest.data.name, indices)


def _some(samples: list[Sample]) -> Tensor | None:
    """A few clean images N×C×H×W in [0, 1]."""
    if not samples:
        return None
    pixels = np.stack([sample.pixels for sample in samples[:_SOME]])
    return to_unit(torch.from_numpy(pixels))


def _attacked(classifier: Classifier, spec: AssessSpec, images: Tensor | None = None) -> Classifier:
    """What attacks by name see of ``classifier``: it as it is, without its defence, or made open to gradients."""
    if spec.access == "end-to-end":
        return _at_precision(classifier, spec.precision, images)
    assert spec.defence is not None  # as the spec demands one
    bare = _at_precision(undefended(classifier, spec.defence), spec.precision, images)
    return bare if spec.access == "replayed" else make_adaptive(bare, spec.defence)


def check_needs(settings: Settings, attacked: Classifier, data: ImageSet, device: torch.device) -> None:
    """Raise ``InputError`` when an attack by name needs scores or gradients that the model does not give."""
    needs = {each.spec: parse_attack(each.spec).needs for each in settings.attacks}
    climbing = [spec for spec, needed in needs.items() if needed == "scores"]
    if climbing and attacked.kind == "labels":
        raise InputError(
            f"{climbing[0]} needs scores, but the model {attacked.name} answers with labels alone; use "
            "label-regression, label-pixels or boundary, which need no more."
        )
    names = [spec for spec, needed in needs.items() if needed == "gradients"]
    if names and (refusal := without_gradients(attacked, data, device)):
        raise InputError(f"{names[0]} needs gradients: {refusal}") from refusal


def check_surrogate(surrogate: Classifier, model: Classifier, data: ImageSet, device: torch.device) -> None:
    """Raise ``InputError`` where ``surrogate`` takes other images than ``model``, or has other classes or no gradients.

    The model has answered before.
    """
    if not surrogate.differentiable:
        raise InputError(
            f"--surrogate: {surrogate.name} gives no gradients; expected a network of torch, as zoo:NAME or "
            "FILE.py:FUNCTION."
        )
    if refusal := without_gradients(surrogate, data, device):
        raise InputError(f"--surrogate: {surrogate.name} cannot be asked about these images: {refusal}") from refusal
    theirs, ours = (getattr(each, "answered_classes", None) for each in (surrogate, model))
    if theirs != ours:
        raise InputError(
            f"--surrogate: {surrogate.name} answers with {theirs} classes and the model with {ours}; expected a "
            "network of the same classes, in the same order."
        )


def without_gradients(classifier: Classifier, data: ImageSet, device: torch.device) -> InputError | None:
    """What is said where ``classifier`` gives no gradients on the first image; None where it does."""
    image = to_unit(torch.from_numpy(data.images[:1].copy()).to(device))
    rows = torch.zeros(1, dtype=torch.int64, device=device)
    try:
        Oracle(classifier, 1, device, 1).gradient(image, rows, lambda scores, _: scores.sum(1))
    except InputError as error:
        return error
    return None


def _at_precision(classifier: Classifier, precision: str, images: Tensor | None = None) -> Classifier:
    if precision == "float32":
        return classifier
    if isinstance(classifier, PreprocessedClassifier):  # which works in float32, whatever the model does
        seen = None if images is None else classifier.preprocessor(images)
        return PreprocessedClassifier(_at_precision(classifier.classifier, precision, seen), classifier.preprocessor)
    if isinstance(classifier, MaskedClassifier):
        return classifier.around(_at_precision(classifier.classifier, precision, images))
    if not isinstance(classifier, TorchClassifier):
        raise InputError("--precision: only a torch module can be searched in bfloat16; use float32.")
    return classifier.at_precision(torch.bfloat16, images)
