"""What is said to be public is there, and costs nothing until it is used."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from importlib import import_module

import pytest

import pixelproof

PACKAGES = ["pixelproof", *(f"pixelproof.{m.name}" for m in pkgutil.iter_modules(pixelproof.__path__) if m.ispkg)]
MODULES = [m.name for m in pkgutil.walk_packages(pixelproof.__path__, "pixelproof.") if m.name != "pixelproof.__main__"]


@pytest.mark.parametrize("package", PACKAGES)
def test_every_listed_name_exists(package):
    module = import_module(package)
    listed = getattr(module, "__all__", [])
    assert len(set(listed)) == len(listed)
    for name in listed:
        assert getattr(module, name) is not None
        assert not name.startswith("_")


@pytest.mark.parametrize("package", PACKAGES)
def test_every_room_says_what_it_is(package):
    assert import_module(package).__doc__


@pytest.mark.parametrize("module", MODULES)
def test_every_module_imports_and_has_a_docstring(module):
    assert import_module(module).__doc__


def test_the_surface():
    assert pixelproof.__all__ == sorted(pixelproof.__all__)
    assert pixelproof._HOME.keys() == set(pixelproof.__all__)
    assert set(pixelproof.__all__) <= set(dir(pixelproof))
    for name in pixelproof.__all__:
        assert getattr(pixelproof, name).__name__ == name
        assert getattr(pixelproof, name).__doc__


def test_an_unknown_name():
    with pytest.raises(AttributeError, match="no attribute 'asess'"):
        _ = pixelproof.asess


def test_every_error_is_public_and_of_one_tree():
    errors = import_module("pixelproof.errors")
    tree = {name for name, value in vars(errors).items() if isinstance(value, type)}
    assert tree <= set(pixelproof.__all__)
    assert all(issubclass(getattr(errors, name), pixelproof.PixelproofError) for name in tree)
    assert not issubclass(pixelproof.VerificationError, pixelproof.InputError)
    assert issubclass(pixelproof.InputError, ValueError)


@pytest.mark.slow
@pytest.mark.parametrize("modules", ["pixelproof", "pixelproof.cli", "pixelproof.report", "pixelproof.results"])
def test_importing_does_not_import_torch(modules):
    code = f"import sys, {modules}; assert 'torch' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
