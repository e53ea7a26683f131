"""What a notebook's output cell shows of perturbations, CLEVER scores and comparisons: sentences and a table."""

from dataclasses import replace

from markupsafe import Markup

from pixelproof.plans.compared import Compared
from pixelproof.report.clever import score_table, sentences
from pixelproof.report.compare import change_table, compared_summary
from pixelproof.report.perturb import perturb_summary
from pixelproof.report.perturb_tables import standing_table
from pixelproof.report.study_tables import marked, rate_table
from pixelproof.report.terminal import fragment, narrowed
from pixelproof.results.clever import CleverResult
from pixelproof.results.perturb_view import PerturbView


def perturbations_html(view: PerturbView) -> str:
    """Accuracy by perturbation, the strongest first."""
    heading = Markup("<b>{} on {}, perturbed</b>").format(view.manifest.model.name, view.manifest.data.name)
    return fragment(heading, perturb_summary(view), [replace(standing_table(view), notes=())])


def clever_html(result: CleverResult) -> str:
    """The scores, or what they come to."""
    heading = Markup("<b>{} on {}, CLEVER</b>").format(result.manifest.model.name, result.manifest.data.name)
    return fragment(heading, sentences(result), [score_table(result)])


def comparison_html(view: Compared) -> str:
    """What changed, and the rates of every run, marked where the comparison was forced."""
    tables = [replace(change_table(each), notes=()) for each in view.pairs if each.changes]
    if view.study is not None:
        kept = ("network", "run_by", "attack", "threshold", "search", "max_queries", "fooled", "attack_success_rate")
        rates = replace(narrowed(rate_table(view.study.assessed), *kept), notes=())
        tables.append(marked(rates, view.differences))
    return fragment(Markup("<b>{}</b>").format(view.title), compared_summary(view), tables)
