"""pixelproof train: train a network of the zoo."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from typer.core import TyperArgument, TyperCommand

from pixelproof.cli.completion import ZOO, one_of
from pixelproof.cli.console import console
from pixelproof.errors import InputError

if TYPE_CHECKING:
    from pixelproof.data import ImageSet
    from pixelproof.jobs.train import TrainingProgress as Status


@contextmanager
def train_progress(name: str) -> Iterator[Callable[[Status], None]]:
    """A listener for ``train``: a live bar on a terminal, one line an epoch elsewhere."""
    from pixelproof.jobs.progress import is_live

    if not is_live(console):
        yield _plain
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[status]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(name, total=None, status="")

        def listen(status: Status) -> None:
            done = (status.epoch - 1) * status.steps + status.step
            text = f"epoch {status.epoch}/{status.epochs} · loss {status.loss:.3f}"
            bar.update(task, total=status.epochs * status.steps, completed=done, status=text)

        yield listen


def _plain(status: Status) -> None:
    if status.step == status.steps:
        console.print(f"epoch {status.epoch}/{status.epochs}: loss {status.loss:.3f}")


class TrainCommand(TyperCommand):
    """Names the zoo's networks in its help, and imports them (and torch) for nothing else."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        from pixelproof.zoo.registry import ZOO

        for each in self.params:
            if isinstance(each, TyperArgument):
                each.help = f"{', '.join(sorted(ZOO))}."
        super().format_help(ctx, formatter)


def train(
    name: Annotated[str, typer.Argument(autocompletion=one_of(*ZOO))],
    data: Annotated[
        str, typer.Option(help="Training data: cifar10:ROOT, idx:DIR, pentomino:N, npz:FILE or folder:DIR.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the weights, the card and the checkpoint.")],
    test_data: Annotated[
        str | None, typer.Option(help="Held-out data.", show_default="the test split, for cifar10:ROOT and idx:DIR")
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Epochs.", show_default="the recipe's")] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Seed of the start and of the augmentation.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    full_precision: Annotated[
        bool, typer.Option("--full-precision", help="float32 throughout instead of bfloat16 autocast.")
    ] = False,
) -> None:
    """Train a network and write NAME.safetensors with its card; started again, it continues after the last epoch."""
    from pixelproof.jobs.job import choose_device
    from pixelproof.jobs.train import train as run_training

    train_set, test_set = _data(data, test_data)
    with train_progress(name) as report:
        card = run_training(
            name,
            train_set,
            test_set,
            out,
            seed=seed,
            epochs=epochs,
            device=choose_device(device),
            mixed_precision=not full_precision,
            report=report,
        )
    right = f"{100 * card['accuracy']:.2f} % of {len(test_set)} held-out images classified correctly"
    console.print(f"{name}: {right}\nweights: [bold]{escape(str(out / name))}.safetensors[/]", soft_wrap=True)


def _data(data: str, test_data: str | None) -> tuple[ImageSet, ImageSet]:
    from pixelproof.data import load_cifar10, load_data, load_idx

    kind, _, place = data.partition(":")
    if kind in ("cifar10", "idx") and place:
        load = load_cifar10 if kind == "cifar10" else load_idx
        return load(Path(place).expanduser(), "train"), load_data(test_data or data)
    if test_data is None:
        raise InputError("--test-data: name the held-out images to measure the accuracy on.")
    return load_data(data), load_data(test_data)
