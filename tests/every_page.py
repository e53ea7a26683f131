"""A small page of every kind, of real runs, for the tests that walk over all of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from kinds import KINDS
from pixelproof.jobs.open import SPECS, open_job
from pixelproof.jobs.runner import run_job
from pixelproof.plans.compare import compare
from pixelproof.plans.compared import Compared
from pixelproof.plans.grid.plan import run_grid
from pixelproof.plans.grid.spec import read_grid
from pixelproof.plans.study.plan import run_study
from pixelproof.plans.study.spec import read_study
from pixelproof.plans.thesis.plan import run_thesis
from pixelproof.plans.thesis.spec import read_thesis
from pixelproof.report import write_run
from pixelproof.report.audit import write_audit
from pixelproof.report.clever import write_clever
from pixelproof.report.compare import write_compared
from pixelproof.report.grid import write_grid
from pixelproof.report.perturb import write_perturbations
from pixelproof.report.study import write_study
from pixelproof.report.thesis import write_thesis
from pixelproof.results.audit.view import audit_view
from pixelproof.results.clever import clever_result
from pixelproof.results.perturb_view import perturb_view
from pixelproof.runs import RunStore
from plan_cases import PLANS
from tiny_run import CLAIM

#: Enough images for a table that has pages, and for a gallery.
_MANY = {"range": (0, 60), "samples": 25}
_JOBS: dict[str, tuple[str, dict[str, object], Callable[[RunStore, Path], Path]]] = {
    "levels": ("levels", _MANY, write_run),
    "minimal": ("minimal", {}, write_run),
    "attacks": ("attacks", {"attacks": ("fgsm(epsilon=3)", "pgd(epsilon=8,iterations=2)")}, write_run),
    "perturb": ("perturb", {}, lambda run, out: write_perturbations(perturb_view(run), out)),
    "audit": ("audit", {"claim": "claim.toml", "only": ()}, lambda run, out: write_audit(audit_view(run), out)),
    "clever": ("clever-with", {"run": "levels"}, lambda run, out: write_clever(clever_result(run), out)),
}
#: Of which a page is written, in this order.
PAGES = (*_JOBS, "grid", "study", "thesis", "compare", "compare-pairs")


def write_every_page(folder: Path) -> dict[str, Path]:
    """The pages by their kind, each in a folder of its own in ``folder``."""
    for name, text in {"claim": CLAIM.format(robust=60), **PLANS}.items():
        (folder / f"{name}.toml").write_text(text, "utf-8")
    places = {"claim": str(folder / "claim.toml"), "run": str(folder / "levels")}
    pages = {}
    for page, (kind, changes, write) in _JOBS.items():
        job, options = KINDS[kind]
        values = options | changes
        values |= {key: place for key, place in places.items() if key in values}
        with run_job(open_job(SPECS[job](**values)), folder / page) as run:  # type: ignore[arg-type]
            pages[page] = write(run, folder / page)
    pages["grid"] = write_grid(run_grid(read_grid(folder / "grid.toml"), folder / "grid"), folder / "grid")
    pages["study"] = write_study(run_study(read_study(folder / "study.toml"), folder / "study"), folder / "study")
    pages["thesis"] = write_thesis(
        run_thesis(read_thesis(folder / "thesis.toml"), folder / "thesis"), folder / "thesis"
    )
    compared = compare([f"one={folder / 'levels'}", f"two={folder / 'minimal'}"], force=True)
    pages["compare"] = write_compared(compared, folder / "compare")
    pages["compare-pairs"] = write_compared(_two_of_each(folder), folder / "compare-pairs")
    return pages


def _two_of_each(folder: Path) -> Compared:
    """Runs of several kinds, each beside one of the same kind with another seed or network."""
    others: dict[str, dict[str, object]] = {
        "levels": {"model": "zoo:strided-cnn"},
        "attacks": {"seed": 1},
        "perturb": {"model": "zoo:strided-cnn"},
        "audit": {"iterations": 6},
    }
    for page, changed in others.items():
        kind, changes, _ = _JOBS[page]
        job, options = KINDS[kind]
        values = options | changes | changed
        values |= {"claim": str(folder / "claim.toml")} if "claim" in values else {}
        run_job(open_job(SPECS[job](**values)), folder / f"{page}-new").close()  # type: ignore[arg-type]
    places = [str(folder / f"{page}{ending}") for ending in ("", "-new") for page in others]
    return compare(places, force=True)
