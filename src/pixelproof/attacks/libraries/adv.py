"""Attacks of the adversarial-library (``adv_lib``) of Jérôme Rony."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import isfunction
from types import ModuleType
from typing import Any

from torch import Tensor

from pixelproof.attacks.libraries.adapter import LibraryAttack, norm_ball
from pixelproof.attacks.libraries.counted import CountedModel
from pixelproof.attacks.norm_ball import NormBall

#: Given targets, these return the images as they are.
_UNTARGETED = frozenset({"apgd_targeted", "df", "fab", "sdf", "sigma_zero", "tr"})


@dataclass(frozen=True)
class AdvLibAttack(LibraryAttack):
    """``adv:fmn(norm=inf,steps=100)``: a function of ``adv_lib.attacks``; lengths in units of 1, Greek names as there.

    It is in no extra of ours, since it declares packages that cannot be built (visdom) or imported (torchvision, on a
    CPU build of torch) and that no attack here uses: ``pip install --no-deps adv-lib tqdm``.
    """

    library = "adv"
    distribution = "adv-lib"
    install = "pip install --no-deps adv-lib tqdm"
    handed_over = frozenset({"model", "inputs", "images", "labels", "targeted", "callback"})

    @property
    def ball(self) -> NormBall | None:
        """Of the attacks that have one; the ``ε`` of ``fab`` and the ``eps`` of ``tr`` are something else."""
        values = self._values()
        if self.attack == "pgd_linf":
            return norm_ball("Linf", values["ε"])
        return norm_ball(values["norm"], values["eps"]) if self.attack in ("apgd", "apgd_targeted") else None

    def find(self, model: CountedModel, images: Tensor, aim: Tensor, targeted: bool, seed: int) -> object:
        if targeted and self.attack in _UNTARGETED:
            raise self._untargeted_only()
        return self._attacks()[self.attack](model, images, aim, targeted=targeted, **dict(self.parameters))

    def _attacks(self) -> Mapping[str, Callable[..., Any]]:
        with _without("visdom", "torchvision"):
            attacks = self._import("adv_lib.attacks")
        return {name: each for name, each in vars(attacks).items() if isfunction(each)}


@contextmanager
def _without(*names: str) -> Iterator[None]:
    """Empty modules in place of those that are not loaded yet, while something that names them is imported."""
    stubs = {name: ModuleType(name) for name in names if name not in sys.modules}
    for stub in stubs.values():
        stub.__dict__["models"] = None  # from torchvision import models
    sys.modules.update(stubs)
    try:
        yield
    finally:
        for name in stubs:
            del sys.modules[name]
