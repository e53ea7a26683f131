"""Text made safe for Markdown and LaTeX; HTML has ``markupsafe``, CSV the standard library."""

from __future__ import annotations

import re

_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "[": "{[}",  # at the start of a row it would be read as the argument of the \\ before it
    "]": "{]}",
    "±": r"$\pm$",
    "×": r"$\times$",
    "∞": r"$\infty$",
    "≤": r"$\leq$",
    "→": r"$\rightarrow$",
    "–": "--",
    "…": r"\ldots{}",
    "\u00a0": "~",
}
_MARKDOWN = re.compile(r"([\\`*_\[\]|~#])")


def latex(text: str) -> str:
    """``text`` as it is to be read, in a LaTeX paragraph or cell."""
    return "".join(_LATEX.get(c, c) for c in _one_line(text))


def markdown(text: str) -> str:
    """``text`` as it is to be read, in a cell of a Markdown table: no markup or HTML in it has effect."""
    escaped = _MARKDOWN.sub(r"\\\1", _one_line(text))
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _one_line(text: str) -> str:
    return " ".join(text.split("\n"))
