"""The checks of all that a package brings."""

from typing import get_args

from pixelproof.conformance import attacks, corruptions, defences, searches
from pixelproof.conformance.check import Check, Checks
from pixelproof.errors import InputError
from pixelproof.plugins import Kind, plugins

_CHECKS: dict[Kind, Checks] = {
    "searches": searches.CHECKS,
    "attacks": attacks.CHECKS,
    "defences": defences.CHECKS,
    "corruptions": corruptions.CHECKS,
}


def checks(package: str) -> list[Check]:
    """Every check of what the installed ``package`` brings. Raises ``InputError`` where it brings nothing."""
    every = [each for kind in get_args(Kind) for each in plugins(kind)]
    found = [each for each in every if _same(each.package, package)]
    if not found:
        known = ", ".join(sorted({each.package for each in every})) or "none"
        raise InputError(
            f"No plug-in of a package {package!r} is installed here; expected one with an entry point in a group such "
            f"as pixelproof.searches, and there are: {known}."
        )
    return [Check(each, holds, function) for each in found for holds, function in _CHECKS[each.kind].items()]


def _same(one: str, other: str) -> bool:
    """Names of packages, as pip compares them."""
    return one.lower().replace("_", "-") == other.lower().replace("_", "-")
