"""Packages that only some models or data need."""

import importlib
from typing import Any

from pixelproof.errors import InputError
from pixelproof.wording import first_line


def needed(package: str, extra: str, what: str) -> Any:
    """The module ``package``, which ``what`` needs. Raises ``InputError`` where it is missing or does not import."""
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        root = package.partition(".")[0]
        if (error.name or root).partition(".")[0] != root:
            raise _broken(package, what, error) from error
        raise InputError(
            f"{what} needs the package {root}, which is not installed here; run pip install 'pixelproof[{extra}]'."
        ) from error
    except Exception as error:
        raise _broken(package, what, error) from error


def _broken(package: str, what: str, error: Exception) -> InputError:
    return InputError(
        f"{what} needs the package {package}, which fails to import here with {first_line(error)}; expected one that "
        "fits the installed torch, so try python -c 'import " + package + "' and install it again."
    )
