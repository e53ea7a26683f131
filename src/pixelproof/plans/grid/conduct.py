"""A grid, from its spec to everything its page says: a run for each block, replays, and what defences cost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import copy
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import get_args

import torch

from pixelproof.attacks.named import parse_attack
from pixelproof.data import ImageSet, load_data
from pixelproof.defences import defend, measure
from pixelproof.engine.settings import AttackName
from pixelproof.errors import InputError, RunError
from pixelproof.jobs.assess import begin, choose_device, execute, in_range, is_finished
from pixelproof.jobs.assess_spec import AssessSpec
from pixelproof.models import Classifier, load_model, settle_kind
from pixelproof.models.query import predictor
from pixelproof.plans.grid.clever import ShareProgress, clever_rows, meaningless, surveyed, unseen
from pixelproof.plans.grid.replay import replayed
from pixelproof.plans.grid.spec import Block, CleverSpec, GridSpec, slug
from pixelproof.plans.grid.view import GridRun, GridView
from pixelproof.plans.study.conduct import Progress, quiet
from pixelproof.results.grid import DefenceCost, GridCell, cells
from pixelproof.results.grid_clever import CleverRow
from pixelproof.results.intervals import Rate
from pixelproof.runs import RunStore
from pixelproof.runs.store import FILE
from pixelproof.units import to_unit
from pixelproof.wording import listed
from pixelproof.zoo.registry import absence

RUNS, CLEVER = "runs", "clever"
#: Clean images that accuracy and cost of a defence are measured on, at most.
_CLEAN = 1_000


def conduct(
    grid: GridSpec,
    out: Path,
    *,
    trust_code: bool = False,
    progress: Progress = quiet,
    clever_progress: ShareProgress = unseen,
    say: Callable[[str], None] = lambda _: None,
) -> GridView:
    """Do what is left of ``grid`` in the folder ``out``, and give everything there is to say of it.

    Runs lie in ``out/runs/MODEL/DEFENCE/TARGET``, CLEVER's scores in ``out/clever``; those that are finished are not
    done again, and a run that was interrupted goes on. ``say`` is told what a reader must know at once. Raises
    ``InputError`` as ``begin`` does, and ``RunError`` when ``out`` holds something else.
    """
    if (out / FILE).exists():
        raise RunError(f"{out} holds a run, not a grid; choose another --out.")
    missing = {each.label: absence(each.model, each.label) for each in grid.models}
    absent = {label: sentence for label, sentence in missing.items() if sentence}
    for sentence in absent.values():
        say(sentence)
    present = [each for each in grid.models if each.label not in absent]
    if not present:
        raise InputError(f"None of {', '.join(absent)} has weights here; train one, or name other models.")
    device = choose_device(grid.device)
    models = {each.label: load_model(each.model, trust_code=trust_code, device=device) for each in present}
    data = in_range(load_data(grid.data), grid.range)
    _rehearse(models.values(), grid.preprocessors, data.take(slice(0, 1)), device)
    conductor = _Conductor(grid, out, data, device, models, trust_code, progress)
    skipped = tuple(dict.fromkeys(filter(None, map(conductor.run, conductor.blocks))))
    rows, blind = conductor.clever(grid.clever, clever_progress) if grid.clever else ((), ())
    skipped += blind
    for sentence in skipped:
        say(sentence)
    return conductor.view(absent, skipped, rows)


def _rehearse(models: Iterable[Classifier], defences: tuple[str, ...], one: ImageSet, device: torch.device) -> None:
    """Ask every model behind every defence about one image, so that what fails does so before hours of work."""
    image, _ = _on_device(one, device)
    for model, defence in product(models, defences):
        with torch.no_grad():
            defend(copy(model), defence).scores(image)  # a copy, as one image is too few to settle the kind of scores


def _on_device(data: ImageSet, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Images float32 N×C×H×W in [0, 1], and labels."""
    images = to_unit(torch.from_numpy(data.images.copy()).to(device))
    return images, torch.from_numpy(data.labels.copy()).to(device)


