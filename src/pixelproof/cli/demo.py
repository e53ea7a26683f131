"""pixelproof demo: both bundled networks on bundled images, offline."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from pixelproof.cli.options import Open, Quiet

#: Few enough that two cores finish both networks within three minutes, though what does not break spends its budget.
DEMO_SAMPLES = 12
DEMO_NETWORKS = ("lenet", "resnet20")


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the runs.")] = Path("demo-run"),
    quiet: Quiet = False,
    open_: Open = False,
) -> None:
    """Assess the bundled LeNet and ResNet-20 on bundled CIFAR-10 test images and show the levels and the reports."""
    from pixelproof.cli.console import console
    from pixelproof.cli.documents import run_and_show
    from pixelproof.jobs.assess_spec import make_spec
    from pixelproof.jobs.open import open_job

    for network in DEMO_NETWORKS:
        spec = make_spec(model=f"zoo:{network}", data="bundled", samples=DEMO_SAMPLES)
        title = f"[bold]{network}[/] on "
        run_and_show(
            open_job(spec),
            out / network,
            open_page=open_,
            header=lambda run, title=title: console.rule(title + escape(run.manifest.data.name)),  # type: ignore[misc]
        )
