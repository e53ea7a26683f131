"""A grid, from its spec to everything its page says: a run for each block, replays, and what defences cost."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import get_args

import numpy as np
import torch

from pixelproof.attacks.named import parse_attack
from pixelproof.data import ImageSet, load_data
from pixelproof.defences import defend, measure
from pixelproof.engine import Judge
from pixelproof.engine.settings import AttackName
from pixelproof.files import slug
from pixelproof.jobs.assess import AssessJob
from pixelproof.jobs.assess_spec import AssessSpec
from pixelproof.jobs.clever.job import CleverJob, CleverSpec
from pixelproof.jobs.job import choose_device, in_range
from pixelproof.jobs.runner import Backend, here
from pixelproof.models import Classifier, load_model, settle_kind
from pixelproof.plans.grid.replay import replayed
from pixelproof.plans.grid.spec import Block, GridClever, GridSpec
from pixelproof.plans.grid.view import GridRun, GridView
from pixelproof.plans.plan import RUNS, Say, Show, Task, carry_out, check_folder, quiet, without_weights
from pixelproof.results.clever import CleverResult, clever_result
from pixelproof.results.distances import smallest_distances
from pixelproof.results.grid import DefenceCost, GridCell, attack_label, cells
from pixelproof.results.grid_clever import ANY, CleverRow, clever_row, paired
from pixelproof.results.intervals import Rate
from pixelproof.results.rank_correlation import FEWEST, RankCorrelation, rank_correlation
from pixelproof.runs import Record, RunStore
from pixelproof.runs.database import FILE
from pixelproof.units import to_unit
from pixelproof.wording import listed

CLEVER = "clever"
#: Clean images that accuracy and cost of a defence are measured on, at most.
_CLEAN = 1_000


def run_grid(
    grid: GridSpec,
    out: Path,
    *,
    trust_code: bool = False,
    show: Show = quiet,
    say: Say = lambda _: None,
    backend: Backend = here,
) -> GridView:
    """Do what is left of ``grid`` in the folder ``out``, and give everything there is to say of it.

    Runs lie in ``out/runs/MODEL/DEFENCE/TARGET``, CLEVER's scores in ``out/clever``; those that are finished are not
    done again, and a run that was interrupted goes on. ``say`` is told what a reader must know at once. Raises
    ``InputError`` as jobs do, and ``RunError`` when ``out`` holds something else.
    """
    check_folder(out, "grid")
    absent = without_weights([(each.model, each.label) for each in grid.models], say)
    present = [each for each in grid.models if each.label not in absent]
    device = choose_device(grid.device)
    models = {each.label: load_model(each.model, trust_code=trust_code, device=device) for each in present}
    data = in_range(load_data(grid.data), grid.range)
    _rehearse(models.values(), grid.preprocessors, data.take(slice(0, 1)), device)
    plan = _Plan(grid, out, data, device, models, trust_code)
    carry_out(plan.tasks(), out, show, backend)
    skipped = plan.skipped()
    for sentence in skipped:
        say(sentence)
    return plan.view(absent, skipped)


def _rehearse(models: Iterable[Classifier], defences: tuple[str, ...], one: ImageSet, device: torch.device) -> None:
    """Ask every model behind every defence about one image, so that what fails does so before hours of work."""
    image, _ = _on_device(one, device)
    for model, defence in product(models, defences):
        with torch.no_grad():
            defend(copy(model), defence).scores(image)  # a copy, as one image is too few to settle the kind of scores


def _on_device(data: ImageSet, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Images float32 N×C×H×W in [0, 1], and labels."""
    images = to_unit(torch.from_numpy(np.array(data.images)).to(device))
    return images, torch.from_numpy(data.labels.copy()).to(device)


