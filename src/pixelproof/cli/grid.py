"""pixelproof grid: attacks × defences × targets × models."""

from pathlib import Path
from typing import Annotated

import typer

from pixelproof.cli.options import Address, BackendName, Json, Open, OtherData, PlanOut, Quiet, TrustCode, Workers


def grid(
    spec: Annotated[Path, typer.Argument(help="The grid: a TOML file of models, defences, attacks and targets.")],
    out: PlanOut,
    data: OtherData = None,
    workers: Workers = None,
    backend: BackendName = None,
    address: Address = None,
    trust_code: TrustCode = False,
    quiet: Quiet = False,
    as_json: Json = False,
    open_: Open = False,
) -> None:
    """Try every attack with every aim on every model behind every defence; started again, it goes on."""
    from pixelproof.cli.console import noting
    from pixelproof.cli.documents import at_work, end_plan, live, plan_command, tell
    from pixelproof.plans.grid.plan import run_grid
    from pixelproof.plans.grid.spec import read_grid
    from pixelproof.plans.grid.view import rows
    from pixelproof.report.grid import grid_summary, write_grid
    from pixelproof.results.scoreboard import write_scoreboard

    with at_work(workers, backend, address) as work:
        view = run_grid(read_grid(spec, data), out, trust_code=trust_code, show=live, backend=work, say=noting("note"))
    attacks = {view.short[attack]: attack for attack in view.attacks}
    command = plan_command("grid", spec, out, data, trust_code)
    write_scoreboard(out, rows(view), view.runs[-1].manifest.environment, command, attacks=attacks)
    page = write_grid(view, out)
    tell((), grid_summary(view), page)
    end_plan(page, as_json=as_json, open_page=open_)
