"""What a reader sees of a run: the HTML report, tables, figures, and the levels for terminal and notebook."""

from pixelproof.report.assess import levels_html, terminal_tables, write_figures, write_report, write_run, write_tables

__all__ = ["levels_html", "terminal_tables", "write_figures", "write_report", "write_run", "write_tables"]