@dataclass(frozen=True, eq=False)
class _Plan:
    """What the jobs of a grid have in common."""

    grid: GridSpec
    out: Path
    data: ImageSet
    device: torch.device
    models: Mapping[str, Classifier]
    trust_code: bool

    @property
    def blocks(self) -> list[Block]:
        return [block for block in self.grid.blocks if block.model.label in self.models]

    @property
    def bare(self) -> list[Block]:
        """The blocks whose runs CLEVER is set against: undefended models, at the first target."""
        return [block for block in self.blocks if block.defence is None and block.target == self.grid.targets[0]]

    def place(self, block: Block) -> Path:
        return self.out / RUNS / block.folder

    def clever_place(self, block: Block) -> Path:
        return self.out / CLEVER / slug(block.model.label)

    def tasks(self) -> Iterator[Task]:
        """A run for each block, then CLEVER of every bare model."""
        for block in self.blocks:
            spec, _ = self._possible(block)
            if spec is not None:
                yield Task(block.label, self.place(block), lambda b=block, s=spec: self._assess(b, s))  # type: ignore[misc]
        if (told := self.grid.clever) is not None:
            for block in self.bare:
                label = f"CLEVER of {block.model.label}"
                yield Task(label, self.clever_place(block), lambda b=block: self._clever(b, told))  # type: ignore[misc]

    def _possible(self, block: Block) -> tuple[AssessSpec | None, str | None]:
        classifier = defend(self.models[block.model.label], block.defence)
        return _possible(self.grid.run(block, self.trust_code), classifier)

    def _assess(self, block: Block, spec: AssessSpec) -> AssessJob:
        return AssessJob(spec, defend(self.models[block.model.label], block.defence), self.data)

    def _clever(self, block: Block, told: GridClever) -> CleverJob:
        assessed = self.grid.run(block, self.trust_code)
        shared = assessed.model_dump(include={"model", "data", "samples", "target", "seed", "device", "trust_code"})
        spec = CleverSpec(**shared, **told.model_dump(), run=str(self.place(block)))
        model = self.models[block.model.label]
        with RunStore.open(self.place(block)) as run:
            settle_kind(model, run.manifest.model.kind)
            return CleverJob(spec, model, self.data, run)

    def skipped(self) -> tuple[str, ...]:
        """Sentences on attacks that have no place, and on where CLEVER means nothing, each once."""
        notes = [sentence for block in self.blocks if (sentence := self._possible(block)[1])]
        for block in self.bare if self.grid.clever else ():
            label, model = block.model.label, self.models[block.model.label]
            with RunStore.open(self.clever_place(block)) as run:
                notes += meaningless(label, clever_result(run))
            blind = [each for each in self.grid.preprocessors if not defend(model, each).differentiable]
            if blind and model.differentiable:
                notes.append(f"Behind {listed(blind)} there are no gradients, so CLEVER is meaningless there.")
        return tuple(dict.fromkeys(notes))

    def clever_rows(self) -> tuple[CleverRow, ...]:
        """Scores of every bare model beside the distances found."""
        rows: list[CleverRow] = []
        for block in self.bare if self.grid.clever else ():
            with RunStore.open(self.place(block)) as run, RunStore.open(self.clever_place(block)) as scored:
                rows += clever_rows(block.model.label, clever_result(scored), run)
        return tuple(rows)

    def view(self, absent: Mapping[str, str], skipped: tuple[str, ...]) -> GridView:
        found: list[GridCell] = []
        runs: list[GridRun] = []
        for block in self.blocks:
            if not (self.place(block) / FILE).exists():
                continue
            with RunStore.open(self.place(block)) as run:
                runs.append(GridRun(block.label, run.manifest, str(Path(self.out.resolve().name, RUNS, block.folder))))
                settle_kind(self.models[block.model.label], run.manifest.model.kind)
                name, defence = block.model.label, block.defence or ""
                found += cells(name, defence, block.access, block.target, run.records())
                if block.defence is None and "replayed" in self.grid.access:
                    found += self._replays(block, run)
        return GridView(tuple(found), tuple(self._costs()), tuple(runs), absent, skipped, self.clever_rows())

    def _replays(self, block: Block, run: RunStore) -> list[GridCell]:
        """What the images of a bare model's ``run`` come to behind every defence."""
        found: list[GridCell] = []
        for defence in self.grid.preprocessors:
            judge = Judge.of(defend(self.models[block.model.label], defence), self.device)
            again = replayed(run, judge)
            found += cells(block.model.label, defence, "replayed", block.target, again)
        return found

    def _costs(self) -> list[DefenceCost]:
        some = self.data.take(slice(0, _CLEAN))
        images, labels = _on_device(some, self.device)
        costs = []
        for label, classifier in self.models.items():
            for defence in (None, *self.grid.preprocessors):
                cost = measure(defence, classifier, images, labels)
                right = Rate(round(cost.accuracy * len(some)), len(some))
                costs.append(DefenceCost(label, defence or "", right, cost.milliseconds if defence else None))
        return costs


def _possible(spec: AssessSpec, classifier: Classifier) -> tuple[AssessSpec | None, str | None]:
    """``spec`` without the attacks that need gradients where there are none, and a sentence on those."""
    if spec.access != "end-to-end" or classifier.differentiable or spec.defence is None:
        return spec, None
    levelled = get_args(AttackName)
    blind = [each for each in spec.attacks if each not in levelled and parse_attack(each).needs == "gradients"]
    if not blind:
        return spec, None
    names = ", ".join(dict.fromkeys(parse_attack(each).name for each in blind))
    sentence = f"End to end behind {spec.defence} there are no gradients, so {names} were not tried; see adaptive."
    rest = tuple(each for each in spec.attacks if each not in blind)
    return (spec.model_copy(update={"attacks": rest}) if rest else None), sentence


def clever_rows(model: str, found: CleverResult, run: RunStore) -> list[CleverRow]:
    """A row for the smallest distances over all attacks of ``run``, and one for each attack without a bound."""
    unbounded = {each["spec"] for each in run.manifest.settings["attacks"] if each["epsilon"] is None}
    groups: dict[str, list[Record]] = {ANY: run.records()}
    for record in groups[ANY]:
        if record.spec in unbounded:
            groups.setdefault(attack_label(record), []).append(record)
    scores = {each.sample: each.score for each in found.records}
    return [_row((model, found.target, attack), found, scores, records) for attack, records in groups.items()]


def _row(
    place: tuple[str, str, str], found: CleverResult, scores: Mapping[int, float | None], records: Sequence[Record]
) -> CleverRow:
    model, target, attack = place
    distances = smallest_distances(records, found.norm)
    correlation: RankCorrelation | None = None
    known, far = paired(scores, distances)
    if len(known) >= FEWEST:
        correlation = rank_correlation(known, far, found.manifest.settings["seed"])
    return clever_row((model, target, found.norm, attack), scores, distances, correlation)


def meaningless(model: str, found: CleverResult) -> list[str]:
    """A sentence on each reason for which samples of ``model`` have no score."""
    reasons = [each.message for each in found.records if each.message is not None]
    return [
        f"CLEVER is meaningless for {reasons.count(reason)} of {len(found.records)} samples of {model}: {reason}"
        for reason in dict.fromkeys(reasons)
    ]
