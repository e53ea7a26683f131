"""A study, from its spec to everything its page says: four runs over every network, and what follows from them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from pixelproof.data import ImageSet, load_data
from pixelproof.defences import defend, parse_masked
from pixelproof.errors import InputError
from pixelproof.jobs.assess import AssessJob
from pixelproof.jobs.assess_spec import LARGEST_MODELLED, AssessSpec, resolve
from pixelproof.jobs.job import choose_device, in_range
from pixelproof.jobs.runner import Backend, here
from pixelproof.jobs.transfer import Source, TransferJob, TransferSpec, source_of
from pixelproof.models import Classifier, load_model, settle_kind
from pixelproof.models.query import predictor
from pixelproof.plans.plan import RUNS, Say, Show, Task, carry_out, check_folder, quiet, without_weights
from pixelproof.plans.study.demonstrate import Ask, demonstration, flattest_right
from pixelproof.plans.study.spec import DEMONSTRATION, STUDY_ROLES, Member, StudySpec
from pixelproof.plans.study.view import Demonstration, StudyRun, StudyView
from pixelproof.results.study import Answer, Answers, Assessed, Role, fast_rows, transfer_cells
from pixelproof.results.study.transfer import answers_in, right_in
from pixelproof.runs import RunStore
from pixelproof.runs.database import FILE

TRANSFER = "transfer"


def run_study(
    study: StudySpec,
    out: Path,
    *,
    trust_code: bool = False,
    show: Show = quiet,
    say: Say = lambda _: None,
    backend: Backend = here,
) -> StudyView:
    """Do what is left of ``study`` in the folder ``out``, and give everything there is to say of it.

    Runs lie in ``out/runs/NAME/ROLE``, answers to each other's images in ``out/transfer/TARGET/SOURCE``; those that are
    finished are not done again, and one that was interrupted goes on. ``say`` is told what a reader must know at once.
    Raises ``InputError`` as jobs do, and ``RunError`` when ``out`` holds runs of another study.
    """
    check_folder(out, "study")
    subjects, absent = open_subjects(study, trust_code, say)
    data = in_range(load_data(study.data), study.range)
    plan = _Plan(study, out, data, choose_device(study.device), subjects, trust_code)
    carry_out(plan.runs(), out, show, backend)
    plan.settle_kinds()
    carry_out(plan.transfers(), out, show, backend)
    carry_out(plan.demonstrated(), out, show, backend)
    return replace(plan.view(), absent=absent)


@dataclass(frozen=True, eq=False)
class StudyModel:
    """A line of the study and its model, behind its defence."""

    member: Member
    classifier: Classifier


def open_subjects(study: StudySpec, trust_code: bool, say: Say) -> tuple[list[StudyModel], Mapping[str, str]]:
    """Every network and defence whose weights are here; by label, one sentence for each that is left out.

    All are opened before anything is run, so that a mistake in the last one costs nothing. Raises ``InputError`` when
    one cannot be opened for another reason, or none has weights.
    """
    for preprocessor in dict.fromkeys(member.preprocessor for member in study.members):
        if preprocessor is not None:
            parse_masked(preprocessor)
    absent = without_weights([(member.model, member.label) for member in study.members], say)
    present = [member for member in study.members if member.label not in absent]
    device = choose_device(study.device)
    return [StudyModel(member, _open(member, device, trust_code)) for member in present], absent


def _open(member: Member, device: torch.device, trust_code: bool) -> Classifier:
    return defend(load_model(member.model, trust_code=trust_code, device=device), member.preprocessor)


@dataclass(frozen=True, eq=False)
class _Plan:
    """What the jobs of a study have in common."""

    study: StudySpec
    out: Path
    data: ImageSet
    device: torch.device
    subjects: Sequence[StudyModel]
    trust_code: bool

    def place(self, member: Member, role: Role) -> Path:
        return self.out / RUNS / member.folder / role

    def runs(self) -> Iterator[Task]:
        """Four runs over each network; the first of each network is begun before any is carried out.

        What cannot be done is found so before hours of work on the networks before it, whose runs another number of
        samples would make useless.
        """
        first = {subject.member: self._first(subject) for subject in self.subjects}
        number, total = 0, len(STUDY_ROLES) * len(self.subjects)
        for subject in self.subjects:
            for role in STUDY_ROLES:
                number += 1
                job = first[subject.member] if role == STUDY_ROLES[0] else self._assess(subject, role)
                label = f"{subject.member.label} · {role} ({number} of {total})"
                yield Task(label, self.place(subject.member, role), lambda made=job: made)  # type: ignore[misc]

    def _assess(self, subject: StudyModel, role: Role) -> AssessJob:
        return AssessJob(self.study.run(subject.member, role, self.trust_code), subject.classifier, self.data)

    def _first(self, subject: StudyModel) -> AssessJob:
        for role in STUDY_ROLES:
            _check_shape(self.study.run(subject.member, role), self.data.shape, self.device)
        job = self._assess(subject, STUDY_ROLES[0])
        if not (self.place(subject.member, STUDY_ROLES[0]) / FILE).exists():
            with _about(subject.member):
                job.begin()
        return job

    def settle_kinds(self) -> None:
        """A kind of scores that nobody gave was found out by the first run."""
        for subject in self.subjects:
            with RunStore.open(self.place(subject.member, STUDY_ROLES[0])) as run:
                settle_kind(subject.classifier, run.manifest.model.kind)

    # What networks say to each other's images.

    def transfer_place(self, target: Member, source: Member) -> Path:
        return self.out / TRANSFER / target.folder / source.folder

    def transfers(self) -> Iterator[Task]:
        """Every network shown the nearest images of all."""
        for target in self.subjects:
            for source in self.subjects:
                label = f"{target.member.label}, shown images of {source.member.label}"
                place = self.transfer_place(target.member, source.member)
                yield Task(label, place, lambda t=target, s=source: self._transfer(t, s))  # type: ignore[misc]

    def _transfer(self, target: StudyModel, source: StudyModel) -> TransferJob:
        place = self.place(source.member, "minimal")
        spec = TransferSpec(
            model=target.member.model,
            defence=target.member.preprocessor,
            sources=(str(place),),
            device=self.study.device,
            trust_code=self.trust_code,
        )
        with RunStore.open(place) as run:
            shown, data = source_of(run, source.member.label), run.manifest.data
        return TransferJob(spec, target.classifier, [shown], data, looked_at=True)

    def _answers(self, sources: Sequence[Source]) -> tuple[Answers, Mapping[str, Mapping[int, bool]]]:
        """All answers by source, target and attack; of each target, which clean images it classifies correctly."""
        answers: dict[tuple[str, str, str], Sequence[Answer]] = {}
        right: dict[str, dict[int, bool]] = {}
        of = {source.label: source for source in sources}
        for source in self.subjects:
            for target in self.subjects:
                label, attacks = source.member.label, of[source.member.label].attacks
                with RunStore.open(self.transfer_place(target.member, source.member)) as run:
                    answers.update(answers_in(run, target.member.label, {label: attacks}))
                    right.setdefault(target.member.label, {}).update(right_in(run))
        return answers, right

    # What follows.

    def view(self) -> StudyView:
        """What the finished runs say."""
        with ExitStack() as stack:
            stores = {
                (subject.member, role): stack.enter_context(RunStore.open(self.place(subject.member, role)))
                for subject in self.subjects
                for role in STUDY_ROLES
            }
            runs = tuple(self._listed(run, member) for (member, _), run in stores.items())
            sources = [source_of(run, member.label) for (member, role), run in stores.items() if role == "minimal"]
        answers, right = self._answers(sources)
        labels = [source.label for source in sources]
        among = {label: _right(right[label], sources) for label in labels}
        others = {label: _right(right[label], sources, but=label) for label in labels}
        return StudyView(
            kind="study",
            runs=runs,
            transfers=tuple(transfer_cells(answers, among)),
            fast=tuple(row for label in labels for row in fast_rows(label, answers, others[label])),
            demonstration=self._demonstration(),
        )

    def _listed(self, run: RunStore, member: Member) -> StudyRun:
        own = Assessed.of(run.manifest, run.records(), certificates=run.certificates())
        assessed = replace(own, name=member.name, defence=member.defence)
        assert run.folder is not None  # the runs of a study lie in its folder
        return StudyRun(assessed, run.manifest, self._seen(run.folder))

    def _seen(self, folder: Path) -> str:
        """``folder`` as it is called from where the study's folder lies."""
        return str(Path(self.out.resolve().name) / folder.relative_to(self.out))

    # False adversarial images, beside true ones that the study's first network gives way to.

    @property
    def _demonstration_place(self) -> Path:
        return self.out / RUNS / DEMONSTRATION / self.subjects[0].member.folder

    def _flattest(self) -> int | None:
        first = self.subjects[0].classifier
        return flattest_right(self.data.images, self.data.labels.tolist(), predictor(first, self.device))

    def demonstrated(self) -> Iterator[Task]:
        """A run over the one image that the demonstration shows; none where no image is classified correctly."""
        first, position = self.subjects[0], self._flattest()
        if position is None:
            return
        start = position + (self.study.range[0] if self.study.range else 0)
        spec = self.study.run(first.member, "minimal", self.trust_code)
        alone = spec.model_copy(update={"range": (start, start + 1), "samples": 1, "shuffle": None})
        image = self.data.take([position])
        yield Task(DEMONSTRATION, self._demonstration_place, lambda: AssessJob(alone, first.classifier, image))

    def _demonstration(self) -> Demonstration | None:
        folder, label = self._demonstration_place, self.subjects[0].member.label
        if not (folder / FILE).exists():
            return None
        ask = {subject.member.label: self._ask(subject) for subject in self.subjects}
        rule = f"of the images that {label} classifies correctly, the one nearest to a single colour"
        with RunStore.open(folder) as run:
            made = demonstration([run], run.manifest.selection.samples[0], rule, ask)
        return replace(made, place=self._seen(folder))

    def _ask(self, subject: StudyModel) -> Ask:
        predict = predictor(subject.classifier, self.device)
        return lambda images: tuple(int(k) for k in predict(images).argmax(1))


@contextmanager
def _about(member: Member) -> Iterator[None]:
    """Name the network in what is said of it, as the options of one run do not."""
    try:
        yield
    except InputError as error:
        text = str(error).replace("lower --samples or widen --range", "lower samples or widen range")
        raise InputError(f"{member.label}: {text}") from error


def _check_shape(spec: AssessSpec, shape: tuple[int, int, int], device: torch.device) -> None:
    try:
        resolve(spec, shape, device.type)
    except InputError as error:
        raise InputError(
            "A study seeks minimal thresholds under both norms, which are sought in images of up to "
            f"{LARGEST_MODELLED} positions and 4 channels, not {shape[0]}×{shape[1]}×{shape[2]}; assess each network "
            "and use pixelproof compare."
        ) from error


def _right(right: Mapping[int, bool], sources: Sequence[Source], but: str | None = None) -> frozenset[int]:
    """The samples attacked that are classified correctly, but for those that only the source ``but`` attacked."""
    among = {sample for source in sources if source.label != but for sample in source.labels}
    return frozenset(sample for sample in among if right[sample])
