"""What every job and plan ends with: tables and sentences on the terminal; page, tables and rows on disk."""

from __future__ import annotations

import json
import shlex
import webbrowser
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.markup import escape

from pixelproof.cli.console import console, noting, show_findings
from pixelproof.cli.options import without_place
from pixelproof.errors import VerificationError
from pixelproof.wording import visible

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from pydantic import BaseModel

    from pixelproof.jobs.job import Job
    from pixelproof.jobs.runner import Backend
    from pixelproof.report.figure import Figure
    from pixelproof.report.table import Table
    from pixelproof.runs import RunStore
    from pixelproof.runs.progress import Listener


def run_and_show(
    job: Job,
    out: Path | None,
    *,
    backend: Backend | None = None,
    header: Callable[[RunStore], None] = lambda _: None,
    as_json: bool = False,
    open_page: bool = False,
    then: Callable[[RunStore], None] = lambda _: None,
) -> None:
    """Do what is left of ``job`` in ``out`` (None: in memory), then show what it found and write its documents there.

    ``backend`` has the steps done, None being this process. ``header`` is shown the run before the long work, and
    ``then`` once all is shown. What the work will cost is said before it, what it did after. The others are those of
    ``show``.
    """
    from pixelproof.jobs.cost import cost_line, speed_of, spent_line
    from pixelproof.jobs.runner import begin, carry_out, here

    with begin(job, out) as run:
        header(run)
        show_findings(known := run.manifest.findings)
        left, sittings = job.cost(run), " in all sittings" if run.manifest.timings else ""
        if left is not None and left.queries:
            console.print(
                f"to ask: {cost_line(left, job.images_per_second or speed_of(run.manifest.timings))}", soft_wrap=True
            )
        with live(job.label) as listener:
            carry_out(run, job, listener, backend or here)
        show_findings(each for each in run.manifest.findings if each not in known)
        if left is not None:
            console.print(f"asked{sittings}: {spent_line(run.manifest.timings)}", soft_wrap=True)
        show(run, as_json=as_json, open_page=open_page)
        then(run)


def at_work(workers: int | None, backend: str | None, address: str | None) -> AbstractContextManager[Backend]:
    """Who does the steps, as the options of that name say; raises as ``jobs.backends.opened`` does."""
    from pixelproof.jobs.backends import opened

    return opened(workers, backend, address, noting("note"))


def live(label: str) -> AbstractContextManager[Listener]:
    """The live line of a job that is called so, on what the commands print with."""
    from pixelproof.jobs.progress import job_progress

    return job_progress(label, console)


def show(run: RunStore, *, as_json: bool = False, open_page: bool = False, results: bool = True) -> None:
    """Print what ``run`` says and write its documents beside it; its page may be opened, its result told to scripts.

    ``results`` has ``results.json`` written too, whose command needs the job's options and those torch.
    Raises ``VerificationError`` where a claim fails.
    """
    kinds = {
        "assess": _assessment,
        "perturb": _perturbations,
        "audit": _audit,
        "clever": _clever,
        "transfer": _transfer,
    }
    with run.reading():
        if run.folder is not None and results:
            _write_results(run, run.folder)
        page = kinds[run.manifest.job](run)
    if open_page and page is not None:
        open_in_browser(page)
    if as_json:
        from pixelproof.results.document import document

        with run.reading():
            found = document(run)
        print_json(found)
    if run.manifest.job == "audit":
        _check_claim(run)


def print_json(value: object) -> None:
    """Print ``value`` for scripts, to standard output."""
    typer.echo(visible(json.dumps(value, indent=1, ensure_ascii=False)))  # as JSON writes such characters too


def open_in_browser(page: Path) -> None:
    """Open ``page``, or say that there is no browser."""
    if not webbrowser.open(page.resolve().as_uri()):
        console.print(f"[yellow]note[/]: there is no browser to open {escape(str(page))} in.", soft_wrap=True)


def _folder(run: RunStore) -> Path:
    assert run.folder is not None  # the command line has no runs in memory
    return run.folder


def _assessment(run: RunStore) -> Path | None:
    from pixelproof.report import terminal_tables, write_run
    from pixelproof.results.view import read

    view = read(run)
    for table in terminal_tables(run, view):
        console.print(table)
    if run.folder is None:
        return None
    return _point("report", write_run(run, _folder(run), view))


def _perturbations(run: RunStore) -> Path:
    from pixelproof.report.perturb import perturb_summary, write_perturbations
    from pixelproof.report.perturb_tables import error_table, standing_table
    from pixelproof.report.terminal import narrowed
    from pixelproof.results.perturb_view import perturb_view

    view = perturb_view(run)
    page = write_perturbations(view, _folder(run))
    tables = [narrowed(standing_table(view), "perturbation", "accuracy", "difference", "worst")]
    tables += [error_table(view)] if view.mean_corruption_error is not None else []
    tell(tables, perturb_summary(view), page)
    return page


