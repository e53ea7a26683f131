"""Training a network of the zoo: seeded, resumable after every epoch, ending in weights and a card."""

import copy
import hashlib
import io
import json
import platform
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable
from zipfile import ZipFile

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional as F

from pixelproof.data.imageset import ImageSet
from pixelproof.defences import adversarial_training
from pixelproof.defences.adversarial_training import Adversary
from pixelproof.errors import DataError, RunError
from pixelproof.files import write_durably
from pixelproof.runs.database import locked
from pixelproof.units import to_unit
from pixelproof.version import __version__
from pixelproof.wording import plural
from pixelproof.zoo.recipe import Recipe
from pixelproof.zoo.registry import entry

CHECKPOINT = "checkpoint.pt"
TEACHER = "teacher.pt"  # the checkpoint of the first half of a distillation

#: Weights are stored in half precision where that changes the test accuracy by no more.
STORAGE_TOLERANCE = 0.0005

#: (module, images float32 N×C×H×W in [0, 1], labels, a generator on the CPU) → perturbed images.
Perturb = Callable[[nn.Module, Tensor, Tensor, torch.Generator], Tensor]

#: Fields that recipes got after the first checkpoints were written; a recipe that leaves them alone has the identity it
#: always had, so its training can still be taken up.
_LATER = {"optimiser": "sgd", "noise": 0.0, "temperature": 1.0, "pixels": 0}


@runtime_checkable
class BringsLoss(Protocol):
    """A network with a training loss of its own in place of the cross entropy."""

    def training_loss(self, images: Tensor, labels: Tensor) -> Tensor:
        """The mean loss of ``images``, float32 N×C×H×W in [0, 1], whose ``labels`` are int64 N."""


@dataclass(frozen=True)
class TrainingProgress:
    """Where training stands: ``step`` of ``steps`` in ``epoch`` of ``epochs``, and the running loss."""

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float


def train(
    name: str,
    train_set: ImageSet,
    test_set: ImageSet,
    out: Path,
    *,
    seed: int = 0,
    epochs: int | None = None,
    device: torch.device | None = None,
    mixed_precision: bool = True,
    report: Callable[[TrainingProgress], None] = lambda _: None,
) -> dict[str, Any]:
    """Train ``name`` and write ``NAME.safetensors`` and ``NAME.json`` (the card) into ``out``; return the card.

    A checkpoint is written after every epoch and taken up when ``out`` holds one of the same training; the outcome
    does not depend on interruptions. Mixed precision is bfloat16 autocast. A hardened network learns from batches that
    its entry's adversary has perturbed; a distilled one takes two trainings, whose epochs are reported as those of one.
    The card's accuracy is that of the weights as stored, on clean images. Raises
    ``ModelError`` for an unknown name, ``DataError`` when the network does not fit the images, and ``RunError`` when
    ``out`` holds a checkpoint of another training or a damaged one, or another process trains there.
    """
    _check_data(name, train_set, test_set)
    out.mkdir(parents=True, exist_ok=True)
    lock = locked(out)
    try:
        return _train(
            name, train_set, test_set, out, seed, epochs, device or torch.device("cpu"), mixed_precision, report
        )
    finally:
        lock.release()


