"""A study, from its spec to everything its page says: four runs over every network, and what follows from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import torch

from pixelproof.data import ImageSet, load_data
from pixelproof.errors import InputError, RunError
from pixelproof.jobs.assess import Listener, begin, choose_device, execute, in_range, is_finished
from pixelproof.jobs.assess_spec import LARGEST_MAP, AssessSpec, resolve
from pixelproof.models import settle_kind
from pixelproof.models.query import predictor
from pixelproof.plans.study.answer_book import AnswerBook
from pixelproof.plans.study.demonstrate import Ask, demonstration, flattest_right
from pixelproof.plans.study.spec import DEMONSTRATION, STUDY_ROLES, Member, StudySpec
from pixelproof.plans.study.subject import Subject, open_subjects
from pixelproof.plans.study.transfer import Source, source_of
from pixelproof.plans.study.view import Demonstration, StudyRun, StudyView
from pixelproof.results.study import Assessed, Role, fast_rows, transfer_cells
from pixelproof.runs import RunStore
from pixelproof.runs.store import FILE

RUNS, ANSWERS = "runs", "transfer.json"
#: Shows how a run goes on, by its name: a context that gives a listener for ``execute``.
Progress = Callable[[str], AbstractContextManager[Listener]]


@contextmanager
def quiet(_: str) -> Iterator[Listener]:
    """Progress that nobody sees."""
    yield lambda _: None


def conduct(
    study: StudySpec,
    out: Path,
    *,
    trust_code: bool = False,
    progress: Progress = quiet,
    say: Callable[[str], None] = lambda _: None,
) -> StudyView:
    """Do what is left of ``study`` in the folder ``out``, and give everything there is to say of it.

    Runs lie in ``out/runs/NAME/ROLE``; those that are finished are not done again, and one that was interrupted goes
    on. ``say`` is told what a reader must know at once. Raises ``InputError`` as ``begin`` does, and ``RunError`` when
    ``out`` holds runs of another study.
    """
    if (out / FILE).exists():
        raise RunError(f"{out} holds a run, not a study; choose another --out.")
    subjects, absent = open_subjects(study, trust_code)
    for sentence in absent.values():
        say(sentence)
    data = in_range(load_data(study.data), study.range)
    conductor = _Conductor(study, out, data, trust_code, progress)
    conductor.check(subjects)
    for number, (subject, role) in enumerate(_runs(subjects)):
        label = f"{subject.member.label} · {role} ({number + 1} of {len(STUDY_ROLES) * len(subjects)})"
        conductor.run(
            subject, study.run(subject.member, role, trust_code), conductor.place(subject.member, role), label
        )
    return replace(conductor.view(subjects), absent=absent)


def _runs(subjects: Sequence[Subject]) -> Iterator[tuple[Subject, Role]]:
    for subject in subjects:
        for role in STUDY_ROLES:
            yield subject, role


class _Conductor:
    """What the steps of a study have in common: its data, its device and its folder."""

    def __init__(self, study: StudySpec, out: Path, data: ImageSet, trust_code: bool, progress: Progress) -> None:
        self.study, self.out, self.data, self.trust_code, self.progress = study, out, data, trust_code, progress
        self.device: torch.device = choose_device(study.device)

    def place(self, member: Member, role: Role) -> Path:
        return self.out / RUNS / member.folder / role

    def check(self, subjects: Sequence[Subject]) -> None:
        """Begin the first run of each network not begun yet, in memory: what cannot be done is found before hours of
        work on the networks before it, whose runs another number of samples would make useless.
        """
        for role in STUDY_ROLES:
            _check_shape(self.study.run(subjects[0].member, role), self.data.shape, self.device)
        for member, classifier in ((subject.member, subject.classifier) for subject in subjects):
            if not (self.place(member, STUDY_ROLES[0]) / FILE).exists():
                with _about(member):
                    begin(self.study.run(member, STUDY_ROLES[0]), classifier, self.data, None).close()

    def run(self, subject: Subject, spec: AssessSpec, folder: Path, label: str, data: ImageSet | None = None) -> None:
        """Finish the run of ``spec`` in ``folder``, over ``data`` where that is not the study's."""
        images = self.data if data is None else data
        if is_finished(folder, spec, subject.classifier, images):
            return
        with begin(spec, subject.classifier, images, folder) as run, self.progress(label) as listener:
            execute(run, subject.classifier, listener)

    def view(self, subjects: Sequence[Subject]) -> StudyView:
        """What the finished runs say, and what is found by showing images to networks again."""
        with ExitStack() as stack:
            stores = {
                (subject.member, role): stack.enter_context(RunStore.open(self.place(subject.member, role)))
                for subject, role in _runs(subjects)
            }
            for subject in subjects:  # a kind of scores that nobody gave was found out by the first run
                settle_kind(subject.classifier, stores[subject.member, STUDY_ROLES[0]].manifest.model.kind)
            runs = tuple(self._listed(run, member) for (member, _), run in stores.items())
            sources = [source_of(run, member.label) for (member, role), run in stores.items() if role == "minimal"]
            book = self._answers(subjects, sources)
        labels = [source.label for source in sources]
        answers = book.answers(labels)
        return StudyView(
            kind="study",
            runs=runs,
            transfers=tuple(transfer_cells(answers, {label: book.right(label, _samples(sources)) for label in labels})),
            fast=tuple(
                row
                for label in labels
                for row in fast_rows(label, answers, book.right(label, _samples(sources, but=label)))
            ),
            demonstration=self._demonstration(subjects),
        )

    def _listed(self, run: RunStore, member: Member) -> StudyRun:
        assessed = replace(Assessed.of(run.manifest, run.records()), name=member.name, defence=member.defence)
        assert run.folder is not None  # the runs of a study lie in its folder
        return StudyRun(assessed, run.manifest, self._seen(run.folder))

    def _seen(self, folder: Path) -> str:
        """``folder`` as it is called from where the study's folder lies."""
        return str(Path(self.out.resolve().name) / folder.relative_to(self.out))

    def _answers(self, subjects: Sequence[Subject], sources: Sequence[Source]) -> AnswerBook:
        """Every network's answers to the images of all, written down after each network."""
        book = AnswerBook.read(self.out / ANSWERS)
        book.keep(sources)
        for subject, own in zip(subjects, sources, strict=True):
            if book.missing(own.label, own.identity, sources):
                book.ask(own.label, own.identity, sources, predictor(subject.classifier, self.device))
                book.write(self.out / ANSWERS)
        return book

    def _demonstration(self, subjects: Sequence[Subject]) -> Demonstration | None:
        """False adversarial images, beside true ones that the study's first network gives way to."""
        first, predict = subjects[0], predictor(subjects[0].classifier, self.device)
        position = flattest_right(self.data.images, self.data.labels.tolist(), predict)
        if position is None:
            return None
        start = position + (self.study.range[0] if self.study.range else 0)
        spec = self.study.run(first.member, "minimal", self.trust_code)
        alone = spec.model_copy(update={"range": (start, start + 1), "samples": 1, "shuffle": None})
        folder = self.out / RUNS / DEMONSTRATION / first.member.folder
        self.run(first, alone, folder, DEMONSTRATION, self.data.take([position]))
        ask = {subject.member.label: self._ask(subject) for subject in subjects}
        rule = f"of the images that {first.member.label} classifies correctly, the one nearest to a single colour"
        with RunStore.open(folder) as run:
            made = demonstration([run], int(self.data.indices[position]), rule, ask)
        return replace(made, place=self._seen(folder))

    def _ask(self, subject: Subject) -> Ask:
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
            f"A study seeks minimal thresholds under both norms, which are sought in images of up to {LARGEST_MAP} "
            f"positions and 4 channels, not {shape[0]}×{shape[1]}×{shape[2]}; assess each network and use "
            "pixelproof compare."
        ) from error


def _samples(sources: Sequence[Source], but: str | None = None) -> frozenset[int]:
    """All samples attacked, but for those that only the source called ``but`` attacked."""
    return frozenset(sample for source in sources if source.label != but for sample in source.labels)