def _audit(run: RunStore) -> Path:
    from pixelproof.report.audit import verdict_list, write_audit
    from pixelproof.results.audit.view import audit_view

    view = audit_view(run)
    page = write_audit(view, _folder(run))
    console.print(verdict_list(view))
    console.print(f"[bold]{escape(view.judgement.title)}.[/]", soft_wrap=True)
    tell((), view.judgement.sentences, page)
    return page


def _check_claim(run: RunStore) -> None:
    from pixelproof.results.audit.view import audit_view

    view = audit_view(run)
    if view.failed:
        numbers = ", ".join(str(each.number) for each in view.failed)
        noun = "checkpoint" if len(view.failed) == 1 else "checkpoints"
        raise VerificationError(f"The claim of {run.manifest.model.name} does not stand: see {noun} {numbers}.")


def _clever(run: RunStore) -> Path | None:
    from pixelproof.report.clever import score_table, sentences, write_clever
    from pixelproof.results.clever import clever_result

    result = clever_result(run)
    tell([score_table(result)])
    for sentence in sentences(result):
        console.print(escape(sentence))  # broken over lines like the table above
    if run.folder is None:
        return None
    _point("scores", _folder(run) / "results.json")
    return _point("report", write_clever(result, _folder(run)))


def _transfer(run: RunStore) -> None:
    from pixelproof.report.study_tables import fast_table
    from pixelproof.report.table import write_forms
    from pixelproof.results.study.fast import fast_rows_of

    table = fast_table(fast_rows_of(run))
    name = escape(run.manifest.model.name)
    console.print(f"[bold]A lower bound[/] for {name}, from stored images alone: no search was made.", soft_wrap=True)
    tell([table])
    if run.folder is not None:
        write_forms([table], run.folder)
        console.print(f"table: [bold]{escape(str(run.folder / table.name))}.csv[/], .md, .tex", soft_wrap=True)


def figures_of(run: RunStore) -> Sequence[Figure]:
    """The figures of what ``run`` says; of some kinds there are none."""
    from pixelproof.report.assess import figures
    from pixelproof.report.audit import audit_page
    from pixelproof.report.clever import clever_page
    from pixelproof.report.perturb import perturb_page
    from pixelproof.results.audit.view import audit_view
    from pixelproof.results.clever import clever_result
    from pixelproof.results.perturb_view import perturb_view

    match run.manifest.job:
        case "assess":
            return figures(run)
        case "perturb":
            return perturb_page(perturb_view(run)).contents.figures
        case "audit":
            return audit_page(audit_view(run)).contents.figures
        case "clever":
            return clever_page(clever_result(run)).contents.figures
    return ()


def tell(tables: Iterable[Table], sentences: Iterable[str] = (), page: Path | None = None) -> None:
    """Print ``tables``, then ``sentences``, then where the page lies."""
    from pixelproof.report.terminal import terminal_table

    for table in tables:
        console.print(terminal_table(table))
    for sentence in sentences:
        console.print(escape(sentence), soft_wrap=True)
    if page is not None:
        _point("report", page)


def _point(what: str, path: Path) -> Path:
    console.print(f"{what}: [bold]{escape(str(path))}[/]", soft_wrap=True)
    return path


def _write_results(run: RunStore, folder: Path) -> None:
    from pixelproof.jobs.open import SPECS
    from pixelproof.results.document import document
    from pixelproof.results.scoreboard import write_scoreboard

    manifest, found = run.manifest, document(run)
    rows = found.pop("rows")
    del found["run"]  # a place on this machine
    command = command_line(manifest.job, SPECS[manifest.job](**manifest.spec), folder)
    write_scoreboard(folder, rows, manifest.environment, command, **found)


def end_plan(page: Path, *, as_json: bool, open_page: bool) -> None:
    """What ends a plan whose ``page`` and rows are written: the rows for scripts, the page in the browser."""
    from pixelproof.results.scoreboard import FILE

    if open_page:
        open_in_browser(page)
    if as_json:
        typer.echo((page.parent / FILE).read_text("utf-8"), nl=False)


def plan_command(plan: str, spec: Path, out: Path, data: str | None, trust_code: bool) -> str:
    """The command line that carries out the same plan, without places of this machine."""
    words = ["pixelproof", plan, str(spec), "--out", out.name]
    words += ["--data", without_place(data)] if data else []
    return shlex.join([*words, *(["--trust-code"] if trust_code else [])])


def command_line(job: str, spec: BaseModel, out: Path) -> str:
    """The command line that measures the same, without places of this machine."""
    values = spec.model_dump(exclude_defaults=True, exclude={"trust_code"})
    if "data" in values:
        values["data"] = without_place(values["data"])
    for name in ("claim", "run"):
        values |= {name: Path(values[name]).name} if name in values else {}
    folders = {"stored": "--stored", "sources": "--from"}
    repeated = [(folders[name], Path(each).name) for name in folders for each in values.pop(name, ())]
    words = ["pixelproof", job]
    for name, value in (values | {"out": out.name}).items():
        text = (":" if name == "range" else ",").join(map(str, value)) if isinstance(value, tuple) else f"{value}"
        words += [f"--{'with' if name == 'run' else name.replace('_', '-')}", text]
    return shlex.join([*words, *(word for pair in repeated for word in pair)])