def _train(
    name: str,
    train_set: ImageSet,
    test_set: ImageSet,
    out: Path,
    seed: int,
    epochs: int | None,
    device: torch.device,
    mixed_precision: bool,
    report: Callable[[TrainingProgress], None],
) -> dict[str, Any]:
    recipe = entry(name).recipe
    if epochs is not None:
        recipe = replace(recipe, epochs=epochs)
    adversary = _adversary(name)
    described = adversary.name if adversary else None
    identity = _identity(name, train_set, recipe, seed, mixed_precision, described)

    def trained(
        checkpoint: str, report: Callable[[TrainingProgress], None], teacher: nn.Module | None = None
    ) -> nn.Module:
        torch.manual_seed(seed)
        network = _placed(entry(name).build(train_set.classes), device)
        trainer = _Trainer(network, train_set, recipe, seed, device, mixed_precision, adversary, teacher)
        trainer.resume(out / checkpoint, identity)
        while trainer.epoch < recipe.epochs:
            trainer.run_epoch(report)
            trainer.save(out / checkpoint, identity)
        return network

    if recipe.temperature == 1:
        network = trained(CHECKPOINT, report)
    else:
        teacher = trained(TEACHER, _of_two(report, 0))
        network = trained(CHECKPOINT, _of_two(report, 1), teacher)
    weights, storage, right = _to_store(network, test_set, device)
    card = {
        "name": name,
        "parameters": sum(p.numel() for p in network.parameters()),
        "classes": list(train_set.class_names),
        "data": {"name": train_set.name, "sha256": train_set.content_hash, "images": len(train_set)},
        "test": {"name": test_set.name, "sha256": test_set.content_hash, "images": len(test_set)},
        "accuracy": right,
        "recipe": asdict(recipe),
        "adversary": described,
        "remark": entry(name).remark,
        "seed": seed,
        "precision": "bfloat16 autocast" if mixed_precision else "float32",
        "storage": storage,
        "environment": {
            "pixelproof": __version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
            "device": device.type,
        },
    }
    return _write(name, weights, card, out)


def accuracy(network: nn.Module, data: ImageSet, device: torch.device, batch_size: int = 250) -> float:
    """Share of ``data`` that ``network`` classifies correctly in full precision and evaluation mode."""
    network.eval()
    right = 0
    with torch.inference_mode():
        for start in range(0, len(data), batch_size):
            images = to_unit(torch.from_numpy(data.images[start : start + batch_size].copy()).to(device))
            labels = torch.from_numpy(data.labels[start : start + batch_size].copy()).to(device)
            right += int((network(images).argmax(1) == labels).sum())
    return right / len(data)


