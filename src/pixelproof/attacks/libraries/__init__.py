"""Attacks of other libraries, by name, under our own rules."""

from pixelproof.attacks.libraries.adapter import LibraryAttack
from pixelproof.attacks.libraries.adv import AdvLibAttack
from pixelproof.attacks.libraries.art import ArtAttack
from pixelproof.attacks.libraries.foolbox import FoolboxAttack
from pixelproof.attacks.libraries.parse import parse_call
from pixelproof.attacks.libraries.torchattacks import TorchattacksAttack
from pixelproof.errors import InputError

__all__ = [
    "AdvLibAttack",
    "ArtAttack",
    "FoolboxAttack",
    "LibraryAttack",
    "TorchattacksAttack",
    "library_attack",
]

_LIBRARIES = {each.library: each for each in (ArtAttack, FoolboxAttack, TorchattacksAttack, AdvLibAttack)}


def library_attack(spec: str) -> LibraryAttack:
    """The attack that ``spec`` names: ``art:FastGradientMethod(eps=0.03)``, ``foolbox:LinfPGD(epsilon=8)``.

    The parameters are the library's own, in its own units (images lie in [0, 1], so 8 grey levels are 8/255), with one
    exception: ``epsilon`` of Foolbox, which there is no parameter of the attack, is in grey levels. Values are Python
    literals, ``inf``, and quotients of numbers. Raises ``InputError`` for another form, for an attack or a
    parameter that the library does not have, and for a library that is not installed.
    """
    library, _, call = spec.strip().partition(":")
    if library not in _LIBRARIES:
        known = ", ".join(f"{name}:ATTACK" for name in _LIBRARIES)
        raise InputError(f"There is no attack library {library!r}; expected {known}.")
    attack, parameters = parse_call(call, spec)
    return _LIBRARIES[library](attack, parameters)
