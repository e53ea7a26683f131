"""pixelproof study: every network of a study, every table and figure."""

from pathlib import Path
from typing import Annotated

import typer

from pixelproof.cli.options import Address, BackendName, Json, Open, OtherData, PlanOut, Quiet, TrustCode, Workers


def study(
    spec: Annotated[Path, typer.Argument(help="The study: a TOML file of networks and defences.")],
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
    """Assess every network and defence of a study four ways and write one report; started again, it goes on."""
    from pixelproof.cli.console import noting
    from pixelproof.cli.documents import at_work, end_plan, live, plan_command, tell
    from pixelproof.plans.study.plan import run_study
    from pixelproof.plans.study.scoreboard import rows
    from pixelproof.plans.study.spec import read_study
    from pixelproof.report.study import study_summary, write_study
    from pixelproof.results.scoreboard import write_scoreboard

    with at_work(workers, backend, address) as work:
        view = run_study(
            read_study(spec, data), out, trust_code=trust_code, show=live, backend=work, say=noting("missing")
        )
    command = plan_command("study", spec, out, data, trust_code)
    write_scoreboard(out, rows(view), view.runs[-1].manifest.environment, command)
    page = write_study(view, out)
    tell((), study_summary(view), page)
    end_plan(page, as_json=as_json, open_page=open_)