class _Trainer:
    """The state of one training. Resuming changes nothing: an epoch's order, augmentation and adversarial starts derive
    from (seed, epoch), and the random state that dropout draws from is in the checkpoint.
    """

    def __init__(
        self,
        network: nn.Module,
        data: ImageSet,
        recipe: Recipe,
        seed: int,
        device: torch.device,
        mixed: bool,
        adversary: Perturb | None = None,
        teacher: nn.Module | None = None,
    ) -> None:
        self.network, self.recipe, self.seed, self.device, self.mixed = network, recipe, seed, device, mixed
        self.adversary, self.teacher = adversary, teacher
        self.images = torch.from_numpy(np.array(data.images)).permute(0, 3, 1, 2).to(device)
        self.labels = torch.from_numpy(data.labels.copy()).to(device)
        self.steps = max(1, len(data) // recipe.batch_size)
        self.epoch = 0
        self.optimiser = _optimiser(network, recipe)
        #: Where the device's own random stream is kept, which dropout draws from.
        self.random = torch.cuda if device.type == "cuda" else torch
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimiser,
            recipe.max_learning_rate,
            total_steps=recipe.epochs * self.steps + 1,
            pct_start=recipe.warm_up,
            cycle_momentum=False,
        )

    def run_epoch(self, report: Callable[[TrainingProgress], None]) -> None:
        self.network.train()
        loss_sum = torch.zeros((), device=self.device)
        # Another stream than the augmentation's; of a seed, torch's generators on the CPU take 32 bits.
        starts = torch.Generator().manual_seed(self._epoch_seed() + 2**31)
        for step, (images, labels) in enumerate(self._batches()):
            if self.adversary is not None:
                with self._autocast():
                    images = self.adversary(self.network, images, labels, starts)
            loss = self._loss(images, labels)
            self.optimiser.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            self.optimiser.step()
            self.schedule.step()
            loss_sum += loss.detach()
            if step % 20 == 0 or step + 1 == self.steps:
                mean = float(loss_sum) / (step + 1)
                report(TrainingProgress(self.epoch + 1, self.recipe.epochs, step + 1, self.steps, mean))
        self.epoch += 1

    def _loss(self, images: Tensor, labels: Tensor) -> Tensor:
        with self._autocast():
            if isinstance(self.network, BringsLoss):
                return self.network.training_loss(images, labels)
            logits = self.network(images)
        temperature = self.recipe.temperature
        aim = labels if self.teacher is None else self._taught(self.teacher, images)
        loss = F.cross_entropy(logits.float() / temperature, aim, label_smoothing=self.recipe.label_smoothing)
        return loss * temperature  # so that gradients keep the size that they have at 1

    @torch.no_grad()
    def _taught(self, teacher: nn.Module, images: Tensor) -> Tensor:
        """The teacher's probabilities N×K at the temperature, of the images as augmented (the paper: as stored)."""
        teacher.eval()
        with self._autocast():
            logits: Tensor = teacher(images)
        return (logits.float() / self.recipe.temperature).softmax(1)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.mixed)

    def _epoch_seed(self) -> int:
        return self.seed * 1_000_003 + self.epoch

    def _batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        rng = torch.Generator().manual_seed(self._epoch_seed())
        order = torch.randperm(len(self.images), generator=rng)
        noise = torch.Generator().manual_seed(self._epoch_seed() + 2**30)  # a third stream
        size = min(self.recipe.batch_size, len(self.images))
        for step in range(self.steps):
            chosen = order[step * size : (step + 1) * size].to(self.device)
            images = to_unit(_augment(self.images[chosen], self.recipe, rng))
            if self.recipe.noise:
                images = _noisy(images, self.recipe.noise / 255, noise)
            if self.recipe.pixels:
                images = _painted(images, self.recipe.pixels, noise)
            yield images.contiguous(memory_format=torch.channels_last), self.labels[chosen]

    def save(self, path: Path, identity: str) -> None:
        state = {
            "identity": identity,
            "epoch": self.epoch,
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
            "random": self.random.get_rng_state(),
        }
        content = io.BytesIO()
        torch.save(state, content)
        write_durably(path, content.getvalue())

    def resume(self, path: Path, identity: str) -> None:
        if not path.exists():
            return
        try:
            if (torn := ZipFile(path).testzip()) is not None:  # which torch.load reads as numbers like any others
                raise ValueError(f"{torn} is not as it was written")
            state = torch.load(path, weights_only=True, map_location=self.device)
            if state["identity"] == identity:
                self._take(state)
                return
        except Exception as error:  # torch.load raises whatever the bytes lead it to, and so do the states' loaders
            raise RunError(f"{path} is no checkpoint of a training, or it is damaged; remove that file.") from error
        raise RunError(
            f"{path} belongs to another training (other network, data, recipe or seed); "
            "choose another --out, or remove that file."
        )

    def _take(self, state: dict[str, Any]) -> None:
        self.epoch = int(state["epoch"])
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.load_state_dict(state["schedule"])
        if "random" in state:  # the first checkpoints had none
            self.random.set_rng_state(state["random"].cpu())


def _placed(network: nn.Module, device: torch.device) -> nn.Module:
    """On a GPU the weights are channels-last too; on a CPU, whose convolutions lay them out anew, they stay plain."""
    if device.type == "cuda":
        return network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]
    return network.to(device)