@dataclass(frozen=True, eq=False)
class _Conductor:
    """What the steps of a grid have in common."""

    grid: GridSpec
    out: Path
    data: ImageSet
    device: torch.device
    models: Mapping[str, Classifier]
    trust_code: bool
    progress: Progress

    @property
    def blocks(self) -> list[Block]:
        return [block for block in self.grid.blocks if block.model.label in self.models]

    def place(self, block: Block) -> Path:
        return self.out / RUNS / block.folder

    def run(self, block: Block) -> str | None:
        """Finish the run of ``block``; a sentence on attacks that it has no place for."""
        classifier = defend(self.models[block.model.label], block.defence)
        spec, skipped = _possible(self.grid.run(block, self.trust_code), classifier)
        if spec is not None and not is_finished(self.place(block), spec, classifier, self.data):
            with begin(spec, classifier, self.data, self.place(block)) as run, self.progress(block.label) as listener:
                execute(run, classifier, listener)
        return skipped

    def clever(self, told: CleverSpec, progress: ShareProgress) -> tuple[tuple[CleverRow, ...], tuple[str, ...]]:
        """Scores of every bare model beside the distances found; sentences on where they are meaningless."""
        rows: list[CleverRow] = []
        notes: list[str] = []
        for block in self.blocks:
            if block.defence is not None or block.target != self.grid.targets[0]:
                continue
            label, model = block.model.label, self.models[block.model.label]
            path = self.out / CLEVER / f"{slug(label)}.json"
            with RunStore.open(self.place(block)) as run, progress(f"CLEVER of {label}") as listener:
                settle_kind(model, run.manifest.model.kind)
                found = surveyed(told, run, model, self.data, path, listener)
                rows += clever_rows(label, found, run)
            notes += meaningless(label, found)
            blind = [each for each in self.grid.preprocessors if not defend(model, each).differentiable]
            if blind and model.differentiable:
                notes.append(f"Behind {listed(blind)} there are no gradients, so CLEVER is meaningless there.")
        return tuple(rows), tuple(dict.fromkeys(notes))

    def view(self, absent: Mapping[str, str], skipped: tuple[str, ...], clever: tuple[CleverRow, ...] = ()) -> GridView:
        found: list[GridCell] = []
        runs: list[GridRun] = []
        for block in self.blocks:
            if not (self.place(block) / FILE).exists():
                continue
            with RunStore.open(self.place(block)) as run:
                runs.append(GridRun(block.label, run.manifest, str(Path(self.out.resolve().name, RUNS, block.folder))))
                settle_kind(self.models[block.model.label], run.manifest.model.kind)
                name, defence = block.model.label, block.defence or ""
                found += cells(name, defence, block.way, block.target, run.records())
                if block.defence is None and "replayed" in self.grid.ways:
                    found += self._replays(block, run)
        return GridView(tuple(found), tuple(self._costs()), tuple(runs), absent, skipped, clever)

    def _replays(self, block: Block, run: RunStore) -> list[GridCell]:
        """What the images of a bare model's ``run`` come to behind every defence."""
        found: list[GridCell] = []
        for defence in self.grid.preprocessors:
            predict = predictor(defend(self.models[block.model.label], defence), self.device)
            again = replayed(run, predict)
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
    if spec.way != "end-to-end" or classifier.differentiable or spec.defence is None:
        return spec, None
    levelled = get_args(AttackName)
    blind = [each for each in spec.attacks if each not in levelled and parse_attack(each).needs == "gradients"]
    if not blind:
        return spec, None
    names = ", ".join(dict.fromkeys(parse_attack(each).name for each in blind))
    sentence = f"End to end behind {spec.defence} there are no gradients, so {names} were not tried; see adaptive."
    rest = tuple(each for each in spec.attacks if each not in blind)
    return (spec.model_copy(update={"attacks": rest}) if rest else None), sentence
