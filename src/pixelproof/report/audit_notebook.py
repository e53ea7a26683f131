"""An audit as a fragment of HTML, for a notebook's output cell."""

from __future__ import annotations

from dataclasses import replace

from markupsafe import Markup

from pixelproof.report.audit_tables import checkpoint_table
from pixelproof.results.audit.view import AuditView

_STYLE = """<style>
.pixelproof-audit table {border-collapse: collapse; margin: .5em 0}
.pixelproof-audit caption {text-align: left; font-weight: 600; padding: .3em 0}
.pixelproof-audit th, .pixelproof-audit td {padding: .2em .6em; text-align: left; vertical-align: top}
.pixelproof-audit thead th {border-bottom: 1px solid currentColor}
.pixelproof-audit tbody th, .pixelproof-audit .number {text-align: right}
</style>"""


def audit_html(view: AuditView) -> str:
    """The judgement and the table of checkpoints; escaped, and styled only inside its own ``div``."""
    sentences = Markup("").join(Markup("<p>{}</p>").format(text) for text in view.judgement.sentences)
    table = replace(checkpoint_table(view), notes=()).html()
    body = Markup('<div class="pixelproof-audit">{}<p><b>{}: {}</b></p>{}{}</div>')
    return str(body.format(Markup(_STYLE), view.head["model"], view.judgement.title, sentences, table))
