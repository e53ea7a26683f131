"""Models that people's own Python builds: in a file, when that is trusted, or in an installed module."""

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from pixelproof.errors import InputError, ModelError
from pixelproof.models.maite_object import is_maite_model
from pixelproof.wording import first_line


def built(spec: str, trust_code: bool) -> tuple[object, str] | None:
    """What ``FILE.py:NAME`` or ``PACKAGE.MODULE:NAME`` stands for, and what to call it; None for any other ``spec``.

    NAME is a function, which is called without arguments, or the model itself: a torch module, or one of MAITE's.
    Raises ``ModelError`` when file, module or name are missing or fail, and for either without ``trust_code``.
    """
    place, _, name = spec.rpartition(":")
    path = Path(place).expanduser()
    if not place or not name:
        return None
    if place.endswith(".py"):
        check_trust(place, trust_code)
        return _from_file(path, name), f"{path.name}:{name}"
    if not all(part.isidentifier() for part in place.split(".")):
        return None
    check_trust(place, trust_code)  # a module of this folder, or any function of Python's own, as os:abort
    return _from_module(place, name), spec


def check_trust(file: str, trust_code: bool) -> None:
    """Raise ``ModelError`` for a ``file`` or module that may run code, unless that is trusted."""
    if not trust_code:
        raise ModelError(
            f"Loading {file} can run code from there; expected your word that you trust it, so pass "
            "--trust-code (trust_code=True in Python)."
        )


def _from_file(path: Path, factory: str) -> object:
    """What ``factory`` of the Python file ``path`` is, or returns; the file may import its neighbours meanwhile.

    ``sys.path`` is as before afterwards. Raises ``ModelError`` when the file or the function is missing or
    fails.
    """
    if not path.is_file():
        raise ModelError(f"There is no file {path}; expected a Python file that defines {factory}, so check its path.")
    with _neighbours(path.resolve().parent):
        return _call(_run_file(path), factory, str(path))


def _from_module(module: str, factory: str) -> object:
    """What ``factory`` of the importable module ``module`` is, or returns. Raises ``ModelError`` as for files."""
    try:
        loaded = importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = error.name or module
        if module == missing or module.startswith(f"{missing}."):
            raise ModelError(
                f"There is no module {missing} to import; expected an installed one, so install it, or name "
                "a file as FILE.py:FUNCTION."
            ) from error
        raise _failed(module, error) from error
    except Exception as error:
        raise _failed(module, error) from error
    return _call(loaded, factory, module)


def _run_file(path: Path) -> ModuleType:
    mark = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]
    name = f"pixelproof_user_{path.stem}_{mark}"  # stays in sys.modules, so that its classes pickle
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None  # a .py file always has a loader
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise _failed(str(path), error) from error
    return module


def _call(module: ModuleType, factory: str, where: str) -> object:
    function: Any = getattr(module, factory, None)
    if isinstance(function, nn.Module) or is_maite_model(function):
        return function
    if function is None:
        raise ModelError(
            f"{where} defines no {factory}; expected a function that returns the model, so add or rename it."
        )
    if not callable(function):
        raise ModelError(
            f"{factory} in {where} is a {type(function).__name__}; expected a function without arguments "
            "that returns the model, so name one."
        )
    try:
        return function()
    except InputError:
        raise
    except (Exception, SystemExit) as error:
        raise ModelError(
            f"{factory}() in {where} failed with {first_line(error)}; expected it to return a model without "
            "arguments, so try it alone in Python."
        ) from error


def _failed(where: str, error: BaseException) -> ModelError:
    return ModelError(
        f"{where} failed to load with {first_line(error)}; expected it to import cleanly, so try it alone in Python."
    )


@contextmanager
def _neighbours(folder: Path) -> Iterator[None]:
    """``folder`` first on the import path, its modules hiding others of the same name; undone afterwards.

    So two files in two folders may each have a neighbour ``net.py``, and each gets its own.
    """
    path = list(sys.path)
    names = {each.stem for each in folder.glob("*.py")} | {each.parent.name for each in folder.glob("*/__init__.py")}
    hidden = {key: module for key, module in sys.modules.items() if key.partition(".")[0] in names}
    hidden = {key: module for key, module in hidden.items() if not _lies_in(module, folder)}
    for key in hidden:
        del sys.modules[key]
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path[:] = path
        sys.modules.update(hidden)


def _lies_in(module: ModuleType, folder: Path) -> bool:
    file = getattr(module, "__file__", None)
    return file is not None and Path(file).resolve().is_relative_to(folder)
