"""pixelproof thesis: five perturbations and PGD on several data sets, beside the published figures."""

import shlex
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from pixelproof.cli.options import Address, BackendName, Json, Open, Quiet, TrustCode, Workers, without_place


def thesis(
    spec: Annotated[Path, typer.Argument(help="The protocol: a TOML file of data sets and their networks.")],
    out: Annotated[Path, typer.Option(help="Folder for the measurements, the report and the tables.")],
    data: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=DATA", help="Where the data of a subject lie, as MNIST=idx:DIR; may be repeated."),
    ] = None,
    workers: Workers = None,
    backend: BackendName = None,
    address: Address = None,
    trust_code: TrustCode = False,
    quiet: Quiet = False,
    as_json: Json = False,
    open_: Open = False,
) -> None:
    """Perturb several data sets as a thesis did and set its table beside ours; started again, it goes on."""
    from pixelproof.cli.console import console, noting
    from pixelproof.cli.documents import at_work, end_plan, live, tell
    from pixelproof.errors import InputError
    from pixelproof.files import slug
    from pixelproof.plans.thesis.plan import PERTURBATIONS, run_thesis
    from pixelproof.plans.thesis.spec import read_thesis
    from pixelproof.plans.thesis.view import rows
    from pixelproof.report.perturb import write_perturbations
    from pixelproof.report.terminal import narrowed
    from pixelproof.report.thesis import differences, perturbation_table, pgd_table, thesis_summary, write_thesis
    from pixelproof.results.scoreboard import write_scoreboard

    pairs = [each.partition("=") for each in data or ()]
    wrong = [name for name, sign, place in pairs if not (name and sign and place)]
    if wrong:
        raise InputError(f"--data: NAME=DATA was expected, as MNIST=idx:DIR, not {wrong[0]!r}.")
    protocol = read_thesis(spec, {name: place for name, _, place in pairs})
    with at_work(workers, backend, address) as work:
        view = run_thesis(protocol, out, trust_code=trust_code, show=live, backend=work, say=noting("missing"))
    for subject, perturbed in zip(view.subjects, view.perturbations, strict=True):
        write_perturbations(perturbed, out / slug(subject.name) / PERTURBATIONS)
    given = (f" --data {shlex.quote(f'{name}={without_place(place)}')}" for name, _, place in pairs)
    command = f"pixelproof thesis {spec} --out {out.name}{''.join(given)}"
    write_scoreboard(out, rows(view), view.perturbations[0].manifest.environment, command)
    columns = ("data", "whose", "clean", "perturbed", "pgd", "diff", "seconds")
    tell(narrowed(table, *columns) for table in (perturbation_table(view), pgd_table(view)))
    for claim in view.claims:
        console.print(f"[bold]{claim.verdict}[/]: {escape(claim.text)}", soft_wrap=True)
    page = write_thesis(view, out)
    tell((), (*thesis_summary(view), *differences(view)), page)
    end_plan(page, as_json=as_json, open_page=open_)
