"""What a reader sees of a run: the HTML report, tables, figures, and the levels for terminal and notebook."""

from pixelproof.report.figures import write_figures
from pixelproof.report.html import write_report
from pixelproof.report.notebook import levels_html
from pixelproof.report.tables import write_tables
from pixelproof.report.terminal import terminal_tables

__all__ = ["levels_html", "terminal_tables", "write_figures", "write_report", "write_tables"]
