"""Measuring perturbations and telling of them, alone or after an assessment."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from pixelproof.cli.console import console
from pixelproof.cli.place import without_place

if TYPE_CHECKING:
    from pixelproof.data import ImageSet
    from pixelproof.jobs.perturb.spec import PerturbSpec
    from pixelproof.models import Classifier
    from pixelproof.results.perturb_view import PerturbView


def measure(spec: PerturbSpec, classifier: Classifier, images: ImageSet, out: Path) -> PerturbView:
    """Do what is left of ``spec`` in ``out`` and write its page there."""
    from pixelproof.cli.share import continued_by_itself, share_progress
    from pixelproof.jobs.perturb.job import conduct
    from pixelproof.jobs.perturb.scoreboard import FILE, write_scoreboard
    from pixelproof.report.perturb import write_perturbations
    from pixelproof.results.perturb_view import perturb_view

    with continued_by_itself(), share_progress(f"{classifier.name}, perturbations") as progress:
        view = perturb_view(conduct(spec, classifier, images, out, progress))
    write_perturbations(view, out)
    write_scoreboard(view, out / FILE, _command(spec, out))
    return view


def _command(spec: PerturbSpec, out: Path) -> str:
    """The command line that measures the same, without places of this machine."""
    values = {**spec.model_dump(exclude_defaults=True), "data": without_place(spec.data), "out": out.name}
    values.pop("trust_code", None)
    words = ["pixelproof", "perturb"]
    for name, value in values.items():
        text = ",".join(f"{each}" for each in value) if isinstance(value, tuple) else f"{value}"
        words += [f"--{name.replace('_', '-')}", text.replace(",", ":") if name == "range" else text]
    return shlex.join(words)


def tell(view: PerturbView, out: Path) -> None:
    """Print the tables, the summary and where the page lies."""
    from pixelproof.report.perturb import perturb_summary
    from pixelproof.report.perturb_tables import error_table, standing_table
    from pixelproof.report.terminal import narrowed, terminal_table

    console.print(terminal_table(narrowed(standing_table(view), "perturbation", "accuracy", "difference", "worst")))
    if view.mean_corruption_error is not None:
        console.print(terminal_table(error_table(view)))
    for sentence in perturb_summary(view):
        console.print(escape(sentence), soft_wrap=True)
    console.print(f"report: [bold]{escape(str(out / 'report.html'))}[/]", soft_wrap=True)
