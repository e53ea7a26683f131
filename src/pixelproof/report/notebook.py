"""The levels as a fragment of HTML, for a notebook's output cell."""

from __future__ import annotations

from markupsafe import Markup

from pixelproof.report.tables import level_table
from pixelproof.results.view import View, read
from pixelproof.runs.store import RunStore

_STYLE = """<style>
.pixelproof table {border-collapse: collapse; margin: .5em 0; font-variant-numeric: tabular-nums}
.pixelproof caption {text-align: left; font-weight: 600; padding: .3em 0}
.pixelproof th, .pixelproof td {padding: .2em .6em; text-align: left; white-space: nowrap}
.pixelproof thead th {border-bottom: 1px solid currentColor; vertical-align: bottom}
.pixelproof .group {text-align: center}
.pixelproof .number, .pixelproof tbody th {text-align: right}
.pixelproof .scroll {overflow-x: auto}
.pixelproof .bad {color: #c0362c} .pixelproof .good {color: #2e8540} .pixelproof .open {color: #a66a00}
.pixelproof .note {margin: .2em 0; opacity: .8}
</style>"""


def levels_html(run: RunStore) -> str:
    """A heading line and a level table for each attack; escaped, and styled only inside its own ``div``."""
    view = read(run)
    tables = Markup("").join(level_table(view, attack).html() for attack in view.attacks)
    findings = Markup("").join(
        Markup("<p><b>{}</b> {}: {}</p>").format(f.severity, f.name, f.message) for f in view.manifest.findings
    )
    body = Markup('<div class="pixelproof">{}<p>{}</p>{}{}</div>')
    return str(body.format(Markup(_STYLE), _heading(view), findings, tables))


def _heading(view: View) -> str:
    m = view.manifest
    state = "" if view.finished else ", unfinished"
    return f"{m.model.name} on {m.data.name}, run {m.identity[:12]}{state}"
