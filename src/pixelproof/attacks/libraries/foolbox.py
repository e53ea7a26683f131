"""Attacks of Foolbox.

Rauber, Zimmermann, Bethge & Brendel, "Foolbox Native", Journal of Open Source Software 5(53), 2020.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import Parameter, isabstract
from typing import Any

from torch import Tensor

from pixelproof.attacks.libraries.adapter import LibraryAttack, norm_ball
from pixelproof.attacks.libraries.counted import CountedModel
from pixelproof.attacks.norm_ball import NormBall
from pixelproof.errors import InputError

#: What Foolbox takes with the call rather than with the attack.
_EPSILON = {"epsilon": Parameter("epsilon", Parameter.KEYWORD_ONLY)}


@dataclass(frozen=True)
class FoolboxAttack(LibraryAttack):
    """``foolbox:LinfPGD(epsilon=8)``: an attack of Foolbox.

    Attacks with a fixed budget take ``epsilon`` in grey levels of their norm; every other length is in units of 1.
    Those that seek the nearest image take none.
    """

    library = "foolbox"
    distribution = "foolbox"
    install = "pip install 'pixelproof[foolbox]'"
    handed_over = frozenset()
    no_start = "init_attack failed"
    on_scores = frozenset({"GenAttack"})
    on_labels = frozenset(
        {
            "BinarySearchContrastReductionAttack",
            "BoundaryAttack",
            "GaussianBlurAttack",
            "HopSkipJumpAttack",
            "InversionAttack",
            "L2AdditiveGaussianNoiseAttack",
            "L2AdditiveUniformNoiseAttack",
            "L2ClippingAwareAdditiveGaussianNoiseAttack",
            "L2ClippingAwareAdditiveUniformNoiseAttack",
            "L2ClippingAwareRepeatedAdditiveGaussianNoiseAttack",
            "L2ClippingAwareRepeatedAdditiveUniformNoiseAttack",
            "L2ContrastReductionAttack",
            "L2RepeatedAdditiveGaussianNoiseAttack",
            "L2RepeatedAdditiveUniformNoiseAttack",
            "LinearSearchBlendedUniformNoiseAttack",
            "LinearSearchContrastReductionAttack",
            "LinfAdditiveUniformNoiseAttack",
            "LinfRepeatedAdditiveUniformNoiseAttack",
            "PointwiseAttack",
            "SaltAndPepperNoiseAttack",
            "SpatialAttack",
        }
    )

    @property
    def ball(self) -> NormBall | None:
        """``epsilon`` in the norm of the attack."""
        epsilon = dict(self.parameters).get("epsilon")
        if epsilon is None:
            return None
        if not isinstance(epsilon, int | float):
            raise InputError(f"{self.name} expects epsilon as a number of grey levels, not {epsilon!r}.")
        return norm_ball(getattr(self._built().distance, "p", None), epsilon / 255)

    def find(self, model: CountedModel, images: Tensor, aim: Tensor, targeted: bool, seed: int) -> object:
        foolbox = self._import("foolbox")
        kind = foolbox.criteria.TargetedMisclassification if targeted else foolbox.criteria.Misclassification
        shown = foolbox.PyTorchModel(model, bounds=(0, 1), device=images.device)
        epsilon = None if self.ball is None else self.ball.epsilon / 255
        try:
            _, found, _ = self._built()(shown, images, kind(aim), epsilons=epsilon)
        except ValueError as error:
            if "unsupported criterion" in str(error):
                raise InputError(f"{self.name} cannot be {'targeted' if targeted else 'untargeted'}.") from error
            raise
        return found

    def _built(self) -> Any:
        return self._build(**{name: value for name, value in self.parameters if name not in _EPSILON})

    def _signature(self) -> Mapping[str, Parameter]:
        fixed = issubclass(self._kind(), self._import("foolbox.attacks.base").FixedEpsilonAttack)
        return {**(_EPSILON if fixed else {}), **super()._signature()}

    def _kind(self) -> type:
        kind = self._attacks()[self.attack]
        assert isinstance(kind, type)
        return kind

    def _attacks(self) -> Mapping[str, Callable[..., Any]]:
        attacks = self._import("foolbox.attacks")
        base = self._import("foolbox.attacks.base").Attack
        kinds = {n: each for n, each in vars(attacks).items() if isinstance(each, type) and issubclass(each, base)}
        return {name: each for name, each in kinds.items() if not isabstract(each)}
