"""What is not there: said in one sentence, with what to install or set."""

from importlib import import_module
from typing import Any

_INSTALL = "pip install -r benchmarks/requirements.txt && pip install --no-deps -r benchmarks/requirements-no-deps.txt"


class MissingError(Exception):
    """A part cannot be measured here; the text says why, and what would help."""


def optional(module: str) -> Any:
    """The imported ``module`` of a peer. Raises ``MissingError`` with the install line."""
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise MissingError(f"The Python package of {error.name} is not installed; run: {_INSTALL}.") from error
