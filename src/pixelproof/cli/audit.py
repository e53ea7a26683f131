"""pixelproof audit: is a claim of robustness sound?"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from pixelproof.errors import VerificationError

if TYPE_CHECKING:
    from pixelproof.jobs.audit.spec import AuditSpec
    from pixelproof.results.audit_view import AuditView


def audit(
    model: Annotated[
        str,
        typer.Option(help="zoo:NAME, FILE.py:FACTORY, PKG.MOD:FACTORY, or a FILE.pt2 / TorchScript file."),
    ],
    data: Annotated[str, typer.Option(help="bundled, cifar10:ROOT, idx:DIR, pentomino:N, npz:FILE or folder:DIR.")],
    claim: Annotated[Path, typer.Option(help="What is claimed: a TOML file of threat model, accuracies, evaluation.")],
    out: Annotated[Path, typer.Option(help="Folder for the measurements and the report.")],
    defence: Annotated[
        str | None, typer.Option(help="What images go through before the model: tvm, jpeg(75), bits(5) …")
    ] = None,
    preset: Annotated[str, typer.Option(help="quick (minutes) or standard (hours).")] = "quick",
    only: Annotated[
        str, typer.Option(metavar="NUMBERS", help="These checkpoints, separated by commas.", show_default="all")
    ] = "",
    samples: Annotated[int | None, typer.Option(help="Images to attack.", show_default="as the preset")] = None,
    iterations: Annotated[
        int | None,
        typer.Option(help="Most iterations of an attack, up to a million and more.", show_default="as the preset"),
    ] = None,
    stored: Annotated[
        list[Path] | None,
        typer.Option(metavar="RUN", help="A run whose adversarial images are shown to this model; may be repeated."),
    ] = None,
    range_: Annotated[
        str | None, typer.Option("--range", metavar="START:STOP", help="Consider only these images, in file order.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the samples and of all random numbers.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    trust_code: Annotated[
        bool, typer.Option("--trust-code", help="Load a model from a file that can run code: .py, .pt2, TorchScript.")
    ] = False,
) -> None:
    """Test a claim of robustness at twenty checkpoints and write a review; started again, it goes on."""
    from pixelproof.cli.console import show_findings
    from pixelproof.cli.option_text import integer, limits, parts
    from pixelproof.jobs.assess_spec import from_options
    from pixelproof.jobs.audit.spec import AuditSpec

    spec = from_options(
        AuditSpec,
        {
            "model": model,
            "defence": defence,
            "data": data,
            "claim": str(claim),
            "preset": preset,
            "only": tuple(integer("--only", text) for text in parts(only)),
            "samples": samples,
            "iterations": iterations,
            "stored": tuple(map(str, stored or ())),
            "range": limits(range_),
            "seed": seed,
            "device": device,
            "trust_code": trust_code,
        },
    )
    view = _measure(spec, claim, out)
    show_findings(view.findings)
    tell(view, out)


def _measure(spec: AuditSpec, claim: Path, out: Path) -> AuditView:
    """Do what is left of ``spec`` in ``out`` and write its page there."""
    from pixelproof.cli.open import open_model
    from pixelproof.cli.share import continued_by_itself, share_progress
    from pixelproof.data import load_data
    from pixelproof.jobs.audit.claim import read_claim
    from pixelproof.jobs.audit.conduct import conduct
    from pixelproof.jobs.audit.scoreboard import FILE, write_scoreboard
    from pixelproof.report.audit import write_audit
    from pixelproof.results.audit_view import audit_view

    claimed, classifier, images = read_claim(claim), open_model(spec), load_data(spec.data)
    with continued_by_itself(), share_progress(f"{classifier.name}, checkpoints") as progress:
        view = audit_view(conduct(spec, claimed, classifier, images, out, progress=progress))
    write_audit(view, out)
    write_scoreboard(view, out / FILE, _command(spec, out))
    return view


def _command(spec: AuditSpec, out: Path) -> str:
    """The command line that measures the same, without places of this machine."""
    from pixelproof.cli.place import without_place

    values = spec.model_dump(exclude_defaults=True, exclude={"trust_code", "stored"})
    values |= {"data": without_place(spec.data), "claim": Path(spec.claim).name, "out": out.name}
    words = ["pixelproof", "audit"]
    for name, value in values.items():
        separator = ":" if name == "range" else ","
        text = separator.join(map(str, value)) if isinstance(value, tuple) else f"{value}"
        words += [f"--{name}", text]
    return shlex.join([*words, *(word for run in spec.stored for word in ("--stored", Path(run).name))])


def tell(view: AuditView, out: Path) -> None:
    """Print the verdicts, the judgement and where the page lies; raises ``VerificationError`` where one fails."""
    from pixelproof.cli.console import console
    from pixelproof.report.audit import verdict_list

    console.print(verdict_list(view))
    console.print(f"[bold]{escape(view.judgement.title)}.[/]", soft_wrap=True)
    for sentence in view.judgement.sentences:
        console.print(escape(sentence), soft_wrap=True)
    console.print(f"report: [bold]{escape(str(out / 'report.html'))}[/]", soft_wrap=True)
    if view.failed:
        numbers = ", ".join(str(each.number) for each in view.failed)
        noun = "checkpoint" if len(view.failed) == 1 else "checkpoints"
        raise VerificationError(f"The claim of {view.head['model']} does not stand: see {noun} {numbers}.")
