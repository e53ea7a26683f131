"""The scripts of a page, of which each page has those that its parts need, and the policy that allows no others."""

import base64
import hashlib
from collections.abc import Sequence

from markupsafe import Markup

from pixelproof.report.section import resource

#: By what a part contains, the scripts that it needs. A page without any of them is the same, but still.
_NEEDED = {
    'class="chart"': ("vendor/vega.min.js", "vendor/vega-embed.min.js", "scripts/charts.js"),
    'class="rows"': ("vendor/dataTables.min.js", "scripts/rows.js"),
    'class="broken ': ("scripts/pictures.js",),
}


def scripts_of(parts: Sequence[Markup]) -> list[str]:
    """The text of each script that a page of ``parts`` needs, in the order in which they run."""
    names = [name for mark, names in _NEEDED.items() if any(mark in part for part in parts) for name in names]
    return [resource(name) for name in ("scripts/page.js", *names)]


def policy(scripts: Sequence[str]) -> str:
    """A Content-Security-Policy under which ``scripts`` run, and nothing else, and nothing is ever asked for.

    Styles may stand in the page, and pictures as its data.
    """
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
        "form-action 'none'"
    )
