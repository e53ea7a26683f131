"""Attacks of torchattacks.

Kim, "Torchattacks: A PyTorch Repository for Adversarial Attacks", arXiv 2010.01950, 2020.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from pixelproof.attacks.libraries.adapter import LibraryAttack, norm_ball
from pixelproof.attacks.libraries.counted import CountedModel
from pixelproof.attacks.norm_ball import NormBall

#: Says that it takes targets, and then attacks only images that are of the target class already.
_UNTARGETED = frozenset({"FAB"})


@dataclass(frozen=True)
class TorchattacksAttack(LibraryAttack):
    """``torchattacks:PGD(eps=8/255)``: an attack of torchattacks; lengths in units of 1.

    It is in no extra of ours, since it pins ``requests`` of 2021: ``pip install --no-deps torchattacks requests``. Its
    ``CW`` does not search for its constant ``c``; on networks where the default does not fool anything, raise it. What
    needs the number of classes takes it as ``n_classes``, by default 10.
    """

    library = "torchattacks"
    distribution = "torchattacks"
    install = "pip install --no-deps torchattacks requests"
    handed_over = frozenset({"model"})
    alone = frozenset({"DeepFool", "OnePixel", "SparseFool"})
    on_scores = frozenset({"OnePixel", "Pixle", "SPSA", "Square"})
    on_labels = frozenset({"GN", "VANILA"})

    @property
    def ball(self) -> NormBall | None:
        """``eps`` in the norm given or, of attacks that have none to give, in that of their name."""
        values = self._values()
        implied = "L2" if self.attack.endswith("L2") else "Linf"
        return norm_ball(values.get("norm", implied), values.get("eps", values.get("max_epsilon")))

    def find(self, model: CountedModel, images: Tensor, aim: Tensor, targeted: bool, seed: int) -> object:
        own = {"seed": seed} if "seed" in self._signature() else {}
        attack = self._build(model, **(own | dict(self.parameters)))
        if targeted:
            if "targeted" not in attack.supported_mode or self.attack in _UNTARGETED:
                raise self._untargeted_only()
            attack.set_mode_targeted_by_label(quiet=True)
        return attack(images, aim)

    def _attacks(self) -> Mapping[str, Callable[..., Any]]:
        library = self._import("torchattacks")
        base = self._import("torchattacks.attack").Attack
        kinds = {n: each for n, each in vars(library).items() if isinstance(each, type) and issubclass(each, base)}
        return {name: each for name, each in kinds.items() if ".wrappers." not in each.__module__}