def _optimiser(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    rate, decay = recipe.max_learning_rate, recipe.weight_decay
    if recipe.optimiser == "adam":
        return torch.optim.Adam(network.parameters(), rate, (recipe.momentum, 0.999), weight_decay=decay)
    return torch.optim.SGD(network.parameters(), rate, recipe.momentum, weight_decay=decay, nesterov=True)


def _augment(images: Tensor, recipe: Recipe, rng: torch.Generator) -> Tensor:
    """Random crop from a zero border and random flip, for a whole batch at once (uint8 N×C×H×W, to N×H×W×C)."""
    n, _, height, width = images.shape
    shifts = torch.randint(0, 2 * recipe.padding + 1, (2, n), generator=rng).to(images.device)
    flips = (torch.rand(n, generator=rng) < 0.5).to(images.device) & recipe.flip
    padded = F.pad(images, (recipe.padding,) * 4)
    rows = torch.arange(height, device=images.device) + shifts[0, :, None]
    columns = torch.arange(width, device=images.device).expand(n, width)
    columns = torch.where(flips[:, None], columns.flip(1), columns) + shifts[1, :, None]
    lane = torch.arange(n, device=images.device)[:, None, None]
    return padded[lane, :, rows[:, :, None], columns[:, None, :]]


def _noisy(images: Tensor, sigma: float, rng: torch.Generator) -> Tensor:
    noise = torch.randn(images.shape, generator=rng).to(images.device)
    return (images + sigma * noise).clamp(0, 1)


def _painted(images: Tensor, count: int, rng: torch.Generator) -> Tensor:
    """``images`` N×C×H×W with ``count`` random positions each in random corner colours."""
    n, channels, height, width = images.shape
    positions = torch.randint(height * width, (n, 1, count), generator=rng).to(images.device)
    colours = torch.randint(2, (n, channels, count), generator=rng).to(images)
    painted = images.flatten(2).scatter(2, positions.expand(n, channels, count), colours)
    return painted.view_as(images)


def _of_two(report: Callable[[TrainingProgress], None], before: int) -> Callable[[TrainingProgress], None]:
    """``report`` for one of two trainings in a row, with ``before`` of them behind it."""

    def counted(progress: TrainingProgress) -> None:
        epochs = progress.epochs
        report(replace(progress, epoch=before * epochs + progress.epoch, epochs=2 * epochs))

    return counted


def _check_data(name: str, train_set: ImageSet, test_set: ImageSet) -> None:
    height, width, channels = entry(name).shape
    if train_set.shape != entry(name).shape:
        found = "×".join(map(str, train_set.shape[:2]))
        raise DataError(
            f"The zoo's {name} takes images of {height}×{width} pixels in {plural(channels, 'colour')}, but "
            f"{train_set.name} has {found} in {train_set.shape[2]}; resize or convert them."
        )
    if test_set.shape != train_set.shape or test_set.classes > train_set.classes:
        raise DataError(
            f"The held-out images of {test_set.name} have another shape or more classes than those of "
            f"{train_set.name}; take both from one data set."
        )


def _adversary(name: str) -> Adversary | None:
    kind = entry(name).adversary
    if kind is None:
        return None

    return adversarial_training.fast() if kind == "fast" else adversarial_training.pgd()


def _identity(name: str, data: ImageSet, recipe: Recipe, seed: int, mixed: bool, adversary: str | None) -> str:
    described = {key: value for key, value in asdict(recipe).items() if (key, value) not in _LATER.items()}
    parts = [1, name, data.content_hash, described, seed, mixed, *([adversary] if adversary else [])]
    text = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _to_store(network: nn.Module, test_set: ImageSet, device: torch.device) -> tuple[dict[str, Tensor], str, float]:
    """The weights to store, their type, and the test accuracy with them: float16 where it costs nothing to speak of."""
    full = {key: value.detach().cpu().contiguous() for key, value in network.state_dict().items()}
    half = {key: value.half() if value.is_floating_point() else value for key, value in full.items()}
    before = accuracy(network, test_set, device)
    rounded = copy.deepcopy(network)
    rounded.load_state_dict(half)
    after = accuracy(rounded, test_set, device)
    fits = all(bool(value.isfinite().all()) for value in half.values())  # float16 ends at 65,504
    if fits and round(abs(after - before), 6) <= STORAGE_TOLERANCE:
        return half, "float16", after
    return full, "float32", before


def _write(name: str, weights: dict[str, Tensor], card: dict[str, Any], out: Path) -> dict[str, Any]:
    path = out / f"{name}.safetensors"
    write_durably(path, save(weights))
    card = {**card, "weights_sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    write_durably(path.with_suffix(".json"), json.dumps(card, indent=2) + "\n")
    return card
