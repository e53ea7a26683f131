"""The colours of figures, each with the one that takes its place on dark paper."""

import re

#: Light to dark; both keep a contrast of 3 to 1 against their paper, but for what is to be pale.
_DARK = {
    "#ffffff": "#1c2127",  # paper
    "#1f2328": "#e4e8ec",  # ink
    "#000000": "#ffffff",
    "#d7dbe0": "#3b434c",  # lines of a grid
    "#e3e6ea": "#3b434c",  # what is open, or neither
    "#1b4f91": "#6ea3e6",  # few-pixel
    "#cf6a12": "#f0a04b",  # threshold
    "#3d7a4a": "#78c088",  # any other attack
    "#0b2f66": "#2f6cc0",  # the full shade of a map, by attack
    "#7a3403": "#b0591a",
    "#123d1c": "#2f7d45",
    "#6a3d8a": "#b78fe0",
    "#8a4fa3": "#c39be0",
    "#8c7aa6": "#a997c4",
    "#59636e": "#9aa4af",
    "#009e73": "#2fc49a",  # proved
    "#c2410c": "#ff7d4d",  # broken
    "#b3261e": "#ff8a80",
    "#0072b2": "#56a8e8",
    "#d55e00": "#ff8b3d",
    "#cc79a7": "#e29cc3",
    "#56b4e9": "#7cc8f2",
    "#8a6d00": "#d1b43c",
    "#7a4fbf": "#a98be8",
}
_COLOUR = re.compile("|".join(_DARK))


def style() -> str:
    """The variables that ``themed`` names, as a rule of CSS."""
    pairs = "".join(f"--chart-{light[1:]}:light-dark({light},{dark});" for light, dark in _DARK.items())
    return f":root{{{pairs}}}"


def themed(drawing: str) -> str:
    """``drawing``, SVG or a specification as JSON, with variables in place of colours, so that it follows the page."""
    return _COLOUR.sub(lambda found: f"var(--chart-{found[0][1:]})", drawing)
